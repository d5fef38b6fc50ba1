// Favourites: recipes with a small picture each, kept in this browser and nowhere else.

const PLACE = "genart.kept";
const MOST = 500;

export class Kept {
  constructor() {
    this.listeners = [];
    this.items = read();
    // Another window of this browser may keep something too.
    window.addEventListener("storage", ({ key }) => key === PLACE && this.replace(read(), { write: false }));
  }

  // Called with the items after every change.
  onChange(listener) {
    this.listeners.push(listener);
  }

  has(recipe) {
    return this.items.some((item) => same(item.recipe, recipe));
  }

  // The newest first; what is kept already stays as it is. False where the browser has no room left.
  add(recipe, thumb, name = "") {
    if (this.has(recipe)) return true;
    const item = { id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, name, recipe: structuredClone(recipe), thumb };
    return this.replace([item, ...this.items].slice(0, MOST));
  }

  remove(id) {
    return this.replace(this.items.filter((item) => item.id !== id));
  }

  rename(id, name) {
    return this.replace(this.items.map((item) => (item.id === id ? { ...item, name } : item)));
  }

  replace(items, { write = true } = {}) {
    try {
      if (write) localStorage.setItem(PLACE, JSON.stringify(items));
    } catch {
      return false;
    }
    this.items = items;
    for (const listener of this.listeners) listener(items);
    return true;
  }
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function read() {
  try {
    const items = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(items) ? items.filter((item) => item?.recipe?.model) : [];
  } catch {
    return [];
  }
}
