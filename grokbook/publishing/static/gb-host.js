// Draws anywidgets in a built page: no kernel, no module loader, nothing from outside.
//
// The page holds the notebook's widget state (one JSON script, as ipywidgets writes it; a large one
// is a script of its own, run before this one) and, where a figure stands, a JSON script naming its
// model. Each model becomes an object with the interface
// that anywidget documents (get, set, save_changes, on, off, send), shared by all its views, and
// its module is imported from a blob. A figure that fails says so in its place.
(() => {
  "use strict";
  const STATE = "application/vnd.jupyter.widget-state+json";
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const models = {};

  // The notebook's JSON may arrive as a string within JSON; a script of its own holds objects.
  function parse(value) {
    return typeof value === "string" ? parse(JSON.parse(value)) : value;
  }

  function decode({ encoding, data }) {
    if (encoding === "hex") {
      const bytes = (data.match(/../g) || []).map((pair) => parseInt(pair, 16));
      return new DataView(Uint8Array.from(bytes).buffer);
    }
    if (encoding !== "base64") throw new Error(`unknown buffer encoding ${encoding}`);
    const text = atob(data), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new DataView(bytes.buffer);
  }

  // Buffers are left out of the state and listed with the path at which they belong.
  function restoreBuffers(state, buffers) {
    for (const buffer of buffers || []) {
      const path = buffer.path.slice(), last = path.pop();
      let place = state;
      for (const key of path) place = place[key];
      place[last] = decode(buffer);
    }
    return state;
  }

  class Model {
    constructor(id, record) {
      this.id = id;
      this.host = "book";
      this.state = restoreBuffers({ ...record.state }, record.buffers);
      this.handlers = new Map();
      this.ready = null;
    }

    get(key) { return this.state[key]; }

    set(key, value) {
      const changes = typeof key === "object" ? key : { [key]: value };
      const changed = Object.keys(changes).filter((name) => this.state[name] !== changes[name]);
      for (const name of changed) this.state[name] = changes[name];
      for (const name of changed) this.emit(`change:${name}`, this, this.state[name], {});
      if (changed.length) this.emit("change", this, {});
    }

    // Without a kernel there is nobody to save to, and nobody answers a message.
    save_changes() {}
    send() {}

    on(events, callback) {
      for (const event of events.split(/\s+/)) {
        if (!this.handlers.has(event)) this.handlers.set(event, new Set());
        this.handlers.get(event).add(callback);
      }
    }

    off(events, callback) {
      const names = events ? events.split(/\s+/) : [...this.handlers.keys()];
      for (const event of names) {
        if (callback) this.handlers.get(event)?.delete(callback);
        else this.handlers.delete(event);
      }
    }

    emit(event, ...values) {
      for (const callback of [...(this.handlers.get(event) || [])]) callback(...values);
    }

    widget_manager = {
      get_model: async (reference) => {
        const model = models[String(reference).replace(/^IPY_MODEL_/, "")];
        if (!model) throw new Error(`there is no model ${reference} on this page`);
        return model;
      },
    };
  }

  // Imports the module and initialises the model, once however many views it has.
  function prepare(model) {
    model.ready ??= (async () => {
      const url = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
      try {
        const module = await import(url);
        const widget = typeof module.default === "function" ? await module.default() : module.default;
        if (typeof widget?.render !== "function") throw new Error("its module draws nothing");
        await widget.initialize?.({ model, experimental });
        return widget;
      } finally {
        URL.revokeObjectURL(url);
      }
    })();
    return model.ready;
  }

  const experimental = {
    invoke: () => Promise.reject(new Error("this part needs JupyterLab")),
  };

  const styled = new Set();
  function addStyle(css) {
    if (!css || styled.has(css)) return;
    styled.add(css);
    const style = document.createElement("style");
    style.textContent = css;
    document.head.append(style);
  }

  // A box that scrolls on its own would hold a sticky slider back; the explorables scroll nothing.
  function unclip(el) {
    for (let box = el.parentElement; box && box !== document.body; box = box.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(box);
      const scrolls = /auto|scroll|hidden/.test(overflowX + overflowY);
      if (scrolls && box.scrollHeight <= box.clientHeight + 1) box.style.overflow = "visible";
    }
  }

  function settle(el) {
    el.style.minHeight = "";
    const reserved = el.closest(".gb-reserve");
    if (reserved) reserved.style.minHeight = "";
  }

  function refuse(el, error) {
    const reason = String(error?.message || error).split("\n")[0].slice(0, 200);
    const message = document.createElement("p");
    message.className = "gb-failed";
    message.setAttribute("role", "alert");
    message.textContent = `This figure did not load: ${reason.replace(/\.$/, "")}.`;
    el.replaceChildren(message);
    settle(el);
  }

  async function draw(script) {
    const el = document.createElement("div");
    el.className = "gb-view";
    script.replaceWith(el);
    try {
      const { model_id: id } = parse(script.textContent);
      const model = models[id];
      if (!model) throw new Error("this page does not hold its data");
      if (model.foreign) throw new Error("this control needs JupyterLab");
      const [wide, narrow] = model.get("heights") || [];
      if (wide) el.style.minHeight = `${el.clientWidth >= 680 ? wide : narrow || wide}px`;
      el.dataset.model = id;
      addStyle(model.get("_css"));
      const widget = await prepare(model);
      await widget.render({ model, el, experimental });
      settle(el);
      unclip(el);
    } catch (error) {
      refuse(el, error);
    }
  }

  function start() {
    const broken = [];
    const within = [...document.querySelectorAll(`script[type="${STATE}"]`)];
    const texts = [...within.map((script) => script.textContent), ...(page.stored ?? [])];
    for (const text of texts) {
      try {
        const { state } = parse(text);
        for (const [id, record] of Object.entries(state)) {
          const own = record.model_module === "anywidget";
          models[id] ??= own ? new Model(id, record) : { id, foreign: true };
        }
      } catch (error) {
        broken.push(error);
      }
    }
    const views = [...document.querySelectorAll(`script[type="${VIEW}"]`)];
    return Promise.all(views.map(draw));
  }

  const page = (window.grokbook ??= {});
  page.models = models;
  page.drawn = new Promise((done) => {
    const go = () => start().then(done);
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", go, { once: true });
    else go();
  });
})();
