// Matrix entropy and information of a few vectors that the reader moves.
// The functions are those of grokbook.metrics and are tested against them.
import { Address, number, numbers, oneOf } from "./address.js";
import { element, onceAFrame, Panel, shape } from "./plot.js";

const EPS = 2 ** -52;

const dot = (u, v) => u.reduce((sum, value, k) => sum + value * v[k], 0);

/** Rows scaled to length one; a row of zeros becomes the first unit vector. */
export function unit(rows) {
  return rows.map((row) => {
    const length = Math.hypot(...row);
    return length > 0 ? row.map((value) => value / length) : row.map((_, k) => Number(k === 0));
  });
}

/**
 * The squares of the singular values of a matrix, largest first, by Jacobi's rotations of its
 * columns: the eigenvalues of its Gram matrix, which is not formed, so that small ones are right.
 */
export function squaredSingularValues(rows) {
  const [n, d] = [rows.length, rows[0].length];
  // Rows or columns, whichever are fewer: both have the same non-zero values.
  const vectors =
    d <= n ? rows[0].map((_, k) => rows.map((row) => row[k])) : rows.map((row) => [...row]);
  for (let sweep = 0, turned = true; turned && sweep < 40; sweep++) {
    turned = false;
    for (let p = 0; p < vectors.length; p++) {
      for (let q = p + 1; q < vectors.length; q++) {
        const [u, v] = [vectors[p], vectors[q]];
        const [a, b, c] = [dot(u, u), dot(v, v), dot(u, v)];
        if (Math.abs(c) <= EPS * Math.sqrt(a * b)) continue;
        turned = true;
        const half = (b - a) / (2 * c);
        const tangent = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(1, half));
        const cosine = 1 / Math.hypot(1, tangent);
        const sine = cosine * tangent;
        vectors[p] = u.map((value, k) => cosine * value - sine * v[k]);
        vectors[q] = u.map((value, k) => sine * value + cosine * v[k]);
      }
    }
  }
  return vectors.map((v) => dot(v, v)).sort((a, b) => b - a);
}

/** The non-zero eigenvalues of G/n, G the Gram matrix of unit rows. */
export function spectrum(rows) {
  const values = squaredSingularValues(rows);
  const least = (Math.max(rows.length, rows[0].length) * EPS) ** 2 * values[0];
  return values.filter((value) => value > least).map((value) => value / rows.length);
}

/** The non-zero eigenvalues of (G₁ ∘ G₂)/n: of the products of rows, entry by entry. */
export function jointSpectrum(first, second) {
  const products = first.map((row, i) => row.flatMap((u) => second[i].map((v) => u * v)));
  const values = squaredSingularValues(products);
  const least = first.length * EPS * values[0];
  return values.filter((value) => value > least).map((value) => value / first.length);
}

/** H_α of a spectrum. Near α = 1 the sum is written so that nothing cancels. */
export function entropy(eigenvalues, alpha) {
  const total = eigenvalues.reduce((sum, value) => sum + value, 0);
  const weights = eigenvalues.map((value) => value / total);
  const logs = weights.map(Math.log);
  if (alpha === 1) return -dot(weights, logs) + 0; // not -0
  if (Math.abs(alpha - 1) < 0.1) {
    const excess = dot(
      weights,
      logs.map((log) => Math.expm1((alpha - 1) * log)),
    );
    return Math.log1p(excess) / (1 - alpha) + 0;
  }
  const powers = logs.map((log) => Math.exp(alpha * log));
  return Math.log(powers.reduce((sum, power) => sum + power, 0)) / (1 - alpha) + 0;
}

/** The three spectra of two representations. */
export function spectra(first, second) {
  const [z, w] = [unit(first), unit(second)];
  return { z: spectrum(z), w: spectrum(w), joint: jointSpectrum(z, w) };
}

/** The entropies of order α of the three, and I_α. */
export function information({ z, w, joint }, alpha) {
  const [H1, H2, H12] = [z, w, joint].map((values) => entropy(values, alpha));
  return { z: H1, w: H2, joint: H12, shared: H1 + H2 - H12 };
}

