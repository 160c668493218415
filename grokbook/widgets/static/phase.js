// Is weight decay a phase parameter, or a clock? One slider over time, one switch from steps to τ.

const ROW = 40, SHOWN = 12;
const roundTau = (v) => (v >= 10 ? v.toFixed(1) : v.toPrecision(2));

function paceOf(raw, frames) {
  const steps = wholesOf(raw.steps), E = steps.length, shares = sharesOf(raw.accuracy);
  const test = raw.tasks.map((_, t) => shares.subarray(t * E, (t + 1) * E));
  const curvature = Object.fromEntries(Object.entries(raw.curvature).map(([protocol, line]) => {
    const at = wholesOf(line.steps), values = floatsOf(line.values);
    const depth = values.subarray(0, at.length).map((v) => -v);
    return [protocol, { steps: at, depth, residual: values.subarray(at.length) }];
  }));
  const rate = raw.exchanged ? `, η = ${raw.rate}` : "", setting = `${raw.setting}, λ = ${raw.decay}${rate}`;
  const pace = { ...raw, steps, test, curvature, name: raw.setting, title: `${raw.label}, λ = ${raw.decay}${rate}` };
  pace.norm = floatsOf(raw.norm);
  pace.mean = Float32Array.from(steps, (_, e) => test.reduce((sum, line) => sum + line[e], 0) / test.length);
  pace.words = setting;
  pace.tau = (step) => pace.rate * pace.decay * step;
  pace.index = (list, step) => Math.max(0, list.findLastIndex((v) => v <= step));
  pace.end = endFrame(frames, pace.last);
  return pace;
}

function stateOf(model) {
  const get = (key) => model.get(key), frames = get("frames");
  const paces = get("paces").map((raw) => paceOf(raw, frames));
  const state = {
    get, frames, paces, published: get("published"), clocks: get("clocks"), notes: get("notes"),
    get pace() { return paces[get("run")]; },
    get frame() { return Math.min(get("frame"), state.pace.end); },
    get step() { return Math.min(frames[state.frame], state.pace.last); },
    get control() { return get("control"); },
    // On the axis of a run whose clock stands still, time stays in steps.
    get tau() { return state.control && state.pace.decay > 0; },
    get sentence() { return get("sentences")[state.control ? "control" : "plain"]; },
    clock: (pace, step) => (state.tau ? pace.tau(step) : step),
    // The moment in units of 1/η, as the scatter has it.
    now: (step) => {
      const rate = (paces.find((one) => !one.exchanged) ?? paces[0]).rate;
      return state.control ? state.pace.tau(step) / rate : step;
    },
    text: (step) => (state.tau ? `τ = ${state.pace.tau(step).toFixed(2)}, ` : "") + `step ${comma(step)}`,
    result: (pace) => {
      if (pace.grok === null) {
        const far = `cut off at ${comma(pace.last)}`;
        return `${far}, ${nbsp(pace.decay > 0 ? `τ = ${roundTau(pace.tau(pace.last))}` : "τ stays 0")}`;
      }
      return `groks at ${comma(pace.grok)}, ${nbsp(`τ = ${roundTau(pace.tau(pace.grok))}`)}`;
    },
  };
  return state;
}

const viewOf = ({ get, pace }) => ({ run: pace.run, frame: get("frame"), control: get("control") });

function changesOf(state, said) {
  return changesIn(said, state.paces, state.frames.length - 1, ["control"]);
}

