// What a visitor has made of directions, kept in this browser: own ones, names and locks, by the SHA-256 of the weights.

const PLACE = "genart.directions";

export class Store {
  constructor() {
    this.all = read();
  }

  // {own: [{name, vector, score}], names: {direction: name}, locked: [name or vector]}
  of(weights) {
    const { own = [], names = {}, locked = [] } = this.all[weights] ?? {};
    return (this.all[weights] = { own, names, locked });
  }

  // False where the browser has no room left.
  write() {
    const used = ({ own, names, locked }) => own.length || locked.length || Object.keys(names).length;
    try {
      localStorage.setItem(PLACE, JSON.stringify(Object.fromEntries(Object.entries(this.all).filter(([, mine]) => used(mine)))));
      return true;
    } catch {
      return false;
    }
  }
}

function read() {
  try {
    const all = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return all && typeof all === "object" ? all : {};
  } catch {
    return {};
  }
}
