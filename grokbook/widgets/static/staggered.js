// Do tasks always finish in the same order? One slider over time, one switch for the control.

const TWIN = "A twin is the same question with its operands swapped or their signs changed.";

// What the model holds, as the views ask for it.
function stateOf(model) {
  const get = (key) => model.get(key), frames = get("frames");
  const state = {
    get, frames, rules: get("rules"),
    lanes: get("lanes").map((raw) => laneOf(raw, frames)),
    get lane() { return state.lanes[get("run")]; },
    get frame() { return Math.min(get("frame"), state.lane.end); },
    get control() { return get("control"); },
    get tau() { return get("tau") && state.lane.decay > 0; },
    get test() { return state.control ? state.lane.control : state.lane.test; },
    get noun() { return state.control ? "twinless pairs" : "test pairs"; },
    get accuracy() { return state.rules.find(([key]) => key === get("threshold"))[2]; },
    get sentence() { return get("sentences")[get("threshold") + (state.control ? "+control" : "")]; },
    clock: (lane, step) => (state.tau ? lane.tau(step) : step),
    text: (step) => (state.tau ? `τ = ${state.lane.tau(step).toFixed(2)}, ` : "") + `step ${comma(step)}`,
  };
  return state;
}

// The moment, run and switches, for the page's address.
const viewOf = ({ get, lane }) =>
  ({ run: lane.run, frame: get("frame"), at: get("threshold"), control: get("control"), tau: get("tau") });

// What an address says, as far as there is such a run, moment or rule.
function changesOf(state, said) {
  const changes = changesIn(said, state.lanes, state.frames.length - 1, ["control", "tau"]);
  const rule = state.rules.find(([key]) => ident(key) === said.at);
  if (rule) changes.threshold = rule[0];
  return changes;
}

function legend() {
  const tasks = html("span", { class: "gb-keys" }), solid = html("span", {});
  const el = html("div", { class: "gb-legend" }, tasks,
    lineKey("gb-test", solid),
    lineKey("gb-train", "training pairs"));
  function draw({ lane, noun }) {
    tasks.replaceChildren(...lane.tasks.map((task, t) => taskKey(task, lane.titles[t])));
    solid.textContent = noun;
  }
  return { el, draw };
}

// The curves, with exact values under the pointer; a click goes to that moment.
function curvePlot(state, goTo) {
  const chart = curveChart({ height: 300 }), tip = html("div", { class: "gb-tip", hidden: true });
  const el = html("div", { class: "gb-plot" }, chart.el, tip);
  function words(t, e) {
    const { lane, test, control } = state, { count } = tally(lane, t, 0, control);
    const shown = `test ${percent(test[t][e])} (n = ${comma(count)}), train ${percent(lane.train[t][e])}`;
    return html("span", { style: `color:var(--gb-text-${lane.tasks[t]})` }, `${lane.titles[t]}: ${shown}`);
  }
  chart.el.addEventListener("click", (event) => goTo(chart.stepAt(event)));
  chart.el.addEventListener("pointerleave", () => { tip.hidden = true; });
  chart.el.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const { lane } = state, e = lane.at(chart.stepAt(event));
    tip.replaceChildren(html("b", {}, state.text(lane.steps[e])), ...lane.tasks.map((_, t) => words(t, e)));
    tip.hidden = false;
    const box = el.getBoundingClientRect(), left = event.clientX - box.left + 14;
    tip.style.left = `${clamp(left, 0, Math.max(0, box.width - tip.offsetWidth))}px`;
    tip.style.top = left + tip.offsetWidth > box.width ? "40%" : "16px";
  });
  function draw(axis, height) {
    const { lane, test, accuracy: rule } = state, width = Math.max(260, el.clientWidth);
    chart.draw({ lane, test, ...axis, xOf: (step) => state.clock(lane, step), width, height, rule });
  }
  return { el, draw, cursor: chart.cursor };
}

