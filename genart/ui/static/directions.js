// Directions that explain themselves: a row each, with the pictures it leads to, how much it
// changes, and what can be done with it. Rows write offsets; their strips are drawn at rest.

import { draw } from "./live.js";
import * as R from "./recipe.js";
import { Store } from "./ownDirections.js";
import { Teacher } from "./teach.js";
import { $, element, setRow, show, sliderRow } from "./widgets.js";

const FADERS = 32; // models with more latent numbers are steered by directions first
const SIGMAS = 5; // the ends of a slider
const CELLS = [-3, -2, -1, 0, 1, 2, 3];
const COMPARED = [1, 5]; // the cells at -2 and +2 sigma
const SIDE = 64;
const MUCH = 0.25; // of the way from black to white, in the mean over all pixels: a full bar
const SLOW_MS = 500; // for two cells: then one folded row is measured at a rest, and the others when they are unfolded
const KARRAS = [4, 8]; // where coarse and middle layers end (Karras 2018): 4 and 8 pixels, 16 and 32, the rest
const NUMBERED = /^(pca|sefa|channel)(\d+)$/;
const FOLDED = /^(pca|sefa)\d+$/;
const MEASURED = ["brightness", "contrast", "warmth", "saturation", "detail"];
const STRIPS = "genart.strips";

// The ranges of layers that have names, for a model of so many: [name, [first, last] or null] pairs.
export function ranges(numWs) {
  const [a, b] = numWs > KARRAS[1] ? KARRAS : [Math.round(numWs / 3), Math.round((2 * numWs) / 3)];
  const parts = [["coarse", [0, a]], ["middle", [a, b]], ["fine", [b, numWs]]];
  return [["all", null], ...parts.filter(([, [first, last]]) => last > first)];
}

// How different two pictures are: the mean over all pixels, 0 .. 1.
export function change(a, b) {
  let sum = 0;
  for (let at = 0; at < a.length; at++) if (at % 4 < 3) sum += Math.abs(a[at] - b[at]);
  return sum / (a.length * 0.75) / 255;
}

