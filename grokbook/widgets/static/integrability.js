// Does curvature announce understanding? One slider over time, one switch for the control.

const SPARK = 44;
const FLAGS = { published: "published defect", corrected: "true defect" };

function courseOf(raw, frames) {
  const steps = wholesOf(raw.steps), read = wholesOf(raw.read), E = steps.length, n = read.length, T = raw.tasks.length;
  const curves = floatsOf(raw.curves), defects = floatsOf(raw.defects), shares = floatsOf(raw.shares);
  const shared = wholesOf(raw.shared), b = shared.length, part = (k) => shares.subarray(k * b, (k + 1) * b);
  const course = {
    ...raw, steps, read, shared,
    last: steps[E - 1],
    path: wholesOf(raw.path), plane: floatsOf(raw.plane),
    test: raw.tasks.map((_, t) => curves.subarray(t * E, (t + 1) * E)),
    loss: curves.subarray(T * E, (T + 1) * E),
    gradient: curves.subarray((T + 1) * E),
    published: defects.subarray(0, n), corrected: defects.subarray(n, 2 * n), rounding: defects.subarray(2 * n),
    own: part(0), matched: [part(1), part(2)], whole: [part(3), part(4)], other: part(5),
  };
  course.tau = (step) => course.rate * course.decay * step;
  course.index = (list, step) => Math.max(0, list.findLastIndex((x) => x <= step));
  course.end = endFrame(frames, course.last);
  return course;
}

function stateOf(model) {
  const get = (key) => model.get(key), frames = get("frames"), factors = get("factors");
  const courses = get("courses").map((raw) => courseOf(raw, frames));
  const state = {
    get, frames, factors, courses,
    get course() { return courses[get("run")]; },
    get frame() { return Math.min(get("frame"), state.course.end); },
    get control() { return get("control") || paper.matches; },
    get protocol() { return state.control ? "corrected" : "published"; },
    get tau() { return get("tau") && state.course.decay > 0; },
    get sentence() { return get("sentences")[get("factor") + (state.control ? "+control" : "")]; },
    onset: (course) => course.onsets[state.protocol][factors.indexOf(get("factor"))],
    clock: (course, step) => (state.tau ? course.tau(step) : step),
    text: (step) => (state.tau ? `τ = ${state.course.tau(step).toFixed(2)}, ` : "") + `step ${comma(step)}`,
  };
  return state;
}

const viewOf = ({ get, course }) =>
  ({ run: course.run, frame: get("frame"), factor: get("factor"), control: get("control"), tau: get("tau") });

function changesOf(state, said) {
  const changes = changesIn(said, state.courses, state.frames.length - 1, ["control", "tau"]);
  const factor = state.factors.find((value) => ident(value) === said.factor);
  if (factor) changes.factor = factor;
  return changes;
}

