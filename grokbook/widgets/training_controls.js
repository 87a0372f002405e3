// The controls of the network that trains in the page: native inputs, each with its name and value.
import { element } from "./plot.js";
import { FIELDS, number, TRAININGS } from "./training_recipe.js";

const RECIPES = {
  "p = 31, half of the pairs (seconds)": { p: 31, share: 50, lr: 0.003 },
  "p = 59, 40 % of the pairs (a minute)": { p: 59, share: 40, lr: 0.003 },
};
const OWN = "settings of your own";

/** The field of a name. */
export const controls = (name) => FIELDS.find((field) => field.name === name);

export class TrainingControls {
  /** `act` has set(name, value), recipe(settings), go, pause, step and reset. */
  constructor(recipe, act) {
    this.act = act;
    this.inputs = new Map();
    this.recipe = { ...recipe };
    const set = (name, value) => {
      this.recipe[name] = value;
      this.tidy();
      act.set(name, value);
    };

    const choice = (label, names, onchange) => {
      const select = element("select", { onchange });
      for (const [value, text] of names) select.append(element("option", { value }, text));
      return [select, element("label", { class: "choice" }, `${label} `, select)];
    };
    const [recipes, recipesLabel] = choice(
      "Recipe", [...Object.keys(RECIPES), OWN].map((name) => [name, name]),
      () => {
        const wanted = RECIPES[recipes.value];
        if (wanted) act.recipe({ training: this.recipe.training, ...wanted });
      },
    );
    const [training, trainingLabel] = choice(
      "Training", Object.entries(TRAININGS), () => set("training", training.value));
    Object.assign(this, { recipes, training });

    const button = (text, onclick) => element("button", { type: "button", onclick }, text);
    const unlessWaiting = (action) => (event) => {
      if (event.currentTarget.ariaDisabled !== "true") action();
    };
    this.go = button("Start", unlessWaiting(() => (this.running ? act.pause() : act.go())));
    this.step = button("One step", unlessWaiting(() => act.step()));
    this.reset = button("Reset", unlessWaiting(() => act.reset()));

    const sliders = FIELDS.map((field) => this.slider(field, set));
    this.root = element(
      "div",
      { class: "controls", role: "group", "aria-label": "Training" },
      element("div", { class: "toolbar" }, recipesLabel, trainingLabel),
      element("div", { class: "sliders" }, ...sliders),
      element("div", { class: "toolbar buttons" }, this.go, this.step, this.reset),
    );
    this.hint = element("p", { class: "remark" });
    this.root.append(this.hint);
    this.lock(false, false);
    this.show(recipe);
  }

  slider(field, set) {
    const { name, label, least, most, step, values, unit = "" } = field;
    const input = values
      ? element("input", { type: "range", min: 0, max: values.length - 1, step: 1 })
      : element("input", { type: "range", min: least, max: most, step });
    input.setAttribute("aria-label", label);
    const output = element("span", { class: "value", "aria-hidden": "true" });
    const value = () => (values ? values[input.valueAsNumber] : Number(number(input.valueAsNumber)));
    const write = () => {
      output.textContent = `${number(value())}${unit}`;
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.oninput = write;
    input.onchange = () => set(name, value());
    const node = element("label", { class: "slider" }, element("span", {}, label), output, input);
    const put = (to) => {
      input.value = values ? values.indexOf(to) : to;
      write();
    };
    this.inputs.set(name, { field, input, node, put });
    return node;
  }

  /** Show a recipe. */
  show(recipe) {
    this.recipe = { ...recipe };
    this.training.value = recipe.training;
    for (const [name, { put }] of this.inputs) put(recipe[name]);
    this.tidy();
  }

  /** Show the sliders that the training has, and which recipe this is. */
  tidy() {
    for (const { field, node } of this.inputs.values())
      node.hidden = Boolean(field.only && field.only !== this.recipe.training);
    const same = ([, recipe]) => Object.entries(recipe).every(([key, v]) => this.recipe[key] === v);
    const found = this.recipe.decay === 1 && Object.entries(RECIPES).find(same);
    this.recipes.value = found ? found[0] : OWN;
  }

  /** After the first step only what is `live` may change; while it runs there is no single step. */
  lock(started, running) {
    this.running = running;
    this.go.textContent = running ? "Pause" : "Start";
    this.step.ariaDisabled = String(running);
    this.recipes.disabled = this.training.disabled = started;
    for (const { field, input } of this.inputs.values()) input.disabled = started && !field.live;
    this.hint.textContent = started
      ? "What is grey belongs to the network as it began: Reset sets it free."
      : "Weight decay, noise and coefficient may change while the network trains.";
  }

  /** Nothing can be trained here. */
  refuse() {
    for (const node of this.root.querySelectorAll("button, input, select")) node.disabled = true;
    this.hint.textContent = "";
  }
}
