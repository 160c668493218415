// Every run as a point: when it groks against its weight decay, both logarithmic. Under the control
// steps become τ = ηλt: on a logarithmic axis that is a shift, so the points slide.

const SLIDE = 500;

// A share that goes to 0 or 1 within half a second, without a bounce; at once with reduced motion.
function glide(onShare) {
  let share = null, ticket = 0;
  const stop = () => cancelAnimationFrame(ticket);
  function to(end) {
    stop();
    if (share === null || share === end || calm.matches) {
      share = end;
      onShare(share);
      return;
    }
    onShare(share);
    const from = share, begun = performance.now();
    const tick = (time) => {
      const s = clamp((time - begun) / SLIDE, 0, 1);
      share = from + (end - from) * s * s * (3 - 2 * s);
      onShare(share);
      if (s < 1) ticket = requestAnimationFrame(tick);
    };
    ticket = requestAnimationFrame(tick);
  }
  return { to, stop };
}

const SHAPES = {
  dual: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
  tri: "M0-6.2l5.8 10.4h-11.6z",
  exchanged: "M-4.8-4.8h9.6v9.6h-9.6z",
  other: "M-3-5.2h6l3 5.2-3 5.2h-6l-3-5.2z",
  published: "M0-6.6l6.6 6.6-6.6 6.6-6.6-6.6z",
};
const ARROW = "M0-8v-15m-4.5 6l4.5-6 4.5 6";
const shapeOf = (pace) => SHAPES[pace.exchanged ? "exchanged" : pace.setting] || SHAPES.other;
const nbsp = (text) => text.replaceAll(" ", "\u00a0");
const inkOf = ({ ink }) => `--weak:${ink[0]};--strong:${ink[1]}`;