// Three charts over one axis: accuracy, loss and gradient, the defect.
function timeline(state, goTo) {
  const accuracy = panel({ height: 92 }), size = panel({ height: 92 }), defect = panel({ height: 170, axis: true });
  const charts = { accuracy, size, defect };
  const all = Object.values(charts);
  const close = (x) => (x === undefined || Number.isNaN(x) ? "–" : x >= 100 ? comma(x) : x.toPrecision(3));
  function words(step) {
    const { course: c, control } = state, e = c.index(c.steps, step), i = c.index(c.read, step);
    const lines = c.tasks.map((task, t) =>
      html("span", { style: `color:var(--gb-text-${task})` }, `${task}: ${percent(c.test[t][e])}`));
    lines.push(html("span", {}, `training loss ${close(c.loss[e])} nats, gradient ${close(c.gradient[e])}`));
    const truth = control ? `, true ${close(c.corrected[i])}, rounding ${close(c.rounding[i])}` : "";
    lines.push(html("span", {}, `defect at ${comma(c.read[i])}: published ${close(c.published[i])}${truth}`));
    return [html("b", {}, state.text(c.steps[e])), ...lines];
  }
  const el = stackOf(all, words, goTo);
  function draw(axis) {
    const { course: c, control } = state, width = Math.max(260, el.clientWidth);
    const common = { width, last: c.last, xOf: (step) => state.clock(c, step), ...axis };
    const grok = c.grok === null ? [] : [{ step: c.grok, kind: "gb-grok", text: "first task groks" }];
    const onset = state.onset(c);
    const flag = onset === null ? [] : [{ step: onset, kind: "gb-flag", text: `${state.get("factor")}-fold` }];
    const silent = grok.map((one) => ({ ...one, text: "" }));
    charts.accuracy.draw({
      ...common, scale: "share", title: "test accuracy",
      label: `Test accuracy of ${c.tasks.join(", ")}, ${c.label}`,
      lines: c.tasks.map((task, t) =>
        ({ xs: c.steps, ys: c.test[t], kind: "gb-test", style: `stroke:var(--gb-task-${task})` })),
      flags: grok,
    });
    charts.size.draw({
      ...common, scale: rangeOf([c.loss, c.gradient]), title: "training loss (dashed), gradient norm; log",
      label: `Training loss and gradient norm, ${c.label}`, flags: silent,
      lines: [
        { xs: c.steps, ys: c.gradient, kind: "gb-plain" },
        { xs: c.steps, ys: c.loss, kind: "gb-plain gb-dashed" },
      ],
    });
    const shown = control ? [c.published, c.corrected] : [c.published];
    charts.defect.draw({
      ...common, scale: rangeOf(shown), title: "commutator defect D, log", flags: [...silent, ...flag],
      label: `Commutator defect, ${c.label}`,
      bands: control ? [{ xs: c.read, high: c.rounding }] : [],
      lines: [
        { xs: c.read, ys: c.published, kind: "gb-theirs", dots: true },
        ...(control ? [{ xs: c.read, ys: c.corrected, kind: "gb-ours" }] : []),
      ],
    });
  }
  const cursor = (step) => all.forEach((chart) => chart.cursor(step));
  return { el, draw, cursor };
}

// One run in the list: its defect, the flag and the grok step.
function courseRow(course, pick) {
  const row = choiceRow(course, SPARK, pick);
  let x;
  function draw(state, { width, at }) {
    x = at;
    const { track, result, el } = row, values = course[state.protocol], onset = state.onset(course);
    const still = state.tau && course.decay === 0, y = logScale(rangeOf([values]), SPARK - 4, 4);
    const px = course.read.map((step) => x(state.clock(course, step)));
    track.replaceChildren();
    fill(track, { viewBox: `0 0 ${width} ${SPARK}`, width });
    if (!still) {
      const kind = state.control ? "gb-ours" : "gb-theirs", py = Array.from(values, (v) => (v > 0 ? y(v) : NaN));
      track.append(svg("path", { class: kind, d: pathOf(px, py) }));
      for (const [step, kind] of [[course.grok, "gb-grok"], [onset, "gb-flag"]]) {
        if (step === null) continue;
        const place = x(state.clock(course, step));
        track.append(svg("line", { class: kind, x1: place, x2: place, y1: 2, y2: SPARK - 2 }));
      }
      if (onset !== null) {
        const place = x(state.clock(course, onset));
        track.append(svg("path", { class: "gb-pennant", d: `M${place} 3l9 4-9 4z` }));
      }
    }
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: SPARK }));
    const flag = onset === null ? "no flag" : `flag at ${comma(onset)}`;
    const said = course.grok === null ? `${flag}; never groks` : onset === null ? `no flag before ${comma(course.grok)}`
      : onset < course.grok ? `flag ${comma(course.grok - onset)} steps before grokking`
        : `flag ${comma(onset - course.grok)} steps after grokking`;
    result.textContent = still ? "τ stays 0: no weight decay" : said;
    el.setAttribute("aria-label", `${course.label}, ${course.setting}: ${said}`);
  }
  const cursor = (value) => fill(row.track.querySelector(".gb-cursor"), { x1: x(value), x2: x(value) });
  return { el: row.el, track: row.track, choose: row.choose, draw, cursor };
}

