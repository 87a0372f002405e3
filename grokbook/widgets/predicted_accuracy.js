// Corollary 3.3's curve for parameters that the reader moves, over the measured accuracies.
// The functions are those of grokbook.theory.corollary_3_3 and are tested against them.
import { Address, flag, number, oneOf } from "./address.js";
import { element, integer, onceAFrame, Panel, percent, readAlong } from "./plot.js";

/** The error function to the precision of a double. */
export function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  // The terms of this series have one sign, so that nothing cancels.
  let [term, sum] = [x, x];
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** P(r), the half-normal's share within r. */
export function share(r, mu) {
  return mu > 0 ? erf(r / Math.sqrt(2 * mu)) : Number(r > 0);
}

export function predictedRadius(t, { a, b, L }) {
  const height = b === 0 ? a : a - b * Math.log10(t); // 0 times log10(0) would be NaN
  return 1 / Math.max(2 * L + Math.max(height, 0), 1);
}

export function predictedAccuracy(t, parameters) {
  return share(predictedRadius(t, parameters), parameters.mu);
}

/**
 * The step from which on (for b < 0: until which) the curve is at q or above; for b = 0 that is 0
 * or Infinity.
 */
export function stepAtAccuracy(q, { a, b, L, mu }) {
  let [low, high] = [0, 6]; // erf(low) <= q < erf(high)
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (erf(middle) <= q) low = middle;
    else high = middle;
  }
  const needed = low * Math.sqrt(2 * mu);
  if (needed > 1 / Math.max(1, 2 * L)) return b < 0 ? 0 : Infinity; // q is above the plateau
  if (b === 0) return predictedAccuracy(1, { a, b, L, mu }) >= q ? 0 : Infinity;
  return 10 ** ((a + 2 * L - 1 / needed) / b);
}

/** The steps [from, to] at which a - b log10 t is below what an interpolating network needs. */
export function impossibleSteps({ a, b }, needed) {
  const border = 10 ** ((a - needed) / b);
  if (b === 0) return a < needed ? [0, Infinity] : [Infinity, Infinity];
  return b > 0 ? [border, Infinity] : [0, border];
}

