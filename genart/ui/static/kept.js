// Favourites: recipes with a small picture each, kept in this browser and nowhere else.

import { isSound, newId } from "./recipe.js";

const OLD_PLACE = "genart.kept"; // in localStorage, whose 5 MB were too few
const MOST = 1000;
const READ_MS = 100; // changes in another window come in bursts

export class Kept {
  // `onFull` is called where the browser could not write.
  constructor(store, onFull = () => {}) {
    Object.assign(this, { store, onFull });
    this.listeners = [];
    this.show([]);
    this.writing = Promise.resolve();
    this.waiting = new Map(); // id -> the item to write, null to delete
    this.ready = this.read();
    // Another window of this browser may keep something too.
    this.windows = new BroadcastChannel(OLD_PLACE);
    this.windows.onmessage = () => {
      clearTimeout(this.reading);
      this.reading = setTimeout(() => this.writing.then(async () => this.show(sound(await store.all("kept")))), READ_MS);
    };
  }

  // Called with the items after every change.
  onChange(listener) {
    this.listeners.push(listener);
  }

  get room() {
    return MOST - this.items.length;
  }

  has(recipe) {
    return this.texts.has(JSON.stringify(recipe));
  }

  find(recipe) {
    return this.texts.get(JSON.stringify(recipe));
  }

  // The newest first; what is kept already stays as it is. False where there are too many.
  add(recipe, thumb, name = "", at = Date.now()) {
    return this.has(recipe) || this.addAll([{ recipe, thumb, name, at }]) > 0;
  }

  // As many as there is room for, each once; how many were not kept before.
  addAll(entries) {
    const texts = new Set();
    const isNew = ({ recipe }) => !this.has(recipe) && !texts.has(JSON.stringify(recipe)) && texts.add(JSON.stringify(recipe));
    const wanted = entries.filter(isNew).slice(0, Math.max(0, this.room));
    const item = ({ recipe, thumb, name = "", at = Date.now() }) => ({ id: newId(), at, name, recipe: structuredClone(recipe), thumb });
    if (wanted.length) this.put(wanted.map(item));
    return wanted.length;
  }

  // Items as they are: new ones, changed ones, or ones that were taken out.
  put(items) {
    const ids = new Set(items.map(({ id }) => id));
    this.show([...items, ...this.items.filter(({ id }) => !ids.has(id))]);
    this.write({ put: items });
    return true;
  }

  remove(...ids) {
    this.show(this.items.filter(({ id }) => !ids.includes(id)));
    this.write({ drop: ids });
    return true;
  }

  rename(id, name) {
    return this.change(id, { name });
  }

  change(id, values) {
    const item = this.items.find((item) => item.id === id);
    return !!item && this.put([{ ...item, ...values }]);
  }

  // ---- within

  show(items) {
    this.items = [...items].sort((a, b) => b.at - a.at);
    this.texts = new Map(this.items.map((item) => [JSON.stringify(item.recipe), item]));
    for (const listener of this.listeners) listener(this.items);
  }

  // What comes while a change is written goes together with the next.
  write({ put = [], drop = [] }) {
    for (const item of put) this.waiting.set(item.id, item);
    for (const id of drop) this.waiting.set(id, null);
    this.writing = this.writing.then(() => this.flush());
  }

  async flush() {
    if (!this.waiting.size) return;
    const changes = [...this.waiting];
    this.waiting.clear();
    const put = changes.filter(([, item]) => item).map(([, item]) => item);
    const drop = changes.filter(([, item]) => !item).map(([id]) => id);
    if (await this.store.change("kept", { put, drop })) this.windows.postMessage("changed");
    else this.onFull();
  }

  async read() {
    const stored = sound(await this.store.all("kept"));
    const ids = new Set(this.items.map(({ id }) => id));
    this.show([...this.items, ...stored.filter(({ id }) => !ids.has(id))]);
    await this.moveIn();
  }

  // Favourites of the days before this store.
  async moveIn() {
    const text = localStorage.getItem(OLD_PLACE);
    if (!text) return;
    const now = Date.now();
    const old = sound(parsed(text).map((item, index) => ({ id: newId(), name: "", at: now - index, ...item })));
    this.put(old.filter(({ recipe }) => !this.has(recipe)));
    await this.writing;
    if ((await this.store.works()) && (await this.store.all("kept")).length >= old.length) localStorage.removeItem(OLD_PLACE);
  }
}

function sound(items) {
  return items
    .filter((item) => typeof item?.id === "string" && isSound(item.recipe))
    .map(({ id, at, name, recipe, thumb }) => ({ id, at: Number(at) || 0, name: String(name ?? ""), recipe, thumb: picture(thumb) }));
}

const picture = (thumb) => (typeof thumb === "string" && /^data:image\/[\w+.-]+;base64,[\w+/=]+$/.test(thumb) ? thumb : null);

function parsed(text) {
  try {
    const items = JSON.parse(text);
    return Array.isArray(items) ? items : [];
  } catch {
    return [];
  }
}