/** Points on the circle at angles in degrees, moved by σ times their directions of noise. */
export function onCircle(degrees, sigma, noise) {
  return degrees.map((angle, i) => {
    const radians = (angle / 180) * Math.PI;
    const [dx, dy] = noise[i];
    return [Math.cos(radians) + sigma * dx, Math.sin(radians) + sigma * dy];
  });
}

/** Labels as one-hot rows. */
export const oneHot = (labels, classes) =>
  labels.map((label) => Array.from({ length: classes }, (_, k) => Number(k === label)));

/** The Gram matrix of unit rows. */
export const gram = (rows) => rows.map((u) => rows.map((v) => dot(u, v)));

const minus = (text) => text.replace("-", "−");
/** Three decimals; what rounds to zero has no sign. */
const written = (value) => minus((Math.round(1000 * value) / 1000 + 0).toFixed(3));
const cell = (value) => minus((Math.round(100 * value) / 100 + 0).toFixed(2));
const circled = (degrees) => ((Math.round(degrees) % 360) + 360) % 360;

const RADIUS = 100;
const OUTER = 122;

/** Unit vectors on a circle, each with a handle to drag or to turn by arrow keys. */
class Dial {
  constructor(name, move) {
    Object.assign(this, { name, move });
    const size = 2 * (OUTER + 12);
    const corner = -size / 2;
    const box = { viewBox: `${corner} ${corner} ${size} ${size}`, class: "dial" };
    this.svg = shape("svg", { ...box, role: "group", "aria-label": `The points of ${name}` });
    this.svg.append(
      shape("circle", { r: RADIUS, class: "grid" }),
      shape("path", { d: `M${-RADIUS} 0H${RADIUS}M0 ${-RADIUS}V${RADIUS}`, class: "grid" }),
    );
    this.rays = shape("g");
    this.svg.append(this.rays);
    this.handles = [];
  }

  handle(i) {
    const number = shape("text", { "text-anchor": "middle", y: 4.5 }, String(i + 1));
    const disc = shape("circle", { r: 11 });
    const node = shape("g", {
      class: "handle",
      role: "slider",
      tabindex: "0",
      "aria-label": `${this.name}, point ${i + 1}`,
      "aria-valuemin": "0",
      "aria-valuemax": "359",
      "data-lm-suppress-shortcuts": "true", // JupyterLab would take the arrow keys
      onpointerdown: (event) => {
        node.setPointerCapture(event.pointerId);
        node.focus();
        event.preventDefault();
      },
      onpointermove: (event) => {
        if (!node.hasPointerCapture(event.pointerId)) return;
        const box = this.svg.getBoundingClientRect();
        const x = event.clientX - box.left - box.width / 2;
        const y = box.top + box.height / 2 - event.clientY;
        this.move(i, circled((Math.atan2(y, x) * 180) / Math.PI));
      },
      onkeydown: (event) => {
        const steps = { ArrowLeft: 1, ArrowUp: 1, ArrowRight: -1, ArrowDown: -1 };
        const turns = { ...steps, PageUp: 15, PageDown: -15 };
        if (event.key in turns) this.move(i, circled(this.angles[i] + turns[event.key]));
        else if (event.key === "Home") this.move(i, 0);
        else return;
        event.preventDefault();
      },
    });
    node.append(disc, number);
    return node;
  }

