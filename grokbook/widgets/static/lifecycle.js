// Learning, then compressing, or only forgetting the start? One slider over time, one switch for the control.

const SPARK = 40;
const NAMES = ["v₁", "v₂", "v₃", "v₄"];
const COSINES = [["weights", "gb-plain", "the weights"], ["start", "gb-ours", "the initial weights"],
  ["learned", "gb-plain gb-dashed", "what was learned"]];

function stateOf(model) {
  const get = (key) => model.get(key), frames = get("frames"), options = get("packing"), twins = get("twins");
  const passages = get("passages").map((raw) => passageOf(raw, frames, options));
  const state = {
    get, frames, passages, notes: get("notes"),
    get own() { return passages[get("run")]; },
    get twin() { return passages[twins[get("run")]]; },
    get random() { return get("random") && state.twin !== undefined; },
    get passage() { return state.random ? state.twin : state.own; },
    get frame() { return Math.min(get("frame"), state.passage.end); },
    get control() { return get("control") || paper.matches; },
    get form() { return state.control && state.passage.decay > 0 ? 1 : 0; },
    get multiples() { return get("multiples") && state.passage.unit !== null; },
    get k() { return get("direction") - 1; },
    get sentence() { return get("sentences")[state.control ? "control" : "plain"]; },
    clock: (passage, step) => (get("multiples") && passage.unit !== null ? step / passage.unit : step),
    text: (step) => (state.multiples ? `${(step / state.passage.unit).toFixed(2)} × grok, ` : "")
      + `step ${comma(step)}`,
  };
  return state;
}

const viewOf = ({ get, own }) => ({ run: own.run, frame: get("frame"), v: get("direction"),
  control: get("control"), multiples: get("multiples"), random: get("random") });

function changesOf(state, said) {
  const changes = changesIn(said, state.passages, state.frames.length - 1, ["control", "multiples", "random"]);
  if (/^[1-4]$/.test(said.v)) changes.direction = +said.v;
  return changes;
}

// Accuracy, the stacked band of what moves the direction, and where it points.
function timeline(state, goTo) {
  const accuracy = panel({ height: 84 }), band = panel({ height: 220 }), cosine = panel({ height: 170, axis: true });
  const all = [accuracy, band, cosine];
  function words(step) {
    const { passage: c, form, k } = state, e = c.index(c.steps, step), i = c.index(c.ends, step);
    const own = c.share(form, k)[i], lines = [`test accuracy ${share(c.accuracy[e])}`];
    lines.push(`${NAMES[k]} of the window to ${comma(c.ends[i])}: gradient ${share(own)}, decay ${share(1 - own)}`);
    COSINES.forEach(([, , text], which) => {
      const value = c.cosine(form, which, k)[i];
      lines.push(`|cos| with ${text} ${known(value) ? value.toFixed(3) : "–"}`);
    });
    return [html("b", {}, state.text(c.steps[e])), ...lines.map((text) => html("span", {}, text))];
  }
  const el = stackOf(all, words, goTo);
  function draw(axis) {
    const { passage: c, control, form, k } = state, width = Math.max(260, el.clientWidth);
    const common = { width, last: c.last, xOf: (step) => state.clock(c, step), ...axis };
    const flags = c.unit !== null && c.unit <= c.last ? [{ step: c.unit, kind: "gb-grok", text: "" }] : [];
    const who = flags.length ? `; dotted: ${c.grok !== null ? "it" : "its plain run"} groks` : "";
    const less = form ? ", pure decay taken out" : "";
    accuracy.draw({
      ...common, scale: "share", title: `test accuracy${who}`, label: `Test accuracy, ${c.label}, ${c.setting}`, flags,
      lines: [...(control ? [{ xs: c.steps, ys: c.fair, kind: "gb-plain" }] : []),
        { xs: c.steps, ys: c.accuracy, kind: "gb-ours" }],
    });
    const own = c.share(form, k), ones = own.map((v) => (Number.isNaN(v) ? NaN : 1)), nil = own.map(() => 0);
    band.draw({
      ...common, scale: "share", title: `what moves ${NAMES[k]}${less}`, flags,
      label: `Gradient's share of the movement along ${NAMES[k]}, ${c.label}, ${c.setting}`,
      bands: [{ xs: c.ends, low: own, high: ones, kind: "gb-by-decay" },
        { xs: c.ends, low: nil, high: own, kind: "gb-by-gradient" },
        ...(control && k === 0 ? [{ xs: c.ends, low: c.chance[0], high: c.chance[1], kind: "gb-null" }] : [])],
      lines: form ? [{ xs: c.ends, ys: c.share(0, k), kind: "gb-theirs" }] : [],
    });
    cosine.draw({
      ...common, scale: upTo(1, (v) => String(+v.toFixed(1))), title: `|cos| of ${NAMES[k]} with${less}`, flags,
      label: `Where ${NAMES[k]} points, ${c.label}, ${c.setting}`,
      lines: COSINES.map(([, kind], which) => ({ xs: c.ends, ys: c.cosine(form, which, k), kind })),
    });
  }
  return { el, draw, cursor: (step) => all.forEach((chart) => chart.cursor(step)) };
}

