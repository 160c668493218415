// State at the cursor of the sixth chapter: a network along its edge, without it, and what a probe reads.

const KINDS = [["linear", "linear"], ["quadratic", "products of two"], ["mlp", "one hidden layer"]];
const REMOVALS = [["taken out", "the edge"], ["random", "random, as published"],
  ["random, equal norm", "random, equal norm"], ["scaled, equal norm", "all, equal norm"],
  ["scaled, equal distance", "all, equal distance"], ["start, equal distance", "along the start"],
  ["learned, equal distance", "along the learned"]];
const AS_PUBLISHED = 2, NEAR = 0.03;

const known = (v) => v !== undefined && !Number.isNaN(v);
// A sign only where a digit is left beside it: no −0.0.
function points(v) {
  if (!known(v)) return "–";
  const text = Math.abs(100 * v).toFixed(1);
  return (Number(text) === 0 ? "" : v > 0 ? "+" : "−") + text;
}
const share = (v) => (known(v) ? `${(100 * v).toFixed(1)}\u00a0%` : "–");

// A figure whose drawing follows the last measured step at or before the cursor.
function measuredFigure(state, title, stepsOf, drawAt) {
  const root = svg("svg", { class: "gb-strip", role: "img" }), note = html("figcaption", {});
  const el = html("figure", { class: "gb-state" }, html("b", { class: "gb-strip-title" }, title), root, note);
  let shown = -2;
  function cursor(step) {
    const steps = stepsOf(state.passage), i = steps.findLastIndex((x) => x <= step);
    if (i === shown) return;
    shown = i;
    root.replaceChildren();
    if (i < 0) {
      fill(root, { viewBox: "0 0 10 10", width: 10, height: 10, "aria-label": "" });
      note.textContent = steps.length ? `Measured from step ${comma(steps[0])} on.` : state.notes.measured;
      return;
    }
    const width = Math.max(250, el.clientWidth);
    note.textContent = drawAt(root, i, width, comma(steps[i]));
    root.setAttribute("aria-label", note.textContent);
  }
  return { el, draw: () => { shown = -2; }, cursor };
}

const line = (kind, x1, x2, y1, y2) => svg("line", { class: kind, x1, x2, y1, y2 });
const words = (attrs, text) => svg("text", attrs, text);

// Of which strings an accuracy is: one of a few is not that of all.
const readOn = ({ swept, ablated }) => (swept === undefined ? ""
  : ` Read on the first ${comma(swept)} test strings, the bars on ${comma(ablated)}; tables of the page read all.`);

// Accuracy from a touch to full removal along one direction.
function removalCurve(state) {
  return measuredFigure(state, "From a touch to full removal", (c) => c.swept, (root, i, width, at) => {
    const { passage: c, control } = state, k = state.get("direction") - 1, tall = 128, left = 46, right = 16, top = 10;
    const { sizes, values, drift, sigma, along } = c.curve(i, k);
    if (!sizes.length) {
      fill(root, { viewBox: "0 0 10 10", width: 10, height: 10 });
      return `At step ${at} the window has no v${k + 1}.`;
    }
    const x = logScale([sizes[0], sizes[sizes.length - 1]], left, width - right), y = shareScale(tall + top, top);
    const foot = tall + top, place = { "text-anchor": "middle", y: foot + 17 };
    fill(root, { viewBox: `0 0 ${width} ${foot + 38}`, width, height: foot + 38 });
    for (const v of y.marks) {
      root.append(line("gb-rule", left, width - right, y(v), y(v)),
        words({ x: left - 7, y: y(v) + 4, "text-anchor": "end" }, y.text(v)));
    }
    for (const m of x.marks) {
      root.append(line("gb-rule", x.of(m), x.of(m), foot, foot + 4),
        words({ ...place, x: clamp(x.of(m), left + 14, width - right - 6) }, tenTo(m)));
    }
    root.append(words({ class: "gb-axis-title", x: width - right, y: foot + 34, "text-anchor": "end" },
      `ε taken from θ along v${"₁₂₃₄"[k]}, log`));
    if (control && k === 0) {
      const high = drift.map(([mean, sd]) => y(clamp(mean + 2 * sd, 0, 1)));
      const low = drift.map(([mean, sd]) => y(clamp(mean - 2 * sd, 0, 1)) + 2);
      const over = sizes.map((s, j) => `${x(s).toFixed(1)} ${high[j].toFixed(1)}`);
      const back = sizes.map((s, j) => `${x(s).toFixed(1)} ${low[j].toFixed(1)}`).reverse();
      root.append(svg("path", { class: "gb-null", d: `M${[...over, ...back].join("L")}Z` }));
    }
    root.append(svg("path", { class: "gb-ours", d: pathOf(sizes.map(x), values.map(y)) }));
    const near = (target) => sizes.reduce((best, s, j) =>
      (Math.abs(Math.log(s / target)) < Math.abs(Math.log(sizes[best] / target)) ? j : best), 0);
    const limit = sizes.findLastIndex((s) => s <= NEAR * 1.0001), own = near(sigma), gone = near(along);
    if (limit >= 0) root.append(line("gb-edge", x(NEAR), x(NEAR), top, foot));
    root.append(svg("circle", { class: "gb-here", cx: x(sizes[own]), cy: y(values[own]), r: 5 }),
      svg("circle", { class: "gb-now", cx: x(sizes[gone]), cy: y(values[gone]), r: 6 }));
    return `At step ${at}: accuracy ${share(values[0])} after a touch, ${share(values[own])} after the window's `
      + `own move (○, ε = ${sigma.toPrecision(2)}), ${share(values[gone])} with all of it taken out `
      + `(●, ε = ${along.toPrecision(2)}). The paper looked left of the dotted line`
      + (control && k === 0 ? "; the band is ± 2 sd of random directions." : ".") + readOn(c.strings);
  });
}

