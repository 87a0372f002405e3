// A network that trains in the page: no kernel of Jupyter, no server, no network.
import { drawTable, inWords, pairAt, tally } from "./answer_table.js";
import { element, integer, onceAFrame, Panel, percent, raised, readAlong, significant } from "./plot.js";
import { controls, TrainingControls } from "./training_controls.js";
import { DEFAULTS, hiddenUnits, readAddress, trainingPairs, writeAddress } from "./training_recipe.js";

const HINT = "Point at the curves, or focus them and use the arrow keys, to read a step.";
const DRAWINGS_A_SECOND = 8; // the worker may have to share a core with this page

const SENTENCES = {
  simd:
    "This browser has no WebAssembly SIMD, which training here needs: Chrome 91, Firefox 89," +
    " Safari 16.4 and later have it.",
  worker: "This browser lets the page start no worker, in which the network would train.",
  hidden: "Paused, because the page was hidden: Start goes on.",
  limit: "Paused after many steps, so as not to train for nobody: Start goes on.",
};

/** One sentence on a training that diverged. */
export const onDivergence = ({ step, back }) =>
  `The loss is not a number (NaN) after step ${integer(step)}: the network is back at step` +
  ` ${integer(back)}, the last good one; reset with a smaller learning rate or weight decay.`;

/** A row in words. */
export function say({ step, train, test, loss, norm }) {
  const numbers = `loss ${significant(loss)}, weight norm ${norm.toPrecision(4)}`;
  return `Step ${integer(step)}: train ${percent(train)}, test ${percent(test)}, ${numbers}.`;
}

/** The row next to step t. */
export function nearest(rows, t) {
  const after = rows.findIndex(({ step }) => step >= t);
  if (after <= 0) return rows.at(after);
  const [before, next] = [rows[after - 1], rows[after]];
  return t - before.step <= next.step - t ? before : next;
}

/** The Python engine's run of the same recipe, or undefined. */
export function referenceOf(references, recipe) {
  const same = ["l1", "l2", "coefficient", "seed"].every((key) => recipe[key] === DEFAULTS[key]);
  const fits = ({ training, p, share, lr, decay }) =>
    training === recipe.training && p === recipe.p && Math.round(100 * share) === recipe.share &&
    lr === recipe.lr && decay === recipe.decay;
  return same ? references.find(fits) : undefined;
}

const MEASURED = [
  ["step", "step", ({ step }) => integer(step)],
  ["train accuracy", "train", ({ train }) => percent(train)],
  ["test accuracy", "test", ({ test }) => percent(test)],
  ["training loss", "loss", ({ loss }) => significant(loss)],
  ["weight norm", "norm", ({ norm }) => norm.toFixed(1)],
  ["PMI (α = 2)", "information", ({ information }) => information?.toFixed(2)],
  ["PE (α = 2)", "entropy", ({ entropy }) => entropy?.toFixed(2)],
];

function build() {
  const tile = (label, name) => {
    const value = element("strong", {}, "–");
    return [value, element("div", { class: `tile ${name}` }, element("small", {}, label), value)];
  };
  const tiles = MEASURED.map(([label, name]) => tile(label, name));
  const [speed, speedTile] = tile("steps a second", "speed");
  const key = (name, label) => element("span", { class: `key ${name}` }, label);
  const message = element("p", { class: "message", role: "status" });
  const keys = element(
    "p",
    { class: "keys", "aria-hidden": "true" },
    key("train", "training"),
    key("test", "test"),
    key("single", "weight norm, PMI, loss"),
    key("second", "PE"),
    key("reference", "thin: the Python engine"),
  );
  const hosts = [0, 1, 2, 3].map(() => element("div"));
  const reading = element("p", { class: "reading" }, HINT);
  const canvas = element("canvas", { role: "img", class: "answers", width: 1, height: 1 });
  const counts = ["training pairs", "mirror images of these", "all others"].map((label, kind) => {
    const count = element("span");
    return [count, element("li", { class: `kind-${kind}` }, element("b", {}, label), " ", count)];
  });
  const entry = (name, value) =>
    element("input", { type: "number", min: 0, step: 1, value, "aria-label": name });
  const [a, b] = [entry("a", 5), entry("b", 12)];
  const words = element("p", { class: "words", "aria-live": "polite" });
  const table = element(
    "div",
    { class: "asking" },
    element("h3", { class: "part" }, "Every answer"),
    canvas,
    element("p", { class: "remark" }, "Row a, column b. A wrong answer is a small dot, or an empty cell where there is no room."),
    element("ul", { class: "kinds" }, ...counts.map(([, item]) => item)),
    element("p", { class: "ask" }, "Ask: ", a, " + ", b, " = ?"),
    words,
  );
  const curves = element("div", { class: "curves" }, keys, ...hosts, reading);
  const root = element("div", { class: "grokbook-widget in-page-training" });
  const numbers = element("div", { class: "tiles" }, ...tiles.map(([, node]) => node), speedTile);
  root.append(message, numbers, element("div", { class: "columns" }, curves, table));
  return {
    root, message, hosts, reading, canvas, a, b, words, speed,
    values: tiles.map(([value]) => value),
    counts: counts.map(([count]) => count),
  };
}

