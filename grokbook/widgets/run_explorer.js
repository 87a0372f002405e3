// Curves of recorded runs: the reader chooses task, trainings, metrics and seeds.
// The page holds the runs packed by grokbook.widgets.run_explorer.encode_runs; `curveOf` unpacks.
import { Address, flag, oneOf, someOf } from "./address.js";
import {
  element, integer, onceAFrame, Panel, raised, readAlong, scale, shape, significant,
} from "./plot.js";

const LEVELS = 2 ** 16 - 1;

/** A run's curve of a metric as { steps, values }; null if it was not logged. */
export function curveOf(run, metric, grids, bytes) {
  if (!(metric.column in run.curves)) return null;
  const [grid, place] = run.curves[metric.column];
  const { low, high, ratios } = metric;
  const values = grids[grid].map((_, i) => {
    const share = bytes.getUint16(2 * (place + i), true) / LEVELS;
    return ratios ? low * (high / low) ** share : low + share * (high - low);
  });
  return { steps: grids[grid], values };
}

/** The middle of numbers; of an even count the mean of the two middle ones. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [below, above] = [(sorted.length - 1) >> 1, sorted.length >> 1].map((i) => sorted[i]);
  return below === above ? below : (below + above) / 2; // two Infinities have no mean
}

/** Median, smallest and largest value at every step that any of the curves has. */
export function summary(curves) {
  const at = new Map();
  for (const { steps, values } of curves) {
    steps.forEach((step, i) => at.set(step, [...(at.get(step) ?? []), values[i]]));
  }
  const steps = [...at.keys()].sort((a, b) => a - b);
  const every = steps.map((step) => at.get(step));
  return {
    steps,
    values: every.map(median),
    low: every.map((values) => Math.min(...values)),
    high: every.map((values) => Math.max(...values)),
  };
}

/** The median of steps of which some never came (null): those are later than all others. */
export function medianStep(steps) {
  const middle = median(steps.map((step) => step ?? Infinity));
  return Number.isFinite(middle) ? middle : null;
}

/** The place of the number in an ascending list that is nearest. */
export function nearest(steps, t) {
  const after = steps.findIndex((step) => step >= t);
  if (after <= 0) return after === 0 ? 0 : steps.length - 1;
  return t - steps[after - 1] < steps[after] - t ? after - 1 : after;
}

/** A value for reading: percent with one decimal, anything else with two digits or more. */
export const written = (value, share) =>
  share ? (100 * value).toFixed(1) : significant(value);

