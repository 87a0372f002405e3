// What networks on pairs answer, and how they embed the numbers, step by step through training.
import { Address, number, numbers } from "./address.js";
import { drawTable, inWords, pairAt, tally } from "./answer_table.js";
import { element, integer, onceAFrame, Panel, percent, shape } from "./plot.js";

const FRAME = 140; // milliseconds that a step is shown while it plays
const UNITS = 2 ** 16 - 1; // of a share of the spectrum
const REACH = 127; // of a place on a circle

/** Unpack what `encode` of network_explorer.py has packed, as one object a training. */
function unpack(bytes, p, trainings) {
  let place = 0;
  const take = (count, Kind) => {
    const length = count * Kind.BYTES_PER_ELEMENT;
    const part = bytes.slice(place, place + length); // a copy: begins where its type may begin
    place += length;
    return new Kind(part.buffer);
  };
  return trainings.map(({ label, steps, frequencies }) => {
    const count = steps.length;
    const answers = take(count * p * p, Uint8Array);
    for (let i = 0; i < answers.length; i++) {
      const cell = i % (p * p);
      answers[i] = (answers[i] + Math.floor(cell / p) + (cell % p)) % p;
    }
    const half = Math.floor(p / 2);
    const spectrum = frequencies ? take(count * half, Uint16Array) : null;
    const circles = (frequencies ?? []).map((frequency) => {
      return { frequency, places: take(count * p * 2, Int8Array) };
    });
    return { label, steps, answers, spectrum, circles };
  });
}

/** The place of the last of the steps that is not after `step`, or of the first. */
function upTo(steps, step) {
  const after = steps.findIndex((each) => each > step);
  return after === -1 ? steps.length - 1 : Math.max(0, after - 1);
}

/** Shares of right answers in words, from the tally of the three kinds. */
function sayRight([train, mirrored, others]) {
  const share = ([right, all]) => (all ? percent(right / all) : "none");
  return `training pairs ${share(train)}, mirror images ${share(mirrored)}, all others ${share(others)}`;
}