function render({ model, el, offline }) {
  const page = build();
  const references = model.get("references");
  const bytes = model.get("kernel");
  const kernel = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
  const panels = page.hosts.map((host) => new Panel(host));
  const read = offline ? readAddress(location.hash) : { recipe: { ...DEFAULTS }, sentence: "" };
  let recipe = read.recipe;
  let [rows, changes] = [[], []];
  let [kinds, answers, reference] = [null, null, undefined];
  let [running, speed, id, reached] = [false, 0, 0, {}];
  let worker = null;

  const tell = (sentence) => {
    if (page.message.textContent !== sentence) page.message.textContent = sentence;
  };
  const started = () => rows.length > 1 || running;

  const form = new TrainingControls(recipe, {
    set(name, value) {
      recipe = { ...recipe, [name]: value };
      if (offline) history.replaceState(null, "", writeAddress(recipe));
      if (!started()) return make();
      worker.postMessage({ do: "change", settings: { [name]: value } });
      const step = rows.at(-1).step;
      if (changes.at(-1)?.step !== step) changes.push({ step });
      changes.at(-1).text = `${controls(name).label} set to ${value}`;
      reference = undefined;
      draw();
    },
    recipe(wanted) {
      recipe = { ...DEFAULTS, ...wanted };
      if (offline) history.replaceState(null, "", writeAddress(recipe));
      form.show(recipe);
      make();
    },
    go() {
      if (!rows.length) return; // it is being made
      running = true;
      tell("Training.");
      worker.postMessage({ do: "go", limit: rows.at(-1).step + model.get("limit") });
      form.lock(true, true);
    },
    pause: () => worker.postMessage({ do: "pause" }),
    step: () => worker.postMessage({ do: "step" }),
    reset: () => make(),
  });
  page.root.prepend(form.root);
  el.append(page.root);

  /** A new network of the recipe, at step 0. */
  function make(sentence = "Ready at step 0.") {
    if (!worker) return;
    [rows, changes, running, speed, reached] = [[], [], false, 0, {}];
    [kinds, answers] = [null, null];
    id += 1;
    reference = referenceOf(references, recipe);
    form.lock(false, false);
    page.a.max = page.b.max = recipe.p - 1;
    for (const entry of [page.a, page.b]) entry.value = Math.min(entry.value, recipe.p - 1);
    const sizes = { d: model.get("width"), mlp: hiddenUnits(recipe.p), points: trainingPairs(recipe) };
    worker.postMessage({ do: "make", bytes: kernel, recipe: { ...recipe, ...sizes }, id });
    tell(sentence);
  }

  const replies = {
    made(reply) {
      if (reply.id === id) kinds = reply.kinds;
    },
    row(reply) {
      if (!kinds) return;
      rows.push(reply.row);
      ({ answers, speed } = reply);
      if (rows.length > 1) form.lock(true, running);
      milestones(reply.row);
      draw();
    },
    paused({ kind }) {
      running = false;
      form.lock(true, false);
      if (kind || page.message.textContent === "Training.") tell(SENTENCES[kind] ?? "Paused.");
      draw();
    },
    trouble(reply) {
      running = false;
      form.lock(true, false);
      if (reply.kind === "diverged") {
        rows = rows.filter(({ step }) => step <= reply.back);
        tell(onDivergence(reply));
      } else {
        tell(`Training stopped, because the engine failed (${reply.reason}): Reset starts anew.`);
      }
      draw();
    },
  };

  function milestones({ step, train, test }) {
    const at = integer(step);
    if (!reached.train && train === 1) {
      reached.train = step;
      tell(`Step ${at}: every training pair is right; test accuracy is ${percent(test)}.`);
    }
    if (!reached.test && test >= 0.95) {
      reached.test = step;
      const before = reached.train ? `, ${integer(step - reached.train)} steps after the training pairs` : "";
      tell(`Step ${at}: the network groks: test accuracy passes 95 %${before}.`);
    }
  }

  const chosen = () => {
    const pair = [page.a, page.b].map((entry) => entry.valueAsNumber);
    return pair.every((n) => Number.isInteger(n) && n >= 0 && n < recipe.p) ? pair : null;
  };

  function answerPair() {
    const pair = chosen();
    const asked = `Type two whole numbers from 0 to ${recipe.p - 1}.`;
    const words = !answers ? "" : pair ? inWords(recipe.p, kinds, answers, pair) : asked;
    page.words.setAttribute("aria-live", running ? "off" : "polite");
    if (page.words.textContent !== words) page.words.textContent = words;
  }

  function drawAnswers() {
    answerPair();
    if (!answers) return;
    drawTable(page.canvas, recipe.p, kinds, answers, chosen());
    const counts = tally(recipe.p, kinds, answers).map(([right, all]) => `${right} of ${all} right`);
    counts.forEach((text, kind) => (page.counts[kind].textContent = text));
    const [trained, mirrored, others] = counts;
    page.canvas.setAttribute(
      "aria-label",
      `Table of all ${recipe.p} × ${recipe.p} answers at step ${rows.at(-1).step}: training pairs` +
        ` ${trained}, their mirror images ${mirrored}, all others ${others}.`,
    );
  }

  function drawCurves() {
    const last = rows.at(-1);
    const end = Math.max(last.step, reference ? (reference.train.length - 1) * reference.every : 500);
    const x = { domain: [0, end], format: integer };
    const titled = { ...x, title: "training step" };
    const lines = changes.map(({ step }) => ({ at: step, class: "change" }));
    const curve = (key, name) => ({
      points: rows.filter((row) => row[key] !== undefined).map((row) => [row.step, row[key]]),
      class: name,
    });
    const thin = (key, name, every) => ({
      points: (reference?.[key] ?? []).map((value, i) => [i * every, value]),
      class: `${name} reference`,
    });
    const every = reference?.every;
    const slow = reference?.information_every;
    const marks = changes.map(({ step, text }) => ` At step ${integer(step)} ${text}.`).join("");
    const panel = (index, height, label, axis, y, curves) =>
      panels[index].draw({
        height, label: `${label} against training steps. ${say(last)}${marks}`, x: axis, y, lines, curves,
        margins: { bottom: axis.title ? 38 : 18 },
      });

    panel(0, 220, "Train and test accuracy", x,
      { domain: [0, 1], title: "accuracy (%)", format: (v) => Math.round(100 * v) },
      [thin("train", "train", every), thin("test", "test", every), curve("train", "train"), curve("test", "test")]);

    const loss = [thin("loss", "single", every), curve("loss", "single")];
    const floor = (points) => points.map(([at, value]) => [at, Math.max(1e-9, value)]);
    const levels = loss.flatMap(({ points }) => points.map(([, value]) => value));
    const domain = [Math.max(1e-9, Math.min(0.1, ...levels)), Math.max(10, ...levels)];
    panel(1, 140, "Training loss", x,
      { domain, logarithmic: true, title: "training loss", format: (v) => `10${raised(Math.round(Math.log10(v)))}` },
      loss.map(({ points, class: name }) => ({ points: floor(points), class: name })));

    const norm = [thin("norm", "single", every), curve("norm", "single")];
    panel(2, 140, "Weight norm", x,
      { domain: [0, highest(norm, 1)], title: "weight norm", format: (v) => String(+v.toFixed(1)) }, norm);

    const both = [
      thin("information", "single", slow), thin("entropy", "second", slow),
      curve("information", "single"), curve("entropy", "second"),
    ];
    panel(3, 170, "PMI and PE at order 2", titled,
      { domain: [0, highest(both, 1)], title: "PMI and PE (nats)", format: (v) => String(+v.toFixed(1)) }, both);
    reader.refresh();
  }

  const highest = (curves, least) =>
    1.05 * Math.max(least, ...curves.flatMap(({ points }) => points.map(([, value]) => value)));

  function show(t) {
    if (t === null || !rows.length) return (page.reading.textContent = HINT);
    const row = nearest(rows, t);
    page.reading.textContent = say(row);
    panels[0].mark(row.step, [{ y: row.train, class: "train" }, { y: row.test, class: "test" }]);
    for (const panel of panels.slice(1)) panel.mark(row.step);
  }

  const describe = (t) => (rows.length ? say(nearest(rows, t)) : "nothing is measured yet");
  const reader = readAlong(panels[0], { label: "Training step to read at", show, describe });

  const paint = onceAFrame(() => {
    if (!rows.length || !answers) return;
    const costly = rows.findLast(({ information }) => information !== undefined);
    const now = { ...costly, ...rows.at(-1) };
    MEASURED.forEach(([, , write], i) => (page.values[i].textContent = write(now) ?? "–"));
    page.speed.textContent = speed ? integer(speed) : "–";
    drawCurves();
    drawAnswers();
  });

  // A reader who asked for less motion sees a new picture every two seconds.
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const pause = calm ? 2000 : 1000 / DRAWINGS_A_SECOND;
  let [timer, painted] = [null, -Infinity];
  function draw() {
    const wait = running && rows.length > 1 ? painted + pause - performance.now() : 0;
    clearTimeout(timer);
    timer = setTimeout(() => {
      painted = performance.now();
      paint();
    }, Math.max(0, wait));
  }

  page.a.oninput = page.b.oninput = drawAnswers;
  page.canvas.onclick = (event) => {
    if (!answers) return;
    [page.a.value, page.b.value] = pairAt(page.canvas, recipe.p, event);
    drawAnswers();
  };
  const hide = () => {
    if (!document.hidden || !running) return;
    worker.postMessage({ do: "pause" });
    tell(SENTENCES.hidden);
  };
  const follow = () => {
    if (!location.hash.includes("=")) return;
    const read = readAddress(location.hash);
    recipe = read.recipe;
    form.show(recipe);
    make(read.sentence || undefined);
  };
  document.addEventListener("visibilitychange", hide);
  if (offline) addEventListener("hashchange", follow);
  const observers = [new ResizeObserver(draw), new MutationObserver(draw)];
  observers[0].observe(page.root);
  observers[1].observe(document.documentElement, { attributeFilter: ["data-theme"] });

  function refuse(sentence) {
    worker = null;
    form.refuse();
    tell(sentence);
  }

  if (!globalThis.WebAssembly || !WebAssembly.validate(kernel)) {
    refuse(SENTENCES.simd);
  } else {
    try {
      const source = new Blob([model.get("worker")], { type: "text/javascript" });
      const address = URL.createObjectURL(source);
      worker = new Worker(address);
      worker.onmessage = ({ data }) => replies[data.type](data);
      worker.onerror = () => refuse(SENTENCES.worker);
      make(read.sentence || undefined);
    } catch {
      refuse(SENTENCES.worker);
    }
  }
  return () => {
    worker?.terminate();
    document.removeEventListener("visibilitychange", hide);
    removeEventListener("hashchange", follow);
    for (const observer of observers) observer.disconnect();
  };
}

export default { render };