  /** Show points at angles in degrees, where noise takes them, and their classes by colour. */
  show(angles, sigma, noisy, classes) {
    this.angles = angles;
    while (this.handles.length < angles.length) {
      this.handles.push(this.handle(this.handles.length));
      this.svg.append(this.handles.at(-1));
    }
    while (this.handles.length > angles.length) this.handles.pop().remove();
    const place = (degrees, r) => {
      const radians = (degrees / 180) * Math.PI;
      return [r * Math.cos(radians), -r * Math.sin(radians)].map((value) => +value.toFixed(2));
    };
    const rays = angles.flatMap((angle, i) => {
      const [tip, [x, y]] = [place(angle, RADIUS), noisy[i]];
      const ray = { d: `M0 0L${tip.join(" ")}`, class: `ray ${classes[i]}` };
      const moved = place((Math.atan2(y, x) * 180) / Math.PI, OUTER);
      const path = { d: `M${tip.join(" ")}L${moved.join(" ")}`, class: `moved ${classes[i]}` };
      const [cx, cy] = moved;
      const dot = { cx, cy, r: 4, class: `moved ${classes[i]}` };
      return [shape("path", ray), ...(sigma ? [shape("path", path), shape("circle", dot)] : [])];
    });
    this.rays.replaceChildren(...rays);
    const taken = [];
    this.handles.forEach((node, i) => {
      // Where handles would cover one another, the later one stands further in on its line.
      const free = (r) => {
        const [x, y] = place(angles[i], r);
        return Math.min(17, ...taken.map(([u, v]) => Math.hypot(x - u, y - v)));
      };
      const radii = Array.from({ length: RADIUS - 13 }, (_, k) => RADIUS - k);
      const best = radii.reduce((r, other) => (free(other) > free(r) ? other : r));
      taken.push(place(angles[i], best));
      node.setAttribute("transform", `translate(${taken[i]})`);
      node.setAttribute("class", `handle ${classes[i]}`);
      node.setAttribute("aria-valuenow", angles[i]);
      node.setAttribute("aria-valuetext", `${angles[i]} degrees`);
    });
  }
}

const CLASSES = "ABC";

/** One-hot labels: a button a point, in the row of its class. */
class Board {
  constructor(move) {
    this.move = move;
    this.node = element("div", { class: "board" });
  }

  show(labels, classes) {
    const focused = [...this.node.querySelectorAll("button")].indexOf(document.activeElement);
    const heads = Array.from({ length: classes }, (_, k) =>
      element("span", { style: `grid-area: ${k + 1} / 1`, class: `class-${k}` }, CLASSES[k]),
    );
    const buttons = labels.map((label, i) => {
      const next = (label + 1) % classes;
      return element(
        "button",
        {
          type: "button",
          style: `grid-area: ${label + 1} / ${i + 2}`,
          class: `class-${label}`,
          "aria-label": `W, point ${i + 1}: class ${CLASSES[label]}; change to ${CLASSES[next]}`,
          onclick: () => this.move(i, next),
        },
        String(i + 1),
      );
    });
    this.node.replaceChildren(...heads, ...buttons);
    buttons[focused]?.focus();
  }
}

/** A Gram matrix as a table whose cells are coloured by value. */
function heatMap(matrix, name) {
  const header = (i) => element("th", { scope: "col" }, String(i + 1));
  const rows = matrix.map((row, i) => {
    const cells = row.map((value) => {
      const role = value < 0 ? "--test-accuracy" : "--train-accuracy";
      const amount = (Math.min(1, Math.abs(value)) * 55).toFixed(0);
      const style = `background: color-mix(in srgb, var(${role}) ${amount}%, transparent)`;
      return element("td", { style }, cell(value));
    });
    return element("tr", {}, element("th", { scope: "row" }, String(i + 1)), ...cells);
  });
  return element(
    "table",
    { class: "heat" },
    element("caption", {}, name),
    element("thead", {}, element("tr", {}, element("td"), ...matrix.map((_, i) => header(i)))),
    element("tbody", {}, ...rows),
  );
}

/** Eigenvalues as bars; with noise, a line is where each is without it (clean, else null). */
function bars(values, clean, n) {
  const width = (value) => `${(100 * value).toFixed(2)}%`;
  const count = Math.max(values.length, clean?.length ?? 0, 2);
  const lines = Array.from({ length: count }, (_, k) => {
    const value = values[k] ?? 0;
    const bar = element("span", { class: "bar" });
    bar.append(element("span", { class: "filled", style: `width: ${width(value)}` }));
    const style = `left: ${width(clean?.[k] ?? 0)}`;
    if (clean) bar.append(element("span", { class: "before", style }));
    return element("li", {}, element("span", {}, written(value)), bar);
  });
  const zeros = n - lines.length;
  const rest = zeros > 0 ? [element("li", { class: "rest" }, `and ${zeros} × 0`)] : [];
  return element("ol", { class: "spectrum" }, ...lines, ...rest);
}

