// Is the solution fragile, or is the test?  One knob of how much is cut, one switch for the protocol.

const SPARK = 44;
const mean = (values, i) => values.reduce((sum, row) => sum + row[i], 0) / values.length;

// Accuracy and the size of the change over the depth of the cut.
function depthCharts(state, goTo) {
  const accuracy = panel({ height: 210 }), change = panel({ height: 96, axis: true }), all = [accuracy, change];
  const depthAt = (value) => nearest(state.cut.at, value);
  const el = stackOf(all, (value) => words(depthAt(value)), (value) => goTo(depthAt(value)));
  function words(i) {
    const { cut: c, kind, control, run } = state, names = namesOf(kind);
    const lines = [html("b", {}, DEPTHS[kind].text(c.at[i]))];
    for (const [line, name] of Object.entries(names)) {
      if (!(line in c.accuracy) || (!control && line !== "published")) continue;
      const said = run.tasks.map((task, t) => `${task} ${percent(c.accuracy[line][t][i])}`).join(", ");
      lines.push(html("span", {}, `${name}: ${said}`));
    }
    const [low, high] = c.noise[state.line];
    lines.push(html("span", {}, `random change as large: ${percent(low[i])} to ${percent(high[i])}`));
    return lines;
  }
  function draw() {
    const { cut: c, kind, control, run, line } = state, width = Math.max(260, el.clientWidth);
    const { axis, mark } = DEPTHS[kind];
    const common = {
      width, last: c.at[c.n - 1], xOf: (v) => v, xLabel: axis, xText: mark || ((v) => String(+v.toPrecision(6))),
    };
    const [low, high] = c.noise[line], lines = [];
    for (const ys of c.accuracy.published) lines.push({ xs: c.at, ys, kind: "gb-theirs", dots: true });
    if (control) {
      for (const ys of c.accuracy.other || []) lines.push({ xs: c.at, ys, kind: "gb-theirs gb-dashed" });
      run.tasks.forEach((task, t) => lines.push({
        xs: c.at, ys: c.accuracy.control[t], kind: "gb-test gb-dotted", dots: true,
        style: `--task:var(--gb-task-${task})`,
      }));
    }
    accuracy.draw({
      ...common, scale: "share", title: "test accuracy", lines, bands: [{ xs: c.at, low, high }],
      label: `Test accuracy of ${run.tasks.join(", ")} over ${axis}, ${run.label}`,
    });
    const moved = Object.keys(c.change).filter((name) => name === "published" || control);
    const kinds = { published: "gb-theirs", control: "gb-ours", other: "gb-theirs gb-dashed" };
    change.draw({
      ...common, scale: rangeOf(moved.map((name) => c.change[name])), title: "‖θ′ − θ‖ / ‖θ‖, log",
      label: `Relative change of the weights over ${axis}, ${run.label}`,
      lines: moved.map((name) => ({ xs: c.at, ys: c.change[name], kind: kinds[name], dots: name === "published" })),
    });
  }
  const cursor = (value) => all.forEach((chart) => chart.cursor(value));
  return { el, draw, cursor };
}

