// State at the cursor: the path in its plane, and shares beside what chance gives.

// The path in the plane of its two leading directions, as far as the cursor has come.
function pathPlane(state) {
  const root = svg("svg", { class: "gb-plane", role: "img" }), note = html("figcaption", {});
  const el = html("figure", { class: "gb-state" }, root, note);
  let place = null;
  function draw() {
    const { course: c, control } = state, n = c.path.length;
    const size = Math.min(Math.max(200, el.clientWidth), 300), pad = 26;
    const xs = [], ys = [];
    for (let i = 0; i < n; i++) { xs.push(c.plane[2 * i]); ys.push(c.plane[2 * i + 1]); }
    const span = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)) / 2 || 1;
    const mid = (v) => (Math.max(...v) + Math.min(...v)) / 2;
    const x = scale(mid(xs) - span, mid(xs) + span, pad, size - pad);
    const y = scale(mid(ys) - span, mid(ys) + span, size - pad, pad);
    const px = xs.map(x), py = ys.map(y);
    place = (i) => [px[i], py[i]];
    root.replaceChildren(svg("rect", { class: "gb-frame", x: 8, y: 8, width: size - 16, height: size - 16 }),
      svg("path", { class: "gb-way", d: pathOf(px, py) }), svg("path", { class: "gb-gone" }),
      svg("text", { x: size - 12, y: size - 14, "text-anchor": "end" }, "PC1"), svg("text", { x: 14, y: 22 }, "PC2"),
      svg("circle", { class: "gb-start", cx: px[0], cy: py[0], r: 4 }));
    const groks = c.grok === null ? -1 : c.path.findIndex((step) => step >= c.grok);
    if (groks >= 0) root.append(svg("path", { class: "gb-here", d: `M${px[groks] - 6} ${py[groks]}l6-6 6 6-6 6z` }));
    root.append(svg("circle", { class: "gb-now", r: 5.5 }));
    const label = `Path of the attention weights, ${c.label}`;
    fill(root, { viewBox: `0 0 ${size} ${size}`, width: size, height: size, "aria-label": label });
    root.px = px; root.py = py;
    const walk = control ? `; a random walk with the same steps has ${percent(c.walk)}` : "";
    const [one, two] = c.held.map(percent);
    const end = comma(c.path[n - 1]);
    note.textContent = `The attention weights' whole path, to step ${end}.`
      + ` PC1 holds ${one} of its variance, PC2 ${two}${walk}. ◇ first task groks.`;
  }
  function cursor(step) {
    const { course: c } = state;
    if (!place) return;
    const i = c.index(c.path, step), [cx, cy] = place(i);
    fill(root.querySelector(".gb-now"), { cx, cy });
    root.querySelector(".gb-gone").setAttribute("d", pathOf(root.px.slice(0, i + 1), root.py.slice(0, i + 1)));
  }
  return { el, draw, cursor };
}

// What the run's own subspace holds of a commutator, beside what random ones and another run's do.
function shareStrip(state) {
  const root = svg("svg", { class: "gb-strip", role: "img" }), note = html("figcaption", {});
  const title = html("b", { class: "gb-strip-title" }, "How much of the commutator the path's subspace holds");
  const el = html("figure", { class: "gb-state" }, title, root, note);
  let x = null;
  const known = ([kind]) => kind !== "other" || state.course.other.some((share) => share > 0);
  const itself = [["own", "its own"]], chance = [["matched", "random, alike"], ["whole", "random, anywhere"]];
  const rows = () => (state.control ? [...itself, ...chance, ["other", "another seed's"]].filter(known) : itself);
  function draw() {
    const { course: c } = state, width = Math.max(240, el.clientWidth), left = 128, right = 16, height = 26;
    x = logScale(rangeOf([c.own, ...c.whole, ...c.matched, c.other]), left, width - right);
    const kinds = rows(), foot = kinds.length * height + 6;
    root.replaceChildren();
    fill(root, { viewBox: `0 0 ${width} ${foot + 36}`, width, height: foot + 36 });
    for (const k of x.marks) {
      root.append(svg("line", { class: "gb-rule", x1: x.of(k), x2: x.of(k), y1: 0, y2: foot }),
        svg("text", { x: x.of(k), y: foot + 15, "text-anchor": "middle" }, tenTo(k)));
    }
    const end = { class: "gb-axis-title", x: width - right, y: foot + 32, "text-anchor": "end" };
    root.append(svg("text", end, "share of its norm, log"));
    kinds.forEach(([kind, text], i) => {
      const y = i * height + 17;
      root.append(svg("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, text));
      root.append(kind === "own" || kind === "other"
        ? svg("circle", { class: `gb-share gb-share-${kind}`, "data-kind": kind, cy: y, r: 6 })
        : svg("rect", { class: "gb-null", "data-kind": kind, y: y - 8, height: 16 }));
    });
  }
  function cursor(step) {
    const { course: c, control } = state;
    if (!x) return;
    const i = c.index(c.shared, step);
    for (const mark of root.querySelectorAll("[data-kind]")) {
      const kind = mark.dataset.kind;
      if (mark.tagName === "circle") {
        fill(mark, { cx: x(c[kind][i]), visibility: c[kind][i] > 0 ? "visible" : "hidden" });
        continue;
      }
      const [low, high] = c[kind].map((values) => x(values[i]));
      fill(mark, { x: low, width: Math.max(3, high - low) });
    }
    // 1 − √(1 − s²), without the cancellation.
    const own = c.own[i], left = (own * own) / (1 + Math.sqrt(Math.max(0, 1 - own * own)));
    note.textContent = `At step ${comma(c.shared[i])}: ${own.toPrecision(2)} of its norm is inside, `
      + `so ρ = 1 − ${powerText(left)}`
      + (control ? "; bands hold 95\u00a0% of random subspaces." : ".");
    root.setAttribute("aria-label", note.textContent);
  }
  return { el, draw, cursor };
}

