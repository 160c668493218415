// Who says it first in the chosen run: detectors on either defect, and placebos, over its time.

const LEADS = [["dual", "dual detector"], ["tri", "tri detector"], ["ours", "10 × the start"]];
const BLIND = [["constant", "always step 1,000"], ["loss", "loss below 0.1"], ["memorisation", "training at 99 %"],
  ["norm", "half the norm"]];

function leadStrip(state) {
  const root = svg("svg", { class: "gb-strip", role: "img" }), note = html("figcaption", {});
  const title = html("b", { class: "gb-strip-title" }, "Who says it first?");
  const el = html("figure", { class: "gb-state gb-leads" }, title, root, note);
  let x = null;
  function words({ onsets, first }) {
    const known = LEADS.map(([name, text]) => [text, onsets[name][1]]);
    const said = known.map(([text, step]) => {
      if (step === null) return `${text}: never`;
      if (first === null) return `${text}: ${comma(step)}`;
      return `${text}: ${comma(Math.abs(first - step))} steps ${step < first ? "before" : "after"}`;
    });
    return `True defect: ${said.join("; ")}.`;
  }
  function draw() {
    const { pace } = state, known = Object.keys(pace.onsets).length > 0, width = Math.max(240, el.clientWidth);
    root.style.display = known ? "" : "none";
    x = null;
    if (!known) {
      root.replaceChildren();
      note.replaceChildren(noteOf(state.notes.leads || "The defect of this run is not measured."));
      return;
    }
    const left = 128, right = 16, row = 22, rows = [...LEADS, ...BLIND], foot = rows.length * row + 22;
    x = scale(0, state.clock(pace, pace.last), left, width - right);
    const at = (step) => x(state.clock(pace, step));
    root.replaceChildren();
    fill(root, { viewBox: `0 0 ${width} ${foot + 8}`, width, height: foot + 8, "aria-label": words(pace) });
    if (pace.first !== null) {
      const place = at(pace.first), anchor = place > width - 130 ? "end" : "start";
      root.append(svg("line", { class: "gb-grok", x1: place, x2: place, y1: 16, y2: foot }),
        svg("text", { class: "gb-grok-text", x: place + (anchor === "end" ? 4 : -4), y: 11, "text-anchor": anchor },
          "first task groks"));
    }
    rows.forEach(([name, text], i) => {
      const y = i * row + 32;
      root.append(svg("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, text),
        svg("line", { class: "gb-rule", x1: left, x2: width - right, y1: y, y2: y }));
      const fired = name in pace.onsets ? pace.onsets[name] : [pace.placebos[name]];
      fired.forEach((step, k) => {
        if (step === null || step === undefined) return;
        const place = { transform: `translate(${at(step).toFixed(1)} ${y})`, "data-detector": name };
        const kind = !(name in pace.onsets) ? "gb-blind" : k ? "gb-share-own" : "gb-hollow gb-fired";
        root.append(kind === "gb-blind" ? svg("path", { class: kind, d: "M-4-4l8 8m0-8l-8 8", ...place })
          : svg("circle", { class: kind, r: k ? 4 : 6, ...place }));
      });
    });
    root.append(svg("line", { class: "gb-cursor", y1: 16, y2: foot }));
    const key = "○ on the published defect, ● on the true one, × knows nothing of geometry.";
    note.replaceChildren(`${key} ${words(pace)}`);
  }
  function cursor(step) {
    if (!x) return;
    const at = x(state.clock(state.pace, Math.min(step, state.pace.last)));
    fill(root.querySelector(".gb-cursor"), { x1: at, x2: at });
  }
  return { el, draw, cursor };
}
