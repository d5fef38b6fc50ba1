// Comparing: a pinned picture, A, left of a line across the stage, and the same recipe or seed in other
// models in a row below it. Both follow the present picture, live.

import { draw, paint } from "./live.js";
import * as R from "./recipe.js";
import { $, clamp, element } from "./widgets.js";

const SIDE = 256;
const HURRIED_SIDE = 96;
const PAUSE_MS = 120; // between two rows while the hand moves: the stage comes first
const STEP = 0.02; // of the stage, by a key
const LABELS = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageDown: -0.1, PageUp: 0.1 };

export class Beside {
  constructor(desk) {
    this.desk = desk;
    this.told = new Map(); // model -> what the server says of it, on its way or here
    this.shown = new Map(); // model -> {button, canvas, caption, text}
    this.share = 0.5;
    this.buildWipe();
    this.buildRow();
  }

  // ---- A and B

  buildWipe() {
    this.canvas = element("canvas", { id: "wipe-picture", width: 512, height: 512 });
    this.line = element("div", { id: "wipe-line", tabIndex: 0 });
    this.line.setAttribute("role", "slider");
    this.line.setAttribute("aria-valuemin", 0);
    this.line.setAttribute("aria-valuemax", 100);
    this.line.dataset.wordLabel = "keep.wipe.line";
    this.line.append(element("i"));
    const close = element("button", { type: "button", id: "wipe-close", textContent: "×", onclick: () => this.unpin() });
    close.dataset.wordLabel = close.dataset.wordTitle = "keep.wipe.close";
    const letters = ["A", "B"].map((textContent) => element("b", { textContent }));
    this.wipe = element("div", { id: "wipe", hidden: true });
    this.wipe.append(this.canvas, ...letters, this.line, close);
    $("#frame").append(this.wipe);
    this.bindLine();
  }