/** A value at an axis: as short as can be. */
function short(value) {
  const size = Math.abs(value);
  const [divisor, unit] = size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  if (size >= 1e-3 || size === 0) return `${+(value / divisor).toPrecision(3)}${unit}`;
  const exponent = Math.floor(Math.log10(size) + 1e-9);
  const digit = Math.round(value / 10 ** exponent);
  return `${digit === 1 ? "" : `${digit}·`}10${raised(exponent)}`;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** 0, 1, 2 and 4 as "0–2, 4". */
export function listed(numbers) {
  const ranges = [];
  for (const number of numbers) {
    if (ranges.at(-1)?.[1] === number - 1) ranges.at(-1)[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

/** A set of check boxes or radio buttons with a legend; `toggle` gets what was clicked. */
class Choice {
  constructor(legend, several, toggle) {
    this.several = several;
    this.toggle = toggle;
    this.name = `choice-${Math.random().toString(36).slice(2)}`;
    this.body = element("div", { class: "pills" });
    this.node = element("fieldset", {}, element("legend", {}, legend), this.body);
    this.shown = "";
  }

  /** options: { value, label, class, disabled }. */
  show(options, chosen) {
    const shown = JSON.stringify(options);
    if (shown !== this.shown) this.body.replaceChildren(...options.map((each) => this.pill(each)));
    this.shown = shown;
    for (const input of this.body.querySelectorAll("input")) {
      input.checked = chosen.map(String).includes(input.value);
    }
  }

  pill({ value, label, class: name = "", disabled }) {
    const type = this.several ? "checkbox" : "radio";
    const input = element("input", { type, value, name: this.name });
    input.disabled = Boolean(disabled);
    input.onchange = () => this.toggle(value);
    const sample = name ? [sampleOf(name)] : [];
    return element("label", { class: `pill ${name}` }, input, ...sample, label);
  }
}

/** A piece of a training's line, for legends. */
function sampleOf(name) {
  const line = shape("path", { d: "M1 5H25", class: `curve ${name}` });
  return shape("svg", { class: "sample", viewBox: "0 0 26 10", "aria-hidden": "true" }, line);
}

/** Heading, legend with readings, and drawing of one metric. */
class MetricPanel {
  constructor(metric, redraw) {
    this.metric = metric;
    this.share = metric.group === "Accuracy";
    this.logarithmic = metric.logarithmic;
    this.title = element("strong");
    this.where = element("span", { class: "where" });
    this.box = element("input", { type: "checkbox" });
    this.box.checked = this.logarithmic;
    this.box.onchange = () => {
      this.logarithmic = this.box.checked;
      redraw();
    };
    this.legend = element("div", { class: "legend" });
    this.host = element("div");
    const name = `${metric.label}: logarithmic values`;
    this.box.setAttribute("aria-label", name);
    const toggle = element("label", { class: "toggle" }, this.box, "log");
    // Percent have one scale; what can be zero has no logarithm.
    if (this.share || metric.low <= 0) toggle.hidden = true;
    const heading = element("div", { class: "heading" }, this.title, this.where, toggle);
    this.node = element("section", {}, heading, this.legend, this.host);
    this.panel = new Panel(this.host);
  }

  /**
   * curves: { label, class, median, single, beside } a training; `beside` is another metric's
   * median, drawn dotted.
   */
  draw({ curves, x, height, margins, title, marks }) {
    this.curves = curves;
    this.title.textContent = title;
    this.items = curves.map(({ label, class: name }) => {
      const [value, more] = [element("b"), element("small")];
      const node = element("span", { class: name }, sampleOf(name), label, value, more);
      return { node, value, more };
    });
    this.legend.replaceChildren(...this.items.map(({ node }) => node));

    const within = ({ steps, values }) =>
      steps.map((t, i) => [t, values[i]]).filter(([t]) => t >= x.domain[0]);
    const lines = curves.flatMap(({ class: name, median: middle, single, beside }) => [
      ...(single.length > 1 ? single : []).map((curve) => ({
        points: within(curve),
        class: `${name} single`,
      })),
      ...(beside ? [{ points: within(beside), class: `${name} beside` }] : []),
      { points: within(middle), class: name },
    ]);
    const areas = curves
      .filter(({ single }) => single.length > 1)
      .map(({ class: name, median: { steps, low, high } }) => ({
        points: steps.map((t, i) => [t, low[i], high[i]]).filter(([t]) => t >= x.domain[0]),
        class: name,
      }));
    const numbers = lines.flatMap(({ points }) => points.map(([, value]) => value));
    this.panel.draw({
      height,
      margins,
      label: this.describe(title),
      x,
      y: {
        domain: this.share ? [0, 1] : room(numbers, this.logarithmic),
        format: this.share ? (value) => Math.round(100 * value) : short,
        logarithmic: this.logarithmic,
      },
      areas,
      lines: marks,
      curves: lines,
    });
  }

  /** The drawing in words: where each curve begins, ends, and is largest. */
  describe(title) {
    const say = (value) => written(value, this.share);
    const all = this.curves.map(({ label, median: { steps, values } }) => {
      const most = values.indexOf(Math.max(...values));
      const peak = `largest ${say(values[most])} at step ${integer(steps[most])}`;
      return `${label} from ${say(values[0])} to ${say(values.at(-1))}, ${peak}`;
    });
    return `${capital(title)} against training steps. ${capital(all.join("; "))}.`;
  }

  /** Write the values at t into the legend, and return them as a sentence. */
  read(t, marked) {
    const found = this.curves.map(({ label, class: name, median: curve, single, beside }, k) => {
      const i = nearest(curve.steps, t);
      const say = (value) => written(value, this.share);
      const value = say(curve.values[i]);
      const many = single.length > 1;
      const range = many ? `${say(curve.low[i])} to ${say(curve.high[i])}` : "";
      const other = beside ? `train ${say(beside.values[nearest(beside.steps, t)])}` : "";
      this.items[k].value.textContent = value;
      this.items[k].more.textContent = [range && `(${range})`, other].filter(Boolean).join(" · ");
      const words = [value, range && `seeds ${range}`, other].filter(Boolean).join(", ");
      return { x: curve.steps[i], y: curve.values[i], class: name, words: `${label} ${words}` };
    });
    const steps = [...new Set(found.map(({ x }) => x))].map(integer);
    this.where.textContent = `at step ${steps.join(" or ")}`;
    this.panel.mark(marked ? t : null, found);
    return `${capital(this.title.textContent)}: ${found.map(({ words }) => words).join("; ")}.`;
  }
}

/** The ends of an axis for numbers, with a little room; from 0 where that is not far. */
function room(numbers, logarithmic) {
  let [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  if (logarithmic) {
    const factor = high > low ? (high / low) ** 0.04 : 2;
    return [low / factor, high * factor];
  }
  const gap = high > low ? 0.06 * (high - low) : 0.5 * Math.abs(high) || 1;
  if (low >= 0 && low < 0.5 * high) return [0, high + gap];
  return [low - gap, high + gap];
}

/** When train accuracy reached 100 % and test accuracy its threshold: a bar between the two. */
function momentRow({ label, class: name, runs, threshold }, { width, left, right, x }) {
  const train = medianStep(runs.map(({ train_100: step }) => step));
  const test = medianStep(runs.map(({ grokked: step }) => step));
  const percent = `${+(100 * threshold).toFixed(1)} %`;
  const words = [
    train === null ? "train never 100 %" : `train 100 % at ${integer(train)}`,
    test === null ? `test not above ${percent} to stay` : `test ${percent} from ${integer(test)}`,
  ];
  const svg = shape("svg", { viewBox: `0 0 ${width} 16`, "aria-hidden": "true" });
  const [first, last] = x.domain;
  const at = (step) => x(Math.min(Math.max(step, first), last));
  svg.append(shape("path", { d: `M${left} 8H${right}`, class: "grid" }));
  for (const run of runs.length > 1 ? runs : []) {
    for (const step of [run.train_100, run.grokked]) {
      if (step !== null) svg.append(shape("path", { d: `M${at(step)} 3v10`, class: "seed" }));
    }
  }
  if (train !== null) {
    const end = test === null ? right : at(test);
    const waiting = test === null ? "delay waiting" : "delay";
    svg.append(shape("path", { d: `M${at(train)} 8H${end}`, class: waiting }));
    svg.append(shape("circle", { cx: at(train), cy: 8, r: 5, class: "train" }));
  }
  if (test !== null) svg.append(shape("circle", { cx: at(test), cy: 8, r: 5, class: "test" }));
  const text = element("p", {}, sampleOf(name), element("b", {}, label), ` ${words.join(", ")}`);
  return { node: element("div", { class: `moment ${name}` }, text, svg), train, words };
}

const HINT = "Point at the curves, or focus them and use the arrow keys.";
const NEAREST = "each value at the step nearest to it that was logged.";

/** Which runs are shown. */
function census(task, trainings) {
  const count = trainings.reduce((sum, { runs }) => sum + runs.length, 0);
  const each = trainings.map(({ label, runs }) => {
    const seeds = runs.map(({ seed }) => seed);
    if (!seeds.length) return `${label} (none of these seeds)`;
    return `${label} (seed${seeds.length === 1 ? "" : "s"} ${listed(seeds)})`;
  });
  return `${task}, ${count} run${count === 1 ? "" : "s"}: ${each.join(", ")}.`;
}

function render({ model, el, offline }) {
  const [catalogue, grids, bytes] = ["catalogue", "grids", "values"].map((name) => model.get(name));
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const taskOf = (name) => catalogue.find(({ task }) => task === name) ?? catalogue[0];
  const toggled = (name) => (value) => {
    const chosen = model.get(name);
    const without = chosen.filter((each) => each !== value);
    set({ [name]: without.length < chosen.length ? without : [...chosen, value] });
  };

  /** The other task, with what is chosen of this one as far as it is there too. */
  function change(name) {
    const task = taskOf(name);
    const labels = task.trainings.map(({ label }) => label);
    const columns = task.metrics.map(({ column }) => column);
    const kept = (all, chosen) => all.filter((each) => chosen.includes(each));
    const trainings = kept(labels, model.get("trainings"));
    const metrics = kept(columns, model.get("metrics"));
    set({
      task: task.task,
      logarithmic: task.logarithmic,
      trainings: trainings.length ? trainings : labels.slice(0, 2),
      metrics: metrics.length ? metrics : columns.slice(0, 2),
    });
  }

  const choices = {
    task: new Choice("Task", false, change),
    trainings: new Choice("Trainings", true, toggled("trainings")),
    seeds: new Choice("Seeds", true, toggled("seeds")),
  };
  const groups = [...new Set(catalogue.flatMap(({ metrics }) => metrics.map((m) => m.group)))].map(
    (group) => ({ group, choice: new Choice(group, true, toggled("metrics")) }),
  );
  const logarithmic = element("input", { type: "checkbox" });
  logarithmic.onchange = () => set({ logarithmic: logarithmic.checked });
  const steps = element("label", { class: "pill" }, logarithmic, "logarithmic steps");
  const pills = element("div", { class: "pills" }, steps);
  const status = element("p", { class: "remark", role: "status" });
  const note = element("p", { class: "remark", role: "alert" });
  const reading = element("p", { class: "reading" }, HINT);
  const rows = element("div", { class: "moments" });
  const sections = element("div");
  const stack = element("div", { class: "stack" }, rows, sections);
  const root = element(
    "div",
    { class: "grokbook-widget run-explorer" },
    element("div", { class: "choices" }, choices.task.node, choices.trainings.node),
    element("div", { class: "choices" }, ...groups.map(({ choice }) => choice.node)),
    element(
      "div",
      { class: "choices" },
      choices.seeds.node,
      element("fieldset", {}, element("legend", {}, "Axis"), pills),
    ),
    note,
    status,
    reading,
    stack,
  );
  el.append(root);

  // One panel a metric, kept while its task is shown, so that its scale is too.
  const kept = new Map();
  const panelOf = (task, metric) => {
    const key = `${task.task} ${metric.column}`;
    if (!kept.has(key)) kept.set(key, new MetricPanel(metric, draw));
    return kept.get(key);
  };
  const unpacked = new Map();
  const unpack = (run, metric) => {
    const [, place] = run.curves[metric.column] ?? [];
    if (place === undefined) return null;
    if (!unpacked.has(place)) unpacked.set(place, curveOf(run, metric, grids, bytes));
    return unpacked.get(place);
  };

  let shown = [];
  let end = 0;
  /** What one cursor reads: all panels, and the moments above them. */
  const whole = {
    host: stack,
    get x() {
      return shown[0].panel.x;
    },
    get size() {
      const { left, right, width } = shown[0].panel.size;
      const height = Math.max(1, stack.clientHeight);
      return { width, left, right, height, top: 0, bottom: height };
    },
  };
  const reader = readAlong(whole, {
    label: "Training step to read at",
    show(t) {
      for (const panel of shown) panel.read(t ?? end, t !== null);
      reading.textContent = t === null ? HINT : `Step ${integer(t)}; ${NEAREST}`;
    },
    describe: (t) => `Step ${integer(t)}. ${shown.map((panel) => panel.read(t, true)).join(" ")}`,
  });
  const handle = stack.lastChild;

  /** Which runs and metrics are shown; every control says so. */
  function chosen() {
    const task = taskOf(model.get("task"));
    const trainings = task.trainings.map(({ label, runs }, k) => ({
      label,
      class: `training-${k % 6}`,
      runs: runs.filter(({ seed }) => model.get("seeds").includes(seed)),
      threshold: task.threshold,
    }));
    const seeds = [...new Set(task.trainings.flatMap(({ runs }) => runs.map((run) => run.seed)))];
    seeds.sort((a, b) => a - b);
    const asOption = (value) => ({ value, label: value });
    choices.task.show(catalogue.map(({ task: name }) => asOption(name)), [task.task]);
    choices.trainings.show(
      trainings.map(({ label, class: name }) => ({ value: label, label, class: name })),
      model.get("trainings"),
    );
    choices.seeds.show(seeds.map(asOption), model.get("seeds"));
    for (const { group, choice } of groups) {
      const options = task.metrics.filter((metric) => metric.group === group);
      choice.node.hidden = !options.length;
      choice.show(
        options.map(({ column, label }) => ({ value: column, label })),
        model.get("metrics"),
      );
    }
    logarithmic.checked = model.get("logarithmic");
    const picked = trainings.filter(({ label }) => model.get("trainings").includes(label));
    const metrics = task.metrics.filter(({ column }) => model.get("metrics").includes(column));
    return { task, picked, metrics, present: seeds.filter((s) => model.get("seeds").includes(s)) };
  }

  /** The panels to draw, each with its curves: train accuracy goes with test accuracy. */
  function contents({ task, picked, metrics }) {
    const [train, test] = ["train_accuracy", "test_accuracy"].map((name) =>
      metrics.find(({ column }) => column === name),
    );
    return metrics
      .filter((metric) => !(metric === train && test))
      .map((metric) => {
        const beside = metric === test ? train : undefined;
        const curves = picked.flatMap(({ label, class: name, runs }) => {
          const single = runs.map((run) => unpack(run, metric)).filter(Boolean);
          if (!single.length) return [];
          const others = beside ? runs.map((run) => unpack(run, beside)).filter(Boolean) : [];
          const middle = others.length ? { beside: summary(others) } : {};
          return [{ label, class: name, single, median: summary(single), ...middle }];
        });
        const share = metric.group === "Accuracy" ? " (%)" : "";
        const title = `${metric.label}${beside ? ", train accuracy dotted" : ""}${share}`;
        return { panel: panelOf(task, metric), curves, title };
      })
      .filter(({ curves }) => curves.length);
  }

  const ofTask = (values) => taskOf(values.task ?? model.get("task"));
  const seedsOf = ({ trainings }) => [
    ...new Set(trainings.flatMap(({ runs }) => runs.map(({ seed }) => seed))),
  ];
  const address = new Address("runs", {
    task: oneOf(catalogue.map(({ task }) => task)),
    trainings: someOf((values) => ofTask(values).trainings.map(({ label }) => label)),
    metrics: someOf((values) => ofTask(values).metrics.map(({ column }) => column)),
    seeds: someOf((values) => seedsOf(ofTask(values))),
    logarithmic: flag(),
  });

  const draw = onceAFrame(() => {
    if (offline) address.keep(Object.fromEntries(names.map((name) => [name, model.get(name)])));
    const choice = chosen();
    const drawn = contents(choice);
    const missing = [
      !choice.picked.length && "No training is chosen.",
      !choice.metrics.length && "No metric is chosen.",
      !choice.present.length && "No seed is chosen.",
      !drawn.length && "None of these runs has what is chosen.",
    ].find(Boolean);
    status.textContent = missing || census(choice.task.task, choice.picked);
    stack.hidden = reading.hidden = Boolean(missing);
    if (missing) return;

    shown = drawn.map(({ panel }) => panel);
    sections.replaceChildren(...shown.map(({ node }) => node));
    const all = drawn.flatMap(({ curves }) => curves.flatMap(({ median: curve }) => curve.steps));
    end = Math.max(...all);
    const log = model.get("logarithmic");
    const first = log ? Math.min(...all.filter((t) => t > 0)) : 0;
    const axis = { domain: [first, end], logarithmic: log, format: integer };
    const width = Math.max(200, sections.clientWidth);
    const margins = { left: 44, right: 14, top: 8, bottom: 10 };
    const place = { width, left: margins.left, right: width - margins.right };
    place.x = scale(axis.domain, [place.left, place.right], log);
    const moments = choice.picked.filter(({ runs: own }) => own.length);
    const made = moments.map((training) => momentRow(training, place));
    rows.replaceChildren(...made.map(({ node }) => node));
    const marks = made.flatMap(({ train }, k) =>
      train === null ? [] : [{ at: train, class: moments[k].class }],
    );
    drawn.forEach(({ panel, curves, title }, k) => {
      const last = k === drawn.length - 1;
      const plot = drawn.length === 1 ? 260 : drawn.length === 2 ? 200 : 150;
      panel.draw({
        curves,
        title,
        marks,
        x: { ...axis, title: last ? "training step" : "" },
        height: plot + margins.top + (last ? 38 : margins.bottom),
        margins: { ...margins, bottom: last ? 38 : margins.bottom },
      });
    });
    const described = made.map(({ words }, k) => `${moments[k].label}: ${words.join(", ")}`);
    handle.setAttribute("aria-description", described.join("; "));
    reader.refresh();
  });

  const names = ["task", "trainings", "metrics", "seeds", "logarithmic"];
  for (const name of names) model.on(`change:${name}`, draw);
  const leave = offline ? address.follow({ set, note, root }) : () => {};
  const observer = new ResizeObserver(draw);
  observer.observe(root);
  return () => {
    leave();
    observer.disconnect();
  };
}

export default { render };
