// Trains in a worker: one instance of the kernel a network, a slice of steps between messages.
//
// In: make (bytes once, then a recipe), go, pause, step, change. Out: made, row, paused, trouble.

const SLICE = 50; // milliseconds of steps before messages are looked at
const EVERY = 20; // steps between two measurements
const INFORMATION_EVERY = 100;
const SIGMA = 0.4; // of PMI and PE, as the Python engine has it on modulo addition
const REFRESH = 10; // steps between two updates of the noise's strength
const TRAININGS = ["standard", "perturbed", "abelian", "mirrored"];

let compiled = null;
let kernel = null;
let recipe = null;
let running = false;
let until = Infinity;
let spent = 0; // milliseconds of training, for the speed

const tick = new MessageChannel();
tick.port1.onmessage = slice;

const answer = (type, content = {}, moved = []) => postMessage({ type, ...content }, moved);
const view = (Type, start, count) => new Type(kernel.memory.buffer, start, count).slice();

function settle() {
  kernel.optimizer(recipe.lr, recipe.decay, 0.9, 0.98, 10);
  kernel.strategy(recipe.l1, recipe.l2, REFRESH, recipe.coefficient);
}

const actions = {
  async make({ bytes, recipe: wanted, id }) {
    running = false;
    recipe = wanted;
    compiled ??= await WebAssembly.compile(bytes);
    const instance = await WebAssembly.instantiate(compiled);
    if (wanted !== recipe) return; // another one was asked for meanwhile
    kernel = instance.exports;
    spent = 0;
    kernel.create(recipe.p, recipe.d, recipe.mlp, recipe.points, TRAININGS.indexOf(recipe.training));
    kernel.split(recipe.seed);
    kernel.sort_pairs();
    kernel.initialise(recipe.seed);
    kernel.start(recipe.seed);
    settle();
    answer("made", { id, kinds: view(Uint8Array, kernel.kinds(), recipe.p ** 2) });
    measure();
  },
  go({ limit }) {
    if (!kernel || running) return;
    until = limit;
    running = true;
    tick.port2.postMessage(null);
  },
  pause() {
    if (!running) return;
    running = false;
    if (kernel.taken() % EVERY) measure();
    answer("paused");
  },
  step() {
    if (!kernel || running) return;
    if (take() && kernel.taken() % EVERY) measure();
  },
  change({ settings }) {
    Object.assign(recipe, settings);
    settle();
  },
};

onmessage = ({ data }) =>
  Promise.resolve(data)
    .then((message) => actions[message.do](message))
    .catch((error) => {
      running = false;
      answer("trouble", { kind: "failed", reason: String(error) });
    });

function slice() {
  const end = performance.now() + SLICE;
  while (running && performance.now() < end) {
    if (!take()) return;
    if (kernel.taken() >= until) {
      running = false;
      answer("paused", { kind: "limit" });
    }
  }
  if (running) tick.port2.postMessage(null);
}

/** Take one step; false where the loss is no number, after going back to the last good state. */
function take() {
  const began = performance.now();
  const loss = kernel.step();
  spent += performance.now() - began;
  const step = kernel.taken();
  if (!Number.isFinite(loss)) return diverged(step - 1);
  return step % EVERY ? true : measure();
}

function diverged(step) {
  running = false;
  kernel.go_back();
  answer("trouble", { kind: "diverged", step, back: kernel.taken() });
  return false;
}

/** Ask all pairs, tell the page, keep the state; false where the weights are no numbers. */
function measure() {
  const step = kernel.taken();
  kernel.measure();
  const [train, mirrored, others, test, loss, , norm] = view(Float64Array, kernel.results(), 7);
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) return diverged(step);
  kernel.keep();
  const row = { step, train, test, mirrored, others, loss, norm };
  if (step % INFORMATION_EVERY === 0) {
    kernel.information(SIGMA, Math.max(1, Math.floor(recipe.points / 10)));
    const results = view(Float64Array, kernel.results(), 9);
    Object.assign(row, { information: results[7], entropy: results[8] });
  }
  if (recipe.training === "perturbed") row.sigma = kernel.sigma();
  const answers = view(Uint8Array, kernel.answers(), recipe.p ** 2);
  answer("row", { row, answers, speed: step && (1000 * step) / spent }, [answers.buffer]);
  return true;
}
