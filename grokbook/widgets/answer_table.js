// The p × p table of a network's answers: which pair by colour and shape, right or wrong by size.
// Where there is no room for shapes, a right answer fills its cell and a wrong one leaves it empty.

const CELL = 6; // pixels of a small drawing, which the canvas shows enlarged
const SHARP = 700; // pixels that the canvas has at least
const WIDEST = 416; // pixels of the page that the table takes at most, as answer_table.css says
const MIDDLE = 2;

// Of a right answer, within 5 × 5 pixels; a wrong one is a dot in the middle.
const SHAPES = [
  () => true, // training pair: a square
  (x, y) => x <= y, // mirror image of one: a triangle
  (x, y) => Math.abs(x - MIDDLE) + Math.abs(y - MIDDLE) <= MIDDLE, // any other: a diamond
];
const DOT = (x, y) => x === MIDDLE && y === MIDDLE;

/** Colours of the three kinds as [red, green, blue], from the page's variables. */
function colours(host) {
  const style = getComputedStyle(host);
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  return ["--train-accuracy", "--test-accuracy", "--metric"].map((name) => {
    pen.fillStyle = style.getPropertyValue(name).trim();
    pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data;
  });
}

/** Draw; `kinds` and `answers` have an entry a pair, at a p + b; `chosen` is a pair or null. */
export function drawTable(canvas, p, kinds, answers, chosen) {
  const inks = colours(canvas).map(([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);
  const room = Math.floor((Math.min(WIDEST, canvas.parentElement.clientWidth) - 2) * devicePixelRatio / p);
  if (room < CELL) return drawPlain(canvas, p, kinds, answers, chosen, inks, Math.max(1, room));
  canvas.style.width = "";
  const size = p * CELL + 1;
  const times = Math.ceil(SHARP / size);
  const small = new OffscreenCanvas(size, size);
  const image = new ImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  for (let a = 0; a < p; a++) {
    for (let b = 0; b < p; b++) {
      const kind = kinds[a * p + b];
      const within = answers[a * p + b] === (a + b) % p ? SHAPES[kind] : DOT;
      const corner = (a * CELL + 1) * size + b * CELL + 1;
      for (let y = 0; y < 5; y++)
        for (let x = 0; x < 5; x++) if (within(x, y)) pixels[corner + y * size + x] = inks[kind];
    }
  }
  small.getContext("2d").putImageData(image, 0, 0);
  canvas.width = canvas.height = size * times; // clears it
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.scale(times, times);
  pen.drawImage(small, 0, 0);
  if (!chosen) return;
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.strokeRect(chosen[1] * CELL + 0.5, chosen[0] * CELL + 0.5, CELL, CELL);
}

/** Cells of so many pixels of the screen each, so that nothing is scaled. */
function drawPlain(canvas, p, kinds, answers, chosen, inks, cell) {
  const size = p * cell;
  const image = new ImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < size * size; i++) {
    const [a, b] = [Math.floor(i / size / cell), Math.floor((i % size) / cell)];
    if (answers[a * p + b] === (a + b) % p) pixels[i] = inks[kinds[a * p + b]];
  }
  canvas.width = canvas.height = size;
  canvas.style.width = `${size / devicePixelRatio + 2}px`; // its border is part of it
  const pen = canvas.getContext("2d");
  pen.putImageData(image, 0, 0);
  if (!chosen) return;
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 2;
  pen.strokeRect(chosen[1] * cell - 3, chosen[0] * cell - 3, cell + 6, cell + 6);
}

/** How many pairs of each kind are answered rightly, as [[right, all], ...]. */
export function tally(p, kinds, answers) {
  const counts = [0, 1, 2].map(() => [0, 0]);
  for (let cell = 0; cell < p * p; cell++) {
    const count = counts[kinds[cell]];
    count[1] += 1;
    count[0] += answers[cell] === (Math.floor(cell / p) + cell) % p;
  }
  return counts;
}

/** The pair under a pointer. */
export function pairAt(canvas, p, event) {
  const box = canvas.getBoundingClientRect();
  const place = (at, from, length) =>
    Math.min(p - 1, Math.max(0, Math.floor((p * (at - from)) / length)));
  return [place(event.clientY, box.top, box.height), place(event.clientX, box.left, box.width)];
}

const KINDS = [
  "it was trained on this pair",
  "only the mirror image was in training",
  "neither this pair nor its mirror image was in training",
];

/** What the network says to a + b and to b + a, in words. */
export function inWords(p, kinds, answers, [a, b]) {
  const one = (a, b) => {
    const [said, right] = [answers[a * p + b], (a + b) % p];
    const verdict = said === right ? `${right}, right` : `${said}, wrong (${right})`;
    return `${a} + ${b} = ${verdict}; ${KINDS[kinds[a * p + b]]}`;
  };
  const first = `Asked modulo ${p}, the network says ${one(a, b)}.`;
  return a === b ? first : `${first} Mirrored: ${one(b, a)}.`;
}
