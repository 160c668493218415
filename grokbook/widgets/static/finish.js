// The photo finish: one row a run, a tick where each task has finished.

const TRACK = 44;

// A lane's result in words: who was first, by how much, who never came in.
function resultOf(lane, steps) {
  const done = steps.map((step, t) => ({ step, t })).filter((x) => x.step !== null).sort((a, b) => a.step - b.step);
  const never = lane.titles.filter((_, t) => steps[t] === null);
  if (!done.length) return `never within ${comma(lane.last)} steps`;
  if (never.length) return `${never.join(", ")} never within ${comma(lane.last)} steps`;
  if (done.length === 1) return `at ${comma(done[0].step)}`;
  if (done[0].step === done[1].step) return `tie at ${comma(done[0].step)}`;
  return `${lane.titles[done[0].t]} first, by ${comma(done[1].step - done[0].step)} steps`;
}

// One row a run. Each task has its own band, so ticks never hide one another: a tie is one
// unbroken bar, a lead is a slant.
function laneRow(lane, index, pick) {
  const track = svg("svg", { class: "gb-track", height: TRACK, "aria-hidden": "true" });
  const result = html("span", { class: "gb-result" });
  const el = html("div", { class: "gb-lane", role: "radio", tabindex: -1, "data-run": lane.run },
    html("span", { class: "gb-who" }, html("i", { class: "gb-decay", style: `--weak:${lane.ink[0]};--strong:${lane.ink[1]}` }),
      html("span", {}, lane.label, html("small", {}, lane.setting))), track, result);
  el.addEventListener("click", () => pick(index));
  let x, xOf;
  function draw({ width, at, clock, threshold, control, tau }) {
    x = at; xOf = clock;
    track.replaceChildren();
    fill(track, { viewBox: `0 0 ${width} ${TRACK}`, width }, []);
    const steps = lane.crossed(threshold, control), band = (TRACK - 8) / lane.tasks.length;
    const still = tau && lane.decay === 0, end = x(xOf(lane, lane.last));
    track.append(svg("line", { class: "gb-rule", x1: 0, x2: still ? 0 : end, y1: TRACK - 2, y2: TRACK - 2 }));
    const test = control ? lane.held : lane.test;
    if (!still) lane.tasks.forEach((task, t) => track.append(svg("path", { class: "gb-spark", style: `stroke:var(--gb-task-${task})`,
      d: pathOf(lane.steps.map((s) => x(xOf(lane, s))), test[t].map((v) => TRACK - 4 - v * (TRACK - 8))) })));
    const ranked = steps.map((step, t) => ({ step, t })).filter((p) => p.step !== null && !still);
    for (let i = 1; i < ranked.length; i++) {
      const [a, b] = [ranked[i - 1], ranked[i]];
      track.append(svg("line", { class: "gb-lead", x1: x(xOf(lane, a.step)), x2: x(xOf(lane, b.step)), y1: 4 + band * (a.t + 1), y2: 4 + band * b.t }));
    }
    lane.tasks.forEach((task, t) => {
      const top = 4 + band * t, style = `--task:var(--gb-task-${task})`;
      if (still) return;
      if (steps[t] === null) {
        track.append(svg("path", { class: "gb-open", style, "data-task": task, d: `M${end - 6} ${top + band / 2 - 5}l6 5l-6 5` }));
      } else {
        track.append(svg("rect", { class: "gb-tick", style, "data-task": task, "data-step": steps[t], x: x(xOf(lane, steps[t])) - 2, y: top, width: 4, height: band }));
      }
    });
    track.append(svg("line", { class: "gb-cursor", y1: 0, y2: TRACK }));
    result.textContent = still ? "τ stays 0: no weight decay" : resultOf(lane, steps);
    const spoken = lane.titles.map((title, t) => `${title} ${steps[t] === null ? "never" : `at step ${comma(steps[t])}`}`);
    el.setAttribute("aria-label", `${lane.label}, ${lane.setting}: ${spoken.join(", ")}`);
  }
  const cursor = (value) => fill(track.querySelector(".gb-cursor"), { x1: x(value), x2: x(value) }, []);
  const choose = (on, focus) => {
    el.setAttribute("aria-checked", String(on));
    el.tabIndex = on ? 0 : -1;
    if (on && focus) el.focus();
  };
  return { el, draw, cursor, choose };
}
