// Lanes as Python packs them (packing.py), and the tables of right and wrong answers.

function bytesOf(view) {
  if (view instanceof ArrayBuffer) return new Uint8Array(view);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

// Shares as 16 bits each; the highest code is a share of nothing.
function sharesOf(view) {
  const data = bytesOf(view), out = new Float64Array(data.length / 2);
  for (let i = 0; i < out.length; i++) {
    const code = data[2 * i] | (data[2 * i + 1] << 8);
    out[i] = code === 65535 ? NaN : code / 65534;
  }
  return out;
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

// The frame at which a run is over; the last one if it is longer than all.
function endFrame(frames, last) {
  const end = frames.findIndex((step) => step >= last);
  return end < 0 ? frames.length - 1 : end;
}

// The moment and what each table counts, in words.
const countsOf = (text, lane, tables) => [text, ...tables.map(({ el }, t) =>
  `${lane.titles[t]}: ${el.querySelector(".gb-count").textContent}`)].join("; ");

function laneOf(raw, frames) {
  const T = raw.tasks.length, cells = raw.side * raw.side;
  const s = bytesOf(raw.steps), curves = sharesOf(raw.curves);
  const word = (data, i) => data[2 * i] | (data[2 * i + 1] << 8);
  const steps = Array.from({ length: s.length / 4 }, (_, i) => word(s, 2 * i) + 65536 * word(s, 2 * i + 1));
  const curve = (kind, t) => Array.from(steps, (_, e) => curves[(kind * T + t) * steps.length + e]);
  const each = (make) => raw.tasks.map((_, t) => make(t));
  const twinless = bitsOf(raw.twinless, T * cells);
  const lane = {
    ...raw, steps, cells,
    last: steps[steps.length - 1],
    train: each((t) => curve(0, t)),
    test: each((t) => curve(1, t)),
    control: each((t) => curve(2, t)),
    trained: bitsOf(raw.trained, cells),
    twinless: each((t) => twinless.subarray(t * cells, (t + 1) * cells)),
  };
  let tables;
  lane.table = (t, f) => (tables ??= tablesOf(raw.tables, T, frames.length, cells))[t][f];
  lane.tau = (step) => lane.rate * lane.decay * step;
  lane.crossed = (rule, control) => (control ? raw.controlCrossings : raw.crossings)[rule];
  // The evaluation that is in force at a step: the last one at or before it.
  lane.at = (step) => Math.max(0, steps.findLastIndex((x) => x <= step));
  lane.end = endFrame(frames, lane.last);
  return lane;
}

// How many pairs count, and how many of them are right; with the control only twinless pairs count.
function tally(lane, t, f, control) {
  const now = lane.table(t, f), mask = control ? lane.twinless[t] : null;
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
  const ratio = devicePixelRatio || 1, room = canvas.parentElement.clientWidth * ratio;
  const whole = Math.floor(room / lane.side), framed = whole >= 4;
  const size = framed ? whole * lane.side : Math.max(lane.side, Math.round(room));
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
      } else if (now[i]) colour = control && !lane.twinless[t][i] ? faded : full;
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
  const task = lane.tasks[t], low = lane.low, high = lane.low + lane.side - 1;
  const canvas = html("canvas", { class: "gb-table", role: "img" });
  const count = html("p", { class: "gb-count" });
  const down = html("span", { class: "gb-axis-a", "aria-hidden": "true" }, html("i", {}, `a = ${low} … ${high}`));
  const across = html("span", { class: "gb-axis-b", "aria-hidden": "true" }, `b = ${low} … ${high}`);
  const style = `--task:var(--gb-task-${task});--task-text:var(--gb-text-${task})`;
  const el = html("figure", { class: "gb-state", "data-task": task, style },
    html("figcaption", { class: "gb-task" }, lane.titles[t]),
    html("div", { class: "gb-grid" }, down, html("div", { class: "gb-cells" }, canvas), across), count);
  function draw(f, control, noun) {
    const { right, count: n } = tally(lane, t, f, control);
    count.textContent = `${comma(right)} of ${comma(n)} ${noun} right`;
    canvas.setAttribute("aria-label",
      `Answers to ${lane.titles[t]} for every pair a, b from ${low} to ${high}: ${count.textContent}.`);
    drawTable(canvas, lane, t, f, control);
  }
  return { el, draw };
}
