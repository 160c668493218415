// Do tasks always finish in the same order? One slider over time, one switch for the control.

const THRESHOLDS = [["0.90", "90 %"], ["0.95", "95 %"], ["0.98", "98 %"], ["0.98x3", "98 % × 3"]];

function legend() {
  const sample = (kind) => svg("svg", { class: "gb-sample", width: 28, height: 10, "aria-hidden": "true" }, svg("path", { class: kind, d: "M1 5H27", stroke: "currentColor" }));
  const tasks = html("span", { class: "gb-keys" });
  const solid = html("span", {}, "test pairs");
  const el = html("div", { class: "gb-legend" }, tasks,
    html("span", { class: "gb-key" }, sample("gb-test"), solid), html("span", { class: "gb-key" }, sample("gb-train"), "training pairs"));
  return { el, draw(lane, control) {
    tasks.replaceChildren(...lane.tasks.map((task, t) => html("span", { class: "gb-key", style: `color:var(--gb-text-${task})` },
      html("i", { class: "gb-chip", style: `background:var(--gb-task-${task})` }), lane.titles[t])));
    solid.textContent = control ? "control pairs" : "test pairs";
  } };
}

function csvOf(lane) {
  const rows = [["step", "tau", "task", "train_accuracy", "test_accuracy", "control_accuracy"]];
  const cell = (v) => (Number.isNaN(v) ? "" : v.toFixed(5));
  lane.steps.forEach((step, e) => lane.tasks.forEach((task, t) => rows.push(
    [step, lane.tau(step).toPrecision(6), task, cell(lane.train[t][e]), cell(lane.test[t][e]), cell(lane.held[t][e])])));
  return rows.map((row) => row.join(",")).join("\n") + "\n";
}

