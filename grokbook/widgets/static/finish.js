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

function finishList(lanes, chosen, pick) {
  const list = rowList(lanes.map((lane, i) => laneRow(lane, () => pick(i))), chosen, pick);
  function draw({ clock, name, label, ...options }) {
    const ends = lanes.map((lane) => clock(lane, lane.last)).filter((v) => v > 0);
    list.draw((width) => {
      const { log, at, marks } = finishAxis(ends, width);
      return { at, marks, xLabel: name + (log ? " (log)" : ""), xText: label };
    }, (row, place) => row.draw({ ...place, clock, ...options }));
  }
  return { el: list.el, draw, cursor: list.cursor };
}
