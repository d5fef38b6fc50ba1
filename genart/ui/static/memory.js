// What the page remembers of a visit: the tree of steps, each model's recipe, the model chosen last.

import { isSound, same } from "./recipe.js";

const PLACE = "genart.last";
const PRESENT = "genart.present"; // the id of the step we stand on
const WRITE_MS = 300;
const MODELS = 40;

export class Memory {
  // `past` is filled from the store as soon as it answers; nobody waits for it.
  constructor(store, past, onFilled) {
    Object.assign(this, { store, past });
    this.recipes = read();
    this.dirty = new Map(); // id -> the node to write, null to delete
    past.onChange = (change) => this.note(change);
    this.filling = this.fill().then(onFilled);
  }

  // The last recipe of a model.
  get(model) {
    return this.recipes.get(model);
  }

  set(model, recipe) {
    this.recipes.delete(model); // the newest stands last
    this.recipes.set(model, recipe);
    this.later();
  }

  // The picture of the last visit.
  get last() {
    return [...this.recipes.values()].at(-1) ?? null;
  }

  onChange(listener) {
    this.listener = listener;
  }

  async fill() {
    const present = localStorage.getItem(PRESENT);
    const nodes = await this.store.all("past");
    this.past.adopt(nodes, present);
    this.filled = true;
    // What could not be read again is deleted; else it would stay for ever.
    for (const { id } of nodes) if (!this.past.nodes.has(id)) this.dirty.set(id, null);
    this.later();
  }

  note({ put, drop }) {
    for (const node of put) this.dirty.set(node.id, node);
    for (const id of drop) this.dirty.set(id, null);
    this.later();
    this.listener?.();
  }

  later() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), WRITE_MS);
  }

  async write() {
    clearTimeout(this.writing);
    this.writeRecipes();
    if (!this.filled || !this.dirty.size) return;
    const changes = [...this.dirty];
    this.dirty.clear();
    const put = changes.filter(([, node]) => node).map(([, node]) => node);
    const drop = changes.filter(([, node]) => !node).map(([id]) => id);
    await this.store.change("past", { put, drop });
  }

  // At once, where a page that is being left would not wait for the store.
  writeRecipes() {
    const recipes = [...this.recipes.values()].slice(-MODELS);
    try {
      if (this.filled && this.past.present) localStorage.setItem(PRESENT, this.past.present);
      if (recipes.length && !same(recipes, this.written)) localStorage.setItem(PLACE, JSON.stringify(recipes));
    } catch {
      try {
        localStorage.setItem(PLACE, JSON.stringify(recipes.slice(-1))); // no room for all: the one on the stage
      } catch {
        return;
      }
    }
    this.written = recipes;
  }
}

function read() {
  try {
    const recipes = JSON.parse(localStorage.getItem(PLACE) ?? "[]").filter(isSound);
    return new Map(recipes.map((recipe) => [recipe.model, recipe]));
  } catch {
    return new Map();
  }
}
