// What happens when you delete what points off the path? One slider over time, a knob for the dose, one switch.

const SPARK = 44;

function traceOf(raw) {
  const steps = wholesOf(raw.steps), E = steps.length, both = bytesOf(raw.curves).slice();
  const trace = {
    ...raw, steps, last: steps[E - 1],
    accuracy: Array.from(sharesOf(both.subarray(0, 2 * E))),
    norm: Array.from(new Uint16Array(both.buffer).subarray(E), (v) => v / 100),
  };
  trace.tau = (step) => trace.rate * trace.decay * step;
  trace.at = (step) => Math.max(0, steps.findLastIndex((x) => x <= step));
  return trace;
}

function stateOf(model) {
  const get = (key) => model.get(key), frames = get("frames"), groups = get("groups"), doses = get("doses");
  const traces = get("traces").map(traceOf), rows = traces.filter((trace) => !trace.arm && !trace.again);
  const lasts = groups.map((_, g) => Math.max(...traces.map((trace) => (trace.group === g ? trace.last : 0))));
  const state = {
    get, frames, groups, doses, traces, rows, arms: get("arms"),
    get row() { return rows[get("run")]; },
    get group() { return groups[state.row.group]; },
    get last() { return lasts[state.row.group]; },
    get end() { return Math.max(1, frames.findIndex((step) => step >= state.last)); },
    get frame() { return Math.min(get("frame"), state.end); },
    get dose() { return get("dose"); },
    get key() { return keyOf(state.dose); },
    get control() { return get("control"); },
    get tau() { return get("tau") && state.row.decay > 0; },
    get title() { return state.arms.find(([name]) => name === get("arm"))[1]; },
    // The runs of an arm at the dose; without one the plain runs.
    of: (arm) => traces.filter((trace) => trace.group === state.row.group && !trace.again && trace.arm === arm
      && (!arm || trace.dose === state.dose)),
    any: (arm, dose) => traces.some((trace) => trace.group === state.row.group
      && trace.arm === arm && trace.dose === dose),
    mine: (row, arm) => traces.find((trace) => trace.group === row.group && trace.seed === row.seed && !trace.again
      && trace.arm === arm && trace.dose === state.dose),
    // Of one run; every run has its own η and λ, those of the charts have the shown one's.
    clockOf: (run, step) => (state.tau ? run.tau(step) : step),
    clock: (step) => state.clockOf(state.row, step),
    // A moment in words, in the unit of the axes.
    moment: (run, step) => (state.tau ? `τ = ${run.tau(step).toFixed(2)}` : `step ${comma(step)}`),
    text: (step) => (state.tau ? `τ = ${state.row.tau(step).toFixed(2)}, ` : "") + `step ${comma(step)}`,
  };
  return state;
}

const viewOf = (state) => ({
  run: state.row.run, frame: state.get("frame"), dose: state.key, arm: state.get("arm"),
  control: state.get("control"), tau: state.get("tau"),
});

function changesOf(state, said) {
  const changes = changesIn(said, state.rows, state.frames.length - 1, ["control", "tau"]);
  const dose = state.doses.find((value) => ident(keyOf(value)) === said.dose);
  const arm = state.arms.find(([name]) => name !== "own" && ident(name) === said.arm);
  if (dose) changes.dose = dose;
  if (arm) changes.arm = arm[0];
  return changes;
}

// What is drawn, from back to front.
const kindsOf = (state) =>
  [["", "gb-ghost"], ...(state.control ? [[state.get("arm"), "gb-wide"]] : []), ["own", "gb-ours"]];

