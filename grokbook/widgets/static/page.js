// What every explorable needs of the page. Python puts this text in front of a widget's own module,
// because a module imported from a blob has no neighbours to import from.

const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
// Paper cannot flip a switch: there a picture shows its control as well.
const paper = matchMedia("print");

function fill(el, attrs, kids = []) {
  for (const [key, value] of Object.entries(attrs || {})) {
    if (value === undefined || value === null || value === false) continue;
    el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...kids.filter((kid) => kid !== null && kid !== undefined));
  return el;
}
const html = (tag, attrs, ...kids) => fill(document.createElement(tag), attrs, kids);
const svg = (tag, attrs, ...kids) => fill(document.createElementNS(SVG, tag), attrs, kids);
const comma = (n) => Math.round(n).toLocaleString("en-US");
const percent = (x) => (Number.isNaN(x) ? "no pairs" : `${(100 * x).toFixed(1)} %`);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const ident = (value) => String(value).replace(/[^\w-]/g, "_");
const uniqueId = () => `gb-${Math.random().toString(36).slice(2, 8)}`;

// A piece of line for a legend.
function sample(kind) {
  return svg("svg", { class: "gb-sample", width: 28, height: 10, "aria-hidden": "true" },
    svg("path", { class: kind, d: "M1 5H27", stroke: "currentColor" }));
}

// Says aloud what `words` gives once the slider rests.
function teller(live, delay = 600) {
  let timer = 0;
  const stop = () => clearTimeout(timer);
  function say(words) {
    stop();
    timer = setTimeout(() => { live.textContent = words(); }, delay);
  }
  return { say, stop };
}

// Calls back when the theme, the size or the paper changes; returns what switches it off.
function watch(el, redraw) {
  let queued = 0;
  const soon = () => { cancelAnimationFrame(queued); queued = requestAnimationFrame(redraw); };
  const theme = new MutationObserver(soon), size = new ResizeObserver(soon);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  size.observe(el);
  // On paper the light colours hold; canvases must be drawn again before the paper is laid out.
  paper.addEventListener("change", redraw);
  return () => { theme.disconnect(); size.disconnect(); paper.removeEventListener("change", redraw); };
}

// One pass of `seconds`, as a share 0..1. With reduced motion it is at its end at once.
function player(button, seconds, onShare, onRest) {
  let ticket = 0;
  function show() {
    button.textContent = ticket ? "Pause" : "Play";
    button.classList.toggle("gb-playing", !!ticket);
  }
  function stop() {
    if (!ticket) return;
    cancelAnimationFrame(ticket);
    ticket = 0;
    show();
    onRest?.();
  }
  function start(from = 0) {
    if (calm.matches) { onShare(1); onRest?.(); return; }
    const begun = performance.now() - from * seconds * 1000;
    const tick = (time) => {
      const share = clamp((time - begun) / (seconds * 1000), 0, 1);
      onShare(share);
      if (share < 1) ticket = requestAnimationFrame(tick); else stop();
    };
    ticket = requestAnimationFrame(tick);
    show();
  }
  show();
  return { start, stop, get playing() { return !!ticket; } };
}

// State in the address, as a fragment that is also a valid selector ("#order.run-x.frame-3"):
// themes pass location.hash to querySelector. Written only after the reader has moved something.
function address(name, read) {
  let timer = 0;
  function pairOf(part) {
    const cut = part.indexOf("-");
    return cut < 0 ? [part, true] : [part.slice(0, cut), part.slice(cut + 1)];
  }
  function restore() {
    const parts = location.hash.slice(1).split(".");
    if (parts[0] !== name || parts.length < 2) return false;
    read(Object.fromEntries(parts.slice(1).map(pairOf)));
    return true;
  }
  function put(state) {
    const set = Object.entries(state).filter(([, value]) => value !== false);
    const parts = set.map(([key, value]) => (value === true ? key : `${key}-${ident(value)}`));
    try {
      history.replaceState(history.state, "", "#" + [name, ...parts].join("."));
    } catch { /* a sandboxed page keeps its address */ }
  }
  const write = (state) => { clearTimeout(timer); timer = setTimeout(() => put(state), 200); };
  return { restore, write };
}
