// Surgeries as Python packs them (surgeries.py), and what the explorable shows of them.

// What the free coordinate of a cut is: its axis, and a depth in words.
const DEPTHS = {
  scale: { axis: "scale s", text: (v) => `s = ${v}` },
  share: {
    axis: "share of entries kept", text: (v) => `${+(100 * v).toPrecision(3)} % kept`, mark: (v) => `${100 * v} %`,
  },
  rank: { axis: "rank kept", text: (v) => `rank ${v}` },
  directions: { axis: "directions k", text: (v) => `k = ${v}` },
};
const NAMES = {
  cuts: {
    published: "as published, θ₀ + C(Δ)", control: "on the weights, C(θ)", other: "as published, another seed's θ₀",
  },
  directions: { published: "the whole path", control: "without its end", other: "own first, the rest random" },
};
const namesOf = (kind) => NAMES[kind === "directions" ? "directions" : "cuts"];

function cutOf(raw, tasks, lane) {
  const at = Array.from(floatsOf(raw.at), (v) => +v.toPrecision(6)), n = at.length;
  const each = (group, make) => Object.fromEntries(Object.entries(raw[group]).map(([k, v]) => [k, make(floatsOf(v))]));
  const rows = (values) => Array.from({ length: values.length / n }, (_, i) => values.subarray(i * n, (i + 1) * n));
  const cut = {
    at, n, accuracy: each("accuracy", rows), change: each("change", (v) => v), noise: each("noise", rows),
    spectrum: each("spectrum", (v) => v), answered: Object.keys(raw.tables).length > 0,
  };
  const tables = {};
  // A lane as the answer tables know it.
  cut.lane = (line) => ({
    ...lane, table: (t, f) => (tables[line] ??= tablesOf(raw.tables[line], tasks.length, n, lane.cells))[t][f],
  });
  return cut;
}

function surgeryOf(raw) {
  const cells = raw.side * raw.side, { tasks, titles, low, side } = raw;
  const lane = { tasks, titles, low, side, cells, trained: bitsOf(raw.trained, cells) };
  const cuts = Object.fromEntries(Object.entries(raw.cuts).map(([kind, cut]) => [kind, cutOf(cut, tasks, lane)]));
  // In the knob's order, whatever that of a saved page is.
  const ways = Object.keys(DEPTHS).filter((kind) => kind in cuts);
  return { ...raw, cuts, ways };
}

function stateOf(model) {
  const get = (key) => model.get(key), surgeries = get("surgeries").map(surgeryOf), openings = get("openings");
  const state = {
    get, surgeries, openings,
    get run() { return surgeries[get("run")]; },
    // A run that was not cut so shows the first way in which it was.
    get kind() { return get("cut") in state.run.cuts ? get("cut") : state.run.ways[0]; },
    get cut() { return state.run.cuts[state.kind]; },
    get frame() { return clamp(get("frame"), 0, state.cut.n - 1); },
    get control() { return get("control"); },
    get line() { return state.control ? "control" : "published"; },
    // Of the depth at the slider.
    get sentence() {
      const said = get("sentences")[state.kind + (state.control ? "+control" : "")];
      return said[nearest(get("depths")[state.kind], state.cut.at[state.frame])];
    },
    opening: (cut, kind) => nearest(cut.at, openings[kind]),
  };
  return state;
}

function nearest(at, value) {
  const gap = (i) => Math.abs(at[i] - value);
  return at.reduce((best, _, i) => (gap(i) < gap(best) ? i : best), 0);
}

const viewOf = ({ get, run, kind }) =>
  ({ run: run.run, cut: kind, frame: get("frame"), control: get("control") });

function changesOf(state, said) {
  const changes = changesIn(said, state.surgeries, 999, ["control"]);
  if (said.cut in DEPTHS) changes.cut = said.cut;
  return changes;
}