const area = (track, kind, d) => track.append(svg("path", { class: kind, d }));

// One run in the list: the band, and the share where it groks.
function passageRow(passage, pick) {
  const row = choiceRow(passage, SPARK, pick);
  let x;
  function draw(state, { width, at }) {
    x = at;
    const { track, result, el } = row, form = state.control && passage.decay > 0 ? 1 : 0;
    const own = passage.share(form, state.k);
    const y = scale(0, 1, SPARK - 3, 3), lost = state.get("multiples") && passage.unit === null;
    track.replaceChildren();
    fill(track, { viewBox: `0 0 ${width} ${SPARK}`, width });
    if (!lost) {
      const px = passage.ends.map((step) => x(state.clock(passage, step)));
      const there = px.map((_, i) => i).filter((i) => known(own[i]));
      const edge = there.map((i) => `${px[i].toFixed(1)} ${y(own[i]).toFixed(1)}`);
      const [a, b] = [px[there[0]], px[there[there.length - 1]]];
      if (edge.length) {
        area(track, "gb-by-gradient", `M${a} ${y(0)}L${edge.join("L")}L${b} ${y(0)}Z`);
        area(track, "gb-by-decay", `M${a} ${y(1)}L${edge.join("L")}L${b} ${y(1)}Z`);
      }
      if (passage.grok !== null) {
        const place = x(state.clock(passage, passage.grok));
        track.append(svg("line", { class: "gb-grok", x1: place, x2: place, y1: 1, y2: SPARK - 1 }));
      }
    }
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: SPARK }));
    const i = passage.unit === null ? -1 : passage.ends.reduce((best, end, j) =>
      (Math.abs(end - passage.unit) < Math.abs(passage.ends[best] - passage.unit) ? j : best), 0);
    const when = passage.grok !== null ? `groks at ${comma(passage.grok)}` : "never groks";
    const said = lost ? "no grok step to count by" : i < 0 || passage.unit > passage.last ? when
      : `${when}; gradient ${share(own[i])} ${passage.grok !== null ? "there" : `at ${comma(passage.unit)}`}`;
    result.textContent = said;
    el.setAttribute("aria-label", `${passage.label}, ${passage.setting}: ${said}`);
  }
  const cursor = (value) => fill(row.track.querySelector(".gb-cursor"), { x1: x(value), x2: x(value) });
  return { el: row.el, track: row.track, choose: row.choose, draw, cursor };
}

function passageList(state, pick) {
  const rows = state.passages.map((passage, i) => passageRow(passage, () => pick(i)));
  const list = rowList(rows, () => state.get("run"), pick);
  function draw({ xLabel, xText }) {
    const counted = state.passages.filter((passage) => !state.get("multiples") || passage.unit !== null);
    const end = Math.max(1, ...counted.map((passage) => state.clock(passage, passage.last)));
    list.draw((width) => ({
      at: scale(0, end, 6, width - 6), marks: ticksOf(end, Math.max(2, width / 110)), xLabel, xText,
    }), (row, place) => row.draw(state, place));
  }
  return { el: list.el, draw, cursor: list.cursor };
}

function csvOf(c) {
  const head = ["step"], columns = [];
  for (const [form, name] of [[0, "published"], [1, "less_decay"]]) {
    for (let k = 0; k < 4; k++) {
      head.push(`gradient_share_v${k + 1}_${name}`, ...COSINES.map(([which]) => `cos_${which}_v${k + 1}_${name}`));
      columns.push(c.share(form, k), ...COSINES.map((_, which) => c.cosine(form, which, k)));
    }
  }
  const rows = c.ends.map((step, i) => [step, ...columns.map((v) => (known(v[i]) ? v[i].toPrecision(5) : ""))]);
  return csvText([head, ...rows]);
}