const DRAG = "Z: drag a point, or turn it by arrow keys";
const PRESS = "W: press a point to change its class";

const NAMES = { z: "H(Z)", w: "H(W)", joint: "H(Z ∘ W)", shared: "I(Z; W)" };
const SHOWN = { z: "Z", w: "W", joint: "Z ∘ W" };

function tile(name) {
  const [value, beside] = [element("strong"), element("small")];
  const node = element("div", { class: `tile ${name}` }, element("span"), value, beside);
  return { node, name: node.firstChild, value, beside };
}

/** Everything but what is computed. */
function build(arrangements) {
  const choice = element("select", { "aria-label": "Arrangement" });
  choice.append(element("option", { value: "", hidden: "" }, "your own"));
  arrangements.forEach(({ name }, value) => choice.append(element("option", { value }, name)));
  const second = element("select", { "aria-label": "What W is" });
  second.append(
    element("option", { value: "circle" }, "another circle"),
    element("option", { value: "labels" }, "one-hot labels"),
  );
  const button = (label, name) => element("button", { type: "button", "aria-label": name }, label);
  const [fewer, more] = [button("−", "One point fewer"), button("+", "One point more")];
  const count = element("span", { class: "count" });
  const toolbar = element(
    "div",
    { class: "toolbar" },
    element("label", {}, "Points: ", choice),
    element("label", {}, "W: ", second),
    element("span", { class: "counter" }, fewer, count, more),
  );

  const hosts = { z: element("div"), w: element("div") };
  const dials = element("div", { class: "pair" }, hosts.z, hosts.w);
  const name = `gram-${Math.random().toString(36).slice(2)}`;
  const radios = Object.fromEntries(
    Object.keys(SHOWN).map((value) => [value, element("input", { type: "radio", name, value })]),
  );
  const which = element(
    "fieldset",
    {},
    element("legend", {}, "Gram matrix and spectrum of"),
    ...Object.entries(SHOWN).map(([key, label]) => element("label", {}, radios[key], ` ${label}`)),
  );
  const [matrix, values] = [element("div"), element("div")];
  const inside = element("div", { class: "pair matrix" }, matrix, values);

  const tiles = [...Object.keys(NAMES), "ed", "mid"].map(tile);
  const sentence = element("p", { class: "remark" });
  const status = element(
    "div",
    { role: "status" },
    element("div", { class: "tiles" }, ...tiles.map(({ node }) => node)),
    sentence,
  );
  const key = (kind, label) => element("span", { class: `key ${kind}` }, label);
  const keys = element(
    "p",
    { class: "keys", "aria-hidden": "true" },
    ...Object.entries(NAMES).map(([kind, label]) => key(kind, label)),
  );
  const plots = [element("div"), element("div")];
  const curves = element("div", { class: "pair" }, ...plots);
  const note = element("p", { class: "remark", role: "alert" });
  const root = element("div", { class: "grokbook-widget matrix-entropy" });
  root.append(toolbar, note, dials, status, which, inside, keys, curves);
  const controls = { choice, second, fewer, more, count, radios };
  return { root, ...controls, note, hosts, matrix, values, tiles, sentence, plots };
}

