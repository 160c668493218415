// The photo finish: one row a run, a tick where each task has finished.

const TRACK = 44;

// A lane's result in words: who was first, by how much, who never came in.
function resultOf(lane, steps) {
  const done = steps.map((step, t) => ({ step, t })).filter((one) => one.step !== null);
  done.sort((a, b) => a.step - b.step);
  const never = lane.titles.filter((_, t) => steps[t] === null);
  if (!done.length) return `never within ${comma(lane.last)} steps`;
  if (never.length) return `${never.join(", ")} never within ${comma(lane.last)} steps`;
  if (done.length === 1) return `at ${comma(done[0].step)}`;
  if (done[0].step === done[1].step) return `tie at ${comma(done[0].step)}`;
  return `${lane.titles[done[0].t]} first, by ${comma(done[1].step - done[0].step)} steps`;
}

// Each task has its own band of the track, so ticks never hide one another: a tie is one unbroken
// bar, a lead is a slant.
function drawTrack(track, lane, steps, test, x) {
  const band = (TRACK - 8) / lane.tasks.length, top = (t) => 4 + band * t, end = x(lane.last);
  const height = (v) => TRACK - 4 - v * (TRACK - 8), xs = lane.steps.map(x);
  track.append(svg("line", { class: "gb-rule", x1: 0, x2: end, y1: TRACK - 2, y2: TRACK - 2 }));
  lane.tasks.forEach((task, t) => {
    const style = `stroke:var(--gb-task-${task})`;
    track.append(svg("path", { class: "gb-spark", style, d: pathOf(xs, test[t].map(height)) }));
  });
  const done = lane.tasks.map((_, t) => t).filter((t) => steps[t] !== null);
  done.slice(1).forEach((t, i) => {
    const from = done[i], slant = { x1: x(steps[from]), x2: x(steps[t]), y1: top(from + 1), y2: top(t) };
    track.append(svg("line", { class: "gb-lead", ...slant }));
  });
  lane.tasks.forEach((task, t) => {
    const own = { style: `--task:var(--gb-task-${task})`, "data-task": task };
    if (steps[t] === null) {
      const arrow = `M${end - 6} ${top(t) + band / 2 - 5}l6 5l-6 5`;
      track.append(svg("path", { class: "gb-open", ...own, d: arrow }));
    } else {
      const place = { x: x(steps[t]) - 2, y: top(t), width: 4, height: band };
      track.append(svg("rect", { class: "gb-tick", ...own, "data-step": steps[t], ...place }));
    }
  });
}

function laneRow(lane, pick) {
  const { el, track, result, choose } = choiceRow(lane, TRACK, pick);
  let x;
  function draw({ width, at, clock, rule, control, tau }) {
    x = at;
    track.replaceChildren();
    fill(track, { viewBox: `0 0 ${width} ${TRACK}`, width });
    // Without decay τ stays 0, and there is nothing to draw on its axis.
    const steps = lane.crossed(rule, control), still = tau && lane.decay === 0;
    if (!still) drawTrack(track, lane, steps, control ? lane.control : lane.test, (step) => x(clock(lane, step)));
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: TRACK }));
    result.textContent = still ? "τ stays 0: no weight decay" : resultOf(lane, steps);
    const ends = lane.titles.map((title, t) =>
      `${title} ${steps[t] === null ? "never" : `at step ${comma(steps[t])}`}`);
    el.setAttribute("aria-label", `${lane.label}, ${lane.setting}: ${ends.join(", ")}`);
  }
  const cursor = (value) => fill(track.querySelector(".gb-cursor"), { x1: x(value), x2: x(value) });
  return { el, track, draw, cursor, choose };
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

// All rows over one axis, as a group of which one is chosen by pointer or arrow keys.
function finishList(lanes, chosen, pick) {
  const rows = lanes.map((lane, i) => laneRow(lane, () => pick(i)));
  const axis = svg("svg", { class: "gb-lane-axis", height: 36, "aria-hidden": "true" });
  const el = choiceList(rows, axis, chosen, pick);
  function draw({ clock, name, label, ...options }) {
    const width = Math.max(120, rows[0].track.getBoundingClientRect().width);
    const ends = lanes.map((lane) => clock(lane, lane.last)).filter((v) => v > 0);
    const { log, at, marks } = finishAxis(ends, width);
    const title = { class: "gb-axis-title", x: width, y: 31, "text-anchor": "end" };
    axis.replaceChildren(svg("text", title, name + (log ? " (log)" : "")), ...marks.map((v) =>
      svg("text", { x: clamp(at(v), 16, width - 22), y: 14, "text-anchor": "middle" }, label(v))));
    fill(axis, { viewBox: `0 0 ${width} 36`, width });
    rows.forEach((row, i) => {
      row.choose(i === chosen());
      row.draw({ width, at, clock, ...options });
    });
  }
  const cursor = (value) => rows.forEach((row) => row.cursor(value));
  return { el, draw, cursor };
}
