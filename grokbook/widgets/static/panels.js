// Stacked charts over one time axis, on linear or logarithmic scales, with one cursor.

const POWERS = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];
const tenTo = (k) => {
  if (k >= 0 && k <= 3) return comma(10 ** k);
  if (k < 0 && k >= -2) return (10 ** k).toFixed(-k);
  return `10${k < 0 ? "⁻" : ""}${String(Math.abs(k)).split("").map((d) => POWERS[d]).join("")}`;
};

// A small number as 4.8 × 10⁻⁷.
function powerText(v) {
  if (!(v > 0)) return "0";
  const k = Math.floor(Math.log10(v));
  return k >= -2 ? v.toPrecision(2) : `${(v / 10 ** k).toFixed(1)}\u00a0×\u00a0${tenTo(k)}`;
}

function floatsOf(view) {
  const bytes = bytesOf(view).slice();
  return new Float32Array(bytes.buffer);
}
const wholesOf = (view) => Array.from(new Uint32Array(bytesOf(view).slice().buffer));

// Low and high of finite positive values, over all given series.
function rangeOf(series) {
  let low = Infinity, high = -Infinity;
  for (const values of series) {
    for (const v of values) if (Number.isFinite(v) && v > 0) { low = Math.min(low, v); high = Math.max(high, v); }
  }
  return low < high ? [low, high] : [0.1, 10];
}

// The scale of a logarithmic axis from whole power to whole power; nothing lies outside of it.
function logScale([low, high], from, to) {
  const a = Math.floor(Math.log10(low)), b = Math.max(a + 1, Math.ceil(Math.log10(high)));
  const line = scale(a, b, from, to);
  const at = (v) => (v > 0 ? line(clamp(Math.log10(v), a, b)) : from);
  const every = Math.max(1, Math.ceil((b - a) / 4));
  at.marks = [];
  for (let k = a; k <= b; k += every) at.marks.push(k);
  at.text = tenTo;
  at.of = (k) => line(k);
  return at;
}

// 1, 2 and 5 times the powers of ten in a range.
function roundMarks(low, high) {
  const marks = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) {
    for (const m of [1, 2, 5]) if (m * 10 ** k >= low && m * 10 ** k <= high) marks.push(m * 10 ** k);
  }
  return marks;
}

// A logarithmic axis that ends where the data do, for data within a power or two of ten.
function tightScale([low, high], from, to) {
  const line = scale(Math.log(low / 1.15), Math.log(high * 1.15), from, to);
  const at = (v) => (v > 0 ? line(Math.log(v)) : from);
  at.marks = roundMarks(low / 1.15, high * 1.15);
  at.text = (v) => (v >= 1 ? comma(v) : String(v));
  at.of = at;
  return at;
}

function shareScale(from, to) {
  const at = scale(0, 1, from, to);
  at.marks = [0, 0.5, 1];
  at.text = (v) => `${100 * v} %`;
  at.of = at;
  return at;
}

// A linear axis from 0; `text` writes its marks.
function upTo(high, text) {
  return (from, to) => {
    const at = scale(0, high, from, to);
    at.marks = ticksOf(high, 3);
    at.text = text;
    at.of = at;
    return at;
  };
}

// A triangle that points up, or where `turn` turns it: what was cut off goes on.
const tip3 = (x, y, r, turn = 0) => {
  const at = (k) => [x + r * Math.sin(turn + (k * 2 * Math.PI) / 3), y - r * Math.cos(turn + (k * 2 * Math.PI) / 3)];
  return `M${[0, 1, 2].map((k) => at(k).map((v) => v.toFixed(1)).join(" ")).join("L")}Z`;
};