function legend(state) {
  const el = html("div", { class: "gb-legend" });
  const chip = (kind, text) => html("span", { class: "gb-key" }, html("i", { class: `gb-chip ${kind}` }), text);
  function draw() {
    const more = !state.control ? [] : [
      lineKey("gb-theirs", "share as published"), bandKey("the same with random gradients, 95 %"),
    ];
    el.replaceChildren(chip("gb-chip-gradient", "gradient"), chip("gb-chip-decay", "weight decay"),
      ...COSINES.map(([, kind, text]) => lineKey(kind, `|cos| with ${text}`)), ...more);
  }
  return { el, draw };
}

function partsOf(state, put) {
  const rest = (changes) => put(changes, true);
  const parts = {
    ...barOf(),
    control: switchOf("Apply the control",
      "pure decay taken away, removals of the same size, standardised probes", null,
      (control) => put({ control })),
    multiples: switchOf("Count time in grok steps", "", null, (multiples) => put({ multiples })),
    random: switchOf("Random labels in place of the real ones", "", null, (random) => put({ random })),
    keys: legend(state),
    time: timeline(state, (step) => rest({ frame: nearestFrame(state.frames, state.passage.end, step) })),
    states: [removalCurve(state), removalBars(state), probeDots(state)],
    knob: choiceKnob("Direction", NAMES.map((name, k) => [k + 1, name]), (direction) => put({ direction })),
    list: passageList(state, (run) => rest({ run })),
    foot: footOf({
      name: () => state.passage.run, csv: () => csvOf(state.passage), command: () => state.passage.command,
    }),
  };
  parts.root = regionOf("gb-defect gb-edges", state.get("title"), parts,
    html("div", { class: "gb-options" }, parts.control.el, parts.multiples.el, parts.random.el, parts.knob.el),
    html("div", { class: "gb-time" }, parts.keys.el, parts.time.el),
    html("div", { class: "gb-states" }, ...parts.states.map((part) => part.el)),
    html("div", { class: "gb-runs" }, parts.list.el), parts.foot.el);
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
    for (const part of [parts.time, ...parts.states]) part.cursor(step);
    parts.list.cursor(state.clock(shown, step));
    told.say(() => {
      const i = shown.index(shown.ends, step), own = shown.share(state.form, state.k)[i];
      return `${text}; gradient ${share(own)} of ${NAMES[state.k]}; `
        + parts.states.map((part) => part.el.querySelector("figcaption").textContent).join(" ");
    });
  }
  function toggle(part, on, off, note) {
    part.box.disabled = off;
    part.box.checked = on;
    part.text.textContent = note;
  }
  function draw() {
    const { passage, control, multiples } = state;
    root.classList.toggle("gb-narrow", root.clientWidth < 640);
    shown = passage;
    root.style.setProperty("--weak", passage.ink[0]);
    root.style.setProperty("--strong", passage.ink[1]);
    slider.max = shown.end;
    tell(parts.answer, state.sentence);
    parts.control.box.checked = control;
    toggle(parts.multiples, multiples, passage.unit === null, passage.unit === null
      ? "no run of this seed groks" : `one is ${comma(passage.unit)} steps for this seed`);
    toggle(parts.random, state.random, state.twin === undefined, state.twin === undefined
      ? state.notes.random : "the same seed, with nothing to understand");
    parts.knob.draw(state.get("direction"));
    parts.keys.draw();
    parts.foot.draw();
    const xText = (v) => (multiples ? String(+v.toFixed(2)) : comma(v));
    const axis = { xLabel: multiples ? "multiples of the grok step" : "training step", xText };
    parts.time.draw(axis);
    parts.states.forEach((part) => part.draw());
    parts.list.draw(axis);
    frame();
  }
  return { draw, frame, stop: told.stop };
}

export default { render: ({ model, el }) => stage({
  model, el, state: stateOf(model), partsOf, pictureOf, viewOf, changesOf,
  keys: ["run", "direction", "control", "multiples", "random"], end: (state) => state.passage.end }) };
