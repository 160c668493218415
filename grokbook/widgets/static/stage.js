// What an explorable with one slider is put on: it binds the model, the address and the player to the
// picture.  `keys` are the traits that call for a new drawing; `frame` moves the cursor alone.

function stage({ model, el, state, partsOf, pictureOf, viewOf, changesOf, keys, end }) {
  const set = (changes) => {
    for (const [key, value] of Object.entries(changes)) model.set(key, value);
    model.save_changes();
  };
  const put = (changes, rest = false) => {
    if (rest) pass.stop();
    set(changes);
    link?.write(viewOf(state));
  };
  const restore = (said) => set(changesOf(state, said));
  const link = model.host === "book" ? address(state.get("name"), restore) : null;
  const parts = partsOf(state, put), { root, play, slider } = parts, picture = pictureOf(state, parts);
  el.append(root);

  const pass = player(play, 8, (share) => put({ frame: Math.round(share * end(state)) }));
  play.addEventListener("click", () => {
    if (pass.playing) pass.stop();
    else pass.start(state.frame >= end(state) ? 0 : state.frame / end(state));
  });
  slider.addEventListener("input", () => put({ frame: +slider.value }, true));

  const bound = keys.map((key) => [`change:${key}`, () => picture.draw()]);
  bound.push(["change:frame", () => picture.frame()]);
  bound.forEach(([event, handler]) => model.on(event, handler));
  const follow = () => link?.restore();
  const came = follow();
  addEventListener("hashchange", follow);
  picture.draw();
  if (came) requestAnimationFrame(() => root.scrollIntoView({ block: "start" }));
  const unwatch = watch(root, picture.draw);
  return () => {
    pass.stop();
    picture.stop();
    unwatch();
    removeEventListener("hashchange", follow);
    bound.forEach(([event, handler]) => model.off(event, handler));
  };
}

// What an address says that all of them know: the run, the moment, and which switches are on.
function changesIn(said, runs, last, switches) {
  const changes = Object.fromEntries(switches.map((name) => [name, said[name] === true]));
  const run = runs.findIndex((one) => ident(one.run) === said.run);
  if (run >= 0) changes.run = run;
  if (/^\d+$/.test(said.frame)) changes.frame = Math.min(+said.frame, last);
  return changes;
}

// The axis of time, in steps or in τ.
const timeAxis = (tau) =>
  ({ xLabel: tau ? "τ = ηλt" : "training step", xText: (v) => (tau ? String(+v.toFixed(2)) : comma(v)) });

// The frame, up to the run's end, whose step is nearest.
function nearestFrame(frames, end, step) {
  const gap = (f) => Math.abs(frames[f] - step);
  return frames.reduce((best, _, f) => (f <= end && gap(f) < gap(best) ? f : best), 0);
}