// Accuracy, curvature where it was measured, and the weights' norm; other runs of the setting as ghosts.
function timeline(state, goTo) {
  const accuracy = panel({ height: 130 }), depth = panel({ height: 120 }), norm = panel({ height: 110, axis: true });
  const all = [accuracy, depth, norm];
  const short = (v) => (v === undefined || Number.isNaN(v) ? "–" : v.toPrecision(3));
  function words(step) {
    const { pace } = state, e = pace.index(pace.steps, step);
    const lines = pace.tasks.map((task, t) =>
      html("span", { style: `color:var(--gb-text-${task})` }, `${task}: ${percent(pace.test[t][e])}`));
    lines.push(html("span", {}, `norm of the weights ${short(pace.norm[e])}`));
    for (const [protocol, line] of Object.entries(pace.curvature)) {
      const i = pace.index(line.steps, step);
      lines.push(html("span", {}, `depth at ${comma(line.steps[i])}, ${PROTOCOLS[protocol]}: ${short(line.depth[i])} `
        + `(${protocol === "published" ? "estimated " : ""}residual ${short(line.residual[i])})`));
    }
    return [html("b", {}, state.text(pace.steps[e])), ...lines];
  }
  const stack = stackOf(all, words, goTo), note = html("p", { class: "gb-lacking" });
  const el = html("div", {}, stack, note);

  // Another run's line on the chosen run's axis, up to its end.
  function ghost(other, ys) {
    const { pace } = state, onto = state.tau ? (other.rate * other.decay) / (pace.rate * pace.decay) : 1;
    const kept = other.steps.filter((step) => step * onto <= pace.last);
    const xs = kept.map((step) => step * onto);
    return { xs, ys: ys.subarray(0, kept.length), kind: "gb-ghost", style: inkOf(other) };
  }
  function draw(axis) {
    const { pace, tau } = state, width = Math.max(260, stack.clientWidth);
    const common = { width, last: pace.last, xOf: (step) => state.clock(pace, step), ...axis };
    const others = state.paces.filter((one) =>
      one !== pace && one.setting === pace.setting && (!tau || one.decay > 0));
    const groks = pace.first === null ? [] : [{ step: pace.first, kind: "gb-grok", text: "first task groks" }];
    const silent = groks.map((one) => ({ ...one, text: "" }));
    accuracy.draw({
      ...common, scale: "share", title: "test accuracy", flags: groks,
      label: `Test accuracy of ${pace.tasks.join(", ")}, ${pace.title}`,
      lines: [...others.map((one) => ghost(one, one.mean)), ...pace.tasks.map((task, t) =>
        ({ xs: pace.steps, ys: pace.test[t], kind: "gb-test", style: `stroke:var(--gb-task-${task})` }))],
    });
    const ghosts = others.map((one) => ghost(one, one.norm));
    norm.draw({
      ...common, tight: true, scale: rangeOf([pace.norm, ...ghosts.map((one) => one.ys)]),
      title: "norm of the weights, log",
      label: `Norm of the weights, ${pace.title}`, flags: silent,
      lines: [...ghosts, { xs: pace.steps, ys: pace.norm, kind: "gb-ours" }],
    });
    drawDepth(common, silent);
  }
  function drawDepth(common, flags) {
    const { pace } = state, lines = Object.entries(pace.curvature), known = lines.length > 0;
    depth.el.style.display = known ? "" : "none";
    note.style.display = known ? "none" : "";
    note.replaceChildren(noteOf(state.notes.hessian || "The curvature of this run is not measured."));
    if (!known) { depth.el.replaceChildren(); return; }
    depth.draw({
      ...common, tight: true, scale: rangeOf(lines.map(([, line]) => line.depth)), flags,
      title: "most negative curvature, nats/|θ|², log", label: `Most negative curvature, ${pace.title}`,
      lines: lines.map(([protocol, { steps, depth: ys, residual }]) => ({
        xs: steps, ys, dots: protocol === "published", kind: protocol === "published" ? "gb-theirs" : "gb-ours",
        bars: [ys.map((v, i) => v - residual[i]), ys.map((v, i) => v + residual[i])],
      })),
    });
  }
  const cursor = (step) => all.forEach((chart) => chart.el.querySelector(".gb-cursor") && chart.cursor(step));
  return { el, draw, cursor };
}

const PROTOCOLS = { published: "as published", corrected: "converged" };

function paceRow(pace, pick) {
  const row = choiceRow({ ...pace, setting: pace.words }, ROW, pick);
  let x;
  function draw(state, { width, at }) {
    x = at;
    const { track, result, el } = row, still = state.tau && pace.decay === 0;
    track.replaceChildren();
    fill(track, { viewBox: `0 0 ${width} ${ROW}`, width });
    if (!still) {
      const px = (step) => x(state.clock(pace, step)), end = px(pace.last), y = (v) => ROW - 5 - v * (ROW - 10);
      track.append(svg("line", { class: "gb-rule", x1: px(0), x2: end, y1: ROW - 4, y2: ROW - 4 }),
        svg("path", { class: "gb-pace", style: inkOf(pace), d: pathOf(pace.steps.map(px), Array.from(pace.mean, y)) }));
      track.append(pace.grok === null ? svg("path", { class: "gb-cut", d: `M${end - 7} ${ROW - 10}l7 6-7 6` })
        : svg("line", { class: "gb-grok", x1: px(pace.grok), x2: px(pace.grok), y1: 3, y2: ROW - 4 }));
    }
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: ROW }));
    result.textContent = still ? "τ stays 0: no weight decay" : state.result(pace);
    el.setAttribute("aria-label", `${pace.title}: ${state.result(pace)}`);
  }
  const cursor = (value) => fill(row.track.querySelector(".gb-cursor"), { x1: x(value), x2: x(value) });
  return { el: row.el, track: row.track, choose: row.choose, draw, cursor };
}

