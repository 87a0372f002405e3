// Drawing for the widgets of this folder: elements, scales, a panel with its axes, and a cursor
// that reads it by pointer or arrow keys. Colours and strokes are classes, styled in plot.css.

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** An HTML element; an attribute `onclick` is a listener. */
export function element(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function shape(name, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children);
}

/** A map from numbers to pixels, with its inverse and its ticks (about one every `gap` pixels). */
export function scale([low, high], [from, to], logarithmic = false, gap = 80) {
  const [there, back] = logarithmic ? [Math.log10, (v) => 10 ** v] : [Number, Number];
  const [first, last] = [there(low), there(high)];
  const place = (value) => from + ((to - from) * (there(value) - first)) / (last - first);
  place.invert = (pixel) => back(first + ((last - first) * (pixel - from)) / (to - from));
  const count = Math.max(1, Math.abs(to - from) / gap);
  // Powers of ten, or multiples of 1, 2 or 5 times one.
  const ten = 10 ** Math.floor(Math.log10((last - first) / count));
  const steps = [1, 2, 5, 10].map((digit) => digit * ten);
  const nice = steps.find((step) => (last - first) / step <= count);
  const every = logarithmic ? Math.max(1, Math.ceil(nice)) : nice;
  place.domain = [low, high];
  place.ticks = [];
  const start = Math.ceil(first / every - 1e-9) + 0; // not -0
  for (let k = start; k * every <= last + 1e-9 * every; k++) place.ticks.push(back(k * every));
  if (logarithmic && last - first < 2) {
    // Less than two powers of ten: they alone would be too few.
    const powers = [0, 1, 2].map((k) => 10 ** (Math.floor(first) + k));
    const ticks = powers.flatMap((power) => [power, 2 * power, 5 * power]);
    place.ticks = ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  }
  return place;
}

/** 12 as ¹² and -3 as ⁻³, for exponents. */
export const raised = (exponent) =>
  String(exponent).replace(/./g, (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));

/** 6643 as 6,643; what no axis reaches as a power of ten. */
export function integer(value) {
  if (value < 1e7) return Math.round(value).toLocaleString("en-GB");
  return `10${raised(Math.round(Math.log10(value)))}`;
}

/** A value for reading, with two or three digits; a small one as 3.2 × 10⁻⁵. */
export function significant(value) {
  const size = Math.abs(value);
  if (size >= 100) return integer(value);
  if (size >= 1e-3 || size === 0) return value.toPrecision(3);
  const [digits, exponent] = value.toExponential(1).split("e");
  return `${digits} × 10${raised(exponent)}`;
}

/** 0.4213 as 42.1 %. */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

const MARGIN = { left: 38, right: 12, top: 24, bottom: 38 };

