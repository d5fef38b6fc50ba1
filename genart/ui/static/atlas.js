// The arithmetic of a map: what is near, what it weighs, where it stands on the screen. It knows no page.
// Places are pairs, 0 .. 1 across and down.

import { clamp } from "./widgets.js";

const NEIGHBOURS = 4;
const WHOLE = 0.25; // cells round a point in which it has all of the picture
const ZOOMS = [0.5, 24]; // times the whole map

// A map as the server tells it, its points as flat arrays.
export class Atlas {
  constructor(told) {
    Object.assign(this, told);
    this.count = told.seeds.length;
    this.places = Float32Array.from(told.cells, (cell) => (cell + 0.5) / told.side);
    this.order = furthestFirst(this.places, this.count);
  }

  // The nearest points to a place with what each weighs: [{index, share}], of sum 1. A point's own middle is exactly it.
  near(x, y) {
    const found = [];
    for (let index = 0; index < this.count; index += 1) {
      const away = Math.hypot(this.places[2 * index] - x, this.places[2 * index + 1] - y);
      if (found.length > NEIGHBOURS && away >= found[NEIGHBOURS].away) continue;
      found.push({ index, away });
      found.sort((a, b) => a.away - b.away || a.index - b.index);
      found.length = Math.min(found.length, NEIGHBOURS + 1);
    }
    const weights = shares(found.map(({ away }) => Math.max(0, away * this.side - WHOLE)));
    return found.slice(0, weights.length).map(({ index, away }, at) => ({ index, away, share: weights[at] })).filter(({ share }) => share > 1e-4);
  }
}

// What each of the nearest weighs, from ascending distances of which the last is only the end: inverse distances
// that are 0 there, as `shares` in atlas.py says.
export function shares(distances) {
  const end = distances.at(-1);
  const near = distances.length > 1 ? distances.slice(0, -1) : distances;
  if (near[0] <= 1e-9 || near[0] >= end) return near.map((_, at) => Number(at === 0));
  const weights = near.map((away) => ((end - away) / (end * away)) ** 2);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

// Every point, each time the one furthest from those before it, with that distance: any beginning covers the map.
function furthestFirst(places, count) {
  const away = new Float32Array(count).fill(Infinity);
  const order = [];
  let next = 0;
  for (let number = 0; number < count; number += 1) {
    order.push({ index: next, away: number ? away[next] : Infinity });
    const [x, y] = [places[2 * next], places[2 * next + 1]];
    away[next] = -1;
    let furthest = next;
    for (let index = 0; index < count; index += 1) {
      if (away[index] < 0) continue;
      away[index] = Math.min(away[index], Math.hypot(places[2 * index] - x, places[2 * index + 1] - y));
      if (away[furthest] < away[index]) furthest = index;
    }
    next = furthest;
  }
  return order;
}

// What of the map is on the screen: the place in the middle, and how many times the whole.
export class View {
  constructor() {
    this.width = this.height = 1;
    this.fit();
  }

  fit() {
    this.x = this.y = 0.5;
    this.zoom = 1;
  }

  // Pixels for the whole map.
  get size() {
    return Math.min(this.width, this.height) * this.zoom;
  }

  toScreen(x, y) {
    return [(x - this.x) * this.size + this.width / 2, (y - this.y) * this.size + this.height / 2];
  }

  toMap(left, top) {
    return [(left - this.width / 2) / this.size + this.x, (top - this.height / 2) / this.size + this.y];
  }

  move(across, down) {
    this.x = clamp(this.x - across / this.size, 0, 1);
    this.y = clamp(this.y - down / this.size, 0, 1);
  }

  // Closer by a factor, and the place under `left`, `top` stays there.
  closer(by, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toMap(left, top);
    this.zoom = clamp(this.zoom * by, ...ZOOMS);
    const [newX, newY] = this.toMap(left, top);
    this.x = clamp(this.x + x - newX, 0, 1);
    this.y = clamp(this.y + y - newY, 0, 1);
    if (this.zoom <= 1) this.x = this.y = 0.5;
  }
}

// `count` places at even steps along a path of places; round a closed one, the first does not come again.
export function resampled(path, count, closed) {
  const line = closed ? [...path, path[0]] : path;
  const lengths = line.slice(1).map(([x, y], at) => Math.hypot(x - line[at][0], y - line[at][1]));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return Array.from({ length: count }, (_, number) => {
    let left = (total * number) / (closed ? count : count - 1);
    let at = 0;
    while (at < lengths.length - 1 && left > lengths[at]) left -= lengths[at++];
    const share = lengths[at] ? Math.min(1, left / lengths[at]) : 0;
    return [0, 1].map((axis) => line[at][axis] + share * (line[at + 1][axis] - line[at][axis]));
  });
}
