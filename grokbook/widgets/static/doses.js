// State beside the curves: survival, the time to grok against the dose, and how large a difference is.

const keyOf = (dose) => String(+(100 * dose).toPrecision(6));
const signed = (v) => `${v < 0 ? "−" : "+"}${Math.abs(v) >= 99.5 ? comma(Math.abs(v)) : +Math.abs(v).toPrecision(2)}`;
// Where a line ends because its run, or all of them, were cut off: in the ink of the line.
const openEnd = (arm) => `gb-open-end${arm === "own" ? "" : arm ? " gb-of-control" : " gb-of-plain"}`;

// The share of runs that have not grokked yet: of the plain ones, the deleted ones and the control.
function survivalChart(state, goTo) {
  const chart = panel({ height: 124, axis: true, left: 58 });
  const note = html("figcaption", {}), el = html("figure", { class: "gb-state" }, chart.el, note);
  chart.el.addEventListener("click", (event) => goTo(chart.stepAt(event)));
  const curveOf = (arm) => state.group.survival[arm ? `${arm} ${state.key}` : ""];
  const kinds = () => [["", "gb-ghost"], ...(state.control ? [[state.get("arm"), "gb-wide"]] : []), ["own", "gb-ours"]];
  function draw(axis) {
    const lines = [], marks = [];
    for (const [arm, kind] of kinds()) {
      const curve = curveOf(arm);
      if (!curve) continue;
      const xs = [0], ys = [1];
      curve[0].forEach((step, i) => { xs.push(step, step); ys.push(ys.at(-1), curve[1][i]); });
      lines.push({ xs, ys, kind });
      if (ys.at(-1) > 0) marks.push({ step: xs.at(-1), value: ys.at(-1), kind: openEnd(arm), tip: true });
    }
    chart.draw({
      ...axis, width: Math.max(240, el.clientWidth), scale: "share", lines, marks,
      title: "runs that have not grokked yet",
      label: `Share of runs that have not grokked yet, ${state.group.setting}, ${state.key} % deleted`,
    });
  }
  // Just after a step; beyond the last run nobody knows.
  function at(curve, step) {
    const i = curve[0].findLastIndex((s) => s <= step);
    const known = curve[1].at(-1) === 0 || step <= curve[0].at(-1);
    return known ? (i < 0 ? 1 : curve[1][i]) : null;
  }
  function cursor(step) {
    chart.cursor(step);
    const names = { "": "plain", own: "deleted", [state.get("arm")]: "control" };
    const said = kinds().filter(([arm]) => curveOf(arm)).map(([arm]) => {
      const share = at(curveOf(arm), step);
      return `${names[arm]} ${share === null ? "not known" : `${Math.round(100 * share)} %`}`;
    });
    note.textContent = `Not grokked by ${state.moment(state.row, step)}: ${said.join(", ")}.`;
  }
  return { el, draw, cursor, note };
}

// A moment without its unit where the words before it have said which; τ names itself.
const when = (state, run, step) => (state.tau ? state.moment(run, step) : comma(step));