// Two charts over one axis: accuracy of the worst task, and the size of the weights.
function timeline(state, goTo) {
  const accuracy = panel({ height: 190, left: 58 }), norm = panel({ height: 130, left: 58, axis: true });
  const all = [accuracy, norm];
  const el = stackOf(all, (value) => words(100 * Math.round(value / 100)), goTo);
  function words(step) {
    const name = { "": "plain", own: `${state.key} % deleted`, [state.get("arm")]: state.title };
    const mine = kindsOf(state).map(([arm]) => [arm, arm ? state.mine(state.row, arm) : state.row]);
    const lines = mine.filter(([, trace]) => trace).map(([arm, trace]) => {
      const e = trace.at(step), over = step > trace.last ? ` (ended at ${state.moment(trace, trace.last)})` : "";
      const norm = trace.norm[e].toFixed(1);
      return html("span", {}, `${name[arm]}: ${percent(trace.accuracy[e])}, ‖θ‖ ${norm}${over}`);
    });
    return [html("b", {}, `seed ${state.row.seed}, ${state.text(step)}`), ...lines];
  }
  function linesOf(curve) {
    const back = (trace) => (trace.seed === state.row.seed ? "" : " gb-behind");
    return kindsOf(state).flatMap(([arm, kind]) => {
      const sorted = state.of(arm).sort((a, b) => (a.seed === state.row.seed) - (b.seed === state.row.seed));
      return sorted.map((trace) => ({ xs: trace.steps, ys: trace[curve], kind: kind + back(trace), trace }));
    });
  }
  function draw(axis) {
    const width = Math.max(260, el.clientWidth), { group, row } = state;
    const common = { ...axis, width }, { budget } = group;
    const edge = budget && budget <= state.last ? [{ step: budget, kind: "gb-edge" }] : [];
    const right = linesOf("accuracy"), sizes = linesOf("norm");
    const ends = (lines) => lines.map(({ trace, ys }) => ({
      step: trace.end, value: ys[trace.at(trace.end)],
      kind: trace.grok === null ? openEnd(trace.arm) : trace.arm === "own" ? "gb-own-dot" : "gb-plain-dot",
      tip: trace.grok === null,
    })).filter((_, i) => lines[i].trace.arm || lines[i].trace.grok !== null);
    accuracy.draw({
      ...common, scale: "share", title: "right test answers, worst task", lines: right, marks: ends(right), flags: edge,
      label: `Test accuracy of the worst task, ${group.setting}, ${state.key} % deleted; in front ${row.label}`,
    });
    const high = Math.max(...state.traces.filter((trace) => trace.group === row.group).map((trace) => trace.norm[0]));
    norm.draw({
      ...common, scale: upTo(1.05 * high, comma), title: "size of all weights ‖θ‖", lines: sizes,
      marks: ends(sizes), flags: edge, label: `Norm of the weights, every seed, ${group.setting}`,
    });
  }
  const cursor = (step) => all.forEach((chart) => chart.cursor(step));
  return { el, draw, cursor };
}

function seedRow(row, pick) {
  const { el, track, result, choose } = choiceRow(row, SPARK, pick);
  let x = () => 0;
  function draw(state, { width, at: onAxis }) {
    x = onAxis;
    const still = state.tau && row.decay === 0;
    const y = scale(0, 1, SPARK - 5, 5), at = (trace, step) => onAxis(state.clockOf(trace, step));
    const shown = kindsOf(state).map(([arm, kind]) => [arm ? state.mine(row, arm) : row, kind]);
    track.replaceChildren();
    fill(track, { viewBox: `0 0 ${width} ${SPARK}`, width });
    for (const [trace, kind] of shown.filter(([one]) => one && !still)) {
      const cx = at(trace, trace.end), cy = y(trace.accuracy[trace.at(trace.end)]);
      track.append(svg("path", { class: kind, d: pathOf(trace.steps.map((s) => at(trace, s)), trace.accuracy.map(y)) }),
        trace.grok === null ? svg("path", { class: openEnd(trace.arm), d: tip3(cx, cy, 5) })
          : svg("circle", { class: "gb-plain-dot", cx, cy, r: 3.5 }));
    }
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: SPARK }));
    const plain = row.grok === null ? "plain never groks" : `plain groks at ${when(state, row, row.grok)}`;
    const said = [still ? "τ stays 0: no weight decay" : against(state, row, state.mine(row, "own"))];
    if (state.control && !still) said.push(`control: ${against(state, row, state.mine(row, state.get("arm")))}`);
    result.replaceChildren(said[0], ...[...said.slice(1), plain].map((words) => html("small", {}, words)));
    el.setAttribute("aria-label", `${row.label}: ${said.join("; ")}; ${plain}`);
  }
  const cursor = (value) => fill(track.querySelector(".gb-cursor"), { x1: x(value), x2: x(value) });
  return { el, track, choose, draw, cursor };
}

function seedList(state, pick) {
  const rows = state.rows.map((row, i) => seedRow({ ...row, setting: state.groups[row.group].setting }, () => pick(i)));
  const list = rowList(rows, () => state.get("run"), pick);
  function draw(axis) {
    const end = Math.max(...state.traces.map((trace) => state.clockOf(trace, trace.last)));
    list.draw((width) => ({
      at: scale(0, end, 6, width - 6), marks: ticksOf(end, Math.max(2, width / 110)), ...axis,
    }), (row, place) => row.draw(state, place));
  }
  return { el: list.el, draw, cursor: (step) => list.cursor(state.clock(step)) };
}

function csvOf(state) {
  const rows = [["arm", "dose", "step", "test_accuracy_worst_task", "norm"]];
  for (const [arm] of kindsOf(state)) {
    const trace = arm ? state.mine(state.row, arm) : state.row;
    trace?.steps.forEach((step, i) =>
      rows.push([arm || "plain", trace.dose, step, trace.accuracy[i].toFixed(5), trace.norm[i].toFixed(2)]));
  }
  return csvText(rows);
}

