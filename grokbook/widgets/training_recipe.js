// What a reader may set, and how it stands in the page's address.

const RATES = [1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 0.01, 0.03, 0.1, 0.3, 1];

/** Every setting: its range, and `live` where it may change while the network trains. */
export const FIELDS = [
  { name: "p", label: "modulus p", least: 23, most: 113, step: 1 },
  { name: "share", label: "share of pairs for training", least: 10, most: 90, step: 5, unit: " %" },
  { name: "lr", label: "learning rate", values: RATES },
  { name: "decay", label: "weight decay", least: 0, most: 5, step: 0.1, live: true },
  { name: "l1", label: "noise λ₁", least: 0, most: 1, step: 0.05, live: true, only: "perturbed" },
  { name: "l2", label: "noise λ₂", least: 0, most: 1, step: 0.05, live: true, only: "perturbed" },
  {
    name: "coefficient", label: "regulariser’s coefficient",
    least: 0, most: 1000, step: 10, live: true, only: "abelian",
  },
  { name: "seed", label: "seed", least: 0, most: 999, step: 1 },
];

export const TRAININGS = {
  standard: "standard",
  perturbed: "perturbed (noise on the input)",
  abelian: "abelian (the commutative law)",
  mirrored: "mirrored (labels of mirror images)",
};

export const DEFAULTS = {
  training: "standard", p: 31, share: 50, lr: 0.003, decay: 1, l1: 0.5, l2: 0.4,
  coefficient: 100, seed: 0,
};

/** Width of the MLP. */
export const hiddenUnits = (p) => (p < 47 ? 128 : 256);

/** Number of training pairs. */
export const trainingPairs = ({ p, share }) => Math.floor((share * p * p) / 100 + 1e-9);

export const number = (value) => String(Number(value.toPrecision(3)));

/** The fields that a training has. */
export const fieldsOf = (training) => FIELDS.filter(({ only }) => !only || only === training);

function allowed({ label, least, most, step, values }) {
  if (values) return `one of ${values.join(", ")}`;
  const kind = step === 1 ? "a whole number" : step < 1 ? "a number" : `a multiple of ${step}`;
  return `${kind} from ${least} to ${most}`;
}

function fits({ least, most, step, values }, value) {
  if (values) return values.includes(value);
  const steps = (value - least) / step;
  return value >= least && value <= most && Math.abs(steps - Math.round(steps)) < 1e-6;
}

/**
 * A recipe from the part of an address after "#", and one sentence on what cannot be used of it.
 *
 * What cannot be used is at its default. An address without "=" is that of a heading.
 */
export function readAddress(hash) {
  const recipe = { ...DEFAULTS };
  const text = hash.replace(/^#/, "");
  if (!text.includes("=")) return { recipe, sentence: "" };
  const wrong = [];
  for (const [name, value] of new URLSearchParams(text)) {
    const field = FIELDS.find((each) => each.name === name);
    if (name === "training") {
      if (Object.hasOwn(TRAININGS, value)) recipe.training = value;
      else wrong.push(`training is “${value.slice(0, 20)}”, but must be ${listed(TRAININGS)}`);
    } else if (!field) {
      wrong.push(`there is no setting “${name.slice(0, 20)}”`);
    } else if (value.trim() !== "" && fits(field, Number(value))) {
      recipe[name] = Number(value);
    } else {
      wrong.push(`${field.label} is “${value.slice(0, 20)}”, but must be ${allowed(field)}`);
    }
  }
  const sentence = wrong.length ? `In the page’s address ${wrong.join("; ")}: defaults are used.` : "";
  return { recipe, sentence };
}

const listed = (choices) => Object.keys(choices).join(", ").replace(/, ([^,]*)$/, " or $1");

/** The part of an address after "#" that gives this recipe. */
export function writeAddress(recipe) {
  const entries = fieldsOf(recipe.training).map(({ name }) => [name, number(recipe[name])]);
  return `#${new URLSearchParams([["training", recipe.training], ...entries])}`;
}