// The answers under the cut where weights are at hand, else a bar a task; and how far θ was moved.
function answers(state) {
  const note = html("p", { class: "gb-cut-note" }), el = html("div", { class: "gb-answers" });
  const bars = svg("svg", { class: "gb-bars", role: "img" }), spectrum = panel({ height: 96, axis: true });
  let figures = [], key = "";
  function draw() {
    const { run, kind, cut: c, control } = state, wanted = [run.run, kind, state.line, c.answered].join();
    if (key !== wanted) {
      const lane = c.answered ? c.lane(state.line) : null;
      figures = lane ? run.tasks.map((_, t) => tableFigure(lane, t)) : [];
      key = wanted;
    }
    const tables = html("div", { class: "gb-states", "data-tasks": figures.length }, ...figures.map((one) => one.el));
    const known = Object.keys(c.spectrum).length > 0;
    el.replaceChildren(...(figures.length ? [tables] : [bars]), note, ...(known ? [spectrum.el] : []));
    if (!known) return;
    const shown = Object.keys(c.spectrum).filter((line) => line === "published" || control);
    const xs = Array.from(c.spectrum.published, (_, i) => i + 1), width = Math.max(240, el.clientWidth);
    spectrum.draw({
      width, last: xs.length, xOf: (v) => v, xText: String, scale: rangeOf(shown.map((line) => c.spectrum[line])),
      xLabel: kind === "rank" ? "singular value" : "direction",
      title: kind === "rank" ? "share of ‖W‖² each, mean of the matrices; log"
        : "share of the path's variance each, log",
      label: `Singular values, ${run.label}`,
      lines: shown.map((line) => ({ xs, ys: c.spectrum[line], kind: line === "control" ? "gb-ours" : "gb-theirs" })),
    });
  }
  function drawBars(i) {
    const { run, cut: c, line, control } = state, width = Math.max(240, el.clientWidth);
    const high = 34, left = 56, right = 64, x = scale(0, 1, left, width - right);
    bars.replaceChildren();
    fill(bars, { viewBox: `0 0 ${width} ${run.tasks.length * high}`, width, height: run.tasks.length * high });
    const said = run.tasks.map((task, t) => {
      const v = c.accuracy[line][t][i], y = t * high + 6;
      bars.append(svg("text", { x: left - 8, y: y + 16, "text-anchor": "end" }, task),
        svg("rect", { class: "gb-room", x: left, y, width: x(1) - left, height: 22 }),
        svg("rect", { class: control ? "gb-filled" : "gb-empty", style: `--task:var(--gb-task-${task})`, x: left, y,
          width: Math.max(1.5, x(v) - left), height: 22 }),
        svg("text", { x: width - right + 6, y: y + 16 }, percent(v)));
      return `${task} ${percent(v)}`;
    });
    bars.setAttribute("aria-label", `Test accuracy: ${said.join(", ")}`);
  }
  function cursor(i) {
    const { cut: c, run, line, kind } = state, moved = percent(c.change[line][i]);
    figures.forEach((one) => one.draw(i, false, "test pairs"));
    if (!figures.length) drawBars(i);
    if (Object.keys(c.spectrum).length) spectrum.cursor(c.at[i]);
    const where = figures.length && run.shown !== run.stop
      ? ` The tables are of the weights at step ${comma(run.shown)}, the curves of step ${comma(run.stop)}.` : "";
    const name = namesOf(kind)[line];
    note.textContent = `${name[0].toUpperCase()}${name.slice(1)}: θ moves by ${moved} of its length.${where}`;
  }
  return { el, draw, cursor };
}

// One run in the list: its mean accuracy over the depth, as published and with the control.
function surgeryRow(each, pick) {
  const row = choiceRow(each, SPARK, pick);
  let xs = [];
  function draw(state, width) {
    const c = each.cuts[state.kind], { track } = row;
    track.replaceChildren();
    row.el.hidden = !c;
    if (!c) return;
    fill(track, { viewBox: `0 0 ${width} ${SPARK}`, width });
    const x = scale(0, c.at[c.n - 1], 6, width - 6), y = scale(0, 1, SPARK - 5, 5);
    xs = c.at.map(x);
    for (const [line, kind] of [["published", "gb-theirs"], ["control", "gb-ours"]]) {
      if (line === "control" && !state.control) continue;
      track.append(svg("path", { class: kind, d: pathOf(xs, c.at.map((_, i) => y(mean(c.accuracy[line], i)))) }));
    }
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: SPARK }));
  }
  function cursor(state) {
    const c = each.cuts[state.kind], { track, result, el } = row;
    if (!c) return;
    const i = nearest(c.at, state.cut.at[state.frame]);
    const said = `${DEPTHS[state.kind].text(c.at[i])}: ${percent(mean(c.accuracy[state.line], i))}`;
    fill(track.querySelector(".gb-cursor"), { x1: xs[i], x2: xs[i] });
    result.textContent = said;
    el.setAttribute("aria-label", `${each.label}, ${each.setting}: ${said}`);
  }
  return { el: row.el, track: row.track, choose: row.choose, draw, cursor };
}

function surgeryList(state, pick) {
  const rows = state.surgeries.map((each, i) => surgeryRow(each, () => pick(i)));
  const rest = html("span", { class: "gb-lacking" });
  const el = choiceList(rows, rest, () => state.get("run"), pick);
  function draw() {
    const shown = state.surgeries.findIndex((each) => state.kind in each.cuts);
    const others = state.surgeries.filter((each) => !(state.kind in each.cuts)).length;
    const who = others === 1 ? "One more run is" : `${others} more runs are`;
    rest.textContent = others ? `${who} not measured for this cut.` : "";
    rows[shown].el.hidden = false;
    const width = Math.max(120, rows[shown].track.getBoundingClientRect().width);
    rows.forEach((row, i) => { row.choose(i === state.get("run")); row.draw(state, width); });
  }
  const cursor = () => rows.forEach((row) => row.cursor(state));
  return { el, draw, cursor };
}