// Time to grok against the dose, one mark a run; what the paper published is hollow and grey.
function doseChart(state, pick) {
  const root = svg("svg", { class: "gb-doses", role: "img" }), note = html("figcaption", {});
  const el = html("figure", { class: "gb-state" }, root, note);
  const height = 230, left = 58, right = 14, top = 24, foot = 40;
  let y = null, places = [];
  root.addEventListener("click", (event) => {
    const box = root.getBoundingClientRect();
    const at = ((event.clientX - box.left) * root.viewBox.baseVal.width) / box.width;
    const near = places.map(([dose, x]) => [Math.abs(x - at), dose]);
    const [, dose] = near.sort((a, b) => a[0] - b[0])[0];
    if (state.doses.includes(dose)) pick(dose);
  });
  function marksOf(x, traces, kind, shape) {
    traces.forEach((trace, i) => {
      const at = x + (i - (traces.length - 1) / 2) * Math.min(7, 20 / traces.length);
      const up = y(state.clockOf(trace, trace.end));
      const back = trace.seed === state.row.seed ? "" : " gb-behind";
      const mark = trace.grok === null
        ? svg("path", { class: `${kind}-open${back}`, d: tip3(at, up, 6.5) })
        : shape === "square" ? svg("rect", { class: kind + back, x: at - 5, y: up - 5, width: 10, height: 10 })
          : svg("circle", { class: kind + back, cx: at, cy: up, r: 4.5 });
      const words = `${trace.grok === null ? "cut off" : "groks"} at ${when(state, trace, trace.end)}`;
      mark.append(svg("title", {}, `${trace.label}${trace.dose ? `, ${keyOf(trace.dose)} % deleted` : ""}: ${words}`));
      root.append(mark);
    });
  }
  function draw() {
    const { group, doses, control } = state, width = Math.max(240, el.clientWidth);
    const all = [...new Set([0, ...doses, ...group.published.map(([dose]) => dose)])].sort((a, b) => a - b);
    const gap = (width - left - right) / all.length;
    places = all.map((dose, i) => [dose, left + (i + 0.5) * gap]);
    const theirs = group.published.map(([, step]) => step ?? group.budget);
    const high = state.clock(Math.max(state.last, ...theirs)), { xText } = timeAxis(state.tau);
    y = scale(0, 1.06 * high, height + top, top);
    const published = (step) => y(state.clock(step));
    root.replaceChildren();
    fill(root, {
      viewBox: `0 0 ${width} ${height + top + foot}`, width, height: height + top + foot,
      "aria-label": `Time to grok against the dose, ${group.setting}`,
    });
    const chosen = places.find(([dose]) => dose === state.dose);
    root.append(svg("rect", { class: "gb-column", x: chosen[1] - gap / 2, y: top, width: gap, height }),
      svg("text", { class: "gb-panel-title", x: left, y: 13 },
        `last task groks at ${state.tau ? "τ = ηλt" : "step"}`));
    for (const v of ticksOf(1.06 * high, 4)) {
      root.append(svg("line", { class: "gb-rule", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
        svg("text", { x: left - 7, y: y(v) + 4, "text-anchor": "end" }, xText(v)));
    }
    for (const [dose, x] of places) {
      root.append(svg("text", { x, y: top + height + 17, "text-anchor": "middle" }, keyOf(dose)));
    }
    const end = { class: "gb-axis-title", x: width - right, y: top + height + 35, "text-anchor": "end" };
    root.append(svg("text", end, "dose: % deleted outside the basis"));
    const xOf = (dose) => places.find(([one]) => one === dose)[1];
    for (const [dose, step] of group.published) {
      const mark = step === null ? svg("path", { class: "gb-hollow", d: tip3(xOf(dose), published(group.budget), 7) })
        : svg("circle", { class: "gb-hollow", cx: xOf(dose), cy: published(step), r: 5 });
      const told = when(state, state.row, step ?? group.budget), cut = step === null ? "cut off at " : "";
      mark.append(svg("title", {}, `published, ${keyOf(dose)} %: ${cut}${told}`));
      root.append(mark);
    }
    const traces = state.traces.filter((trace) => trace.group === state.row.group);
    const of = (arm, dose) => traces.filter((trace) => trace.arm === arm && trace.dose === dose);
    marksOf(xOf(0), of("", 0), "gb-plain-dot", "circle");
    for (const dose of doses) {
      if (control) marksOf(xOf(dose), of(state.get("arm"), dose), "gb-control-dot", "square");
      marksOf(xOf(dose), of("own", dose), "gb-own-dot", "circle");
    }
    root.append(svg("line", { class: "gb-cursor", x1: left, x2: width - right }));
    const hollow = group.published.length ? "Hollow: published. " : "";
    note.textContent = `${hollow}▲ cut off by its budget: it groks later, or never.`;
  }
  function cursor(step) {
    if (!y) return;
    const at = y(state.clock(step));
    fill(root.querySelector(".gb-cursor"), { y1: at, y2: at });
  }
  return { el, draw, cursor };
}

// By how much, one row an arm: every seed, their mean with its interval, and the same-seed noise.
function changeStrip(state) {
  const root = svg("svg", { class: "gb-strip gb-changes", role: "img" }), note = html("figcaption", {});
  const title = html("b", { class: "gb-strip-title" }), el = html("figure", { class: "gb-state" }, title, root, note);
  const left = 126, right = 14, tall = 27;
  const found = (arm) => state.group.changes[`${arm} ${state.key}`];
  function draw() {
    const { group, control } = state, width = Math.max(260, el.clientWidth);
    const rows = state.arms.filter(([name]) => name === "own" || control), floor = group.floor ?? 0;
    const values = rows.flatMap(([name]) => found(name).each.map(([, value]) => value));
    // Right of the band there is room for words where there are no runs.
    const low = Math.min(-10, -1.1 * floor, ...values), high = Math.max(30, 2.6 * floor, ...values);
    const pad = 0.06 * (high - low);
    const x = scale(low - pad, high + pad, left, width - right), foot = rows.length * tall + 8;
    const inside = (v) => clamp(x(v), left, width - right);
    title.textContent = control ? "How much later, and does the way of deleting matter?"
      : "How much later than its plain run?";
    root.replaceChildren();
    fill(root, { viewBox: `0 0 ${width} ${foot + 38}`, width, height: foot + 38, "aria-label": title.textContent });
    const band = { class: "gb-null", x: x(-floor), y: 0, width: x(floor) - x(-floor), height: foot };
    if (floor) root.append(svg("rect", band));
    const step = ticksOf(high - low, Math.max(2, (width - left - right) / 62))[1];
    for (let v = Math.ceil((low - pad) / step) * step; v <= high + pad; v += step) {
      root.append(svg("line", { class: "gb-rule", x1: x(v), x2: x(v), y1: 0, y2: foot }),
        svg("text", { x: x(v), y: foot + 16, "text-anchor": "middle" }, v === 0 ? "0" : signed(v)));
    }
    const end = { class: "gb-axis-title", x: width - right, y: foot + 34, "text-anchor": "end" };
    root.append(svg("text", end, "% of the plain run's time"));
    rows.forEach(([name, words], i) => {
      const { each, mean } = found(name), at = i * tall + tall / 2 + 4, y = at + 4;
      const kind = name === "own" || name === state.get("arm") ? "gb-chosen" : "";
      root.append(svg("text", { class: kind, x: left - 10, y, "text-anchor": "end" }, words));
      if (!each.length) {
        root.append(svg("text", { class: "gb-none", x: x(floor) + 6, y }, "none yet"));
        return;
      }
      if (mean && mean[1] !== null) {
        const ends = { x1: inside(mean[1]), x2: inside(mean[2]), y1: at, y2: at };
        root.append(svg("line", { class: "gb-bar-of", "data-arm": name, ...ends }));
        for (const [value, turn] of [[mean[1], -Math.PI / 2], [mean[2], Math.PI / 2]]) {
          const way = Math.sign(turn) * 5, d = `M${inside(value) - way} ${at - 5}l${way} 5 ${-way} 5`;
          if (inside(value) !== x(value)) root.append(svg("path", { class: "gb-bar-on", d }));
        }
      }
      for (const [seed, value, bound] of each) {
        const turn = { "at least": Math.PI / 2, "at most": -Math.PI / 2 }[bound];
        const mark = bound === "" ? svg("circle", { class: "gb-own-dot", cx: x(value), cy: at, r: 4.5 })
          : bound === "unknown" ? svg("path", { class: "gb-not-known", d: `M${x(value) - 4} ${at - 4}l8 8m0-8l-8 8` })
            : svg("path", { class: "gb-own-dot-open", d: tip3(x(value), at, 6.5, turn) });
        fill(mark, { "data-arm": name, "data-value": value, "data-bound": bound });
        mark.append(svg("title", {}, `seed ${seed}: ${bound} ${signed(value)} %`));
        root.append(mark);
      }
      const diamond = mean && `M${x(mean[0]) - 7} ${at}l7-7 7 7-7 7z`;
      if (mean && mean[3] > 1) root.append(svg("path", { class: "gb-mean", "data-arm": name, d: diamond }));
    });
    const noise = group.floor === null ? "No run was carried out twice, so there is no band of noise."
      : "Band: what two executions of one run differ by.";
    // Only what is drawn is explained.
    const words = [[".gb-mean", "◇ mean of the seeds, with its 95 % interval; at a tip it goes on."],
      ["[data-bound='at least']", "▶ at least so much."], ["[data-bound='at most']", "◀ at most so much."],
      [".gb-not-known", "× neither groks before it is cut off."]];
    note.textContent = [control && "First row against plain, the others against the published deletion.",
      noise, ...words.map(([mark, said]) => root.querySelector(mark) && said)].filter(Boolean).join(" ");
  }
  return { el, draw };
}

// What has not been trained yet, with the command that trains it.
function missingLine(state) {
  const el = html("div", { class: "gb-missing" });
  function draw() {
    const wanted = ["own", ...(state.control ? [state.get("arm")] : [])];
    el.replaceChildren(...wanted.map((arm) => state.group.missing[`${arm} ${state.key}`]).filter(Boolean)
      .map((line) => html("p", {}, html("small", {}, "Not here yet: "), html("code", {}, line))));
  }
  return { el, draw };
}

// What a run does against its plain run.
function against(state, row, trace) {
  if (!trace) return "not here yet";
  if (trace.grok === null) return `cut off at ${when(state, trace, trace.end)}`;
  if (row.grok === null) return `groks at ${when(state, trace, trace.grok)}`;
  const off = trace.grok - row.grok, way = off < 0 ? "earlier" : "later", size = Math.abs(off);
  const far = state.tau ? `τ ${row.tau(size).toFixed(2)}` : `${comma(size)} steps`;
  return `${far} ${way} (${signed((100 * off) / row.grok)}\u00a0%)`;
}
