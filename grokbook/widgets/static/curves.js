// Accuracy curves: scales, ticks and one chart with a cursor.

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

// Runs of very different length share a logarithmic axis, which then says so.
function finishAxis(ends, width) {
  const high = Math.max(...ends), shortest = Math.min(...ends), pad = 6;
  if (high / shortest <= 5) {
    return { log: false, at: scale(0, high, pad, width - pad), marks: ticksOf(high, Math.max(2, width / 110)) };
  }
  const low = shortest / 100, line = scale(Math.log10(low), Math.log10(high), pad, width - pad);
  const first = Math.ceil(Math.log10(low)), powers = Array.from({ length: 9 }, (_, k) => 10 ** (first + k));
  return { log: true, at: (v) => line(Math.log10(Math.max(v, low))), marks: powers.filter((v) => v <= high) };
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

let clips = 0;

// draw({lane, test, xOf, xLabel, xText, width, height, rule, reveal}); cursor(step). `rule` is the
// accuracy to mark; `reveal` hides what lies right of the cursor, so that a curve grows as it is played.
function curveChart({ height: tall, left = 46, right = 14, top = 12, bottom = 40, ticks = 5 }) {
  const root = svg("svg", { class: "gb-curves", height: tall, role: "img" });
  const clip = `gb-clip-${++clips}`;
  let now = null;
  const line = (kind, x1, x2, y1, y2) => svg("line", { class: kind, x1, x2, y1, y2 });
  const text = (attrs, words) => svg("text", attrs, words);

  function drawAxes({ lane, xOf, xLabel, xText, width, height, rule, x, y }) {
    for (const v of height > 160 ? [0, 0.25, 0.5, 0.75, 1] : [0, 1]) {
      root.append(line("gb-rule", left, width - right, y(v), y(v)),
        text({ x: left - 7, y: y(v) + 4, "text-anchor": "end" }, `${100 * v} %`));
    }
    for (const v of ticksOf(xOf(lane.last), Math.max(2, Math.min(ticks, width / 90)))) {
      const place = { x: clamp(x(v), 14, width - 18), y: height - bottom + 19, "text-anchor": "middle" };
      root.append(line("gb-rule", x(v), x(v), y(0), y(0) + 5), text(place, xText(v)));
    }
    const end = { class: "gb-axis-title", x: width - right, y: height - 3, "text-anchor": "end" };
    if (xLabel && bottom > 30) root.append(text(end, xLabel));
    if (rule) root.append(line("gb-threshold", left, width - right, y(rule), y(rule)));
  }

  function drawLines({ lane, test, xOf, width, height, reveal, x, y }) {
    const xs = lane.steps.map((step) => x(xOf(step)));
    const lines = svg("g", reveal ? { "clip-path": `url(#${clip})` } : {});
    const shown = svg("rect", { class: "gb-reveal", x: 0, y: 0, width, height });
    if (reveal) root.append(svg("clipPath", { id: clip }, shown));
    lane.tasks.forEach((task, t) => {
      const style = `stroke:var(--gb-task-${task})`, train = pathOf(xs, lane.train[t].map(y));
      lines.append(svg("path", { class: "gb-train", style, "stroke-dashoffset": t * 4.5, d: train }),
        svg("path", { class: "gb-test", style, "data-task": task, d: pathOf(xs, test[t].map(y)) }));
    });
    root.append(lines, svg("line", { class: "gb-cursor", y1: top - 6, y2: height - bottom }));
    for (const task of lane.tasks) {
      root.append(svg("circle", { class: "gb-dot", r: 4.5, style: `fill:var(--gb-task-${task})` }));
    }
  }

  function draw(options) {
    const { lane, xOf, xLabel, width, height = tall } = options;
    const x = scale(0, xOf(lane.last), left, width - right), y = scale(0, 1, height - bottom, top);
    now = { ...options, height, x, y };
    const label = `Accuracy of ${lane.titles.join(", ")} over ${xLabel}, ${lane.label}`;
    root.replaceChildren();
    fill(root, { viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": label });
    drawAxes(now);
    drawLines(now);
  }

  function cursor(step) {
    if (!now) return;
    const { lane, test, x, y, xOf } = now, last = Math.min(step, lane.last), at = x(xOf(last)), e = lane.at(last);
    fill(root.querySelector(".gb-cursor"), { x1: at, x2: at });
    root.querySelector(".gb-reveal")?.setAttribute("width", at + 1);
    root.querySelectorAll(".gb-dot").forEach((dot, t) => {
      const visibility = Number.isNaN(test[t][e]) ? "hidden" : "visible";
      fill(dot, { cx: at, cy: y(test[t][e] || 0), visibility });
    });
  }

  function stepAt(event) {
    if (!now) return 0;
    const { x, xOf, lane, width } = now, box = root.getBoundingClientRect();
    const value = x.invert(((event.clientX - box.left) * width) / box.width);
    return clamp(value / xOf(lane.last), 0, 1) * lane.last;
  }
  return { el: root, draw, cursor, stepAt };
}
