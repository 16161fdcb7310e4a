// The last minutes of each figure, by name, a value a sample. A figure that wasn't known at a sample is NaN there.

export const longest = 300; // samples

export class Series {
  #values = new Map(); // name → array of at most longest, oldest first
  #taken = 0;

  // take adds one sample: an object of figures.
  take(figures) {
    this.#taken++;
    for (const [name, value] of Object.entries(figures)) {
      let values = this.#values.get(name);
      if (!values) this.#values.set(name, values = new Array(Math.min(this.#taken - 1, longest)).fill(NaN));
      values.push(value ?? NaN);
      if (values.length > longest) values.shift();
    }
    for (const [name, values] of this.#values) {
      if (name in figures) continue;
      values.push(NaN);
      if (values.length > longest) values.shift();
    }
  }

  of(name) {
    return this.#values.get(name) ?? [];
  }
}

// rate is what a counter gained a second between two snapshots; undefined for the first, and where it was set back.
export function rate(now, before, seconds) {
  if (now === undefined || before === undefined || !(seconds > 0) || now < before) return undefined;
  return (now - before) / seconds;
}