function render({ model, el }) {
  const frames = model.get("frames"), lanes = model.get("lanes").map((raw) => laneOf(raw, frames));
  const get = (key) => model.get(key), id = `gb-${Math.random().toString(36).slice(2, 8)}`;
  const lane = () => lanes[get("run")], tauOn = () => get("tau") && lane().decay > 0;
  const frameOf = () => Math.min(get("frame"), lane().end);
  const link = model.host === "book" ? address(get("name"), restore) : null;
  const put = (changes) => {
    for (const [key, value] of Object.entries(changes)) model.set(key, value);
    model.save_changes();
    link?.write({ run: lane().run, frame: get("frame"), at: get("threshold"), control: get("control"), tau: get("tau") });
  };

  const answer = html("p", { class: "gb-answer" });
  const play = html("button", { type: "button", class: "gb-button gb-play" });
  const slider = html("input", { type: "range", class: "gb-slider", min: 0, step: 1, "aria-label": "Training step" });
  const when = html("output", { class: "gb-when" });
  const check = (label, note) => {
    const box = html("input", { type: "checkbox", role: "switch" }), text = html("small", {}, note);
    return { box, text, el: html("label", { class: "gb-switch" }, box, html("i", { "aria-hidden": "true" }), html("span", {}, html("b", {}, label), " ", text)) };
  };
  const control = check("Apply the control", "counts only test pairs whose mirror image was never trained on");
  const tau = check("Count time as τ = ηλt", "");
  const keys = legend(), chart = curveChart({ height: 300 });
  const tip = html("div", { class: "gb-tip", hidden: true });
  const plot = html("div", { class: "gb-plot" }, chart.el, tip);
  const states = html("div", { class: "gb-states" });
  const knob = html("fieldset", { class: "gb-knob" }, html("legend", {}, "A task has finished when its accuracy reaches"));
  for (const [value, label] of THRESHOLDS) {
    const radio = html("input", { type: "radio", name: id, value });
    radio.addEventListener("change", () => put({ threshold: value }));
    knob.append(html("label", {}, radio, html("span", {}, label)));
  }
  const rows = lanes.map((one, i) => laneRow(one, i, (run) => { player_.stop(); put({ run }); }));
  const axis = svg("svg", { class: "gb-lane-axis", height: 36, "aria-hidden": "true" });
  const list = html("div", { class: "gb-lanes", role: "radiogroup", "aria-label": "Run shown above" },
    ...rows.map((row) => row.el), html("div", { class: "gb-lane-foot" }, axis));
  const save = html("button", { type: "button", class: "gb-button" }, "Download this data");
  const code = html("code", {}), copy = html("button", { type: "button", class: "gb-button" }, "Copy");
  const again = html("details", { class: "gb-again" }, html("summary", { class: "gb-button" }, "Re-run this point"), html("div", {}, code, copy));
  const live = html("p", { class: "gb-live", "aria-live": "polite" });

  const root = html("div", { class: "gb-explorable gb-order", role: "region", "aria-labelledby": `${id}-title` },
    html("h3", { class: "gb-title", id: `${id}-title` }, get("title")), answer,
    html("div", { class: "gb-bar" }, play, slider, when),
    html("div", { class: "gb-options" }, control.el, tau.el),
    html("div", { class: "gb-time" }, keys.el, plot), states,
    html("div", { class: "gb-runs" }, knob, list),
    html("div", { class: "gb-foot" }, save, again), live);
  el.append(root);

  const player_ = player(play, 8, (share) => put({ frame: Math.round(share * lane().end) }));
  play.addEventListener("click", () => {
    if (player_.playing) player_.stop();
    else player_.start(frameOf() >= lane().end ? 0 : frameOf() / lane().end);
  });
  slider.addEventListener("input", () => { player_.stop(); put({ frame: +slider.value }); });
  control.box.addEventListener("change", () => put({ control: control.box.checked }));
  tau.box.addEventListener("change", () => put({ tau: tau.box.checked }));
  list.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? lanes.length - 1 : move && (get("run") + move + lanes.length) % lanes.length;
    if (to !== undefined) { event.preventDefault(); player_.stop(); put({ run: to }); rows[to].el.focus(); }
    if (event.key === " " || event.key === "Enter") { event.preventDefault(); const i = rows.findIndex((row) => row.el === event.target); if (i >= 0) put({ run: i }); }
  });
  chart.el.addEventListener("click", (event) => {
    const step = chart.stepAt(event), gap = (f) => Math.abs(frames[f] - step);
    player_.stop();
    put({ frame: frames.reduce((best, _, f) => (f <= lane().end && gap(f) < gap(best) ? f : best), 0) });
  });
  chart.el.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const one = lane(), e = one.at(chart.stepAt(event)), test = get("control") ? one.held : one.test;
    tip.replaceChildren(html("b", {}, whenText(one.steps[e])), ...one.titles.map((title, t) =>
      html("span", { style: `color:var(--gb-text-${one.tasks[t]})` }, `${title}: test ${percent(test[t][e])} (n = ${comma(tally(one, t, 0, get("control")).count)}), train ${percent(one.train[t][e])}`)));
    tip.hidden = false;
    const box = plot.getBoundingClientRect(), left = event.clientX - box.left;
    tip.style.left = `${clamp(left + 14, 0, Math.max(0, box.width - tip.offsetWidth))}px`;
    tip.style.top = left + 14 + tip.offsetWidth > box.width ? "40%" : "16px";
  });
  chart.el.addEventListener("pointerleave", () => { tip.hidden = true; });
  save.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([csvOf(lane())], { type: "text/csv" }));
    html("a", { href: url, download: `${ident(lane().label)}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  copy.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(code.textContent); } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });

  function restore(state) {
    const run = lanes.findIndex((one) => ident(one.run) === state.run), at = THRESHOLDS.find(([key]) => ident(key) === state.at);
    if (run >= 0) model.set("run", run);
    if (/^\d+$/.test(state.frame)) model.set("frame", Math.min(+state.frame, frames.length - 1));
    if (at) model.set("threshold", at[0]);
    model.set("control", state.control === true);
    model.set("tau", state.tau === true);
    model.save_changes();
  }
  const whenText = (step) => (tauOn() ? `τ = ${lane().tau(step).toFixed(2)}, step ${comma(step)}` : `step ${comma(step)}`);

  let shown = null, tables = [], drawn = "", timer = 0;
  function frame() {
    if (!shown) return;
    const f = frameOf(), step = Math.min(frames[f], shown.last);
    slider.value = f;
    when.textContent = whenText(step);
    slider.setAttribute("aria-valuetext", whenText(step));
    slider.style.setProperty("--share", f / shown.end);
    chart.cursor(step);
    rows.forEach((row) => row.cursor(tauOn() ? shown.tau(step) : step));
    tables.forEach((table) => table.draw(f, get("control"), get("control") ? "control pairs" : "test pairs"));
    clearTimeout(timer);
    timer = setTimeout(() => { live.textContent = [`${whenText(step)}`, ...tables.map((table, t) => `${shown.titles[t]}: ${table.el.querySelector(".gb-count").textContent}`)].join("; "); }, 600);
  }
  function draw() {
    const room = root.clientWidth, on = get("control");
    root.classList.toggle("gb-narrow", room < 680);
    root.classList.toggle("gb-mid", room >= 680 && room < 860);
    if (shown !== lane()) {
      shown = lane();
      tables = shown.tasks.map((_, t) => tableFigure(shown, t));
      states.replaceChildren(...tables.map((table) => table.el));
      states.dataset.tasks = root.dataset.tasks = tables.length;
      slider.max = shown.end;
      code.textContent = shown.command;
    }
    const sentence = get("sentences")[get("threshold") + (on ? "+control" : "")], formulas = lanes.flatMap((one) => one.titles);
    answer.textContent = formulas.reduce((text, title) => text.replaceAll(title, title.replaceAll(" ", "\u00a0")), sentence);
    control.box.checked = on;
    tau.box.disabled = shown.decay === 0;
    tau.box.checked = tauOn();
    tau.text.textContent = shown.decay === 0 ? "not for this run: without weight decay τ stays 0" : "learning rate × weight decay × step";
    knob.querySelectorAll("input").forEach((radio) => { radio.checked = radio.value === get("threshold"); });
    const clock = (one, step) => (tauOn() ? one.tau(step) : step), name = tauOn() ? "τ = ηλt" : "training step";
    const label = (v) => (tauOn() ? String(+v.toFixed(2)) : comma(v));
    keys.draw(shown, on);
    chart.draw({ lane: shown, test: on ? shown.held : shown.test, xOf: (s) => clock(shown, s), xLabel: name, xText: label, width: Math.max(260, plot.clientWidth), height: root.classList.contains("gb-mid") ? 250 : 300, rule: parseFloat(get("threshold")) });
    drawLanes(clock, name, label, on);
    frame();
  }
  // Runs of very different length share a logarithmic axis, which then says so.
  function drawLanes(clock, name, label, on) {
    const width = Math.max(120, list.querySelector(".gb-track").parentElement.clientWidth && list.querySelector(".gb-track").getBoundingClientRect().width);
    const ends = lanes.map((one) => clock(one, one.last)).filter((v) => v > 0), high = Math.max(...ends);
    const log = high / Math.min(...ends) > 5, low = log ? Math.min(...ends) / 100 : 0, pad = 6;
    const line = scale(log ? Math.log10(low) : 0, log ? Math.log10(high) : high, pad, width - pad);
    const at = (v) => (log ? line(Math.log10(Math.max(v, low))) : line(v));
    const marks = log ? [...Array(9).keys()].map((k) => 10 ** (Math.ceil(Math.log10(low)) + k)).filter((v) => v <= high) : ticksOf(high, Math.max(2, width / 110));
    axis.replaceChildren(...marks.map((v) => svg("text", { x: clamp(at(v), 16, width - 22), y: 14, "text-anchor": "middle" }, label(v))),
      svg("text", { class: "gb-axis-title", x: width, y: 31, "text-anchor": "end" }, name + (log ? " (log)" : "")));
    fill(axis, { viewBox: `0 0 ${width} 36`, width }, []);
    rows.forEach((row, i) => {
      row.choose(i === get("run"), row.el.parentElement.contains(document.activeElement) && document.activeElement.classList.contains("gb-lane") && i === get("run"));
      row.draw({ width, at, clock, threshold: get("threshold"), control: on, tau: tauOn() });
    });
  }

  const bound = [["frame", () => frame()], ...["run", "threshold", "control", "tau"].map((key) => [key, () => draw()])];
  bound.forEach(([key, handler]) => model.on(`change:${key}`, handler));
  const onHash = () => link?.restore();
  const came = link?.restore();
  addEventListener("hashchange", onHash);
  draw();
  if (came) requestAnimationFrame(() => root.scrollIntoView({ block: "start" }));
  const unwatch = watch(root, draw);
  return () => { player_.stop(); clearTimeout(timer); unwatch(); removeEventListener("hashchange", onHash); bound.forEach(([key, handler]) => model.off(`change:${key}`, handler)); };
}
export default { render };