function courseList(state, pick) {
  const rows = state.courses.map((course, i) => courseRow(course, () => pick(i)));
  const list = rowList(rows, () => state.get("run"), pick);
  function draw({ xLabel, xText }) {
    const end = Math.max(...state.courses.map((course) => state.clock(course, course.last)));
    list.draw((width) => ({
      at: scale(0, end, 6, width - 6), marks: ticksOf(end, Math.max(2, width / 110)), xLabel, xText,
    }), (row, place) => row.draw(state, place));
  }
  return { el: list.el, draw, cursor: list.cursor };
}

function csvOf(c) {
  const rows = [["step", "tau", "defect_published", "defect_true", "rounding"]];
  c.read.forEach((step, i) =>
    rows.push([step, c.tau(step).toPrecision(6), c.published[i], c.corrected[i], c.rounding[i]]));
  return csvText(rows);
}

function legend(state) {
  const el = html("div", { class: "gb-legend" });
  function draw() {
    const more = state.control ? [lineKey("gb-ours", FLAGS.corrected), bandKey("rounding alone")] : [];
    const tasks = state.course.tasks.map((task) => taskKey(task));
    el.replaceChildren(...tasks, lineKey("gb-theirs", FLAGS.published), ...more);
  }
  return { el, draw };
}

function partsOf(state, put) {
  const rest = (changes) => put(changes, true);
  const parts = {
    ...barOf(),
    control: switchOf("Apply the control", "the true defect, rounding, and what chance gives", null,
      (control) => put({ control })),
    tau: switchOf("Count time as τ = ηλt", "", null, (tau) => put({ tau })),
    keys: legend(state),
    time: timeline(state, (step) => rest({ frame: nearestFrame(state.frames, state.course.end, step) })),
    plane: pathPlane(state), strip: shareStrip(state),
    knob: choiceKnob("The flag goes up when the defect has grown", state.factors.map((v) => [v, `${v}×`]),
      (factor) => put({ factor })),
    list: courseList(state, (run) => rest({ run })),
    foot: footOf({ name: () => state.course.run, csv: () => csvOf(state.course), command: () => state.course.command }),
  };
  parts.root = regionOf("gb-defect", state.get("title"), parts,
    html("div", { class: "gb-options" }, parts.control.el, parts.tau.el),
    html("div", { class: "gb-time" }, parts.keys.el, parts.time.el),
    html("div", { class: "gb-states" }, parts.plane.el, parts.strip.el),
    html("div", { class: "gb-runs" }, parts.knob.el, parts.list.el), parts.foot.el);
  return parts;
}

// draw() shows everything anew, frame() only what time moves.
function pictureOf(state, parts) {
  const { root, slider } = parts, told = teller(parts.live);
  let shown = null;
  function frame() {
    if (!shown) return;
    const f = state.frame, step = Math.min(state.frames[f], shown.last), text = state.text(step);
    slideTo(parts, f, shown.end, text);
    for (const part of [parts.time, parts.plane, parts.strip]) part.cursor(step);
    parts.list.cursor(state.clock(shown, step));
    told.say(() => `${text}; ${root.querySelector(".gb-strip").getAttribute("aria-label")}`);
  }
  function draw() {
    const room = root.clientWidth, { tau, control } = state;
    root.classList.toggle("gb-narrow", room < 640);
    shown = state.course;
    slider.max = shown.end;
    tell(parts.answer, state.sentence);
    parts.control.box.checked = control;
    tauSwitch(parts.tau, shown.decay === 0, tau);
    parts.knob.draw(state.get("factor"));
    parts.keys.draw();
    parts.foot.draw();
    const axis = timeAxis(tau);
    parts.time.draw(axis);
    parts.plane.draw();
    parts.strip.draw();
    parts.list.draw(axis);
    frame();
  }
  return { draw, frame, stop: told.stop };
}

export default { render: ({ model, el }) => stage({
  model, el, state: stateOf(model), partsOf, pictureOf, viewOf, changesOf,
  keys: ["run", "factor", "control", "tau"], end: (state) => state.course.end }) };
