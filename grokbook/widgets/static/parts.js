// What explorables with runs share: a bar with the slider, a switch, a knob, a list of runs, what stands beneath.

// Its sentence, the slider with play beside it, and what is said aloud after a change.
function barOf(label = "Training step") {
  return {
    answer: html("p", { class: "gb-answer" }),
    play: html("button", { type: "button", class: "gb-button gb-play" }),
    slider: html("input", { type: "range", class: "gb-slider", min: 0, step: 1, "aria-label": label }),
    when: html("output", { class: "gb-when" }),
    live: html("p", { class: "gb-live", "aria-live": "polite" }),
  };
}

// A sentence in its element; no line ends between a number and its per cent.
function tell(el, sentence) {
  el.textContent = sentence.replace(/(\d) (?=%)/g, "$1\u00a0");
}

// The slider stands at a frame, and says which moment that is.
function slideTo({ slider, when }, frame, end, text) {
  slider.value = frame;
  when.textContent = text;
  slider.setAttribute("aria-valuetext", text);
  slider.style.setProperty("--share", frame / end);
}

// The one element that holds the parts: title, sentence and bar, then what is given.
function regionOf(kind, heading, { answer, play, slider, when, live }, ...kids) {
  const id = uniqueId();
  return html("div", { class: `gb-explorable ${kind}`, role: "region", "aria-labelledby": id },
    html("h3", { class: "gb-title", id }, heading), answer,
    html("div", { class: "gb-bar" }, play, slider, when), ...kids, live);
}

// Entries of a legend: a line, a task by its colour, a band.
const lineKey = (kind, text) => html("span", { class: "gb-key" }, sample(kind), text);
const bandKey = (text) => html("span", { class: "gb-key" }, html("i", { class: "gb-chip gb-band" }), text);
const taskKey = (task, text = task) => html("span", { class: "gb-key", style: `color:var(--gb-text-${task})` },
  html("i", { class: "gb-chip", style: `background:var(--gb-task-${task})` }), text);

function switchOf(label, note, title, flip) {
  const box = html("input", { type: "checkbox", role: "switch", title }), text = html("small", {}, note);
  const words = html("span", {}, html("b", {}, label), " ", text);
  const el = html("label", { class: "gb-switch", title }, box, html("i", { "aria-hidden": "true" }), words);
  box.addEventListener("change", () => flip(box.checked));
  return { box, text, el };
}

// A knob of few positions: options are [value, text]; positions with nothing to show are pale.
function choiceKnob(question, options, pick) {
  const name = uniqueId(), asked = html("legend", {}, question);
  const radios = options.map(([value]) => html("input", { type: "radio", name, value }));
  const labels = options.map(([, text], i) => html("label", {}, radios[i], html("span", {}, text)));
  radios.forEach((radio, i) => radio.addEventListener("change", () => pick(options[i][0])));
  const draw = (value, bare = () => false) => radios.forEach((radio, i) => {
    radio.checked = options[i][0] === value;
    labels[i].classList.toggle("gb-bare", bare(options[i][0]));
  });
  return { el: html("fieldset", { class: "gb-knob" }, asked, ...labels), draw };
}

// Without weight decay a run has no τ to count by.
function tauSwitch({ box, text }, still, on) {
  box.disabled = still;
  box.checked = on;
  text.textContent = still
    ? "not for this run: without weight decay τ stays 0" : "learning rate × weight decay × step";
}