export class Directions {
  constructor(desk) {
    Object.assign(this, { desk, store: new Store(), rows: [], read: new Map(), strips: localStorage.getItem(STRIPS) === "true" });
    this.teacher = new Teacher(desk, (item) => this.add([item]));
    this.watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.inView = isIntersecting;
      this.draw();
    });
    $("#direction-strips").onclick = () => this.toggleStrips();
    $("#direction-more").onclick = () => this.toggleMore(!this.more);
    $("#direction-open").onclick = () => $("#direction-file").click();
    $("#direction-file").onchange = ({ target }) => this.openFiles([...target.files]).then(() => (target.value = ""));
    $("#direction-read").onclick = () => this.fromPictures();
  }

  // ---- laid out for a model

  layOut(model) {
    this.moved();
    this.mine = this.store.of(model.weights);
    this.found = model;
    this.rows = [];
    this.guests = []; // directions of an opened recipe that are not kept here
    this.chosen = new Map(); // layer ranges of rows that stand at 0
    this.teacher.layOut();
    $("#direction-list").style.minHeight = "";
    this.toggleMore(model.zDim > FADERS);
    this.layOutRows();
    if (model.stillMeasured.length) this.waitForMeasured(model);
  }

  // Until the measured ones are found their rows stand empty; what follows must not jump when some are not.
  async waitForMeasured(model) {
    for (let wait = 500; model.stillMeasured.length; wait = Math.min(5000, wait * 1.3)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.found !== model) return;
      const found = await this.desk.live.call("directions", JSON.stringify({ model: model.name })).catch(() => ({}));
      Object.assign(model, found);
    }
    if (this.found !== model) return;
    const list = $("#direction-list");
    list.style.minHeight = `${list.offsetHeight}px`;
    for (const row of this.rows.filter(({ late }) => late)) this.arrived(row);
    this.draw();
  }

  // The other rows stay as they are: a hand may be on one of them.
  arrived(row) {
    if (!(row.of in this.found.measured)) {
      this.watch.unobserve(row.node);
      row.node.remove();
      this.rows = this.rows.filter((other) => other !== row);
      return;
    }
    row.late = false;
    row.node.removeAttribute("data-late");
    row.slider.querySelector("input").disabled = false;
    this.explain(row);
    this.showRow(row);
    this.desk.words.translate(row.node);
  }

  get own() {
    return [...this.mine.own, ...this.guests];
  }

  layOutRows() {
    const { directions, measured, stillMeasured } = this.found;
    const named = directions.filter((name) => !NUMBERED.test(name) && !(name in measured));
    const seen = MEASURED.filter((name) => name in measured || stillMeasured.includes(name));
    const main = [...named, ...this.own, ...seen, ...directions.filter((name) => NUMBERED.test(name) && !FOLDED.test(name))];
    const folded = directions.filter((name) => FOLDED.test(name));
    const open = new Set(this.rows.filter(({ open }) => open).map(({ key }) => key));
    this.watch.disconnect();
    this.rows = [...main, ...folded].map((of) => this.row(of));
    for (const row of this.rows) this.unfold(row, this.strips || open.has(row.key));
    $("#direction-list").replaceChildren(...this.rows.slice(0, main.length).map(({ node }) => node));
    $("#direction-rest").replaceChildren(...this.rows.slice(main.length).map(({ node }) => node));
    show("#direction-more", folded.length > 0);
    $("#direction-more").dataset.wordValues = JSON.stringify({ n: folded.length });
    show("#directions", true);
    this.showRead();
    this.desk.words.translate($("#directions"));
    for (const row of this.rows) {
      this.watch.observe(row.node);
      if (row.late) Object.assign(row.slider.querySelector("input"), { disabled: true });
    }
  }

  // ---- one row: `of` is a name of the model's own, or {name, vector, score} of the visitor's

  row(of) {
    const own = typeof of === "object";
    const key = own ? of.vector : of;
    const row = { of, own, key, open: false, late: this.found.stillMeasured.includes(of) };
    const onInput = (value, event) => this.put(row, value, event);
    row.slider = sliderRow({ ...this.named(row), min: -SIGMAS, max: SIGMAS, onInput });
    row.node = element("div", { className: "direction" });
    Object.assign(row.node.dataset, own ? { own: "" } : { direction: of });
    row.bar = element("span", { className: "change" });
    row.bar.setAttribute("role", "img");
    row.bar.append(element("i"));
    row.unfoldButton = this.button("more", "direction.unfold", () => this.unfold(row, !row.open, { draw: true }));
    row.tools = element("div", { className: "unfolded", hidden: true });
    row.node.append(row.slider, row.bar, row.unfoldButton, row.tools);
    row.node.toggleAttribute("data-late", row.late);
    this.sayChange(row);
    this.explain(row);
    return row;
  }

  // What a row is called: a name it was given, or words.
  named({ of, own }) {
    const [, kind, n] = (own ? "" : of).match(NUMBERED) ?? [null, own ? "" : of];
    const label = own ? of.name : this.mine.names[of] ?? (this.desk.words.has(`direction.${kind}`) ? undefined : of);
    return { label, key: label ? "direction.item" : `direction.${kind}`, values: label ? { name: label } : { n } };
  }

  // What is known of it, as the tooltip of its name.
  explain({ of, own, late, slider }) {
    const r = this.found.measured[of];
    const told = (word, values = {}) => Object.assign(slider.dataset, { wordTitle: word, wordValues: JSON.stringify(values) });
    if (late) told("direction.late");
    else if (own && of.score != null) told("direction.learnt.tip", { percent: Math.round(of.score * 100) });
    else if (r != null) told("direction.measured.tip", { r: r.toFixed(2) });
    else if (!own && of.startsWith("pca")) told("direction.pca.tip");
    else if (!own && of.startsWith("sefa")) told("direction.sefa.tip");
  }

  button(icon, word, onclick) {
    const button = element("button", { type: "button", className: "tool-button", onclick });
    button.innerHTML = ICONS[icon];
    Object.assign(button.dataset, { wordTitle: word, wordLabel: word });
    return button;
  }

  // Strip and tools are made when they are first seen.
  unfold(row, open, { draw = false } = {}) {
    row.open = open;
    row.node.classList.toggle("open", open);
    row.unfoldButton.setAttribute("aria-expanded", open);
    if (open && !row.cells) this.fill(row);
    row.tools.hidden = !open;
    if (!draw) return;
    this.showRow(row);
    this.draw();
  }

  fill(row) {
    row.cells = CELLS.map((sigma) => {
      const cell = element("button", { type: "button", className: "strip-cell", onclick: (event) => this.put(row, sigma, event, { follow: true }) });
      const values = { sigma: sigma > 0 ? `+${sigma}` : `${sigma}`.replace("-", "−") };
      Object.assign(cell.dataset, { sigma, wordLabel: "direction.cell", wordTitle: "direction.cell", wordValues: JSON.stringify(values) });
      cell.append(canvasOf(this.found), element("small", { textContent: values.sigma }));
      return cell;
    });
    const strip = element("div", { className: "strip" });
    strip.append(...row.cells);
    const line = element("div", { className: "line" });
    line.append(this.nameField(row), ...this.layerMenu(row), ...this.buttonsOf(row));
    row.tools.append(strip, line);
    this.desk.words.translate(row.tools);
  }

  nameField(row) {
    const field = element("input", { type: "text", maxLength: 60, value: row.own ? row.of.name : this.mine.names[row.of] ?? "", className: "direction-name" });
    field.autocomplete = "off";
    Object.assign(field.dataset, { wordPlaceholder: "direction.rename", wordLabel: "direction.rename" });
    field.onchange = (event) => this.rename(row, field.value.trim(), event);
    return field;
  }

  layerMenu(row) {
    const { numWs } = this.found;
    if (numWs === 1) return [];
    row.menu = element("select", { className: "direction-layers" });
    Object.assign(row.menu.dataset, { wordLabel: "direction.layers", wordTitle: "direction.layers" });
    row.menu.append(...ranges(numWs).map(([name, layers]) => layerOption(name, layers)));
    row.menu.onchange = (event) => {
      this.chosen.set(row.key, JSON.parse(row.menu.value));
      this.put(row, this.amount(row), event, { follow: true });
    };
    return [row.menu];
  }

  buttonsOf(row) {
    row.lockButton = this.button("lock", "direction.lock", () => this.toggleLock(row));
    const guest = this.guests.includes(row.of);
    return [
      row.lockButton,
      this.button("reset", "direction.reset", (event) => this.put(row, 0, event, { follow: true })),
      this.button("save", "direction.save", () => this.save(row)),
      ...(guest ? [this.button("keep", "direction.keep", () => this.adopt(row))] : []),
      ...(row.own && !guest ? [this.button("delete", "direction.delete", (event) => this.remove(row, event))] : []),
    ];
  }

  // ---- the recipe

  is(row, offset) {
    return !offset.spot && (row.own ? offset.vector === row.key : !offset.vector && offset.direction === row.key);
  }

  offset(row) {
    return this.desk.recipe.offsets.find((offset) => this.is(row, offset));
  }

  amount(row) {
    return this.offset(row)?.sigma ?? 0;
  }

  layersOf(row) {
    return this.chosen.has(row.key) ? this.chosen.get(row.key) : this.offset(row)?.layers ?? null;
  }

  // The recipe with this much of a direction; it stays where it stood among the others.
  with(row, recipe, sigma) {
    const layers = this.layersOf(row);
    const name = row.own ? row.of.name : row.of;
    const made = { direction: name, sigma, ...(layers && { layers }), ...(row.own && { vector: row.key }) };
    const at = recipe.offsets.findIndex((offset) => this.is(row, offset));
    const others = recipe.offsets.filter((offset) => !this.is(row, offset));
    if (sigma) others.splice(at < 0 ? others.length : at, 0, made);
    return { ...recipe, offsets: others };
  }

  put(row, sigma, event, { follow = false } = {}) {
    const write = (recipe) => (recipe.offsets = this.with(row, recipe, sigma).offsets);
    if (follow) this.desk.set(write, event);
    else this.desk.change(write, event);
    this.mark(row, sigma);
  }

  // Every row as the recipe has it; directions that the recipe brings along get rows of their own.
  follow() {
    const { offsets } = this.desk.recipe;
    const brought = offsets.filter(({ vector }) => vector && !this.own.some((item) => item.vector === vector));
    if (brought.length) {
      const once = new Map(brought.map(({ direction, vector }) => [vector, { name: direction, vector }]));
      this.guests.push(...once.values());
      this.layOutRows();
    }
    const stale = this.guests.filter(({ vector }) => !offsets.some((offset) => offset.vector === vector));
    for (const row of this.rows) {
      this.showRow(row);
      row.node.hidden = stale.includes(row.of);
    }
  }

  showRow(row) {
    const offset = this.offset(row);
    if (offset) this.chosen.delete(row.key);
    setRow(row.slider, offset?.sigma ?? 0);
    this.mark(row, offset?.sigma ?? 0);
    const locked = this.mine.locked.includes(row.key);
    row.node.classList.toggle("locked", locked);
    row.lockButton?.setAttribute("aria-pressed", locked);
    if (!row.menu) return;
    const text = JSON.stringify(this.layersOf(row));
    if (![...row.menu.options].some(({ value }) => value === text)) row.menu.append(layerOption("other", JSON.parse(text)));
    row.menu.value = text;
    this.desk.words.translate(row.menu);
  }

  // The cell nearest to where the slider stands.
  mark(row, sigma) {
    for (const cell of row.cells ?? []) cell.setAttribute("aria-pressed", Math.abs(Number(cell.dataset.sigma) - sigma) < 0.5);
  }

  // A recipe that replaces the present one, with the locked directions as they stand.
  keepLocked(recipe) {
    const locked = this.rows.filter(({ key }) => this.mine?.locked.includes(key));
    return locked.reduce((kept, row) => this.with(row, kept, this.amount(row)), recipe);
  }

  // ---- strips

  show() {
    this.resting = true;
    this.slow = false;
    this.draw();
    this.teacher.show();
  }

  moved() {
    this.resting = false;
    this.drawing?.abort();
  }

  closed() {
    this.moved();
  }

  // Strips of the rows in view, one after another; anything that moves the picture ends it.
  async draw() {
    if (!this.resting || this.busy) return void (this.again = true);
    this.busy = true;
    do {
      this.again = false;
      this.drawing = new AbortController();
      for (const row of this.rows) {
        if (!this.resting) break;
        if (row.node.inView && row.node.offsetParent && !row.late) await this.drawRow(row, this.drawing.signal).catch(() => {});
      }
    } while (this.again && this.resting);
    this.busy = false;
  }

  async drawRow(row, signal) {
    const { recipe } = this.desk;
    const key = JSON.stringify([this.with(row, R.shown(recipe), 0), this.layersOf(row)]);
    if (row.drawn === key && (!row.open || row.whole)) return;
    if (!row.open && this.slow) return;
    const wanted = row.open ? CELLS : COMPARED.map((at) => CELLS[at]);
    const canvases = row.open ? row.cells.map((cell) => cell.firstChild) : (row.hidden ??= COMPARED.map(() => canvasOf(this.found)));
    const start = performance.now();
    const each = (index, { picture }) => picture && draw(canvases[index], picture);
    const done = await this.desk.thumbs.draw(wanted.map((sigma) => this.with(row, R.shown(recipe), sigma)), { side: SIDE, signal, each });
    if (!done) return;
    if (!row.open) this.slow = performance.now() - start > SLOW_MS;
    const [low, high] = (row.open ? COMPARED.map((at) => canvases[at]) : canvases).map(pixelsOf);
    Object.assign(row, { drawn: key, whole: row.open, changed: change(low, high) });
    row.node.dataset.drawn = row.open ? "strip" : "bar";
    this.sayChange(row);
  }

  // As text too: the bar alone says nothing to a screen reader, nor how much is much.
  sayChange({ bar, changed }) {
    bar.firstChild.style.width = `${Math.min(1, (changed ?? 0) / MUCH) * 100}%`;
    const word = changed === undefined ? "direction.change.none" : "direction.change";
    Object.assign(bar.dataset, { wordTitle: word, wordLabel: word, wordValues: JSON.stringify({ percent: ((changed ?? 0) * 100).toFixed(1) }) });
    this.desk.words.translate(bar.parentElement ?? bar);
  }

  toggleStrips() {
    this.strips = !this.strips;
    localStorage.setItem(STRIPS, this.strips);
    for (const row of this.rows) this.unfold(row, this.strips);
    this.follow();
    this.showOptions();
    this.draw();
  }

  toggleMore(open) {
    this.more = open;
    this.showOptions();
    this.draw();
  }

  showOptions() {
    $("#direction-strips").setAttribute("aria-pressed", this.strips);
    $("#direction-more").setAttribute("aria-expanded", this.more);
    show("#direction-rest", this.more);
  }

  // ---- names, locks, files

  rename(row, name, event) {
    if (row.own && name) {
      row.of.name = name;
      this.store.write();
      if (this.offset(row)) this.put(row, this.amount(row), event);
    } else if (!row.own) {
      if (name) this.mine.names[row.of] = name;
      else delete this.mine.names[row.of];
      this.store.write();
    }
    const { label, key, values } = this.named(row);
    const [text, range] = ["span", "input"].map((part) => row.slider.querySelector(part));
    const words = { wordValues: JSON.stringify(values) };
    if (label) delete text.dataset.word;
    else Object.assign(text.dataset, { word: key, ...words });
    text.textContent = label ?? "";
    Object.assign(range.dataset, { wordLabel: key, ...words });
    event.target.value = row.own ? row.of.name : this.mine.names[row.of] ?? "";
    this.desk.words.translate(row.slider);
  }

  toggleLock(row) {
    const { locked } = this.mine;
    if (locked.includes(row.key)) locked.splice(locked.indexOf(row.key), 1);
    else locked.push(row.key);
    this.store.write();
    this.showRow(row);
  }

  // New directions of the visitor's own, unfolded, so that they show what they do.
  add(items) {
    const fresh = items.filter(({ vector }) => !this.mine.own.some((item) => item.vector === vector));
    this.mine.own.push(...fresh);
    this.guests = this.guests.filter(({ vector }) => !items.some((item) => item.vector === vector));
    if (!this.store.write()) this.desk.stage.note("message.full");
    this.layOutRows();
    for (const row of this.rows) if (items.some(({ vector }) => vector === row.key)) this.unfold(row, true);
    this.follow();
    this.draw();
    this.rows.find(({ key }) => key === items[0]?.vector)?.node.scrollIntoView({ block: "nearest" });
  }

  adopt(row) {
    this.add([row.of]);
  }

  remove(row, event) {
    if (this.amount(row)) this.put(row, 0, event);
    this.mine.own = this.mine.own.filter(({ vector }) => vector !== row.key);
    this.mine.locked = this.mine.locked.filter((key) => key !== row.key);
    this.store.write();
    this.layOutRows();
    this.follow();
  }

  async save(row) {
    const name = row.own ? row.of.name : row.of;
    const asked = { model: this.found.name, direction: name, ...(row.own && { vector: row.key }) };
    const file = await this.desk.live.call("directions/save", JSON.stringify(asked)).catch((error) => this.desk.fail(error));
    if (!file) return;
    const plain = `${this.found.name}-${this.mine.names[row.of] ?? name}`.replace(/[^\p{L}\p{N}.-]+/gu, "-");
    const link = element("a", { href: URL.createObjectURL(file), download: `${plain}.direction.safetensors` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    this.desk.stage.note("message.saved", { name: link.download });
  }

  async openFiles(files) {
    const { name: model } = this.found;
    for (const file of files) {
      const opened = await this.desk.live.call(`directions/open?${new URLSearchParams({ model })}`, file).catch((error) => this.desk.fail(error));
      if (!opened || this.found.name !== model) continue;
      this.add([opened]);
      this.desk.stage.note("message.opened", { name: file.name });
    }
  }

  // ---- pictures that this model has read

  pictureRead(recipe) {
    this.read.set(recipe.model, [...(this.read.get(recipe.model) ?? []), recipe]);
    this.showRead();
  }

  showRead() {
    const count = this.read.get(this.found.name)?.length ?? 0;
    show("#direction-read", count > 2);
    $("#direction-read").dataset.wordValues = JSON.stringify({ n: count });
    this.desk.words.translate($("#direction-read").parentElement);
  }

  async fromPictures() {
    const recipes = this.read.get(this.found.name);
    const body = JSON.stringify({ model: this.found.name, recipes });
    const made = await this.desk.live.call("directions/axes", body).catch((error) => this.desk.fail(error));
    if (!made) return;
    const name = (n) => this.desk.words.word("direction.read.item", { n: n + 1, count: recipes.length });
    this.add(made.vectors.map((vector, n) => ({ name: name(n), vector })));
  }
}

const ICONS = Object.fromEntries(
  Object.entries({
    more: "M6 9l6 6 6-6",
    lock: "M6 11h12v9H6z M9 11V8a3 3 0 0 1 6 0v3",
    reset: "M4 12a8 8 0 1 0 3-6.2 M4 4v4.5h4.5",
    save: "M12 4v11 M7 11l5 5 5-5 M5 20h14",
    keep: "M12 5v14 M5 12h14",
    delete: "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
  }).map(([name, path]) => [name, `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`]),
);

function canvasOf({ hardPixels }) {
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  canvas.getContext("2d", { alpha: false, willReadFrequently: true }); // its pixels are compared
  canvas.dataset.hard = hardPixels;
  return canvas;
}

const pixelsOf = (canvas) => canvas.getContext("2d").getImageData(0, 0, SIDE, SIDE).data;

function layerOption(name, layers) {
  const option = element("option", { value: JSON.stringify(layers) });
  Object.assign(option.dataset, { word: `direction.layers.${name}` });
  if (layers) option.dataset.wordValues = JSON.stringify({ first: layers[0] + 1, last: layers[1] });
  return option;
}
