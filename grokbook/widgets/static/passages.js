// Passages as Python packs them (passages.py): one run of the sixth chapter.

// Column k of rows of K.
const column = (values, count, k, K = 4) => Float32Array.from({ length: count }, (_, i) => values[i * K + k]);

function passageOf(raw, frames, options) {
  const { bars, kinds, most } = options, steps = wholesOf(raw.steps), ends = wholesOf(raw.ends);
  const E = steps.length, n = ends.length;
  const curve = sharesOf(raw.curve), shares = sharesOf(raw.shares), cosines = sharesOf(raw.cosines);
  const ablated = wholesOf(raw.ablated), a = ablated.length, changes = floatsOf(raw.changes);
  const swept = wholesOf(raw.swept), c = swept.length, sizes = floatsOf(raw.sizes), along = sharesOf(raw.along);
  const probed = wholesOf(raw.probed), p = probed.length, probes = floatsOf(raw.probes);
  const pair = (list, i, width) => [0, 1].map((half) =>
    list.subarray((2 * i + half) * width, (2 * i + half + 1) * width));
  const passage = {
    ...raw, steps, ends, ablated, swept, probed,
    last: steps[E - 1],
    accuracy: curve.subarray(0, E), fair: curve.subarray(E),
    share: (form, k) => column(shares.subarray(form * 4 * n), n, k),
    chance: [0, 1].map((side) => column(shares.subarray(8 * n), n, side, 2)),
    cosine: (form, which, k) => column(cosines.subarray((3 * form + which) * 4 * n), n, k),
    changes: Object.fromEntries(bars.map((bar, i) => [bar, pair(changes, i, a)])),
    removed: changes.subarray(2 * bars.length * a, (2 * bars.length + 1) * a),
    alone: changes.subarray((2 * bars.length + 1) * a),
    probes: Object.fromEntries(kinds.map((kind, i) => [kind, pair(probes, i, p)])),
  };
  // One curve: |ε| and accuracy up to the last that was swept, with random directions' beside it.
  passage.curve = (i, k) => {
    const from = (4 * i + k) * most, all = Array.from(sizes.subarray(from, from + most));
    const count = all.filter((v) => !Number.isNaN(v)).length, at = 4 * c * most + 2 * (4 * i + k);
    const off = 4 * c * most + 2 * i * most;
    return {
      sizes: all.slice(0, count), values: Array.from(along.subarray(from, from + count)),
      drift: all.slice(0, count).map((_, j) => [along[off + j], along[off + most + j]]),
      sigma: sizes[at], along: sizes[at + 1],
    };
  };
  passage.index = (list, step) => Math.max(0, list.findLastIndex((x) => x <= step));
  passage.end = endFrame(frames, passage.last);
  return passage;
}