function paceList(state, pick) {
  const list = rowList(state.paces.map((pace, i) => paceRow(pace, () => pick(i))), () => state.get("run"), pick);
  const hint = scrollHint(list.el, state.paces.length);
  function draw({ xLabel, xText }) {
    const ends = state.paces.map((pace) => state.clock(pace, pace.last)).filter((v) => v > 0);
    list.draw((width) => {
      const { log, at, marks } = finishAxis(ends, width);
      return { at, marks, xLabel: xLabel + (log ? " (log)" : ""), xText };
    }, (row, place) => row.draw(state, place));
    hint.draw();
  }
  return { el: list.el, hint: hint.el, draw, cursor: list.cursor };
}

// Every run with its grok steps: what the points are drawn from.
function csvOf(paces) {
  const head = ["run", "tasks", "weight_decay", "learning_rate", "seed", "last_step", "mean_grok_step", "tau_at_grok"];
  const rows = [head];
  for (const one of paces) {
    const tau = one.grok === null ? "" : one.tau(one.grok).toPrecision(6);
    rows.push([one.run, one.tasks.join("+"), one.decay, one.rate, one.seed, one.last, one.grok ?? "", tau]);
  }
  return csvText(rows);
}

function legend(state) {
  const el = html("div", { class: "gb-legend" });
  function draw() {
    const { pace } = state, others = state.paces.filter((one) => one !== pace && one.setting === pace.setting);
    const count = `${others.length} other ${others.length === 1 ? "run" : "runs"} of ${pace.setting}`;
    const curved = Object.keys(pace.curvature).map((protocol) =>
      lineKey(protocol === "published" ? "gb-theirs" : "gb-ours", `curvature ${PROTOCOLS[protocol]}`));
    el.replaceChildren(...pace.tasks.map((task) => taskKey(task)),
      ...(others.length ? [lineKey("gb-plain", count)] : []), ...curved);
  }
  return { el, draw };
}

function partsOf(state, put) {
  const rest = (changes) => put(changes, true);
  const parts = {
    ...barOf(),
    control: switchOf("Apply the control",
      "count time as a clock would: τ = learning rate × weight decay × step", null,
      (control) => put({ control })),
    keys: legend(state),
    time: timeline(state, (step) => rest({ frame: nearestFrame(state.frames, state.pace.end, step) })),
    points: scatter(state, (run) => rest({ run })), strip: leadStrip(state),
    list: paceList(state, (run) => rest({ run })),
    foot: footOf({ name: () => "grok-steps", csv: () => csvOf(state.paces), command: () => state.pace.command }),
  };
  parts.root = regionOf("gb-defect gb-phase", state.get("title"), parts,
    html("div", { class: "gb-options" }, parts.control.el),
    html("div", { class: "gb-time" }, parts.keys.el, parts.time.el),
    html("div", { class: "gb-states" }, parts.points.el), parts.strip.el,
    html("div", { class: `gb-runs${state.paces.length > SHOWN ? " gb-many" : ""}` }, parts.list.hint, parts.list.el),
    parts.foot.el);
  return parts;
}

// draw() shows everything anew, frame() only what time moves.
function pictureOf(state, parts) {
  const { root, slider } = parts, told = teller(parts.live);
  let shown = null;
  function frame() {
    if (!shown) return;
    const { frame: f, step } = state, text = state.text(step);
    slideTo(parts, f, shown.end, text);
    for (const part of [parts.time, parts.points, parts.strip]) part.cursor(step);
    parts.list.cursor(state.clock(shown, step));
    told.say(() => `${text}; ${root.querySelector(".gb-scatter + figcaption span").textContent}`);
  }
  function draw() {
    const { tau, control } = state;
    root.classList.toggle("gb-narrow", root.clientWidth < 640);
    shown = state.pace;
    slider.max = shown.end;
    tell(parts.answer, state.sentence);
    parts.control.box.checked = control;
    parts.keys.draw();
    parts.foot.draw();
    const axis = timeAxis(tau);
    parts.time.draw(axis);
    parts.points.draw();
    parts.strip.draw();
    parts.list.draw(axis);
    frame();
  }
  return { draw, frame, stop: () => { told.stop(); parts.points.stop(); } };
}

export default { render: ({ model, el }) => stage({
  model, el, state: stateOf(model), partsOf, pictureOf, viewOf, changesOf,
  keys: ["run", "control"], end: (state) => state.pace.end }) };
