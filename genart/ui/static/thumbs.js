// Small pictures of recipes, for the whole desk: each is asked for once, however many tools show it. The most
// recently used are kept, others are closed. What is asked for last comes first, and what nobody wants any more
// is never drawn. It knows no tool.

import { bitmapOf, together } from "./live.js";
import { complete, shown } from "./recipe.js";

const BYTES = 64 * 2 ** 20; // of pictures that are kept: some 4,000 of 64 pixels
const ROUND = 8; // pictures in one request at most
const ROUND_MS = 350; // that a request may take, as the last ones did, so that the first pictures come soon
const NEAR = "240px"; // beyond the window, that is drawn ahead

// What a recipe shows, as text: the same for all ways to write it. A size is for saved files.
export function textOf(recipe) {
  return JSON.stringify(sorted(shown(complete(recipe))));
}

export class Thumbs {
  // `live` asks the server: cells(recipes, {side, each, signal}).
  constructor(live, bytes = BYTES) {
    Object.assign(this, { live, room: bytes });
    this.known = new Map(); // text -> {side, whole, head, picture, bytes}, the least recently used first
    this.held = 0; // bytes
    this.wanted = new Map(); // text and side -> {text, recipe, side, askers}, the next last
    this.pace = ROUND_MS / 3; // milliseconds that a picture took
  }

  // The picture of a text, at least `side` large or all there is; null where none is kept.
  peek(text, side) {
    const cell = this.known.get(text);
    if (!cell || (cell.side < side && !cell.whole)) return null;
    this.known.delete(text);
    this.known.set(text, cell);
    return cell.picture;
  }

  // Draws recipes: `each(index, cell)`, one after another as they come, where a cell has a `head`, perhaps with an error,
  // and a `picture`. With `places`, an element each, those come first that are near to be seen, and the others only
  // once they are. Resolves to false once `signal` is aborted; throws where the server cannot be asked.
  async draw(recipes, { side = 64, each, signal, places }) {
    if (signal?.aborted) return false;
    const asker = new Asker(recipes.length, signal);
    const items = recipes.map((recipe, index) => ({ index, recipe, text: textOf(recipe) }));
    const missing = [];
    for (const item of items) {
      if (this.peek(item.text, side)) asker.give(item.index, this.known.get(item.text));
      else missing.push(item);
    }
    const ask = (some) => this.want(some, side, asker);
    const watch = places && missing.length ? nearby(missing.map((item) => [places[item.index], item]), ask) : null;
    if (!watch) ask(missing);
    try {
      for await (const [index, cell] of asker) await each(index, cell);
    } finally {
      watch?.disconnect();
      this.leave(asker);
    }
    return !signal?.aborted;
  }

  // Forget a model's pictures, those on their way too: its weights have changed.
  forget(model) {
    const start = `{"model":${JSON.stringify(model)},`;
    for (const text of [...this.known.keys()]) if (text.startsWith(start)) this.drop(text);
    for (const want of this.round?.wants ?? []) if (want.text.startsWith(start)) want.old = true;
  }

  // ---- within

  want(items, side, asker) {
    for (const { index, recipe, text } of [...items].reverse()) {
      const key = `${side} ${text}`;
      const same = (want) => want.text === text && want.side === side && !want.given && !want.old;
      const coming = this.round?.control.signal.aborted ? null : this.round?.wants.find(same);
      if (coming) {
        coming.askers.push([asker, index]);
        continue;
      }
      const want = this.wanted.get(key) ?? { text, recipe, side, askers: [] };
      want.askers.push([asker, index]);
      this.wanted.delete(key);
      this.wanted.set(key, want);
    }
    this.ask();
  }

  // This asker wants nothing more; a request that is then for nobody ends.
  leave(asker) {
    const rest = ({ askers }) => askers.filter(([other]) => other !== asker);
    for (const [key, want] of this.wanted) {
      want.askers = rest(want);
      if (!want.askers.length) this.wanted.delete(key);
    }
    if (!this.round) return;
    for (const want of this.round.wants) want.askers = rest(want);
    if (!this.round.wants.some(({ askers }) => askers.length)) this.round.control.abort();
  }

