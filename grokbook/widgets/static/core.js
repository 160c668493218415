// Helpers of every explorable. Python puts this text in front of a widget's own module, because a
// module imported from a blob has no neighbours to import from.

const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function fill(el, attrs, kids) {
  for (const [key, value] of Object.entries(attrs || {})) {
    if (value !== undefined && value !== null && value !== false) el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...kids.filter((kid) => kid !== null && kid !== undefined));
  return el;
}
const html = (tag, attrs, ...kids) => fill(document.createElement(tag), attrs, kids);
const svg = (tag, attrs, ...kids) => fill(document.createElementNS(SVG, tag), attrs, kids);
const comma = (n) => Math.round(n).toLocaleString("en-US");
const percent = (x) => (Number.isNaN(x) ? "no pairs" : `${(100 * x).toFixed(1)} %`);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

// ---- data ------------------------------------------------------------------------------------

function bytesOf(view) {
  return view instanceof ArrayBuffer ? new Uint8Array(view) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function bitsOf(view, count) {
  const packed = bytesOf(view), bits = new Uint8Array(count);
  for (let i = 0; i < count; i++) bits[i] = (packed[i >> 3] >> (7 - (i & 7))) & 1;
  return bits;
}

// Golomb-Rice gaps between flipped cells, a header and its bits for each frame of each task.
function tablesOf(view, tasks, frames, cells) {
  const data = bytesOf(view), tables = [];
  let at = 0;
  for (let t = 0; t < tasks; t++) {
    let before = new Uint8Array(cells);
    tables.push([]);
    for (let f = 0; f < frames; f++) {
      const now = before.slice(), low = data[at + 3];
      const flips = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
      let bit = (at + 4) * 8, cell = -1;
      const next = () => { const b = (data[bit >> 3] >> (7 - (bit & 7))) & 1; bit++; return b; };
      for (let i = 0; i < flips; i++) {
        let gap = 0;
        while (!next()) gap++;
        for (let j = 0; j < low; j++) gap = (gap << 1) | next();
        cell += gap + 1;
        now[cell] ^= 1;
      }
      at = (bit + 7) >> 3;
      tables[t].push(now);
      before = now;
    }
  }
  if (at !== data.length) throw new Error("the answer tables are damaged");
  return tables;
}

function laneOf(raw, frames) {
  const T = raw.tasks.length, cells = raw.side * raw.side;
  const s = bytesOf(raw.steps), c = bytesOf(raw.curves);
  const word = (data, i) => data[2 * i] | (data[2 * i + 1] << 8);
  const steps = Array.from({ length: s.length / 4 }, (_, i) => word(s, 2 * i) + 65536 * word(s, 2 * i + 1));
  const curve = (kind, t) => steps.map((_, e) => {
    const code = word(c, (kind * T + t) * steps.length + e);
    return code === 65535 ? NaN : code / 65534;
  });
  const each = (make) => raw.tasks.map((_, t) => make(t));
  const control = bitsOf(raw.control, T * cells);
  const lane = { ...raw, steps, last: steps[steps.length - 1], cells,
    train: each((t) => curve(0, t)), test: each((t) => curve(1, t)), held: each((t) => curve(2, t)),
    trained: bitsOf(raw.trained, cells), control: each((t) => control.subarray(t * cells, (t + 1) * cells)) };
  let tables;
  lane.table = (t, f) => (tables ??= tablesOf(raw.tables, T, frames.length, cells))[t][f];
  lane.tau = (step) => lane.rate * lane.decay * step;
  lane.crossed = (threshold, control) => (control ? raw.controlCrossings : raw.crossings)[threshold];
  // The evaluation that is in force at a step: the last one at or before it.
  lane.at = (step) => { let i = steps.findIndex((x) => x > step); if (i < 0) i = steps.length; return Math.max(0, i - 1); };
  lane.end = frames.findIndex((x) => x >= lane.last);
  if (lane.end < 0) lane.end = frames.length - 1;
  return lane;
}

// How many pairs count, and how many of them are right; with the control only its pairs count.
function tally(lane, t, f, control) {
  const now = lane.table(t, f), mask = control ? lane.control[t] : null;
  let right = 0, count = 0;
  for (let i = 0; i < lane.cells; i++) {
    if (mask ? mask[i] : !lane.trained[i]) { count++; right += now[i]; }
  }
  return { right, count };
}

// ---- answer table ----------------------------------------------------------------------------

function rgb(el, name) {
  const text = getComputedStyle(el).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16) || 0);
}

