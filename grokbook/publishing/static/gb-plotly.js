// Draws the page's plotly figures: each when it comes near the screen, all by one local plotly.js.
// Text, grids and backgrounds follow the page's theme; traces keep the colours that they came with.
(() => {
  const script = document.currentScript;
  const local = (name) => new URL(script.dataset[name], script.src).href;
  const narrow = 560;
  const touch = matchMedia("(pointer: coarse)").matches;
  const paper = matchMedia("print"), sheet = 620;  // pixels between the margins of A4 or Letter

  const loaded = {};
  const load = (name) => loaded[name] ??= new Promise((done, fail) => {
    const tag = document.createElement("script");
    tag.src = local(name);
    tag.onload = done;
    tag.onerror = () => fail(new Error(`${name} could not be loaded`));
    document.head.append(tag);
  });

  async function plotly() {
    if (!window.Plotly) {
      window.PlotlyConfig = { MathJaxConfig: "local" };
      await load("plotly");
    }
    return window.Plotly;
  }

  // only a figure with $...$ in its text needs MathJax; a page with equations has it already
  async function mathjax() {
    if (!document.querySelector('script[src*="mathjax"]')) {
      window.MathJax = { ...window.MathJax, startup: { typeset: false } };
      await load("mathjax");
    } else if (!window.MathJax?.startup?.promise) {
      await new Promise((done) => addEventListener("load", done, { once: true }));
    }
    await window.MathJax.startup.promise;
  }

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function template(small) {
    const ink = style("--gb-ink"), grid = style("--gb-grid"), line = style("--gb-line");
    const axis = { color: ink, gridcolor: grid, zerolinecolor: grid, linecolor: line, tickcolor: line,
      automargin: true, zerolinewidth: 1, title: { standoff: 10 } };
    return { layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: style("--gb-font") || "sans-serif", size: 14 },
      title: { x: 0, xref: small ? "container" : "paper", xanchor: "left", font: { size: 16 } },
      xaxis: axis, yaxis: axis, separators: ".,",
      legend: { bgcolor: "rgba(0,0,0,0)" }, margin: { l: 8, r: 8, t: 48, b: 8 },
      hoverlabel: { bgcolor: style("--gb-panel"), bordercolor: grid, font: { color: ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink },
    } };
  }

  // plotly breaks no lines, and on a phone a long one would leave its figure
  const wrap = (text, letters) => text.split("<br>").map((line) => {
    let used = 0;
    return line.split(" ").reduce((said, word) => {
      const size = word.replace(/<[^>]*>/g, "").length, full = said && used + 1 + size > letters;
      used = full || !said ? size : used + 1 + size;
      return said + (full ? "<br>" : said && " ") + word;
    }, "");
  }).join("<br>");

  // texts by their place in the layout, as they came or broken to fit
  function texts(layout, width) {
    const small = width < narrow, found = {};
    const put = (place, text, room) => { if (text) found[place] = small ? wrap(text, room) : text; };
    put("title.text", layout.title?.text, width / 9);
    for (const [name, axis] of Object.entries(layout)) {
      if (!/^xaxis\d*$/.test(name)) continue;
      const [from, to] = axis.domain ?? [0, 1];
      put(`${name}.title.text`, axis.title?.text, ((width - 90) * (to - from)) / 8);
    }
    const heads = (layout.annotations ?? []).map((note, i) => [i, note])
      .filter(([, note]) => note.xref === "paper" && note.showarrow === false);
    const columns = new Set(heads.map(([, note]) => note.x)).size;
    heads.forEach(([i, note]) => put(`annotations[${i}].text`, note.text,
      (width - 60) / columns / (0.53 * (note.font?.size ?? 16))));
    return found;
  }

  const named = (data, width) => (width < narrow
    ? data.map((trace) => (trace.name ? { ...trace, name: wrap(trace.name, (width - 70) / 8) } : trace)) : data);

  // on a phone the legend goes below the plot, where it takes no width
  const below = { orientation: "h", x: 0, xanchor: "left", yref: "container", y: 0, yanchor: "bottom" };

  function arranged(layout, width) {
    const fitted = { ...layout, autosize: true, template: template(width < narrow) };
    delete fitted.width;
    if (paper.matches) fitted.width = sheet;
    fitted.height ??= 420;
    if (touch || width < narrow) fitted.dragmode = false;  // a finger scrolls the page
    if (width < narrow) fitted.legend = { ...layout.legend, ...below };
    return fitted;
  }

  const drawn = new Map();  // box -> { plot, layout, small }

  async function draw(box) {
    if (box.dataset.state) return;
    box.dataset.state = "loading";
    try {
      const json = box.querySelector("script").textContent;
      const figure = JSON.parse(json);
      if (/"[^"]*\$[^"$]+\$/.test(json)) await mathjax();
      const Plotly = await plotly();
      const plot = document.createElement("div");
      plot.className = "gb-plot";
      box.append(plot);
      const width = box.clientWidth;
      await Plotly.newPlot(plot, named(figure.data, width), arranged(figure.layout, width), {
        responsive: true, displaylogo: false, displayModeBar: touch ? false : "hover",
        showSendToCloud: false, // its default would offer to upload a figure of a book that is offline
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], ...figure.config });
      if (width < narrow) await Plotly.relayout(plot, texts(figure.layout, width));
      if (figure.frames) await Plotly.addFrames(plot, figure.frames);
      drawn.set(box, { plot, layout: figure.layout, small: width < narrow });
      box.dataset.state = "drawn";
      width && resized.observe(box);
    } catch (problem) {
      box.dataset.state = "failed";
      const note = document.createElement("p");
      note.className = "gb-note";
      note.textContent = `${box.getAttribute("aria-label")}: this figure could not be drawn (${problem.message}).`;
      box.replaceChildren(note);
    }
  }

  const redraw = ({ plot, layout }, width) =>
    window.Plotly.relayout(plot, { width: paper.matches ? sheet : null, autosize: !paper.matches,
      template: template(width < narrow), legend: arranged(layout, width).legend ?? {}, ...texts(layout, width),
      dragmode: touch || width < narrow ? false : layout.dragmode ?? "zoom" });

  const resized = new ResizeObserver((entries) => entries.forEach(({ target, contentRect }) => {
    const figure = drawn.get(target), small = contentRect.width < narrow;
    if (!figure || !contentRect.width || figure.small === small) return;
    figure.small = small;
    redraw(figure, contentRect.width);
  }));

  const near = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    near.unobserve(entry.target);
    draw(entry.target);
  }), { rootMargin: "600px" });

  const boxes = document.querySelectorAll(".gb-plotly");
  boxes.forEach((box) => near.observe(box));
  // Paper waits for nothing, so what the reader has not come to is drawn in a quiet moment.
  const quiet = window.requestIdleCallback ?? ((then) => setTimeout(then, 1000));
  const ahead = async () => {
    for (const box of boxes) {
      await new Promise((then) => quiet(then));
      await draw(box);
    }
  };
  const thrifty = () => navigator.connection?.saveData;
  addEventListener("load", () => thrifty() || setTimeout(ahead, 1000));
  addEventListener("beforeprint", () => boxes.forEach(draw));
  const anew = () => drawn.forEach((figure, box) => redraw(figure, box.clientWidth));
  paper.addEventListener("change", anew);
  new MutationObserver(anew)
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
})();
