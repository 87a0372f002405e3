// A run that this notebook's kernel trains: buttons that start, pause and stop it, and its curves.
import { element, integer, onceAFrame, Panel, percent, readAlong } from "./plot.js";

const HINT = "Point at a curve, or focus the drawing and use the arrow keys.";
const NO_KERNEL =
  "Training needs a kernel, which this page does not have: open this chapter in Jupyter, or on" +
  " Binder or Colab, to start, pause and stop a run here. Shown is a run that was trained before.";
const PATIENCE = 5000; // milliseconds in which a kernel answers, unless it is busy

// What the first button does and is called, by status; in a status not named it waits.
const VERBS = {
  training: ["pause", "Pause"],
  paused: ["resume", "Resume"],
  pausing: [null, "Pausing …"],
  stopping: [null, "Stopping …"],
};
const START = ["start", "Start"];

/** The row logged next to step t. */
export function nearest(rows, t) {
  const after = rows.findIndex(([step]) => step >= t);
  if (after <= 0) return rows.at(after);
  const [before, next] = [rows[after - 1], rows[after]];
  return t - before[0] <= next[0] - t ? before : next;
}

/** A row in words. */
export function say([step, train, test, norm]) {
  const accuracies = `train ${percent(train)}, test ${percent(test)}`;
  return `Step ${integer(step)}: ${accuracies}, weight norm ${norm.toPrecision(4)}.`;
}

/** Everything but what is in the drawings. */
function build(names, preset) {
  const button = () => element("button", { type: "button" });
  const [go, stop] = [button(), button()];
  stop.textContent = "Stop";
  const choice = element("select", { "aria-label": "Experiment" });
  for (const name of names) choice.append(element("option", {}, name));
  choice.value = names.find((name) => name === "modadd-standard") ?? names[0];
  const seed = element("input", { type: "number", min: "0", step: "1", value: "0" });
  const toolbar = element(
    "div",
    { class: "toolbar" },
    element("label", {}, "Train ", choice),
    element("label", {}, "seed ", seed),
    element("span", {}, `preset ${preset}`),
    go,
    stop,
  );
  const noKernel = element("p", { class: "no-kernel" }, NO_KERNEL);

  const bar = element("progress", { "aria-label": "Steps trained" });
  const taken = element("span");
  const progress = element("div", { class: "progress" }, bar, taken);
  const message = element("p", { class: "message", role: "status" });
  const title = element("strong");
  const logarithmic = element("input", { type: "checkbox" });
  const axis = element("label", {}, logarithmic, " logarithmic steps");
  const heading = element("div", { class: "toolbar" }, title, axis);

  const key = (name, label) => element("span", { class: `key ${name}` }, label);
  const keys = element(
    "p",
    { class: "keys", "aria-hidden": "true" },
    key("train", "train accuracy"),
    key("test", "test accuracy"),
    key("norm", "weight norm"),
  );
  const hosts = [element("div"), element("div")];
  const reading = element("p", { class: "reading" });
  const root = element("div", { class: "grokbook-widget live-training" });
  root.append(toolbar, noKernel, message, progress, heading, keys, ...hosts, reading);
  const controls = { go, stop, choice, seed, toolbar, noKernel, logarithmic };
  return { root, ...controls, bar, taken, progress, message, title, hosts, reading };
}

function render({ model, el, offline }) {
  const page = build(model.get("names"), model.get("preset"));
  el.append(page.root);
  const [main, below] = page.hosts.map((host) => new Panel(host));

  function show(t) {
    const rows = model.get("rows");
    page.reading.textContent = HINT;
    if (t === null || !rows.length) return;
    const [step, train, test, norm] = nearest(rows, t);
    page.reading.textContent = describe(t);
    main.mark(step, [{ y: train, class: "train" }, { y: test, class: "test" }]);
    below.mark(step, [{ y: norm, class: "norm" }]);
  }

  function describe(t) {
    const rows = model.get("rows");
    return rows.length ? say(nearest(rows, t)) : "nothing is logged yet";
  }

  const reader = readAlong(main, { label: "Training step to read at", show, describe });

  const draw = onceAFrame(() => {
    const [rows, title] = [model.get("rows"), model.get("title")];
    const steps = Math.max(2, model.get("steps"));
    const logarithmic = page.logarithmic.checked;
    const first = logarithmic ? 1 : 0;
    const x = { domain: [first, steps], logarithmic, title: "training step", format: integer };
    const drawn = rows.filter(([step]) => step >= first);
    const curve = (column, name) => ({ points: drawn.map((r) => [r[0], r[column]]), class: name });
    const last = rows.length ? say(rows.at(-1)) : "Nothing is logged yet.";
    const highest = Math.max(1, ...rows.map((row) => row[3]));

    page.title.textContent = title;
    main.draw({
      height: 260,
      label: `Train and test accuracy against training steps: ${title}. ${last}`,
      x,
      y: { domain: [0, 1], title: "accuracy (%)", format: (v) => Math.round(100 * v) },
      curves: [curve(1, "train"), curve(2, "test")],
    });
    below.draw({
      height: 170,
      label: `Weight norm against training steps: ${title}. ${last}`,
      x,
      y: { domain: [0, 1.05 * highest], title: "weight norm", format: (v) => String(+v.toFixed(1)) },
      curves: [curve(3, "norm")],
    });
    reader.refresh();
  });

  /** Buttons, message and progress. */
  function tell() {
    const [status, step, steps] = ["status", "step", "steps"].map((name) => model.get(name));
    const [verb, label] = VERBS[status] ?? START;
    page.go.textContent = label;
    // Not `disabled`: the keyboard's focus stays on a button that waits.
    page.go.ariaDisabled = String(!verb);
    page.stop.ariaDisabled = String(status !== "training" && status !== "paused");
    page.choice.disabled = page.seed.disabled = verb !== "start";
    page.message.textContent = model.get("message");
    page.progress.hidden = status === "idle";
    page.bar.max = Math.max(1, steps);
    page.bar.value = step;
    page.taken.textContent = `step ${integer(step)} of ${integer(steps)}`;
  }

  /** Show buttons, or why there are none. */
  function answer(kernel) {
    page.toolbar.hidden = !kernel;
    page.noKernel.hidden = kernel;
    page.message.hidden = page.progress.hidden = !kernel;
    if (kernel) tell();
  }

  answer(!offline);
  if (!offline) {
    // A notebook may be shown with its saved widgets and no kernel behind them.
    const silence = setTimeout(() => answer(false), PATIENCE);
    model.on("msg:custom", (content) => {
      if (!content.here) return;
      clearTimeout(silence);
      answer(true);
    });
    model.send({ do: "greet" });
  }

  page.go.onclick = () => {
    const [verb] = VERBS[model.get("status")] ?? START;
    const chosen = { name: page.choice.value, seed: Number(page.seed.value) };
    if (verb) model.send(verb === "start" ? { do: verb, ...chosen } : { do: verb });
  };
  page.stop.onclick = () => {
    if (page.stop.ariaDisabled === "false") model.send({ do: "stop" });
  };
  page.logarithmic.onchange = draw;
  for (const name of ["status", "message", "step", "steps"]) model.on(`change:${name}`, tell);
  for (const name of ["rows", "title", "steps"]) model.on(`change:${name}`, draw);
  const observer = new ResizeObserver(draw);
  observer.observe(page.root);
  return () => observer.disconnect();
}

export default { render };