function csvOf({ cuts, ways, tasks }) {
  const rows = [["cut", "depth", "protocol", "task", "test_accuracy", "relative_change"]];
  for (const kind of ways) {
    const c = cuts[kind];
    for (const [line, values] of Object.entries(c.accuracy)) {
      tasks.forEach((task, t) => c.at.forEach((at, i) =>
        rows.push([kind, at, line, task, values[t][i], c.change[line][i]])));
    }
  }
  return csvText(rows);
}

function legend(state) {
  const el = html("div", { class: "gb-legend" });
  function draw() {
    const { kind, control, cut, run } = state, names = namesOf(kind), found = [lineKey("gb-theirs", names.published)];
    if (control) {
      found.push(...run.tasks.map((task) => taskKey(task, `${task}, ${names.control}`)));
      if (cut.accuracy.other) found.push(lineKey("gb-theirs gb-dashed", names.other));
    }
    el.replaceChildren(...found, bandKey("random change as large"));
  }
  return { el, draw };
}

function partsOf(state, put) {
  const rest = (changes) => put(changes, true);
  // Another cut opens at its published example, with a run that was cut so.
  function choose(cut) {
    const has = (i) => cut in state.surgeries[i].cuts, run = has(state.get("run")) ? state.get("run")
      : state.surgeries.findIndex((_, i) => has(i));
    if (run >= 0) rest({ cut, run, frame: state.opening(state.surgeries[run].cuts[cut], cut) });
  }
  const kinds = state.get("kinds").filter(([kind]) => state.surgeries.some((each) => kind in each.cuts));
  const parts = {
    ...barOf("How much is kept"),
    knob: choiceKnob("What is cut", kinds, choose),
    control: switchOf("Apply the control", "", null, (control) => put({ control })),
    keys: legend(state),
    charts: depthCharts(state, (frame) => rest({ frame })),
    answers: answers(state),
    list: surgeryList(state, (run) => {
      const { cuts, ways } = state.surgeries[run], cut = state.kind in cuts ? state.kind : ways[0];
      const frame = cut === state.kind ? state.frame : state.opening(cuts[cut], cut);
      rest({ run, cut, frame });
    }),
    foot: footOf({ name: () => state.run.run, csv: () => csvOf(state.run), command: () => state.run.command }),
  };
  parts.root = regionOf("gb-surgery", state.get("title"), parts,
    html("div", { class: "gb-options" }, parts.control.el, parts.knob.el),
    html("div", { class: "gb-time" }, parts.keys.el, parts.charts.el), parts.answers.el,
    html("div", { class: "gb-runs" }, parts.list.el), parts.foot.el);
  return parts;
}

// draw() shows everything anew, frame() only what the knob moves.
function pictureOf(state, parts) {
  const { root, slider } = parts, told = teller(parts.live);
  let shown = "";
  function frame() {
    const { frame: i, cut, kind, run } = state;
    if (shown !== run.run + kind) return;
    const text = DEPTHS[kind].text(cut.at[i]);
    slideTo(parts, i, cut.n - 1, text);
    tell(parts.answer, state.sentence);
    parts.charts.cursor(cut.at[i]);
    parts.answers.cursor(i);
    parts.list.cursor();
    told.say(() => {
      const said = run.tasks.map((task, t) => `${task} ${percent(cut.accuracy[state.line][t][i])}`);
      return `${text}: ${said.join(", ")}`;
    });
  }
  function draw() {
    const { kind, cut, run, control } = state;
    root.classList.toggle("gb-narrow", root.clientWidth < 640);
    shown = run.run + kind;
    slider.max = cut.n - 1;
    parts.control.box.checked = control;
    parts.control.text.textContent = kind === "directions" ? "hold out the end of the path"
      : "cut the weights, not the displacement";
    parts.knob.draw(kind);
    parts.keys.draw();
    parts.foot.draw();
    parts.charts.draw();
    parts.answers.draw();
    parts.list.draw();
    frame();
  }
  return { draw, frame, stop: told.stop };
}

export default { render: ({ model, el }) => stage({
  model, el, state: stateOf(model), partsOf, pictureOf, viewOf, changesOf,
  keys: ["run", "cut", "control"], end: (state) => state.cut.n - 1 }) };