// Right answers in the task's colour, wrong ones empty. A training pair has a hairline frame where
// there is room for one, else a tint; what the control does not count fades.
function drawTable(canvas, lane, t, f, control) {
  const ratio = devicePixelRatio || 1, room = canvas.parentElement.clientWidth * ratio, whole = Math.floor(room / lane.side);
  const framed = whole >= 4, size = framed ? whole * lane.side : Math.max(lane.side, Math.round(room));
  if (canvas.width !== size) canvas.width = canvas.height = size;
  canvas.style.width = canvas.style.height = `${size / ratio}px`;
  canvas.closest(".gb-grid").style.setProperty("--size", canvas.style.width);
  const ink = (c, alpha) => (c[0] | (c[1] << 8) | (c[2] << 16) | (Math.round(255 * alpha) << 24)) >>> 0;
  const task = rgb(canvas, `--gb-task-${lane.tasks[t]}`);
  const line = (getComputedStyle(canvas).color.match(/[\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
  const full = ink(task, 1), known = ink(task, framed ? 0.34 : 0.42), faded = ink(task, 0.14);
  const edge = ink(line, 0.26), knownEdge = ink(task, 0.6), tint = ink(line, 0.1);
  const cut = Array.from({ length: lane.side + 1 }, (_, i) => Math.round((i * size) / lane.side));
  const context = canvas.getContext("2d"), image = context.createImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer), now = lane.table(t, f);
  for (let row = 0, i = 0; row < lane.side; row++) {
    for (let col = 0; col < lane.side; col++, i++) {
      let colour = 0, border = 0;
      if (lane.trained[i]) {
        colour = now[i] ? known : framed ? 0 : tint;
        border = framed ? (now[i] ? knownEdge : edge) : 0;
      } else if (now[i]) colour = control && !lane.control[t][i] ? faded : full;
      if (!colour && !border) continue;
      // Where there is room, a pixel stays free on the right and below: cells read as cells.
      const gap = whole >= 6 ? 1 : 0, x0 = cut[col], x1 = cut[col + 1] - gap, y1 = cut[row + 1] - gap;
      for (let y = cut[row]; y < y1; y++) {
        const rim = border && (y === cut[row] || y === y1 - 1);
        pixels.fill(rim ? border : colour, y * size + x0, y * size + x1);
        if (border && !rim) pixels[y * size + x0] = pixels[y * size + x1 - 1] = border;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

function tableFigure(lane, t) {
  const canvas = html("canvas", { class: "gb-table", role: "img" });
  const low = lane.low, high = lane.low + lane.side - 1;
  const count = html("p", { class: "gb-count" });
  const el = html("figure", { class: "gb-state", "data-task": lane.tasks[t], style: `--task:var(--gb-task-${lane.tasks[t]});--task-text:var(--gb-text-${lane.tasks[t]})` },
    html("figcaption", { class: "gb-task" }, lane.titles[t]),
    html("div", { class: "gb-grid" },
      html("span", { class: "gb-axis-a", "aria-hidden": "true" }, html("i", {}, `a = ${low} … ${high}`)), html("div", { class: "gb-cells" }, canvas),
      html("span", { class: "gb-axis-b", "aria-hidden": "true" }, `b = ${low} … ${high}`)), count);
  const draw = (f, control, noun) => {
    const { right, count: n } = tally(lane, t, f, control);
    count.textContent = `${comma(right)} of ${comma(n)} ${noun} right`;
    canvas.setAttribute("aria-label", `Answers to ${lane.titles[t]} for every pair a, b from ${low} to ${high}: ${count.textContent}.`);
    drawTable(canvas, lane, t, f, control);
  };
  return { el, draw };
}

// ---- accuracy curves -------------------------------------------------------------------------

function scale(low, high, from, to) {
  const at = (x) => from + ((x - low) / (high - low || 1)) * (to - from);
  at.invert = (px) => low + ((px - from) / (to - from)) * (high - low);
  return at;
}

function ticksOf(high, count) {
  const raw = high / count, power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw) * power;
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => i * step);
}

function pathOf(xs, ys) {
  let d = "", pen = "M";
  xs.forEach((x, i) => {
    if (Number.isNaN(ys[i])) { pen = "M"; return; }
    d += `${pen}${x.toFixed(1)} ${ys[i].toFixed(1)}`;
    pen = "L";
  });
  return d;
}

// draw({lane, test, xOf, xLabel, xText, width, height, rule, reveal}); cursor(step). `reveal` hides what
// lies right of the cursor, so that a curve grows as it is played.
let clips = 0;
function curveChart({ height: tall, left = 46, right = 14, top = 12, bottom = 40, ticks = 5 }) {
  const root = svg("svg", { class: "gb-curves", height: tall, role: "img" });
  const clip = `gb-clip-${++clips}`;
  let now = null;
  function draw(options) {
    const { lane, test, xOf, xLabel, xText, width, rule, reveal, height = tall } = options;
    const x = scale(0, xOf(lane.last), left, width - right), y = scale(0, 1, height - bottom, top);
    now = { ...options, x, y };
    root.replaceChildren();
    fill(root, { viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": `Accuracy of ${lane.titles.join(", ")} over ${xLabel}, ${lane.label}` }, []);
    for (const v of height > 160 ? [0, 0.25, 0.5, 0.75, 1] : [0, 1]) {
      root.append(svg("line", { class: "gb-rule", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
        svg("text", { x: left - 7, y: y(v) + 4, "text-anchor": "end" }, `${100 * v} %`));
    }
    for (const v of ticksOf(xOf(lane.last), Math.max(2, Math.min(ticks, width / 90)))) {
      root.append(svg("line", { class: "gb-rule", x1: x(v), x2: x(v), y1: y(0), y2: y(0) + 5 }),
        svg("text", { x: clamp(x(v), 14, width - 18), y: height - bottom + 19, "text-anchor": "middle" }, xText(v)));
    }
    if (xLabel && bottom > 30) root.append(svg("text", { class: "gb-axis-title", x: width - right, y: height - 3, "text-anchor": "end" }, xLabel));
    if (rule) root.append(svg("line", { class: "gb-threshold", x1: left, x2: width - right, y1: y(rule), y2: y(rule) }));
    const xs = lane.steps.map((s) => x(xOf(s)));
    const lines = svg("g", reveal ? { "clip-path": `url(#${clip})` } : {});
    if (reveal) root.append(svg("clipPath", { id: clip }, svg("rect", { class: "gb-reveal", x: 0, y: 0, width, height })));
    lane.tasks.forEach((task, t) => {
      const style = `stroke:var(--gb-task-${task})`;
      lines.append(svg("path", { class: "gb-train", style, "stroke-dashoffset": t * 4.5, d: pathOf(xs, lane.train[t].map(y)) }),
        svg("path", { class: "gb-test", style, "data-task": task, d: pathOf(xs, test[t].map(y)) }));
    });
    root.append(lines, svg("line", { class: "gb-cursor", y1: top - 6, y2: height - bottom }));
    lane.tasks.forEach((task) => root.append(svg("circle", { class: "gb-dot", r: 4.5, style: `fill:var(--gb-task-${task})` })));
  }
  function cursor(step) {
    if (!now) return;
    const { lane, test, x, y, xOf } = now, held = Math.min(step, lane.last), at = x(xOf(held)), e = lane.at(held);
    fill(root.querySelector(".gb-cursor"), { x1: at, x2: at }, []);
    root.querySelector(".gb-reveal")?.setAttribute("width", at + 1);
    root.querySelectorAll(".gb-dot").forEach((dot, t) => fill(dot, { cx: at, cy: y(test[t][e] || 0), visibility: Number.isNaN(test[t][e]) ? "hidden" : "visible" }, []));
  }
  const stepAt = (event) => {
    if (!now) return 0;
    const box = root.getBoundingClientRect();
    const share = clamp(now.x.invert(((event.clientX - box.left) * now.width) / box.width) / now.xOf(now.lane.last), 0, 1);
    return share * now.lane.last;
  };
  return { el: root, draw, cursor, stepAt };
}

// ---- page ------------------------------------------------------------------------------------

// Calls back when the theme, the size or the paper changes; returns what switches it off.
function watch(el, redraw) {
  let queued = 0;
  const soon = () => { cancelAnimationFrame(queued); queued = requestAnimationFrame(redraw); };
  const theme = new MutationObserver(soon), size = new ResizeObserver(soon);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  size.observe(el);
  // On paper the light colours hold; canvases must be drawn again before the paper is laid out.
  const paper = matchMedia("print");
  paper.addEventListener("change", redraw);
  return () => { theme.disconnect(); size.disconnect(); paper.removeEventListener("change", redraw); };
}

// One pass of `seconds`, as a share 0..1. With reduced motion it is at its end at once.
function player(button, seconds, onShare, onRest) {
  let ticket = 0;
  const stop = () => { if (!ticket) return; cancelAnimationFrame(ticket); ticket = 0; show(); onRest?.(); };
  const show = () => { button.textContent = ticket ? "Pause" : "Play"; button.classList.toggle("gb-playing", !!ticket); };
  function start(from = 0) {
    if (calm.matches) { onShare(1); onRest?.(); return; }
    const begun = performance.now() - from * seconds * 1000;
    const tick = (time) => {
      const share = clamp((time - begun) / (seconds * 1000), 0, 1);
      onShare(share);
      if (share < 1) ticket = requestAnimationFrame(tick); else stop();
    };
    ticket = requestAnimationFrame(tick);
    show();
  }
  show();
  return { start, stop, get playing() { return !!ticket; } };
}

// State in the address, as a fragment that is also a valid selector ("#order.run-x.frame-3"):
// themes pass location.hash to querySelector. Written only after the reader has moved something.
function address(name, read) {
  let timer = 0;
  return {
    restore() {
      const parts = location.hash.slice(1).split(".");
      if (parts[0] !== name || parts.length < 2) return false;
      read(Object.fromEntries(parts.slice(1).map((part) => { const cut = part.indexOf("-"); return cut < 0 ? [part, true] : [part.slice(0, cut), part.slice(cut + 1)]; })));
      return true;
    },
    write(state) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const parts = Object.entries(state).filter(([, v]) => v !== false).map(([k, v]) => (v === true ? k : `${k}-${ident(v)}`));
        try { history.replaceState(history.state, "", "#" + [name, ...parts].join(".")); } catch { /* a sandboxed page keeps its address */ }
      }, 200);
    },
  };
}
const ident = (value) => String(value).replace(/[^\w-]/g, "_");
