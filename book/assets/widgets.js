/* Draws the widgets of a page from the state saved with it: no kernel, no network, no library.
 *
 * It knows Box, HBox, VBox; FloatSlider, IntSlider, FloatLogSlider; Dropdown, ToggleButtons,
 * RadioButtons and SelectMultiple (as checkboxes); Checkbox; Label, HTML, HTMLMath; Button, which
 * can do nothing here and says so; anywidgets, by their own module and style; jslink and jsdlink.
 * Any other widget is replaced by a sentence. Controls follow what links and modules change of
 * their value, index, disabled and description; the rest stays as it was saved.
 *
 * An anywidget's `render` gets { model, el, offline: true }. Its model has get, set, on and off;
 * save_changes and send reach nobody.
 */
(async () => {
  const read = (kind) =>
    Array.from(
      document.querySelectorAll(`script[type="application/vnd.jupyter.widget-${kind}+json"]`),
      (script) => ({ script, content: JSON.parse(script.textContent) }),
    );
  const saved = Object.assign({}, ...read("state").map(({ content }) => content.state));
  const idOf = (reference) => reference.replace("IPY_MODEL_", "");
  const models = new Map();

  /** The model of an id: what anywidgets may use of a Backbone model. */
  function modelOf(id) {
    if (models.has(id)) return models.get(id);
    const { state, buffers = [] } = saved[id];
    const [values, listeners] = [{ ...state }, {}];
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const holder = path.slice(0, -1).reduce((place, key) => place[key], values);
      holder[path.at(-1)] = new DataView(bytes.buffer);
    }
    const model = {
      get: (name) => values[name],
      set(name, value) {
        if (values[name] === value) return;
        values[name] = value;
        for (const event of [`change:${name}`, "change"]) {
          for (const listener of [...(listeners[event] ?? [])]) listener(model, value);
        }
      },
      save_changes() {},
      send() {},
      on(events, listener) {
        for (const event of events.split(" ")) (listeners[event] ??= []).push(listener);
      },
      off(events, listener) {
        for (const event of events?.split(" ") ?? Object.keys(listeners)) {
          listeners[event] = listener ? listeners[event]?.filter((f) => f !== listener) : [];
        }
      },
    };
    models.set(id, model);
    return model;
  }

  function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  /** Show a property now and whenever it changes. */
  function follow(model, name, show) {
    model.on(`change:${name}`, () => show(model.get(name)));
    show(model.get(name));
  }

  /** A number as the readout_format of a slider asks for. */
  function written(value, format = "") {
    const parts = /^(,?)(?:\.(\d+))?([a-z%]?)$/.exec(format) ?? ["", "", "2", "f"];
    const [, comma, digits, kind] = parts;
    if (kind === "%") return `${(100 * value).toFixed(digits ?? 0)} %`;
    if (kind === "e") return value.toExponential(digits);
    if (kind === "g") return String(Number(value.toPrecision(digits ?? 6)));
    const places = kind === "d" ? 0 : Number(digits ?? 2);
    const settings = { minimumFractionDigits: places, maximumFractionDigits: places };
    return value.toLocaleString("en-GB", { ...settings, useGrouping: comma === "," });
  }

  /** A control with its description beside it; the description is its accessible name. */
  function named(model, input, ...more) {
    const name = element("span", { class: "widget-name" });
    follow(model, "description", (text) => {
      typeset(name, text);
      input.setAttribute("aria-label", text || model.get("tooltip") || "");
    });
    follow(model, "disabled", (disabled) => (input.disabled = Boolean(disabled)));
    return [element("label", { class: "widget-field" }, name, input, ...more)];
  }

  function slider(model, logarithmic) {
    const base = model.get("base") ?? 10;
    const [min, max, step] = ["min", "max", "step"].map((name) => model.get(name));
    const input = element("input", { type: "range", min, max, step: step ?? "any" });
    const output = element("span", { class: "widget-value", "aria-hidden": "true" });
    const event = model.get("continuous_update") === false ? "change" : "input";
    input.addEventListener(event, () =>
      model.set("value", logarithmic ? base ** Number(input.value) : Number(input.value)),
    );
    follow(model, "value", (value) => {
      input.value = logarithmic ? Math.log(value) / Math.log(base) : value;
      output.textContent = written(value, model.get("readout_format"));
      input.setAttribute("aria-valuetext", output.textContent);
    });
    output.hidden = model.get("readout") === false;
    return named(model, input, output);
  }

  function dropdown(model) {
    const labels = model.get("_options_labels");
    const input = element("select");
    labels.forEach((label, value) => input.append(element("option", { value }, label)));
    input.addEventListener("change", () => model.set("index", input.selectedIndex));
    follow(model, "index", (index) => (input.selectedIndex = index ?? -1));
    return named(model, input);
  }

  function checkbox(model) {
    const input = element("input", { type: "checkbox" });
    input.addEventListener("change", () => model.set("value", input.checked));
    follow(model, "value", (value) => (input.checked = value));
    return named(model, input);
  }

  let groups = 0;

  /** One choice of a few (radio buttons), or several (checkboxes). */
  function group(model, several) {
    const name = `widget-group-${++groups}`;
    const inputs = model.get("_options_labels").map(() =>
      element("input", { type: several ? "checkbox" : "radio", name }),
    );
    const legend = element("legend");
    const field = element("fieldset", { class: "widget-group" }, legend);
    model.get("_options_labels").forEach((label, i) => {
      field.append(element("label", {}, inputs[i], " ", label));
      inputs[i].addEventListener("change", () => {
        const chosen = inputs.flatMap((input, k) => (input.checked ? [k] : []));
        model.set("index", several ? chosen : i);
      });
    });
    follow(model, "index", (index) => {
      inputs.forEach((input, i) => (input.checked = several ? index.includes(i) : i === index));
    });
    follow(model, "description", (text) => typeset(legend, text));
    follow(model, "disabled", (disabled) => (field.disabled = Boolean(disabled)));
    return [field];
  }

  function button(model) {
    const node = element("button", { type: "button", disabled: "" });
    follow(model, "description", (text) => (node.textContent = text));
    return [node, element("small", {}, " needs a live kernel")];
  }

  function text(model, html) {
    const node = element("div");
    follow(model, "value", (value) => (html ? (node.innerHTML = value) : typeset(node, value)));
    if (html) typeset(node);
    return [node];
  }

  /** Write text, and have MathJax, where it is, set the formulas between dollar signs. */
  function typeset(node, text) {
    if (text !== undefined) node.textContent = text;
    if (!node.textContent.includes("$")) return;
    node.classList.add("mathjax_process");
    window.MathJax?.startup?.promise?.then(() => window.MathJax.typesetPromise([node]));
  }

  async function box(model) {
    return Promise.all(model.get("children").map((child) => view(idOf(child))));
  }

  const imports = new Map();
  const styles = new Set();

  async function anywidget(model, el) {
    const [source, style] = [model.get("_esm"), model.get("_css")];
    if (style && !styles.has(style)) document.head.append(element("style", {}, style));
    styles.add(style);
    if (!imports.has(source)) {
      // A page opened from disk may import from a Blob, not from a file beside it.
      const blob = new Blob([source], { type: "text/javascript" });
      imports.set(source, import(URL.createObjectURL(blob)));
    }
    let { default: widget } = await imports.get(source);
    if (typeof widget === "function") widget = await widget();
    // The drawing may measure itself: it is on the page before it is drawn.
    return async () => {
      await widget.initialize?.({ model, offline: true });
      await widget.render?.({ model, el, offline: true });
    };
  }

  const kinds = {
    AnyModel: anywidget,
    BoxModel: box,
    HBoxModel: box,
    VBoxModel: box,
    FloatSliderModel: (model) => slider(model, false),
    IntSliderModel: (model) => slider(model, false),
    FloatLogSliderModel: (model) => slider(model, true),
    DropdownModel: dropdown,
    ToggleButtonsModel: (model) => group(model, false),
    RadioButtonsModel: (model) => group(model, false),
    SelectMultipleModel: (model) => group(model, true),
    CheckboxModel: checkbox,
    ButtonModel: button,
    LabelModel: (model) => text(model, false),
    HTMLModel: (model) => text(model, true),
    HTMLMathModel: (model) => text(model, true),
  };

  const later = [];

  async function view(id) {
    const kind = saved[id]?.model_name;
    const shown = (kind ?? "widget").replace(/Model$/, "");
    const el = element("div", { class: "offline-widget", "data-kind": shown });
    if (!(kind in kinds)) {
      el.append(`This ${shown} needs a live kernel: open the notebook to use it.`);
      return el;
    }
    const model = modelOf(id);
    const layout = saved[idOf(model.get("layout") ?? "")]?.state ?? {};
    for (const [name, value] of Object.entries(layout)) {
      if (!name.startsWith("_") && value) el.style.setProperty(name.replaceAll("_", "-"), value);
    }
    el.classList.add(...(model.get("_dom_classes") ?? []));
    const made = await kinds[kind](model, el);
    if (typeof made === "function") later.push(made);
    else el.append(...made);
    return el;
  }

  for (const { model_name: kind, state } of Object.values(saved)) {
    if (!/^(Directional)?LinkModel$/.test(kind) || !state.source) continue;
    const [[source, from], [target, to]] = [state.source, state.target];
    const [first, second] = [modelOf(idOf(source)), modelOf(idOf(target))];
    follow(first, from, (value) => second.set(to, value));
    if (kind === "LinkModel") second.on(`change:${to}`, () => first.set(from, second.get(to)));
  }

  for (const { script, content } of read("view")) {
    try {
      script.after(await view(content.model_id));
      while (later.length) await later.shift()();
    } catch (error) {
      script.after(element("p", {}, `This widget could not be drawn: ${error.message}.`));
      console.error(error);
    }
  }
})();