function scatter(state, pick) {
  const root = svg("svg", { class: "gb-scatter", role: "img" }), note = html("figcaption", {}), clip = uniqueId();
  const keys = html("div", { class: "gb-legend" });
  const el = html("figure", { class: "gb-state" }, keys, root, note);
  const height = 430, top = 26, bottom = 46, left = 58, right = 12, foot = height - bottom;
  const rate = state.paces.find((pace) => !pace.exchanged)?.rate ?? state.paces[0].rate;
  const turn = glide(place);
  let points = [], x, y, ends, share = 0, named = [];

  // A time in units of 1/η: steps at share 0, τ/η at share 1.
  const timeOf = (pace, step, s) => step * ((pace.rate * pace.decay) / rate) ** s;
  const shownStep = (pace) => pace.grok ?? pace.last;
  const published = () => (state.published[state.pace.setting] || []).map(([decay, step]) => ({ decay, step, rate }));

  function scales(width) {
    const here = published(), some = [...state.paces.filter((pace) => pace.decay > 0), ...here];
    const decays = some.map((one) => one.decay), still = state.paces.some((pace) => pace.decay === 0);
    const times = [...state.paces, ...here].flatMap((one) => {
      const step = one.step ?? shownStep(one);
      return one.decay > 0 ? [step, timeOf(one, step, 1)] : [step];
    });
    const log = (low, high, from, to) => {
      const line = scale(Math.log(low), Math.log(high), from, to);
      return (v) => line(Math.log(v));
    };
    const from = left + (still ? 52 : 0), low = Math.min(...times) / 1.35, high = Math.max(...times) * 1.6;
    const weakest = decays.length ? Math.min(...decays) : 1, strongest = decays.length ? Math.max(...decays) : 1;
    const onX = log(weakest / 1.3, strongest * 1.3, from, width - right);
    const ends = [weakest / 1.3, strongest * 1.3];
    return { still, from, low, high, ends, decays: [...new Set(decays)].sort((a, b) => a - b),
      x: (decay) => (decay > 0 ? onX(decay) : left + 26), y: log(low, high, foot, top) };
  }

  function axes(width, { from, low, high, decays, still }) {
    const parts = [];
    named = roundMarks(low, high).map((v) => {
      const text = svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" });
      parts.push(svg("line", { class: "gb-rule", x1: left, x2: width - right, y1: y(v), y2: y(v) }), text);
      return [v, text];
    });
    let last = -Infinity;
    for (const decay of decays) {
      const at = x(decay);
      parts.push(svg("line", { class: "gb-rule", x1: at, x2: at, y1: foot, y2: foot + 5 }));
      if (at - last < 26) continue;
      parts.push(svg("text", { x: at, y: foot + 19, "text-anchor": "middle" }, String(decay)));
      last = at;
    }
    if (still) {
      parts.push(svg("line", { class: "gb-threshold", x1: from, x2: from, y1: top, y2: foot }),
        svg("text", { x: x(0), y: foot + 19, "text-anchor": "middle" }, "0"),
        svg("text", { class: "gb-still", x: x(0), y: foot - 10, "text-anchor": "middle" }, "τ = 0"));
    }
    const end = { class: "gb-axis-title", x: width - right, y: foot + 37, "text-anchor": "end" };
    parts.push(svg("text", end, "weight decay λ, log"));
    parts.push(svg("text", { class: "gb-time-title gb-panel-title", x: left, y: 14 }));
    return parts;
  }

  function mark(pace, i, dx) {
    const open = pace.grok === null, chosen = i === state.get("run");
    const g = svg("g", { class: "gb-run", "data-run": pace.run, "data-open": String(open), style: inkOf(pace) },
      chosen ? svg("circle", { class: "gb-ring", r: 10 }) : null,
      svg("path", { class: "gb-mark", d: shapeOf(pace) }), open ? svg("path", { class: "gb-up", d: ARROW }) : null,
      svg("title", {}, `${pace.title}: ${state.result(pace)}`));
    g.classList.toggle("gb-aside", pace.setting !== state.pace.setting);
    g.addEventListener("click", () => pick(i));
    return { pace, g, dx };
  }

  function draw() {
    const width = Math.max(260, el.clientWidth), laid = scales(width), here = published();
    x = laid.x;
    ends = laid.ends;
    y = laid.y;
    fill(root, { viewBox: `0 0 ${width} ${height}`, width, height });
    root.setAttribute("aria-label", `Step at which runs grok against weight decay. ${state.sentence}`);
    const inside = { x: laid.from, y: top, width: width - right - laid.from, height: foot - top };
    root.replaceChildren(svg("clipPath", { id: clip }, svg("rect", inside)),
      svg("path", { class: "gb-null gb-clock-band", "clip-path": `url(#${clip})` }), ...axes(width, laid),
      svg("line", { class: "gb-cursor", x1: left, x2: width - right }));
    const hollow = { class: "gb-theirs-mark", d: SHAPES.published };
    const theirs = here.map((one) => ({ pace: one, dx: 0, g: svg("path", hollow) }));
    const seen = {};
    const ours = state.paces.map((pace, i) => {
      const key = `${pace.setting} ${pace.decay} ${pace.rate}`, k = (seen[key] = (seen[key] ?? -1) + 1);
      const side = pace.exchanged ? 13 : pace.setting === "tri" ? 7 : -7;
      return mark(pace, i, side + (k % 3 - 1) * 3);
    });
    points = [...theirs, ...ours];
    root.append(...points.map(({ g }) => g));
    // The chosen one lies on top.
    const front = ours.find(({ pace }) => pace === state.pace);
    root.append(front.g);
    legend(here);
    turn.to(state.control ? 1 : 0);
  }

  function place(s) {
    share = s;
    const clock = state.clocks[state.pace.setting];
    for (const { pace, g, dx } of points) {
      const step = pace.step ?? shownStep(pace), still = pace.decay === 0;
      const at = y(still ? step : timeOf(pace, step, s));
      g.setAttribute("transform", `translate(${(x(pace.decay) + dx).toFixed(2)} ${at.toFixed(2)})`);
      if (still) g.style.opacity = 1 - s;
    }
    for (const [v, text] of named) text.textContent = s > 0.5 ? String(+(v * rate).toPrecision(3)) : comma(v);
    root.querySelector(".gb-time-title").textContent = s > 0.5 ? "τ = ηλt at grok, log" : "grok step, log";
    const standing = root.querySelector(".gb-still");
    if (standing) standing.style.opacity = s;
    const band = root.querySelector(".gb-clock-band");
    band.style.opacity = clock ? s : 0;
    if (clock) {
      const on = (tau, decay) => y((tau / rate) * decay ** (s - 1));
      const corner = (tau, decay) => `${x(decay).toFixed(1)} ${on(tau, decay).toFixed(1)}`;
      const [, low, high] = clock;
      band.setAttribute("d", `M${corner(high, ends[0])}L${corner(high, ends[1])}`
        + `L${corner(low, ends[1])}L${corner(low, ends[0])}Z`);
    }
    cursor(state.step);
  }

  function legend(here) {
    const key = (shape, text, kind = "gb-mark") => html("span", { class: "gb-key" },
      svg("svg", { class: "gb-sample", width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" },
        svg("path", { class: kind, d: shape })), text);
    const settings = [...new Set(state.paces.filter((pace) => !pace.exchanged).map((pace) => pace.setting))];
    const shown = settings.map((name) => key(SHAPES[name] || SHAPES.other, name, "gb-mark gb-plain-mark"));
    shown.push(key(SHAPES.exchanged, "another η", "gb-mark gb-plain-mark"));
    if (here.length) shown.push(key(SHAPES.published, "published mean", "gb-theirs-mark"));
    const clock = state.clocks[state.pace.setting];
    if (state.control && clock) {
      const text = `a clock, set by ${clock[4]} runs at λ = ${clock[3]}`;
      shown.push(html("span", { class: "gb-key" }, html("i", { class: "gb-chip gb-band" }), text));
    }
    keys.replaceChildren(...shown);
  }

  function cursor(step) {
    const { pace, control } = state, still = pace.decay === 0;
    const now = still && share > 0 ? null : timeOf(pace, Math.max(step, 1), share);
    const line = root.querySelector(".gb-cursor");
    if (!line) return;
    const at = now === null ? foot : clamp(y(now), top, foot);
    fill(line, { y1: at, y2: at, visibility: now === null ? "hidden" : "visible" });
    let done = 0;
    for (const { pace: one, g } of points) {
      if (one.step !== undefined) continue;
      const gone = one.grok !== null && (now === null || timeOf(one, one.grok, control ? 1 : 0) <= state.now(step));
      g.classList.toggle("gb-gone-by", gone);
      done += gone;
    }
    const when = control ? `τ = ${state.pace.tau(step).toFixed(2)}` : `step ${comma(step)}`;
    const said = control && still ? "Of this run τ stays 0, so the cursor shows nothing."
      : `By ${when}, ${done} of ${state.paces.length} runs have grokked. ↑ an open end: cut off before.`;
    note.replaceChildren(html("span", {}, said), ...(state.notes.exchange ? [" ", noteOf(state.notes.exchange)] : []));
    root.dataset.done = done;
  }
  return { el, draw, cursor, stop: turn.stop };
}

// A note in which what stands in backquotes is code.
function noteOf(text) {
  const parts = text.split("`").map((part, i) => (i % 2 ? html("code", {}, part) : part));
  return html("span", { class: "gb-lack" }, ...parts);
}
