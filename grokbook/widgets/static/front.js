// What does it look like when a network understands? It plays once when first seen, then rests.

const PLAY_SECONDS = 8;
const MEMORISE_SECONDS = 1;

function render({ model, el }) {
  const frames = model.get("frames"), lane = laneOf(model.get("lanes")[0], frames), captions = model.get("captions");
  const id = `gb-${Math.random().toString(36).slice(2, 8)}`, title = model.get("title");
  const play = html("button", { type: "button", class: "gb-button gb-play" });
  const slider = html("input", { type: "range", class: "gb-slider", min: 0, max: lane.steps.length - 1, step: 1, "aria-label": "Training step" });
  const when = html("output", { class: "gb-when" });
  const chart = curveChart({ height: 104, left: 46, right: 14, top: 10, bottom: 28, ticks: 4 });
  const tables = lane.tasks.map((_, t) => tableFigure(lane, t));
  const beats = captions.map(({ head, text }) => html("li", {}, html("b", {}, head), " ", text));
  const live = html("p", { class: "gb-live", "aria-live": "polite" });
  const sample = (kind) => svg("svg", { class: "gb-sample", width: 28, height: 10, "aria-hidden": "true" }, svg("path", { class: kind, d: "M1 5H27", stroke: "currentColor" }));
  const root = html("div", { class: "gb-explorable gb-front", role: "region", "aria-label": title || "A network learns" },
    title ? html("h2", { class: "gb-title", id }, title) : null,
    html("div", { class: "gb-legend" }, html("span", { class: "gb-key" }, "Right answers"),
      html("span", { class: "gb-key" }, sample("gb-train"), "pairs it was shown (faint)"), html("span", { class: "gb-key" }, sample("gb-test"), "pairs it never saw")),
    html("div", { class: "gb-plot" }, chart.el),
    html("div", { class: "gb-states", "data-tasks": tables.length }, ...tables.map((table) => table.el)),
    html("div", { class: "gb-bar" }, play, slider, when),
    html("ol", { class: "gb-beats" }, ...beats), live);
  el.append(root);

  let step = frames[model.get("frame")], own = false, timer = 0, shownFrame = -1, ready = false;
  const frameAt = (s) => Math.max(0, frames.findLastIndex((x) => x <= s));
  function show() {
    if (!ready) return;
    const f = frameAt(step), text = `step ${comma(step)}`;
    slider.value = lane.at(step);
    slider.style.setProperty("--share", lane.at(step) / (lane.steps.length - 1));
    slider.setAttribute("aria-valuetext", text);
    when.textContent = text;
    chart.cursor(step);
    if (f !== shownFrame) { shownFrame = f; tables.forEach((table) => table.draw(f, false, "unseen pairs")); }
    const reached = captions.map((c) => c.step !== null && step >= c.step);
    const lit = reached.lastIndexOf(true);
    beats.forEach((beat, i) => { beat.classList.toggle("gb-lit", i === lit); beat.classList.toggle("gb-passed", i < lit); });
    clearTimeout(timer);
    timer = setTimeout(() => { live.textContent = [text, ...tables.map((table, t) => `${lane.titles[t]}: ${table.el.querySelector(".gb-count").textContent}`)].join("; "); }, 700);
  }
  function moveTo(to) {
    step = lane.steps[lane.at(to)];
    own = true;
    model.set("frame", frameAt(step));
    own = false;
    show();
  }
  function draw() {
    const width = Math.max(260, root.clientWidth);
    root.classList.toggle("gb-narrow", width < 680);
    chart.draw({ lane, test: lane.test, xOf: (s) => s, xLabel: "training step", xText: comma, width, reveal: true });
    shownFrame = -1;
    ready = true;
    show();
  }

  // The first second belongs to memorising; after it time is even, so that the wait is as long as
  // it was.
  const early = captions[0].step ?? 0, share = MEMORISE_SECONDS / PLAY_SECONDS;
  const stepOf = (x) => (x < share ? (early * x) / share : early + ((lane.last - early) * (x - share)) / (1 - share));
  const shareOf = (s) => (s < early ? (share * s) / early : share + ((1 - share) * (s - early)) / (lane.last - early || 1));
  const pass = player(play, PLAY_SECONDS, (x) => moveTo(stepOf(x)), () => model.save_changes());
  play.addEventListener("click", () => { if (pass.playing) pass.stop(); else pass.start(step >= lane.last ? 0 : shareOf(step)); });
  slider.addEventListener("input", () => { pass.stop(); moveTo(lane.steps[+slider.value]); model.save_changes(); });
  const follow = () => { if (!own) { step = frames[model.get("frame")]; show(); } };
  model.on("change:frame", follow);

  const eye = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    eye.disconnect();
    if (step === 0) pass.start();
  }, { threshold: 0.5 });
  if (calm.matches && step === 0) moveTo(lane.last);
  draw();
  eye.observe(root.querySelector(".gb-states"));
  const unwatch = watch(root, draw);
  return () => { pass.stop(); clearTimeout(timer); eye.disconnect(); unwatch(); model.off("change:frame", follow); };
}
export default { render };