async function unzip(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const LABELS = ["training pairs", "mirror images of these", "all others"];

/** One training: its table, counts, spectrum and circles. */
function column({ label, spectrum, circles }) {
  const canvas = element("canvas", { role: "img", class: "answers", width: 1, height: 1 });
  const counts = LABELS.map(() => element("span"));
  const items = LABELS.map((name, kind) =>
    element("li", { class: `kind-${kind}` }, element("b", {}, name), " ", counts[kind]),
  );
  const words = element("p", { class: "words" });
  const at = element("span", { class: "at" });
  const root = element("section", { "aria-label": label });
  root.append(element("h3", { class: "part" }, label, " ", at), canvas);
  root.append(element("ul", { class: "kinds" }, ...items), words);
  const host = spectrum ? element("div") : null;
  if (host) root.append(host);
  const rings = circles.map(({ frequency }) => {
    const svg = shape("svg", { viewBox: "-140 -140 280 280", role: "img", class: "ring" });
    const figure = element("figure", {}, svg, element("figcaption", {}, `frequency ${frequency}`));
    return { svg, figure };
  });
  if (rings.length) root.append(element("div", { class: "rings" }, ...rings.map((r) => r.figure)));
  return { root, canvas, counts, words, at, rings, panel: host ? new Panel(host) : null };
}

function drawSpectrum(panel, shares, ceiling, label) {
  const x = { domain: [0.5, shares.length + 0.5], title: "frequency", format: (k) => String(k) };
  const y = { domain: [0, ceiling], title: "share of the embedding (%)", format: (v) => String(Math.round(100 * v)) };
  // A bar goes up at its frequency and down again.
  const bars = shares.map((share, i) => ({ points: [[i + 1, 0], [i + 1, share]], class: "bar" }));
  panel.draw({ height: 150, label, x, y, curves: bars });
}

function drawRing(svg, places, frequency, p, chosen) {
  const at = (n) => `${places[2 * n]} ${places[2 * n + 1]}`;
  // Joined in the order of the angle that the number has on the circle.
  const order = Array.from({ length: p }, (_, turn) => turn);
  const angle = (n) => (n * frequency) % p;
  order.sort((a, b) => angle(a) - angle(b));
  const path = shape("path", { d: `M${order.map(at).join("L")}Z`, class: "turn" });
  const dots = order.map((n) =>
    shape("circle", {
      cx: places[2 * n], cy: places[2 * n + 1],
      r: chosen?.includes(n) ? 7 : 3, class: chosen?.includes(n) ? "asked" : "number",
    }),
  );
  svg.replaceChildren(path, ...dots);
}

function build(p, last) {
  const play = element("button", { type: "button" }, "Play");
  const slider = element("input", { type: "range", min: 0, "aria-label": "Training step" });
  const entry = (name) => element("input", { type: "number", min: 0, max: p - 1, step: 1, "aria-label": name });
  const [a, b] = [entry("a"), entry("b")];
  const output = element("span", { class: "step", "aria-hidden": "true" }); // the slider says it
  const bar = element("div", { class: "toolbar" }, play, slider, output);
  const ask = element("p", { class: "ask" }, "Ask: ", a, " + ", b, ` = ? (mod ${p}), or point at a table.`);
  const note = element("p", { class: "remark", role: "alert", hidden: "" });
  const status = element("p", { class: "remark", role: "status" }, "Unpacking the answers.");
  const columns = element("div", { class: "networks" });
  const remark = element(
    "p",
    { class: "remark" },
    "Row a, column b. A right answer fills its cell; a wrong one leaves it empty, or is a small dot where there is room.",
  );
  const root = element("div", { class: "grokbook-widget network-explorer" });
  root.append(bar, ask, note, status, columns, remark);
  slider.max = last;
  return { root, play, slider, a, b, output, note, status, columns };
}

function render({ model, el, offline }) {
  const p = model.get("p");
  const described = model.get("trainings");
  const steps = [...new Set(described.flatMap((each) => each.steps))].sort((a, b) => a - b);
  const page = build(p, steps.length - 1);
  el.append(page.root);
  const bytes = (name) => {
    const view = model.get(name);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  };
  const kinds = bytes("kinds");
  let [trainings, columns, timer] = [null, [], null];

  const place = () => upTo(steps, model.get("step"));
  const pair = () => model.get("pair");
  const known = (n) => Number.isInteger(n) && n >= 0 && n < p;
  const address = new Address("network", {
    step: number(0, steps.at(-1)),
    pair: numbers(0, p - 1, 2, 2, true),
  });

  function answersAt(training, frame) {
    return training.answers.subarray(frame * p * p, (frame + 1) * p * p);
  }

  const draw = onceAFrame(() => {
    const step = steps[place()];
    page.slider.value = place();
    page.slider.setAttribute("aria-valuetext", `step ${integer(step)}`);
    page.output.textContent = `step ${integer(step)}`;
    for (const [entry, value] of [[page.a, pair()[0]], [page.b, pair()[1]]]) {
      if (document.activeElement !== entry) entry.value = value;
    }
    if (offline) address.keep({ step, pair: pair() });
    if (!trainings) return;
    const ceiling = Math.max(...trainings.map(({ spectrum }) => (spectrum ? Math.max(...spectrum) : 0))) / UNITS;
    trainings.forEach((training, i) => {
      const frame = upTo(training.steps, step);
      const answers = answersAt(training, frame);
      const { canvas, counts, words, at, rings, panel } = columns[i];
      const own = integer(training.steps[frame]);
      const ended = step > training.steps.at(-1);
      at.textContent = ended ? `(as at its last kept step, ${own})` : "";
      drawTable(canvas, p, kinds, answers, pair());
      const tallied = tally(p, kinds, answers);
      tallied.forEach(([right, all], kind) => (counts[kind].textContent = `${right} of ${all} right`));
      canvas.setAttribute(
        "aria-label",
        `Table of all ${p} × ${p} answers of ${training.label} training at step ${own}: ${sayRight(tallied)} right.`,
      );
      words.textContent = `${inWords(p, kinds, answers, pair())} ${first(training)}`;
      if (!panel) return;
      const half = Math.floor(p / 2);
      const shares = Array.from(training.spectrum.subarray(frame * half, (frame + 1) * half), (u) => u / UNITS);
      const strongest = shares.map((share, k) => [share, k + 1]).sort(([a], [b]) => b - a);
      const [one, two] = strongest.map(([share, k]) => `${k} (${percent(share)})`);
      const label = `Fourier spectrum of the embedding at step ${own}: most on frequencies ${one} and ${two}.`;
      drawSpectrum(panel, shares, ceiling, label);
      training.circles.forEach(({ frequency, places }, c) => {
        const now = places.subarray(frame * 2 * p, (frame + 1) * 2 * p);
        drawRing(rings[c].svg, now, frequency, p, pair());
        const radii = Array.from({ length: p }, (_, n) => Math.hypot(now[2 * n], now[2 * n + 1]) / REACH);
        const mean = radii.reduce((sum, r) => sum + r, 0) / p;
        rings[c].svg.setAttribute(
          "aria-label",
          `The numbers in the plane of frequency ${frequency} at step ${own}: mean distance from the` +
            ` middle ${percent(mean)} of the largest.`,
        );
      });
    });
  });

  /** From which kept step on the asked pair is answered rightly, in words. */
  function first(training) {
    const [a, b] = pair();
    const right = (a + b) % p;
    const said = training.steps.map((_, frame) => training.answers[frame * p * p + a * p + b] === right);
    const from = said.lastIndexOf(false) + 1;
    if (from === said.length) return "It is not answered rightly at the last kept step.";
    if (from === 0) return "It is answered rightly at every kept step.";
    return `It is answered rightly from step ${integer(training.steps[from])} on.`;
  }

  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };

  function stop() {
    clearInterval(timer);
    timer = null;
    page.play.textContent = "Play";
    draw();
  }

  function start() {
    if (place() === steps.length - 1) set({ step: steps[0] });
    page.play.textContent = "Pause";
    timer = setInterval(() => {
      if (document.hidden) return;
      if (place() === steps.length - 1) return stop();
      set({ step: steps[place() + 1] });
    }, FRAME);
  }

  page.play.onclick = () => (timer ? stop() : start());
  page.slider.oninput = () => {
    if (timer) stop();
    set({ step: steps[page.slider.valueAsNumber] });
  };
  page.a.oninput = page.b.oninput = () => {
    const asked = [page.a.valueAsNumber, page.b.valueAsNumber];
    const fits = asked.every(known);
    page.status.textContent = fits ? "" : `Type two whole numbers from 0 to ${p - 1}.`;
    if (fits) set({ pair: asked });
  };
  for (const name of ["step", "pair"]) model.on(`change:${name}`, draw);

  let seen = null;
  async function begin() {
    if (typeof DecompressionStream === "undefined") {
      page.status.textContent =
        "This browser cannot unpack the answers (DecompressionStream): Chrome 80, Firefox 113, Safari 16.4 and later can.";
      return;
    }
    trainings = unpack(await unzip(bytes("packed")), p, described);
    columns = trainings.map(column);
    columns.forEach(({ root, canvas }) => {
      page.columns.append(root);
      canvas.onclick = (event) => set({ pair: pairAt(canvas, p, event) });
    });
    page.status.textContent = "";
    draw();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!model.get("plays") || calm) return;
    seen = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      if (!timer) start();
    }, { threshold: 0.6 });
    seen.observe(columns[0].canvas);
  }

  begin();
  draw();
  const take = ({ step, pair }) => set({ ...(step === undefined ? {} : { step: Math.round(step) }), ...(pair ? { pair } : {}) });
  const leave = offline ? address.follow({ set: take, note: page.note, root: page.root }) : () => {};
  const observers = [new ResizeObserver(draw), new MutationObserver(draw)];
  observers[0].observe(page.root);
  observers[1].observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => {
    clearInterval(timer);
    seen?.disconnect();
    leave();
    observers.forEach((observer) => observer.disconnect());
  };
}

export default { render };