  // One request at a time, of what was wanted last.
  async ask() {
    if (this.round) return;
    while (this.wanted.size) {
      const wants = this.next();
      const round = (this.round = { wants, control: new AbortController() });
      const since = performance.now();
      const each = (at, cell) => this.came(wants[at], cell);
      const { signal } = round.control;
      await this.live.cells(wants.map(({ recipe }) => shown(complete(recipe))), { side: wants[0].side, each, signal }).catch((error) => {
        for (const [asker] of wants.flatMap(({ askers }) => askers)) asker.fail(error);
      });
      if (!signal.aborted) this.pace = (this.pace + (performance.now() - since) / wants.length) / 2;
      this.round = null;
    }
  }

  // The newest wants of one side.
  next() {
    const newest = [...this.wanted.values()].reverse();
    const alike = newest.filter(({ side }) => side === newest[0].side).slice(0, Math.max(1, Math.min(ROUND, Math.round(ROUND_MS / this.pace))));
    const round = together(alike.map(({ recipe }) => recipe)).map((_, at) => alike[at]);
    for (const { side, text } of round) this.wanted.delete(`${side} ${text}`);
    return round;
  }

  async came(want, { head, data }) {
    const { text, side } = want;
    const cell = { head, side };
    if (!head.error) {
      cell.picture = await bitmapOf({ head, data });
      cell.whole = Math.max(head.width, head.height) < side;
      if (!want.old) this.keep(text, cell);
    }
    want.given = true; // who asks from now on asks anew
    for (const [asker, index] of want.askers) asker.give(index, cell);
  }

  keep(text, cell) {
    this.drop(text);
    cell.bytes = 4 * cell.picture.width * cell.picture.height; // a picture that was closed has no size
    this.known.set(text, cell);
    this.held += cell.bytes;
    for (const oldest of this.known.keys()) {
      if (this.held <= this.room || oldest === text) break;
      this.drop(oldest);
    }
  }

  drop(text) {
    const cell = this.known.get(text);
    if (!cell) return;
    this.known.delete(text);
    this.held -= cell.bytes;
    cell.picture.close();
  }
}

// What one who asks still waits for, in the order in which it comes.
class Asker {
  constructor(count, signal) {
    Object.assign(this, { left: count, came: [] });
    this.signal = signal;
    signal?.addEventListener("abort", () => this.turn?.(), { once: true });
  }

  give(index, cell) {
    this.came.push([index, cell]);
    this.turn?.();
  }

  fail(error) {
    this.error ??= error;
    this.turn?.();
  }

  async *[Symbol.asyncIterator]() {
    while (this.left > 0) {
      if (this.signal?.aborted) return;
      if (this.came.length) {
        this.left -= 1;
        yield this.came.shift();
      } else if (this.error) throw this.error;
      else await new Promise((turn) => (this.turn = turn));
    }
  }
}

// Calls `onNear` with items as their elements come near to be seen: [[element, item], ...].
function nearby(pairs, onNear) {
  const items = new Map(pairs);
  const watch = new IntersectionObserver(
    (entries) => {
      const near = entries.filter(({ isIntersecting, target }) => isIntersecting && items.has(target));
      for (const { target } of near) watch.unobserve(target);
      const found = near.sort((a, b) => away(a) - away(b)).map(({ target }) => items.get(target));
      if (found.length) onNear(found);
    },
    { rootMargin: NEAR },
  );
  for (const element of items.keys()) watch.observe(element);
  return watch;
}

// How far from being seen, in whole windows: those in view keep their order.
const away = ({ boundingClientRect: { top, bottom }, rootBounds }) =>
  rootBounds ? Math.round(Math.max(0, top - rootBounds.bottom, rootBounds.top - bottom)) : 0;

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (!value || typeof value !== "object") return value;
  const { model, ...rest } = value;
  const parts = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, part]) => [key, sorted(part)]);
  return Object.fromEntries(model === undefined ? parts : [["model", model], ...parts]);
}