/** One drawing with two axes in a host element, drawn anew for each width. */
export class Panel {
  constructor(host) {
    this.host = host;
    this.svg = shape("svg", { role: "img" });
    host.classList.add("panel");
    host.append(this.svg);
    this.cursor = shape("g", { class: "cursor" });
    const id = `hatching-${Math.random().toString(36).slice(2)}`; // one page, many drawings
    const tile = { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" };
    const lines = shape("path", { d: "M-1 9L9 -1M-1 1L1 -1M7 9L9 7", class: "hatching" });
    this.hatching = shape("defs", {}, shape("pattern", tile, lines));
    this.fill = `url(#${id})`;
  }

  /**
   * Draw everything but the cursor.
   *
   * label: the drawing in words. x, y: { domain, title, format, logarithmic }; an axis x without
   * a title has ticks only. bands: [from, to] along x, hatched. areas, as { points: [[x, low,
   * high], ...], class }, and curves, as { points: [[x, y], ...], class }, lie within the domains:
   * nothing is clipped. lines: { at, class }, across the drawing at x. margins: where they differ
   * from MARGIN.
   */
  draw({ height, label, x, y, bands = [], areas = [], lines = [], curves, margins = {} }) {
    const width = Math.max(200, this.host.clientWidth);
    const { left, top, ...ends } = { ...MARGIN, ...margins };
    const [right, bottom] = [width - ends.right, height - ends.bottom];
    this.x = scale(x.domain, [left, right], x.logarithmic);
    this.y = scale(y.domain, [bottom, top], y.logarithmic, 32);
    this.size = { width, height, left, right, top, bottom };
    const at = (value) => this.x(Math.min(Math.max(value, x.domain[0]), x.domain[1]));
    const marks = [];
    for (const [from, to] of bands) {
      const sides = { x: at(from), y: top, width: at(to) - at(from) };
      if (sides.width <= 0) continue;
      const box = { ...sides, height: bottom - top };
      marks.push(shape("rect", { ...box, class: "band" }));
      marks.push(shape("rect", { ...box, fill: this.fill }));
    }
    for (const tick of this.y.ticks) {
      const level = this.y(tick);
      marks.push(shape("path", { d: `M${left} ${level}H${right}`, class: "grid" }));
      marks.push(text(left - 6, level + 4, y.format(tick), "end"));
    }
    for (const tick of this.x.ticks) {
      const place = this.x(tick);
      marks.push(shape("path", { d: `M${place} ${bottom}v4`, class: "tick" }));
      if (!x.title) continue;
      const label = x.format(tick);
      const fits = place + 3.6 * label.length < width; // else it would reach beyond the edge
      marks.push(text(fits ? place : width, bottom + 17, label, fits ? "middle" : "end"));
    }
    marks.push(shape("path", { d: `M${left} ${bottom}H${right}`, class: "tick" }));
    if (y.title) marks.push(text(0, 12, y.title, "start"));
    if (x.title) marks.push(text(right, bottom + 33, x.title, "end"));
    const line = (points) =>
      points.map(([u, v]) => `${this.x(u).toFixed(1)} ${this.y(v).toFixed(1)}`).join("L");
    for (const { points, class: name } of areas) {
      const lower = points.map(([u, low]) => [u, low]).reverse();
      const d = line([...points.map(([u, , high]) => [u, high]), ...lower]);
      if (d) marks.push(shape("path", { d: `M${d}Z`, class: `area ${name}` }));
    }
    for (const { at: place, class: name } of lines) {
      const inside = place >= x.domain[0] && place <= x.domain[1];
      const d = `M${this.x(place).toFixed(1)} ${top}V${bottom}`;
      if (inside) marks.push(shape("path", { d, class: `line ${name}` }));
    }
    for (const { points, class: name } of curves) {
      const d = line(points);
      if (d) marks.push(shape("path", { d: `M${d}`, class: `curve ${name}` }));
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", label);
    this.svg.replaceChildren(this.hatching, ...marks, this.cursor);
  }

  /** Show the cursor at x = `at`, with a dot for every { x, y, class }; none without a number. */
  mark(at, dots = []) {
    const [low, high] = this.x.domain;
    if (at === null || at < low || at > high) return this.cursor.replaceChildren();
    const place = this.x(at);
    this.cursor.replaceChildren(
      shape("path", { d: `M${place} ${this.size.top}V${this.size.bottom}` }),
      ...dots.map(({ x = at, y, class: name }) =>
        shape("circle", { cx: this.x(x), cy: this.y(y), r: 4, class: name }),
      ),
    );
  }
}

function text(x, y, content, anchor) {
  return shape("text", { x, y, "text-anchor": anchor }, content);
}

/**
 * Let the reader move along x: by pointer, or by arrow keys when focused.
 *
 * show(x) draws the place; describe(x) says it in words, for readers who hear the page. The panel
 * is a Panel, or anything with its `host`, `size` and scale `x`.
 */
export function readAlong(panel, { label, show, describe }) {
  let share = null; // of the way from the left end of the axis to the right
  const handle = element("div", {
    class: "reader",
    role: "slider",
    tabindex: "0",
    "aria-label": label,
    "aria-valuemin": "0",
    "aria-valuemax": "100",
    "data-lm-suppress-shortcuts": "true", // JupyterLab would take the arrow keys
    onpointermove: point,
    onpointerdown: point,
    onkeydown: press,
    onfocus: () => move(share ?? 0.5),
  });
  panel.host.append(handle);

  function point(event) {
    const box = handle.getBoundingClientRect();
    move((event.clientX - box.left) / box.width);
  }

  function press(event) {
    const arrows = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    const jumps = { ...arrows, PageDown: -10, PageUp: 10, Home: -200, End: 200 };
    if (event.key in jumps) move((share ?? 0.5) + jumps[event.key] / 200);
    else return;
    event.preventDefault();
  }

  function move(to) {
    share = Math.min(1, Math.max(0, to));
    refresh();
  }

  /** Put the handle over the plotting area and read the same place again, after a new drawing. */
  function refresh() {
    const { width, height, left, right, top, bottom } = panel.size;
    Object.assign(handle.style, {
      left: `${(100 * left) / width}%`,
      width: `${(100 * (right - left)) / width}%`,
      top: `${(100 * top) / height}%`,
      height: `${(100 * (bottom - top)) / height}%`,
    });
    const at = share === null ? null : panel.x.invert(left + share * (right - left));
    handle.setAttribute("aria-valuenow", Math.round(100 * (share ?? 0.5)));
    handle.setAttribute("aria-valuetext", at === null ? "not reading" : describe(at));
    show(at);
  }

  return { refresh };
}

/** Call `draw` once for any number of calls before the next frame. */
export function onceAFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