  bindLine() {
    const { line } = this;
    const to = ({ clientX }) => {
      const { left, width } = this.wipe.getBoundingClientRect();
      this.moveTo((clientX - left) / width);
    };
    line.onpointerdown = (event) => {
      if (event.button) return;
      line.setPointerCapture(event.pointerId);
      event.preventDefault();
      line.focus({ preventScroll: true });
    };
    line.onpointermove = (event) => line.hasPointerCapture(event.pointerId) && to(event);
    line.onkeydown = (event) => {
      if (event.key === "Escape") return this.unpin();
      const ends = { Home: 0, End: 1 }[event.key];
      const by = LABELS[event.key];
      if (by === undefined && ends === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.moveTo(ends ?? this.share + by);
    };
  }

  moveTo(share) {
    this.share = clamp(share, 0, 1);
    const percent = this.share * 100;
    this.canvas.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
    this.line.style.left = `${percent}%`;
    this.line.setAttribute("aria-valuenow", Math.round(percent));
  }

  // The recipe becomes A, of whatever model it is.
  async pin(recipe) {
    const { desk } = this;
    const pinned = structuredClone(recipe);
    const { head, data } = await desk.live.aside({ recipe: R.shown(pinned) });
    if (head.error) return desk.stage.say([head.error, head.chinese]);
    const model = await this.model(pinned.model);
    this.canvas.dataset.hard = model?.hardPixels ?? false;
    await paint(this.canvas, { head, data });
    this.pinned = pinned;
    this.wipe.hidden = false;
    desk.words.translate(this.wipe);
    desk.stage.hideHint();
    this.moveTo(this.share);
    this.changed();
  }

  unpin() {
    this.pinned = null;
    this.wipe.hidden = true;
    this.changed();
  }

  async swap() {
    const { desk, pinned } = this;
    if (!pinned) return;
    desk.rest();
    desk.keepNow();
    const before = desk.recipe;
    if (await desk.take(structuredClone(pinned))) await this.pin(before);
  }

  // ---- other models

  buildRow() {
    this.row = element("div", { id: "beside", hidden: true });
    this.row.setAttribute("role", "group");
    this.row.dataset.wordLabel = "keep.beside";
    this.list = element("div", { className: "beside-list" });
    const close = element("button", { type: "button", className: "beside-close", textContent: "×", onclick: () => this.clear() });
    close.dataset.wordLabel = close.dataset.wordTitle = "keep.beside.close";
    this.row.append(this.list, close);
    $("#readout").before(this.row);
  }

  get models() {
    return [...this.shown.keys()];
  }

  toggle(name) {
    if (this.shown.has(name)) this.shown.delete(name);
    else this.shown.set(name, this.cell(name));
    this.layOut();
  }

  clear() {
    this.shown.clear();
    this.layOut();
  }

  layOut() {
    this.list.replaceChildren(...[...this.shown.values()].map(({ button }) => button));
    this.row.hidden = !this.shown.size;
    document.body.classList.toggle("beside", !this.row.hidden);
    this.desk.words.translate(this.row);
    this.changed();
    if (this.desk.recipe) this.follow(this.desk.recipe, false);
  }

  cell(name) {
    const button = element("button", { type: "button" });
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    const title = element("span", { textContent: name });
    title.dataset.word = this.titleOf(name);
    const caption = element("small");
    button.append(canvas, title, caption);
    button.onclick = () => this.open(name);
    return { button, canvas, caption, text: null };
  }

  titleOf(name) {
    return this.desk.words.has(`model.${name}`) ? `model.${name}` : name;
  }

  open(name) {
    const { recipe } = this.shown.get(name);
    if (!recipe) return;
    this.desk.rest();
    this.desk.keepNow();
    this.desk.take(structuredClone(recipe));
  }

  // What the server says of a model; null where it cannot be had.
  model(name) {
    if (this.desk.model?.name === name) this.told.set(name, Promise.resolve(this.desk.model));
    if (!this.told.has(name)) {
      const asking = this.desk.live.call("model", JSON.stringify({ model: name })).catch(() => (this.told.delete(name), null));
      this.told.set(name, asking);
    }
    return this.told.get(name);
  }

  // The present recipe in another model, and how much of it; null where the model cannot be had.
  async carried(recipe, name, seedOnly = false) {
    const [from, to] = await Promise.all([this.model(recipe.model), this.model(name)]);
    return from && to ? R.carried(R.shown(recipe), from, to, this.desk.starts[name], seedOnly) : null;
  }

  // The row shows `recipe`, as soon as it can; of several asked for meanwhile, the last.
  async follow(recipe, hurry) {
    if (!this.shown.size) return;
    this.wanted = { recipe, hurry };
    if (this.drawing) return;
    this.drawing = true;
    while (this.wanted && this.shown.size) {
      const { recipe: now, hurry: hurried } = this.wanted;
      this.wanted = null;
      await this.draw(now, hurried).catch((error) => this.desk.fail(error));
      if (hurried) await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
    this.drawing = false;
  }

  async draw(recipe, hurry) {
    const side = hurry ? HURRIED_SIDE : SIDE;
    const names = this.models;
    const found = await Promise.all(names.map((name) => this.carried(recipe, name)));
    const all = names.map((name, index) => ({ name, side, text: JSON.stringify([found[index]?.recipe, side]), ...found[index] }));
    const wanted = all.filter(({ name, text, recipe }) => recipe && this.shown.get(name) && this.shown.get(name).text !== text);
    const again = await this.drawCells(wanted, side);
    // What the other model cannot follow whole, such as a direction it has not: its seed.
    const seeds = await Promise.all(again.filter(({ how }) => how !== "seed").map(async (one) => ({ ...one, ...(await this.carried(recipe, one.name, true)) })));
    await this.drawCells(seeds, side);
  }

  // Draws each in its cell; resolves to those that could not be.
  async drawCells(wanted, side) {
    const failed = [];
    await this.desk.thumbs.draw(wanted.map(({ recipe }) => recipe), {
      side,
      each: async (index, { picture }) => {
        const one = wanted[index];
        const place = this.shown.get(one.name);
        if (!place) return;
        if (!picture) return void failed.push(one);
        place.canvas.dataset.hard = (await this.model(one.name))?.hardPixels ?? false;
        draw(place.canvas, picture);
        Object.assign(place, { text: one.text, recipe: one.recipe });
        const here = one.name === this.desk.recipe.model;
        this.name(place, one.name, `keep.beside.${here ? "here" : one.how}`);
      },
    });
    return failed;
  }

  name({ button, caption }, name, kind) {
    const { words } = this.desk;
    if (caption.dataset.word === kind && caption.textContent === words.word(kind)) return;
    caption.dataset.word = kind;
    button.dataset.wordLabel = "keep.beside.take";
    button.dataset.wordValues = JSON.stringify({ name: words.word(this.titleOf(name)), kind: words.word(kind) });
    words.translate(this.row);
  }

  // The Keep tool shows which are on.
  onChange(listener) {
    this.listener = listener;
  }

  changed() {
    this.listener?.();
  }
}