function render({ model, el, offline }) {
  const [arrangements, noise, orders, sigmas] = ["arrangements", "noise", "orders", "sigmas"].map(
    (name) => model.get(name),
  );
  const [fewest, most] = model.get("points");
  const classes = model.get("classes");
  const page = build(arrangements);
  el.append(page.root);
  const panels = page.plots.map((host) => new Panel(host));
  let inspected = "z";

  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const move = (name) => (i, value) => 
    set({ [name]: model.get(name).map((old, k) => (k === i ? value : old)) });
  const dials = { z: new Dial("Z", move("z")), w: new Dial("W", move("w")) };
  const board = new Board(move("labels"));
  const caption = { z: element("p", { class: "hint" }), w: element("p", { class: "hint" }) };
  page.hosts.z.append(caption.z, dials.z.svg);
  page.hosts.w.append(caption.w, dials.w.svg, board.node);

  /** Both representations at a noise. */
  const features = (sigma) => [
    onCircle(model.get("z"), sigma, noise[0]),
    model.get("second") === "circle"
      ? onCircle(model.get("w"), sigma, noise[1])
      : oneHot(model.get("labels"), classes),
  ];

  const names = ["alpha", "sigma", "z", "w", "labels", "second"];
  const angles = numbers(0, 360, fewest, most);
  const lengths = (values) =>
    ["z", "w", "labels"].map((name) => (values[name] ?? model.get(name)).length);
  const address = new Address(
    "entropy",
    {
      alpha: number(...orders),
      sigma: number(...sigmas),
      z: angles,
      w: angles,
      labels: numbers(0, classes - 1, fewest, most, true),
      second: oneOf(["circle", "labels"]),
    },
    (values) => (new Set(lengths(values)).size > 1 ? "z, w and labels must be as many" : ""),
  );

  const draw = onceAFrame(() => {
    if (offline) address.keep(Object.fromEntries(names.map((name) => [name, model.get(name)])));
    const [alpha, sigma, second] = ["alpha", "sigma", "second"].map((name) => model.get(name));
    const [z, w, labels] = ["z", "w", "labels"].map((name) => model.get(name));
    const [clean, noisy] = [features(0), features(sigma)];
    const before = spectra(...clean);
    const after = spectra(...noisy);
    showPoints({ z, w, labels, second, sigma, noisy });
    write(information(before, alpha), information(after, alpha), alpha, sigma);

    const units = noisy.map(unit);
    const [first, other] = units.map(gram);
    const product = first.map((row, i) => row.map((value, j) => value * other[i][j]));
    const matrix = { z: first, w: other, joint: product }[inspected];
    const where = sigma > 0 ? ` at σ = ${sigma.toFixed(2)}` : "";
    page.matrix.replaceChildren(heatMap(matrix, `Gram matrix of ${SHOWN[inspected]}${where}`));
    const [told, strokes] = sigma > 0 ? ["; strokes: without noise", before[inspected]] : ["", null];
    const title = element("p", {}, `Its eigenvalues, divided by ${z.length}${told}`);
    page.values.replaceChildren(title, bars(after[inspected], strokes, z.length));
    for (const [key, radio] of Object.entries(page.radios)) radio.checked = key === inspected;
    plot(after, alpha, sigma);
  });

  function showPoints({ z, w, labels, second, sigma, noisy }) {
    const circle = second === "circle";
    const plain = z.map(() => "");
    const coloured = circle ? plain : labels.map((label) => `class-${label}`);
    dials.z.show(z, sigma, noisy[0], coloured);
    caption.z.textContent = DRAG;
    caption.w.textContent = circle ? "W: the same points, seen otherwise" : PRESS;
    dials.w.svg.style.display = circle ? "" : "none";
    board.node.hidden = circle;
    if (circle) dials.w.show(w, sigma, noisy[1], plain);
    else board.show(labels, classes);
    page.second.value = second;
    page.count.textContent = `${z.length} points`;
    page.fewer.disabled = z.length <= fewest;
    page.more.disabled = z.length >= most;
    const now = JSON.stringify([z, second, circle ? w : labels]);
    const found = arrangements.findIndex((each) => {
      const points = each.second === "circle" ? each.w : each.labels;
      return JSON.stringify([each.z, each.second, points]) === now;
    });
    page.choice.value = found < 0 ? "" : found;
  }

  function write(clean, noisy, alpha, sigma) {
    const order = String(+alpha.toFixed(2));
    const [ed, mid] = ["z", "shared"].map((name) => Math.abs(noisy[name] - clean[name]));
    const names = [...Object.values(NAMES), "ED of Z", "MID"];
    const values = [...Object.keys(NAMES).map((name) => clean[name]), ed, mid];
    const noise = Object.keys(NAMES).map((name) => `noisy ${written(noisy[name])}`);
    const besides = [...noise, "|ΔH(Z)|", "|ΔI|"];
    page.tiles.forEach((each, k) => {
      each.name.textContent = names[k];
      each.value.textContent = written(values[k]);
      each.beside.textContent = besides[k];
    });
    const directions = (value) => Math.exp(value).toFixed(2);
    const negative = clean.shared < -5e-4 ? " The information is negative." : "";
    page.sentence.textContent =
      `In nats, of order ${order}; noisy at σ = ${sigma.toFixed(2)}. Z counts as ` +
      `${directions(clean.z)} directions, W as ${directions(clean.w)}, ` +
      `both together as ${directions(clean.joint)}.${negative}`;
  }

  function plot(after, alpha, sigma) {
    const kinds = Object.keys(NAMES);
    const along = ([from, to], count, at) =>
      Array.from({ length: count + 1 }, (_, i) => {
        const place = from + ((to - from) * i) / count;
        return [place, at(place)];
      });
    const rows = [
      along(orders, 76, (order) => information(after, order)),
      along(sigmas, 75, (size) => information(spectra(...features(size)), alpha)),
    ];
    const now = information(after, alpha);
    const all = rows.flatMap((row) => row.flatMap(([, values]) => Object.values(values)));
    // An axis that stays as the sliders move: to the largest entropy there can be.
    const least = Math.min(...all);
    const most = Math.log(Math.min(model.get("z").length, 2 * features(0)[1][0].length));
    const y = {
      domain: [least < -0.005 ? Math.min(-0.2, 1.05 * least) : 0, 1.05 * most],
      format: (value) => minus(String(+value.toFixed(2))),
    };
    const format = (value) => String(+value.toFixed(2));
    const axes = [
      { at: alpha, domain: orders, title: "order α", label: "α", y: "nats" },
      { at: sigma, domain: sigmas, title: "noise σ", label: "σ", y: "nats" },
    ];
    axes.forEach(({ at, domain, title, label, y: unitName }, k) => {
      const [[, first], [, last]] = [rows[k][0], rows[k].at(-1)];
      const ends = kinds.map(
        (kind) => `${NAMES[kind]} from ${written(first[kind])} to ${written(last[kind])}`,
      );
      panels[k].draw({
        height: 210,
        label: `Against ${label} from ${domain.join(" to ")}: ${ends.join(", ")}.`,
        x: { domain, title, format },
        y: { ...y, title: unitName },
        curves: kinds.map((kind) => ({
          points: rows[k].map(([place, values]) => [place, values[kind]]),
          class: kind,
        })),
      });
      panels[k].mark(
        at,
        kinds.map((kind) => ({ y: now[kind], class: kind })),
      );
    });
  }

  page.choice.onchange = () => {
    const { name, ...points } = arrangements[page.choice.value];
    set(points);
  };
  page.second.onchange = () => set({ second: page.second.value });
  page.fewer.onclick = () =>
    set(Object.fromEntries(["z", "w", "labels"].map((k) => [k, model.get(k).slice(0, -1)])));
  page.more.onclick = () => {
    const [z, w, labels] = ["z", "w", "labels"].map((name) => model.get(name));
    // An angle that comes near none of those before.
    const next = (angles) => [...angles, circled(angles.at(-1) + 137.5)];
    set({ z: next(z), w: next(w), labels: [...labels, (labels.at(-1) + 1) % classes] });
  };
  for (const [key, radio] of Object.entries(page.radios)) {
    radio.onchange = () => {
      inspected = key;
      draw();
    };
  }
  for (const name of names) model.on(`change:${name}`, draw);
  const leave = offline ? address.follow({ set, note: page.note, root: page.root }) : () => {};
  const observer = new ResizeObserver(draw);
  observer.observe(page.root);
  return () => {
    leave();
    observer.disconnect();
  };
}

export default { render };
