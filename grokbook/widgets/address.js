// A view of an explorer in the address of its page, as "#view=runs&task=MNIST", to be sent.

const VIEWS = ["runs", "prediction", "entropy", "network"];

const listed = (words) => words.join(", ").replace(/, ([^,]*)$/, " or $1");
const finite = (text) => (text.trim() === "" ? NaN : Number(text));

/** A number from `least` to `most`. */
export const number = (least, most) => ({
  read: (text) => (finite(text) >= least && finite(text) <= most ? finite(text) : undefined),
  write: (value) => String(+value.toPrecision(6)),
  allowed: () => `a number from ${least} to ${most}`,
});

/** Yes or no, as 1 or 0. */
export const flag = () => ({
  read: (text) => ({ 0: false, 1: true })[text],
  write: (value) => String(Number(value)),
  allowed: () => "0 or 1",
});

/** One of the choices. */
export const oneOf = (choices) => ({
  read: (text) => choices.find((each) => each === text),
  write: String,
  allowed: () => listed(choices),
});

/** Any of `choices(values)`, each at most once; `values` is what was read before. */
export const someOf = (choices) => ({
  read(text, values) {
    const known = choices(values);
    const names = text === "" ? [] : text.split(",");
    const found = names.map((name) => known.find((each) => String(each) === name));
    const whole = !found.includes(undefined) && new Set(found).size === found.length;
    return whole ? found : undefined;
  },
  write: (value) => value.join(","),
  allowed: (values) => `some of ${choices(values).join(", ")}`,
});

/** Numbers from `least` to `most`, from `fewest` to `greatest` of them. */
export const numbers = (least, most, fewest, greatest, whole = false) => ({
  read(text) {
    const found = text.split(",").map(finite);
    const good = (value) => value >= least && value <= most && (!whole || Number.isInteger(value));
    const many = found.length >= fewest && found.length <= greatest;
    return many && found.every(good) ? found : undefined;
  },
  write: (value) => value.map((each) => String(+each.toPrecision(6))).join(","),
  allowed: () => `${fewest} to ${greatest} numbers from ${least} to ${most}`,
});

/** Take a view from what stands after "#", and write it there. */
export class Address {
  /** fields: { read, write, allowed } by name; check: a sentence on what does not fit together. */
  constructor(view, fields, check = () => "") {
    Object.assign(this, { view, fields, check });
  }

  /**
   * { values, sentence } of an address. An address without "=" is that of a heading. Where any of
   * it cannot be used, none of it is, and the sentence says why.
   */
  read(hash) {
    const text = hash.replace(/^#/, "");
    const refuse = (why) => ({ values: null, sentence: `The page’s address was not used: ${why}.` });
    if (!text.includes("=")) return { values: null, sentence: "" };
    const pairs = [...new URLSearchParams(text)];
    const view = new Map(pairs).get("view") ?? "";
    if (!VIEWS.includes(view)) {
      return refuse(`view is “${view.slice(0, 20)}”, but must be ${listed(VIEWS)}`);
    }
    if (view !== this.view) return { values: null, sentence: "" };
    const values = {};
    for (const [name, written] of pairs.filter(([key]) => key !== "view")) {
      if (!Object.hasOwn(this.fields, name)) {
        return refuse(`it sets “${name.slice(0, 20)}”, not ${listed(Object.keys(this.fields))}`);
      }
      const value = this.fields[name].read(written, values);
      if (value === undefined) {
        const allowed = this.fields[name].allowed(values);
        return refuse(`${name} is “${written.slice(0, 20)}”, but must be ${allowed}`);
      }
      values[name] = value;
    }
    const why = this.check(values);
    return why ? refuse(why) : { values, sentence: "" };
  }

  /** What stands after "#" for these values. */
  written(values) {
    const fields = Object.entries(this.fields);
    const pairs = fields.map(([name, { write }]) => [name, write(values[name])]);
    // A comma needs no escape, and an address is easier to read with it.
    return `#${new URLSearchParams([["view", this.view], ...pairs])}`.replaceAll("%2C", ",");
  }

  /**
   * Follow the address of a built page from now on. set(values) shows a view, `note` is where a
   * sentence on a wrong one goes, `root` is what the reader came to see.
   */
  follow({ set, note, root }) {
    const take = () => {
      const { values, sentence } = this.read(location.hash);
      note.textContent = sentence;
      note.hidden = !sentence;
      if (!values) return;
      set(values);
      root.scrollIntoView();
    };
    addEventListener("hashchange", take);
    take();
    return () => removeEventListener("hashchange", take);
  }

  /** Keep these values in the address; what a page shows at first needs none. */
  keep(values) {
    const text = this.written(values);
    this.shown ??= text;
    if (text === this.shown) return;
    this.shown = text;
    clearTimeout(this.waiting);
    // A browser refuses hundreds of changes in a few seconds, such as those of a dragged slider.
    this.waiting = setTimeout(() => history.replaceState(null, "", text), 200);
  }
}