function legend(state) {
  const el = html("div", { class: "gb-legend" });
  const open = html("span", { class: "gb-key" }, svg("svg", { width: 12, height: 12, "aria-hidden": "true" },
    svg("path", { class: "gb-open-end", d: tip3(6, 7, 5) })), "cut off");
  const done = html("span", { class: "gb-key" }, svg("svg", { width: 12, height: 12, "aria-hidden": "true" },
    svg("circle", { class: "gb-own-dot", cx: 6, cy: 6, r: 4.5 })), "groks");
  function draw() {
    const more = state.control ? [lineKey("gb-wide", `control: ${state.title}`)] : [];
    const edge = state.group.budget && state.group.budget <= state.last ? [lineKey("gb-edge", "published budget")] : [];
    const own = lineKey("gb-ours", `${state.key} % deleted`);
    el.replaceChildren(lineKey("gb-ghost", "plain"), own, ...more, done, open, ...edge);
  }
  return { el, draw };
}

function partsOf(state, put) {
  const rest = (changes) => put(changes, true);
  const goTo = (step) => rest({ frame: nearestFrame(state.frames, state.end, step) });
  const front = () => state.mine(state.row, "own") || state.row;
  const command = () => state.group.missing[`own ${state.key}`] || front().command;
  const parts = {
    ...barOf(), second: html("p", { class: "gb-second" }),
    control: switchOf("Apply the control", "another mechanism, or another basis", null, (control) => put({ control })),
    tau: switchOf("Count time as τ = ηλt", "learning rate × weight decay × step", null, (tau) => put({ tau })),
    dose: choiceKnob("Deleted, in %", state.doses.map((v) => [v, keyOf(v)]), (dose) => put({ dose })),
    arm: choiceKnob("Control", state.arms.filter(([name]) => name !== "own"), (arm) => put({ arm, control: true })),
    missing: missingLine(state), keys: legend(state),
    time: timeline(state, goTo), survival: survivalChart(state, goTo),
    doses: doseChart(state, (dose) => put({ dose })), changes: changeStrip(state),
    list: seedList(state, (run) => rest({ run })),
    foot: footOf({ name: () => `${state.row.run}-${state.key}`, csv: () => csvOf(state), command }),
  };
  parts.root = regionOf("gb-defect gb-fragile", state.get("title"), parts,
    html("div", { class: "gb-options" }, parts.control.el, parts.tau.el),
    parts.dose.el, parts.arm.el, parts.second, parts.missing.el,
    html("div", { class: "gb-time" }, parts.keys.el, parts.time.el, parts.survival.el),
    html("div", { class: "gb-states" }, parts.doses.el, parts.changes.el),
    html("div", { class: "gb-runs" }, parts.list.el), parts.foot.el);
  return parts;
}

// draw() shows everything anew, frame() only what time moves.
function pictureOf(state, parts) {
  const { root, slider } = parts, told = teller(parts.live);
  let drawn = false;
  function frame() {
    if (!drawn) return;
    const f = state.frame, step = Math.min(state.frames[f], state.last), text = state.text(step);
    slideTo(parts, f, state.end, text);
    for (const part of [parts.time, parts.survival, parts.doses, parts.list]) part.cursor(step);
    told.say(() => `${text}; ${parts.survival.note.textContent}`);
  }
  function draw() {
    root.classList.toggle("gb-narrow", root.clientWidth < 640);
    drawn = true;
    slider.max = state.end;
    const { tau, control, group, key } = state, arm = state.get("arm");
    tell(parts.answer, group.answers[key]);
    tell(parts.second, control ? group.controls[`${arm} ${key}`]
      : "Flip the switch to set another way of deleting beside it: same seeds, same dose.");
    parts.control.box.checked = control;
    parts.tau.box.disabled = state.row.decay === 0;
    parts.tau.box.checked = tau;
    parts.dose.draw(state.dose, (dose) => !state.any("own", dose));
    parts.arm.draw(control ? arm : null, (name) => !state.any(name, state.dose));
    for (const part of [parts.missing, parts.keys, parts.foot, parts.doses, parts.changes]) part.draw();
    const axis = { ...timeAxis(tau), xOf: state.clock, last: state.last };
    parts.list.draw(timeAxis(tau));
    parts.time.draw(axis);
    parts.survival.draw(axis);
    frame();
  }
  return { draw, frame, stop: told.stop };
}

export default { render: ({ model, el }) => stage({
  model, el, state: stateOf(model), partsOf, pictureOf, viewOf, changesOf,
  keys: ["run", "dose", "arm", "control", "tau"], end: (state) => state.end }) };