// What the accuracy loses with the edge, beside what it loses with as much of something else.
function removalBars(state) {
  return measuredFigure(state, "Without the edge, or without as much of something else", (c) => c.ablated,
    (root, i, width, at) => {
      const { passage: c, control } = state, left = 150, right = 18, row = 24;
      const rows = control ? REMOVALS : REMOVALS.slice(0, AS_PUBLISHED), foot = rows.length * row + 4;
      const worst = Math.min(-0.1, ...rows.map(([name]) => c.changes[name][0][i]).filter(known));
      const x = scale(1.08 * worst, 0, left, width - right);
      fill(root, { viewBox: `0 0 ${width} ${foot + 38}`, width, height: foot + 38 });
      for (const v of ticksOf(-worst, 3)) {
        root.append(line("gb-rule", x(-v), x(-v), 0, foot),
          words({ x: x(-v), y: foot + 15, "text-anchor": "middle" }, v ? `−${+(100 * v).toFixed(1)}` : "0"));
      }
      root.append(words({ class: "gb-axis-title", x: width - right, y: foot + 33, "text-anchor": "end" },
        "change of the accuracy, points"));
      rows.forEach(([name, text], j) => {
        const [value, spread] = [c.changes[name][0][i], c.changes[name][1][i]], y = j * row + 14;
        const kind = j === 0 ? "gb-share-own" : j < AS_PUBLISHED ? "gb-hollow" : "gb-null gb-matched";
        root.append(words({ x: left - 8, y: y + 4, "text-anchor": "end" }, text));
        if (!known(value)) return;
        const end = Math.min(x(value), x(0) - 1.5);
        root.append(svg("rect", { class: kind, "data-bar": name, x: end, width: x(0) - end, y: y - 7, height: 14 }));
        if (known(spread) && name.startsWith("random")) {
          const [low, high] = [value - 2 * spread, value + 2 * spread].map((v) => clamp(x(v), left, width - right));
          root.append(line("gb-bar-of", low, high, y, y));
        }
      });
      const dearest = (which) => {
        const found = REMOVALS.slice(AS_PUBLISHED).filter(([name]) => which(name))
          .map(([name]) => c.changes[name][0][i]).filter(known);
        return points(found.length ? Math.min(...found) : NaN);
      };
      const both = c.changes["taken out"][0][i], alone = c.alone[i];
      // Removals do not add up, not even of the same weights and on the same strings.
      const less = both > alone && points(both) !== points(alone) ? " (taking v₂ out as well gives some back)" : "";
      return `At step ${at} the edge is ${share(c.removed[i])} of the weights' norm; without it the accuracy `
        + `changes by ${points(both)} points, `
        + (known(alone) ? `without v₁ alone by ${points(alone)}${less}, ` : "")
        + `without random directions by ${points(c.changes.random[0][i])}`
        + (control ? `. As much of the norm taken elsewhere changes it by ${dearest((n) => n.endsWith("norm"))}, `
          + `a move as far by ${dearest((n) => n.endsWith("distance"))}, the worst of each.` : ".");
    });
}

// How well depth can be read off the last layer, on the published scale and on one that no size moves.
function probeDots(state) {
  return measuredFigure(state, "How well a probe reads the depth", (c) => c.probed, (root, i, width, at) => {
    const { passage: c, control } = state, left = 128, right = 18, row = 26, foot = KINDS.length * row + 4;
    const last = (name, form) => c.probes[name][form].slice(0, i + 1).findLastIndex(known);
    const x = scale(0, 1, left, width - right);
    fill(root, { viewBox: `0 0 ${width} ${foot + 38}`, width, height: foot + 38 });
    for (const v of [0, 0.5, 1]) {
      root.append(line("gb-rule", x(v), x(v), 0, foot),
        words({ x: x(v), y: foot + 15, "text-anchor": "middle" }, String(v)));
    }
    root.append(words({ class: "gb-axis-title", x: width - right, y: foot + 33, "text-anchor": "end" },
      "R² on held-out tokens"));
    KINDS.forEach(([name, text], j) => {
      const y = j * row + 16;
      root.append(words({ x: left - 8, y: y + 4, "text-anchor": "end" }, text));
      [[0, "gb-hollow"], [1, "gb-now"]].forEach(([form, kind]) => {
        const e = last(name, form);
        if (e < 0 || (form && !control)) return;
        const value = c.probes[name][form][e];
        const place = { cx: x(clamp(value, 0, 1)), cy: y, r: 6 };
        root.append(svg("circle", { class: kind, "data-probe": `${name} ${form}`, ...place }));
      });
    });
    const told = (name, form) => {
      const e = last(name, form);
      return e < 0 ? "–" : c.probes[name][form][e].toFixed(3);
    };
    return `At step ${at} a linear probe has R² = ${told("linear", 0)} as published (○), one hidden layer `
      + `${told("mlp", 0)}` + (control ? `; on standardised states and strings that it was not fitted on (●) `
        + `${told("linear", 1)} and ${told("mlp", 1)}.` : ".");
  });
}
