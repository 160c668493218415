// What does it look like when a network understands? It plays once when first seen, then rests.

const PLAY_SECONDS = 8;
const MEMORISE_SECONDS = 1;

function legend() {
  return html("div", { class: "gb-legend" }, html("span", { class: "gb-key" }, "Right answers"),
    html("span", { class: "gb-key" }, sample("gb-train"), "pairs it was shown (faint)"),
    html("span", { class: "gb-key" }, sample("gb-test"), "pairs it never saw"));
}

// The captions: the last one reached is lit, those before it are passed.
function beatList(captions) {
  const beats = captions.map(({ head, text }) => html("li", {}, html("b", {}, head), " ", text));
  function show(step) {
    const lit = captions.findLastIndex((caption) => caption.step !== null && step >= caption.step);
    beats.forEach((beat, i) => {
      beat.classList.toggle("gb-lit", i === lit);
      beat.classList.toggle("gb-passed", i < lit);
    });
  }
  return { el: html("ol", { class: "gb-beats" }, ...beats), show };
}

// The first second belongs to memorising; after it time is even, so that the wait is as long as it
// was. Both ways: a share of the pass to a step, and back.
function paceOf(early, last) {
  const share = MEMORISE_SECONDS / PLAY_SECONDS;
  const stepOf = (x) =>
    (x < share ? (early * x) / share : early + ((last - early) * (x - share)) / (1 - share));
  const shareOf = (step) =>
    (step < early ? (share * step) / early : share + ((1 - share) * (step - early)) / (last - early || 1));
  return { stepOf, shareOf };
}

function render({ model, el }) {
  const frames = model.get("frames"), lane = laneOf(model.get("lanes")[0], frames);
  const captions = model.get("captions"), title = model.get("title");
  const play = html("button", { type: "button", class: "gb-button gb-play" });
  const slider = html("input", { type: "range", class: "gb-slider", min: 0, max: lane.steps.length - 1, step: 1,
    "aria-label": "Training step" });
  const when = html("output", { class: "gb-when" });
  const chart = curveChart({ height: 104, left: 46, right: 14, top: 10, bottom: 28, ticks: 4 });
  const tables = lane.tasks.map((_, t) => tableFigure(lane, t));
  const beats = beatList(captions), live = html("p", { class: "gb-live", "aria-live": "polite" });
  const states = html("div", { class: "gb-states", "data-tasks": tables.length }, ...tables.map((table) => table.el));
  const name = title || "A network learns";
  const root = html("div", { class: "gb-explorable gb-front", role: "region", "aria-label": name },
    title ? html("h2", { class: "gb-title", id: uniqueId() }, title) : null, legend(),
    html("div", { class: "gb-plot" }, chart.el), states,
    html("div", { class: "gb-bar" }, play, slider, when), beats.el, live);
  el.append(root);

  const told = teller(live, 700), pace = paceOf(captions[0].step ?? 0, lane.last);
  const frameAt = (s) => Math.max(0, frames.findLastIndex((x) => x <= s));
  let step = frames[model.get("frame")], own = false, shownFrame = -1, ready = false;

  function show() {
    if (!ready) return;
    const f = frameAt(step), text = `step ${comma(step)}`;
    slider.value = lane.at(step);
    slider.style.setProperty("--share", lane.at(step) / (lane.steps.length - 1));
    slider.setAttribute("aria-valuetext", text);
    when.textContent = text;
    chart.cursor(step);
    if (f !== shownFrame) tables.forEach((table) => table.draw(f, false, "unseen pairs"));
    shownFrame = f;
    beats.show(step);
    told.say(() => countsOf(text, lane, tables));
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
    const axis = { xOf: (s) => s, xLabel: "training step", xText: comma };
    chart.draw({ lane, test: lane.test, ...axis, width, reveal: true });
    shownFrame = -1;
    ready = true;
    show();
  }

  const save = () => model.save_changes();
  const pass = player(play, PLAY_SECONDS, (share) => moveTo(pace.stepOf(share)), save);
  play.addEventListener("click", () => {
    if (pass.playing) pass.stop(); else pass.start(step >= lane.last ? 0 : pace.shareOf(step));
  });
  slider.addEventListener("input", () => { pass.stop(); moveTo(lane.steps[+slider.value]); save(); });
  const follow = () => { if (!own) { step = frames[model.get("frame")]; show(); } };
  model.on("change:frame", follow);

  const eye = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    eye.disconnect();
    if (step === 0) pass.start();
  }, { threshold: 0.5 });
  if (calm.matches && step === 0) moveTo(lane.last);
  draw();
  eye.observe(states);
  const unwatch = watch(root, draw);
  return () => { pass.stop(); told.stop(); eye.disconnect(); unwatch(); model.off("change:frame", follow); };
}
export default { render };