function csvOf(lane) {
  const rows = [["step", "tau", "task", "train_accuracy", "test_accuracy", "control_accuracy"]];
  const cell = (v) => (Number.isNaN(v) ? "" : v.toFixed(5));
  lane.steps.forEach((step, e) => lane.tasks.forEach((task, t) => {
    const values = [lane.train, lane.test, lane.control].map((curve) => cell(curve[t][e]));
    rows.push([step, lane.tau(step).toPrecision(6), task, ...values]);
  }));
  return csvText(rows);
}

// Every part of the picture, and the one element that holds them.
function partsOf(state, put) {
  const parts = {
    ...barOf(),
    control: switchOf("Apply the control", "counts only test pairs with no trained twin", TWIN,
      (control) => put({ control })),
    tau: switchOf("Count time as τ = ηλt", "", null, (tau) => put({ tau })),
    keys: legend(),
    plot: curvePlot(state, (step) => put({ frame: nearestFrame(state.frames, state.lane.end, step) }, true)),
    states: html("div", { class: "gb-states" }),
    knob: choiceKnob("A task has finished when its accuracy reaches", state.rules, (threshold) => put({ threshold })),
    list: finishList(state.lanes, () => state.get("run"), (run) => put({ run }, true)),
    foot: footOf({
      name: () => state.lane.run, csv: () => csvOf(state.lane), command: () => state.lane.command,
    }),
  };
  parts.root = regionOf("gb-order", state.get("title"), parts,
    html("div", { class: "gb-options" }, parts.control.el, parts.tau.el),
    html("div", { class: "gb-time" }, parts.keys.el, parts.plot.el), parts.states,
    html("div", { class: "gb-runs" }, parts.knob.el, parts.list.el), parts.foot.el);
  return parts;
}

// draw() shows everything anew, frame() only what time moves.
function pictureOf(state, parts) {
  const { root, slider } = parts, told = teller(parts.live);
  let shown = null, tables = [];

  function frame() {
    if (!shown) return;
    const { frame: f, noun } = state, step = Math.min(state.frames[f], shown.last), text = state.text(step);
    slideTo(parts, f, shown.end, text);
    parts.plot.cursor(step);
    parts.list.cursor(state.clock(shown, step));
    tables.forEach((table) => table.draw(f, state.control, noun));
    told.say(() => countsOf(text, shown, tables));
  }
  function showLane() {
    shown = state.lane;
    tables = shown.tasks.map((_, t) => tableFigure(shown, t));
    parts.states.replaceChildren(...tables.map((table) => table.el));
    parts.states.dataset.tasks = root.dataset.tasks = tables.length;
    slider.max = shown.end;
    parts.foot.draw();
  }
  function showSwitches() {
    parts.control.box.checked = state.control;
    tauSwitch(parts.tau, shown.decay === 0, state.tau);
    parts.knob.draw(state.get("threshold"));
  }
  // A formula is not broken over two lines.
  function showAnswer() {
    const formulas = state.lanes.flatMap((lane) => lane.titles);
    tell(parts.answer, formulas.reduce(
      (text, title) => text.replaceAll(title, title.replaceAll(" ", "\u00a0")), state.sentence));
  }
  function draw() {
    const room = root.clientWidth, mid = room >= 680 && room < 860, { control, tau, clock } = state;
    root.classList.toggle("gb-narrow", room < 680);
    root.classList.toggle("gb-mid", mid);
    if (shown !== state.lane) showLane();
    showAnswer();
    showSwitches();
    const axis = timeAxis(tau);
    parts.keys.draw(state);
    parts.plot.draw(axis, mid ? 250 : 300);
    parts.list.draw({ clock, name: axis.xLabel, label: axis.xText, rule: state.get("threshold"), control, tau });
    frame();
  }
  return { draw, frame, stop: told.stop };
}

export default { render: ({ model, el }) => stage({
  model, el, state: stateOf(model), partsOf, pictureOf, viewOf, changesOf,
  keys: ["run", "threshold", "control", "tau"], end: (state) => state.lane.end }) };