const csvText = (rows) => rows.map((row) => row.join(",")).join("\n") + "\n";

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  html("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

async function copyFrom(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// The chosen run's data, and the command that repeats it.
function footOf({ name, csv, command }) {
  const button = (text) => html("button", { type: "button", class: "gb-button" }, text);
  const save = button("Download this data"), copy = button("Copy"), code = html("code", {});
  const again = html("details", { class: "gb-again" },
    html("summary", { class: "gb-button" }, "Re-run this point"), html("div", {}, code, copy));
  save.addEventListener("click", () => download(`grokbook-${name()}.csv`, csv()));
  copy.addEventListener("click", () => copyFrom(code, copy));
  const draw = () => { code.textContent = command(); };
  return { el: html("div", { class: "gb-foot" }, save, again), draw };
}

// Rows of which one is chosen by pointer or arrow keys; a row has an `el`.
function choiceList(rows, below, chosen, pick) {
  const el = html("div", { class: "gb-lanes", role: "radiogroup", "aria-label": "Run shown above" },
    ...rows.map((row) => row.el), html("div", { class: "gb-lane-foot" }, below));
  el.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const focused = rows.findIndex((row) => row.el === event.target);
    let to = { Home: 0, End: rows.length - 1, " ": focused, Enter: focused }[event.key];
    if (move) to = (chosen() + move + rows.length) % rows.length;
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) return;
    pick(to);
    rows[to].el.focus();
  });
  return el;
}

// A row of such a list: who it is, a drawing, a result.
function choiceRow(lane, height, pick) {
  const track = svg("svg", { class: "gb-track", height, "aria-hidden": "true" });
  const result = html("span", { class: "gb-result" });
  const decay = html("i", { class: "gb-decay", style: `--weak:${lane.ink[0]};--strong:${lane.ink[1]}` });
  const who = html("span", { class: "gb-who" }, decay, html("span", {}, lane.label, html("small", {}, lane.setting)));
  const el = html("div", { class: "gb-lane", role: "radio", tabindex: -1, "data-run": lane.run }, who, track, result);
  el.addEventListener("click", pick);
  function choose(on) {
    el.setAttribute("aria-checked", String(on));
    el.tabIndex = on ? 0 : -1;
  }
  return { el, track, result, choose };
}

// Of a long list that scrolls by itself: how many there are, and a shade at an edge with more beyond it.
function scrollHint(box, count) {
  const el = html("p", { class: "gb-scrolls" });
  function draw() {
    const room = box.scrollHeight - box.clientHeight;
    el.textContent = room > 1 ? `${count} runs; scroll for more` : "";
    box.classList.toggle("gb-more-above", box.scrollTop > 1);
    box.classList.toggle("gb-more-below", box.scrollTop < room - 1);
  }
  box.addEventListener("scroll", draw, { passive: true });
  return { el, draw };
}

// Such rows over one axis; `axisOf(width)` gives {at, marks, xLabel, xText}, `drawRow` draws one row.
function rowList(rows, chosen, pick) {
  const axis = svg("svg", { class: "gb-lane-axis", height: 36, "aria-hidden": "true" });
  const el = choiceList(rows, axis, chosen, pick);
  let seen = null;
  // In a long list that scrolls by itself the run that is shown has to be seen.
  function reveal() {
    const { offsetTop: top, offsetHeight: tall } = rows[chosen()].el, room = el.clientHeight - 60;
    if (seen === chosen() || el.scrollHeight <= el.clientHeight) return;
    seen = chosen();
    if (top < el.scrollTop || top + tall > el.scrollTop + room) el.scrollTop = top - (room - tall) / 2;
  }
  function draw(axisOf, drawRow) {
    const width = Math.max(120, rows[0].track.getBoundingClientRect().width);
    const { at, marks, xLabel, xText } = axisOf(width);
    axis.replaceChildren(svg("text", { class: "gb-axis-title", x: width, y: 31, "text-anchor": "end" }, xLabel),
      ...marks.map((v) =>
        svg("text", { x: clamp(at(v), 16, width - 22), y: 14, "text-anchor": "middle" }, xText(v))));
    fill(axis, { viewBox: `0 0 ${width} 36`, width });
    rows.forEach((row, i) => { row.choose(i === chosen()); drawRow(row, { width, at }); });
    reveal();
  }
  const cursor = (value) => rows.forEach((row) => row.cursor(value));
  return { el, draw, cursor };
}