// One chart: draw({width, xOf, last, scale: "share", [low, high] or upTo(high), tight, lines, bands,
// flags, marks, title}). A line is {xs, ys, kind, style, dots, bars: [lows, highs]}; a band {xs, low,
// high, kind}; a flag {step, kind, text}; a mark {step, value, kind, tip}.
function panel({ height, left = 52, right = 14, top = 22, bottom = 6, axis = null }) {
  const below = axis ? 38 : bottom;
  const root = svg("svg", { class: "gb-panel", role: "img" });
  let now = null;

  function drawAxes({ x, y, width, title }) {
    for (const v of y.marks) {
      root.append(svg("line", { class: "gb-rule", x1: left, x2: width - right, y1: y.of(v), y2: y.of(v) }),
        svg("text", { x: left - 7, y: y.of(v) + 4, "text-anchor": "end" }, y.text(v)));
    }
    root.append(svg("text", { class: "gb-panel-title", x: left, y: 13 }, title));
    if (!axis) return;
    const foot = height + top;
    for (const v of ticksOf(now.xOf(now.last), Math.max(2, Math.min(5, width / 90)))) {
      const place = { x: clamp(x(v), 14, width - 18), y: foot + 19, "text-anchor": "middle" };
      root.append(svg("line", { class: "gb-rule", x1: x(v), x2: x(v), y1: foot, y2: foot + 5 }),
        svg("text", place, now.xText(v)));
    }
    const end = { class: "gb-axis-title", x: width - right, y: foot + 35, "text-anchor": "end" };
    root.append(svg("text", end, now.xLabel));
  }

  function bandPath({ xs, low, high }, x, y) {
    const log = Array.isArray(now.scale);
    const kept = xs.map((_, i) => i).filter((i) => Number.isFinite(high[i]) && (high[i] > 0 || !log));
    const up = kept.map((i) => `${x(xs[i]).toFixed(1)} ${y(high[i]).toFixed(1)}`);
    const down = kept.map((i) => `${x(xs[i]).toFixed(1)} ${(low ? y(low[i]) : y.of(y.marks[0])).toFixed(1)}`);
    return kept.length ? `M${up.join("L")}L${down.reverse().join("L")}Z` : "";
  }

  function draw(options) {
    const { width, xOf, last, lines, bands = [], flags = [], marks = [], label } = options;
    const x = scale(0, xOf(last), left, width - right);
    const log = Array.isArray(options.scale), from = height + top;
    const linear = options.scale === "share" ? shareScale : options.scale;
    const y = log ? (options.tight ? tightScale : logScale)(options.scale, from, top) : linear(from, top);
    now = { ...options, x, y };
    const tall = height + top + below;
    root.replaceChildren();
    fill(root, { viewBox: `0 0 ${width} ${tall}`, width, height: tall, "aria-label": label });
    drawAxes(now);
    for (const band of bands) {
      root.append(svg("path", { class: band.kind || "gb-null", d: bandPath(band, (s) => x(xOf(s)), y) }));
    }
    for (const { xs, ys, kind, style, dots, bars } of lines) {
      const px = xs.map((step) => x(xOf(step)));
      const py = Array.from(ys, (v) => (v > 0 || !log ? y(v) : NaN));
      root.append(svg("path", { class: kind, style, d: pathOf(px, py) }));
      if (bars) {
        // What reaches out of the panel ends at its edge, below the title.
        const ends = bars.map((values) => Array.from(values, (v) => clamp(y(v), top, height + top)));
        px.forEach((at, i) => Number.isNaN(py[i]) ||
          root.append(svg("line", { class: `gb-bar-${kind}`, x1: at, x2: at, y1: ends[0][i], y2: ends[1][i] })));
      }
      if (dots) {
        px.forEach((at, i) => Number.isNaN(py[i]) ||
          root.append(svg("circle", { class: "gb-hollow", cx: at.toFixed(1), cy: py[i].toFixed(1), r: 2.4 })));
      }
    }
    for (const { step, kind, style, text } of flags) {
      const place = x(xOf(step));
      root.append(svg("line", { class: kind, style, x1: place, x2: place, y1: top - 4, y2: height + top }));
      if (kind === "gb-flag") root.append(svg("path", { class: "gb-pennant", d: `M${place} ${top - 4}l11 5-11 5z` }));
      if (text) {
        const near = place > width - 150, anchor = near ? "end" : "start", out = kind === "gb-flag" ? 14 : 5;
        const at = { x: place + (near ? -5 : out), y: kind === "gb-grok" ? 13 : top + 10, "text-anchor": anchor };
        const said = svg("text", { class: `${kind}-text`, style, ...at }, text);
        root.append(said);
        // Beside the title, or below it where both have no room.
        const end = left + root.querySelector(".gb-panel-title").getComputedTextLength() + 8;
        if (at.x - (near ? said.getComputedTextLength() : 0) < end) said.setAttribute("y", top + 12);
      }
    }
    for (const { step, value, kind, tip } of marks) {
      const cx = x(xOf(step)), cy = y(value);
      root.append(tip ? svg("path", { class: kind, d: tip3(cx, cy, 6) })
        : svg("circle", { class: kind, cx: cx.toFixed(1), cy: cy.toFixed(1), r: 4.5 }));
    }
    root.append(svg("line", { class: "gb-cursor", y1: top - 6, y2: height + top }));
  }

  function cursor(step) {
    if (!now) return;
    const at = now.x(now.xOf(Math.min(step, now.last)));
    fill(root.querySelector(".gb-cursor"), { x1: at, x2: at });
  }
  function stepAt(event) {
    const box = root.getBoundingClientRect();
    const value = now.x.invert(((event.clientX - box.left) * now.width) / box.width);
    return clamp(value / now.xOf(now.last), 0, 1) * now.last;
  }
  return { el: root, draw, cursor, stepAt };
}

// Panels above one another with one tip; `words(step)` says what is there, a click goes there.
function stackOf(charts, words, goTo) {
  const tip = html("div", { class: "gb-tip", hidden: true });
  const el = html("div", { class: "gb-plot gb-stack" }, ...charts.map((chart) => chart.el), tip);
  for (const chart of charts) {
    chart.el.addEventListener("click", (event) => goTo(chart.stepAt(event)));
    chart.el.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      tip.replaceChildren(...words(chart.stepAt(event)));
      tip.hidden = false;
      const box = el.getBoundingClientRect(), left = event.clientX - box.left + 14;
      tip.style.left = `${clamp(left, 0, Math.max(0, box.width - tip.offsetWidth))}px`;
      tip.style.top = `${event.clientY - box.top + 16}px`;
    });
  }
  el.addEventListener("pointerleave", () => { tip.hidden = true; });
  return el;
}