/** Root mean square difference of the curve from runs, at their logged steps from 1 on. */
export function rootMeanSquare(runs, parameters) {
  const squares = runs.flatMap(({ steps, accuracy }) =>
    steps.flatMap((t, i) => (t < 1 ? [] : [(predictedAccuracy(t, parameters) - accuracy[i]) ** 2])),
  );
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

const NAMES = ["a", "b", "L", "mu"];
const LEVELS = [0.1, 0.5, 0.9];

/** The step of `stepAtAccuracy` in words. */
function sayStep(t, b) {
  if (t === Infinity) return b < 0 ? "always" : "never";
  if (b === 0) return "always";
  if (b < 0) return t < 1 ? "never" : `until ${integer(t)}`;
  return t < 1 ? "before 1" : integer(t);
}

/** Where the premise fails, as a sentence. */
function sayPremise([from, to], last) {
  const decimal = (t) => (t < 100 ? t.toFixed(1) : integer(t));
  if (from > last) return "At no step shown is the premise ruled out.";
  let where = `before step ${decimal(to)}`;
  if (from < 1 && to === Infinity) where = "at any step";
  else if (to === Infinity) where = `from step ${decimal(from)} on`;
  return `No interpolating network can meet the premise ${where}.`;
}

/** The accuracy of a run between two logged steps. */
function between({ steps, accuracy }, t) {
  const after = steps.findIndex((step) => step >= t);
  if (after <= 0) return accuracy[after === 0 ? 0 : accuracy.length - 1];
  const part = (t - steps[after - 1]) / (steps[after] - steps[after - 1]);
  return accuracy[after - 1] + part * (accuracy[after] - accuracy[after - 1]);
}

const HINT = "Point at a curve, or focus the drawing and use the arrow keys.";
const MADE = "The fit was computed when the page was made, with L held at ½";
const THREE = `${MADE}, since only three of the four numbers shape the curve.`;
const TWO = `${MADE} and μ at 1/100, since only two numbers shape a curve that reaches 100 %.`;
const NO_FIT = "The least-squares fit to these runs lies outside the sliders’ ranges.";

/** Everything but what is in the drawings. */
function build(comparisons) {
  const button = (name) => element("button", { type: "button" }, name);
  const [reset, fit] = [button("The paper’s values"), button("Least-squares fit")];
  const choice = element("select", { "aria-label": "Runs to fit and to compare with" });
  comparisons.forEach(({ label }, value) => choice.append(element("option", { value }, label)));
  const logarithmic = element("input", { type: "checkbox" });
  const toolbar = element(
    "div",
    { class: "toolbar" },
    reset,
    fit,
    element("label", {}, "to ", choice),
    element("label", {}, logarithmic, " logarithmic steps"),
  );

  const key = (name, label) => element("span", { class: `key ${name}` }, label);
  const keys = element(
    "p",
    { class: "keys", "aria-hidden": "true" },
    key("predicted", "predicted"),
    key("measured", "measured, one line a seed"),
    key("impossible", "premise impossible"),
  );

  const tile = (...name) => {
    const [value, beside] = [element("strong"), element("small")];
    const label = element("span", {}, ...name);
    return { node: element("div", { class: "tile" }, label, value, beside), label, value, beside };
  };
  const crossings = LEVELS.map((level) => {
    const percents = String(100 * level);
    return tile(element("i", {}, "t"), element("sub", {}, percents), `, ${percents} % at step`);
  });
  const error = tile("RMS error");
  const tiles = [...crossings, error].map(({ node }) => node);
  const [premise, origin] = [0, 1].map(() => element("p", { class: "remark" }));
  const note = element("p", { class: "remark", role: "alert" });
  const status = element("div", { role: "status" }, premise, element("div", { class: "tiles" }));
  status.lastChild.append(...tiles);

  const reading = element("p", { class: "reading" });
  const hosts = [0, 1, 2].map(() => element("div"));
  const chain = element(
    "div",
    { class: "chain" },
    element("div", {}, element("p", {}, "The radius that the step allows"), hosts[1]),
    element("div", {}, element("p", {}, "The share of test points within it"), hosts[2]),
  );
  const root = element("div", { class: "grokbook-widget predicted-accuracy" });
  root.append(toolbar, note, keys, hosts[0], reading, status, origin, chain);
  const controls = { reset, fit, choice, logarithmic };
  return { root, ...controls, note, crossings, error, premise, origin, reading, hosts };
}

function render({ model, el, offline }) {
  const [runs, comparisons, needed] = ["runs", "comparisons", "needed"].map((k) => model.get(k));
  const last = Math.max(...runs.map(({ steps }) => steps.at(-1)));
  const page = build(comparisons);
  el.append(page.root);
  const panels = page.hosts.map((host) => new Panel(host));
  const [main, radius, within] = panels;

  const parameters = () => Object.fromEntries(NAMES.map((name) => [name, model.get(name)]));
  const compared = () => comparisons[page.choice.value];
  const chosen = () => runs.filter(({ seed }) => compared().seeds.includes(seed));

  /** The cursor in all three drawings, and what it reads. */
  function show(t) {
    page.reading.textContent = t === null ? HINT : describe(t);
    if (t === null) return;
    const p = parameters();
    const r = predictedRadius(t, p);
    const predicted = { y: share(r, p.mu), class: "predicted" };
    const measured = chosen().map((run) => ({ y: between(run, t), class: "measured" }));
    main.mark(t, [...measured, predicted]);
    radius.mark(t, [{ y: r, class: "radius" }]);
    within.mark(r, [predicted]);
  }

  function describe(t) {
    const p = parameters();
    const r = predictedRadius(t, p);
    const values = chosen().map((run) => between(run, t));
    const ends = new Set([Math.min(...values), Math.max(...values)].map(percent));
    const measured = `measured ${[...ends].join(" to ")} (${compared().label})`;
    const predicted = `predicted ${percent(share(r, p.mu))}`;
    return `Step ${integer(t)}: r = ${r.toPrecision(3)}, ${predicted}, ${measured}.`;
  }

  const reader = readAlong(main, { label: "Training step to read at", show, describe });

  /** What is read off the curve, in the tiles and as the name of the main drawing. */
  function write(p) {
    const { fit, label, reached } = compared();
    const predicted = LEVELS.map((level) => sayStep(stepAtAccuracy(level, p), p.b));
    const measured = reached.map((t) => (t === null ? "never" : integer(t)));
    page.crossings.forEach(({ value, beside }, i) => {
      value.textContent = predicted[i];
      beside.textContent = `measured ${measured[i]}`;
    });
    const whose = compared().seeds.length > 1 ? `${label} at once` : label;
    page.error.label.textContent = `RMS error, ${whose}`;
    page.error.value.textContent = rootMeanSquare(chosen(), p).toFixed(3);
    page.error.beside.textContent = fit ? `of the fit ${fit.error.toFixed(3)}` : "";
    page.premise.textContent = sayPremise(impossibleSteps(p, needed), last);
    page.fit.disabled = !fit;
    page.origin.textContent = NO_FIT;
    if (fit) page.origin.textContent = fit.parameters.mu === model.get("paper").mu ? TWO : THREE;
    return (
      `Predicted and measured accuracy against training steps to ${integer(last)}. ` +
      `Predicted 10, 50 and 90 %: ${predicted.join(", ")}. ` +
      `Measured, ${label}: ${measured.join(", ")}. ${page.premise.textContent}`
    );
  }

  const ranges = Object.entries(model.get("ranges"));
  const address = new Address("prediction", {
    ...Object.fromEntries(ranges.map(([name, ends]) => [name, number(...ends)])),
    logarithmic: flag(),
    runs: oneOf(comparisons.map(({ label }) => label)),
  });

  const draw = onceAFrame(() => {
    const p = parameters();
    const logarithmic = model.get("logarithmic");
    if (offline) address.keep({ ...p, logarithmic, runs: compared().label });
    page.logarithmic.checked = logarithmic;
    const { seeds } = compared();
    const first = logarithmic ? 1 : 0;
    const steps = { domain: [first, last], logarithmic, title: "training step", format: integer };
    const radii = { domain: [0, 1], title: "radius r", format: (r) => String(+r.toFixed(1)) };
    const shares = { domain: [0, 1], title: "accuracy (%)", format: (v) => Math.round(100 * v) };

    // As many points as there are pixels.
    const pixels = Math.max(200, page.root.clientWidth);
    const even = Array.from({ length: pixels + 1 }, (_, i) => i / pixels);
    const times = even.map((u) => (logarithmic ? last ** u : last * u));
    const measured = runs.map((run) => ({
      points: run.steps.map((t, i) => [t, run.accuracy[i]]).filter(([t]) => t >= first),
      class: seeds.includes(run.seed) ? "measured" : "measured pale",
    }));
    const predicted = times.map((t) => [t, predictedAccuracy(t, p)]);
    main.draw({
      height: 280,
      label: write(p),
      x: steps,
      y: shares,
      bands: [impossibleSteps(p, needed)],
      curves: [...measured, { points: predicted, class: "predicted" }],
    });
    const end = predictedRadius(last, p).toPrecision(3);
    radius.draw({
      height: 190,
      label: `The radius r against training steps; at step ${integer(last)} it is ${end}.`,
      x: steps,
      y: { ...radii, title: "radius r(t)" },
      curves: [{ points: times.map((t) => [t, predictedRadius(t, p)]), class: "radius" }],
    });
    within.draw({
      height: 190,
      label: `The share P(r) of test points within r; ${percent(share(0.1, p.mu))} at r = 0.1.`,
      x: radii,
      y: { ...shares, title: "P(r) (%)" },
      curves: [{ points: even.map((r) => [r, share(r, p.mu)]), class: "predicted" }],
    });
    reader.refresh();
  });

  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  page.reset.onclick = () => set(model.get("paper"));
  page.fit.onclick = () => set(compared().fit.parameters);
  page.choice.onchange = draw;
  page.logarithmic.onchange = () => set({ logarithmic: page.logarithmic.checked });
  for (const name of [...NAMES, "logarithmic"]) model.on(`change:${name}`, draw);
  const take = ({ runs: label, ...values }) => {
    if (label) page.choice.value = comparisons.findIndex((each) => each.label === label);
    set(values);
    draw();
  };
  const leave = offline ? address.follow({ set: take, note: page.note, root: page.root }) : () => {};
  const observer = new ResizeObserver(draw);
  observer.observe(page.root);
  return () => {
    leave();
    observer.disconnect();
  };
}

export default { render };
