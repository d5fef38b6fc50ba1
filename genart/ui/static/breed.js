// Breeding: parents have nine children; one that is tapped becomes the present picture and the next
// parent. Thumbs teach a taste, which chooses the children. The server makes them (breeding.py) and
// remembers nothing: parents, thumbs and the tree of all that came of them stay in this browser.

import { Lineage, Tree } from "./lineage.js";
import { draw } from "./live.js";
import * as R from "./recipe.js";
import { Tray } from "./tray.js";
import { $, $$, clamp, element, onLeave, setRow, show, sliderRow, thumbnail } from "./widgets.js";

const PLACE = "genart.breed";
const COLUMNS = 3;
const CHILD = 160; // pixels of a child on the screen
const MOST_PARENTS = 8; // as in breed.py
const MOST_SEEN = 180;
const MOST_CHARACTERS = 600_000; // of the thumbs that travel with a request; the server takes a million in all
const LARGE = 100_000; // characters of a family that is too large to be kept
const REST_MS = 200; // a slider that has rested this long asks for children
const ALIKE = 0.2; // of the difference between random pictures
const COMPARED = 32; // pixels a side, for that difference
const SETTINGS = { mutation: 0.35, cross: "mix", classes: "parent", explore: 0.2 };
const MOVES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };
const NOBODY = () => ({ parents: [], children: [], seed: 0, round: 0 });

export class Breed {
  constructor(desk) {
    this.desk = desk;
    const saved = read();
    this.settings = { ...SETTINGS, ...saved.settings };
    this.rounds = saved.rounds ?? []; // [{model, id, seen: [{recipe, thumb}]}], for those with a thumb
    this.families = new Map(saved.family ? [[saved.family.model, saved.family]] : []);
    this.tree = new Tree(desk, new Lineage(saved.nodes), {
      onTake: (node) => desk.startFrom(node.recipe),
      onBreed: (node) => this.goOn(node.recipe, node.thumb),
      onParent: (node) => this.addParent(node.recipe, node.thumb),
      onChange: () => this.save(),
    });
    this.lineage = this.tree.lineage;
    this.tray = new Tray(desk, $("#breed-tray"), (recipe, thumb) => this.addParent(recipe, thumb));
    this.cells = $$("#breed-grid .child");
    onLeave(() => this.saving && this.write());
    this.different = new Map(); // how much random pictures of a model differ
    this.bind();
  }

  // The parents and children on the desk, those of the present model.
  get family() {
    const { name } = this.desk.model;
    if (!this.families.has(name)) this.families.set(name, { model: name, ...NOBODY() });
    return this.families.get(name);
  }

  // ---- told by the tools

  layOut(model) {
    this.stop();
    for (const { firstChild } of this.portraits) firstChild.dataset.hard = model.hardPixels;
    Object.assign(this.tree, { chosen: null, root: null, first: null });
    this.fresh = true;
  }

  opened() {
    this.fresh = true;
  }

  closed() {
    this.stop();
  }

  show() {
    const { desk } = this;
    if (!desk.recipe || desk.recipe.model !== desk.model?.name || !$("#breed-grid").parentElement.offsetParent) return;
    this.tray.fill();
    this.showParents();
    this.showSettings();
    this.showThumbs();
    this.tree.show();
    if (!this.fresh) return;
    this.fresh = false;
    this.draw();
  }

  onKey(key) {
    const does = { n: () => this.breed(), "+": () => this.thumb(this.desk.recipe, 1), "=": () => this.thumb(this.desk.recipe, 1), "-": () => this.thumb(this.desk.recipe, -1) };
    does[key]?.();
    return key in does;
  }

  // ---- parents

  isParent(recipe) {
    return this.family.parents.some((parent) => R.same(parent.recipe, recipe));
  }

  // One more parent, or one less; the children stay until others are asked for.
  addParent(recipe, thumb) {
    const { family } = this;
    const whole = R.complete(recipe);
    if (this.isParent(whole)) family.parents = family.parents.filter((parent) => !R.same(parent.recipe, whole));
    else if (family.parents.length < MOST_PARENTS) family.parents.push({ recipe: whole, thumb: thumb ?? this.thumbOf(whole) });
    this.showParents();
    this.showSettings();
    this.save();
  }

  // A small picture of a recipe, where one has been seen.
  thumbOf(recipe) {
    const { desk } = this;
    if (desk.shown && R.same(R.shown(desk.shown), R.shown(recipe))) return thumbnail(desk.stage.canvas);
    return this.lineage.find(recipe)?.thumb ?? desk.past.steps.find((step) => R.same(step.recipe, recipe))?.thumb ?? null;
  }

  showParents() {
    const { parents } = this.family;
    const buttons = parents.map(({ recipe, thumb }, index) => {
      const button = element("button", { type: "button", className: "cell" });
      if (thumb) button.style.backgroundImage = `url(${thumb})`;
      Object.assign(button.dataset, { wordLabel: "breed.parent", wordTitle: "breed.parent", wordValues: JSON.stringify({ n: index + 1 }) });
      button.onclick = () => {
        this.addParent(recipe);
        ($$("#breed-parents button")[Math.max(0, index - 1)] ?? $("#breed-now")).focus();
      };
      return button;
    });
    $("#breed-parents").replaceChildren(...buttons);
    this.desk.words.translate($("#breed-parents"));
    show("#breed-now", !this.isParent(this.desk.recipe) && parents.length < MOST_PARENTS);
    for (const [index, cell] of this.cells.entries()) {
      const child = this.family.children[index];
      cell.querySelector(".add").setAttribute("aria-pressed", !!child && this.isParent(child));
    }
  }

  // ---- settings

  slider(name) {
    const onInput = (value) => this.setTo(name, value);
    const row = sliderRow({ key: `breed.${name}`, values: {}, min: 0, max: 1, onInput });
    row.dataset.wordTitle = `breed.${name}.tip`;
    row.dataset.setting = name;
    return row;
  }

  // The same seed with other settings: the children change, their luck stays.
  setTo(name, value) {
    this.settings[name] = value;
    clearTimeout(this.resting);
    if (this.family.children.length) this.resting = setTimeout(() => this.breed(this.family.seed), REST_MS);
    this.save();
  }

  showSettings() {
    const { model } = this.desk;
    const thumbs = this.liked();
    for (const row of $$("#breed-sliders .slider")) setRow(row, this.settings[row.dataset.setting]);
    for (const name of ["cross", "classes"]) $(`#breed-${name}`).value = this.settings[name];
    $('[data-setting="explore"]').hidden = !thumbs.length;
    show("#breed-cross-row", model.numWs > 1 && this.family.parents.length > 1);
    show("#breed-classes-row", model.numClasses > 1);
    const count = (sign) => thumbs.filter(({ thumb }) => thumb === sign).length;
    this.say("#breed-taste", thumbs.length ? "breed.taste" : "breed.taste.none", { up: count(1), down: count(-1) });
    show("#breed-forget", thumbs.length > 0);
  }

  // ---- children

  // Nine others of the same parents; of the present picture where none is chosen.
  async breed(seed = R.randomSeed()) {
    const { desk, family } = this;
    if (!desk.recipe) return;
    clearTimeout(this.resting);
    if (!family.parents.length) this.addParent(desk.recipe);
    this.drawing?.abort();
    const asking = (this.asking = Symbol());
    const parents = family.parents.map(({ recipe }) => recipe);
    const body = JSON.stringify({ parents, settings: this.settings, seed, likes: this.likes() });
    const answer = await desk.live.call("breed", body).catch((error) => desk.fail(error));
    if (!answer || asking !== this.asking) return;
    family.children = answer.children.map(R.complete);
    family.seed = seed;
    family.round = Date.now();
    family.from = family.parents.map(({ recipe, thumb }) => ({ recipe, thumb }));
    this.save();
    await this.draw();
  }

  // A child, or a picture of the tree, becomes the present picture and the only parent.
  goOn(recipe, thumb) {
    this.family.parents = [{ recipe, thumb }];
    this.desk.startFrom(recipe);
    this.showParents();
    return this.breed();
  }

  // The child in a cell, once its picture is there: before that nobody has seen it.
  childIn(index) {
    return this.cells[index].classList.contains("waiting") ? null : this.family.children[index];
  }

  chooseChild(index) {
    const child = this.childIn(index);
    if (!child) return;
    const thumb = thumbnail(this.portraits[index].firstChild);
    this.root(child, thumb);
    this.goOn(child, thumb);
  }

  addChild(index) {
    const child = this.childIn(index);
    if (!child) return;
    const thumb = thumbnail(this.portraits[index].firstChild);
    this.root(child, thumb);
    this.addParent(child, thumb);
  }

  // Put a child and those it came of into the tree.
  root(child, thumb) {
    const { from = [] } = this.family;
    const parents = from.map((parent) => this.lineage.add(parent.recipe, parent.thumb));
    const node = this.lineage.add(child, thumb, parents);
    this.lineage.prune(node);
    this.tree.chosen = node.id;
    this.tree.show();
    this.tree.reveal();
    this.save();
    return node;
  }

  get portraits() {
    return this.cells.map((cell) => cell.firstElementChild);
  }

  // Draw the children of this family.
  async draw() {
    const { desk, family } = this;
    const { children } = family;
    const any = children.length > 0;
    show("#breed-empty", !any);
    show("#breed-grid", any);
    show("#breed-bar", any);
    show("#breed-alike", false);
    this.showParents();
    this.showSettings();
    this.showThumbs();
    this.drawing?.abort();
    if (!any) return;
    const { signal } = (this.drawing = new AbortController());
    for (const cell of this.cells) cell.classList.add("waiting");
    let done = 0;
    const each = (index, { head, picture }) => {
      if (signal.aborted) return;
      if (head.error) desk.stage.say([head.error, head.chinese]);
      else {
        draw(this.portraits[index].firstChild, picture);
        this.cells[index].classList.remove("waiting");
      }
      $("#breed-progress").textContent = desk.words.word("breed.progress", { done: ++done, count: children.length });
    };
    show("#breed-stop", true);
    const whole = await desk.thumbs.draw(children, { side: CHILD, signal, each }).catch((error) => desk.fail(error));
    if (this.drawing?.signal !== signal) return;
    this.endDrawing();
    if (whole) await this.compareChildren(family);
  }

  // No children come any more: none that a slider waits to ask for, none that are on their way.
  stop() {
    clearTimeout(this.resting);
    this.asking = null;
    this.endDrawing();
  }

  // Cells that were not drawn go on waiting: they show children of before.
  endDrawing() {
    this.drawing?.abort();
    this.drawing = null;
    show("#breed-stop", false);
    $("#breed-progress").textContent = "";
  }

  // ---- sameness

  // Say so when the children differ far less than random pictures of the model do.
  async compareChildren(family) {
    const among = difference(this.portraits.map(({ firstChild }) => seen(firstChild)));
    const random = await this.randomDifference(family.children[0]).catch(() => 0);
    if (family !== this.family || !random) return;
    const share = among / random;
    show("#breed-alike", share < ALIKE);
    this.say("#breed-alike", "breed.alike", { percent: Math.round(100 * share) });
    show("#breed-raise", this.settings.mutation < 1);
    $("#breed-grid").dataset.share = share.toFixed(3);
  }

  async randomDifference({ model, psi, anchors }) {
    const { desk } = this;
    const [{ label }] = anchors;
    const key = JSON.stringify([model, psi, label]);
    if (!this.different.has(key)) {
      const recipes = this.cells.map((_, seed) => ({ ...desk.fresh(model, seed), psi, anchors: [{ seed, ...(label != null && { label }) }] }));
      const canvas = element("canvas", { width: COMPARED, height: COMPARED });
      const pictures = [];
      const each = (_, { picture }) => {
        if (!picture) return;
        draw(canvas, picture);
        pictures.push(seen(canvas));
      };
      await desk.thumbs.draw(recipes, { side: COMPARED, each });
      this.different.set(key, difference(pictures));
    }
    return this.different.get(key);
  }

  // A sentence in the first span of a place, that changes with the page's language.
  say(place, key, values) {
    const span = $(`${place} span`);
    Object.assign(span.dataset, { word: key, wordValues: JSON.stringify(values) });
    this.desk.words.translate(span.parentElement);
  }

  // ---- thumbs

  // The pictures that have one, of this model.
  liked() {
    const { name } = this.desk.model;
    return this.rounds.filter(({ model }) => model === name).flatMap(({ seen }) => seen.filter(({ thumb }) => thumb));
  }

  // What the server learns from: thumbs, and what was seen beside them; the newest rounds that there is room for.
  likes() {
    const { name } = this.desk.model;
    const likes = [];
    let characters = 0;
    for (const [at, { model, seen }] of [...this.rounds.entries()].reverse()) {
      if (model !== name || !seen.some(({ thumb }) => thumb)) continue;
      characters += JSON.stringify(seen).length;
      if (likes.length + seen.length > MOST_SEEN || characters > MOST_CHARACTERS) break;
      likes.push(...seen.map(({ recipe, thumb }) => ({ recipe, thumb, round: at })));
    }
    return likes;
  }

  thumbFor(recipe) {
    return this.entry(recipe)?.thumb ?? 0;
  }

  entry(recipe) {
    for (const { seen } of this.rounds.toReversed()) {
      const found = seen.find((one) => R.same(one.recipe, recipe));
      if (found) return found;
    }
    return null;
  }

  // A thumb up or down; the same once more takes it back. Children are judged beside their siblings.
  thumb(recipe, sign) {
    const { family } = this;
    let entry = this.entry(recipe);
    if (!entry) {
      const siblings = family.children.some((child) => R.same(child, recipe)) ? family.children : [recipe];
      const seen = siblings.map((one) => ({ recipe: structuredClone(one), thumb: 0 }));
      this.rounds.push({ model: this.desk.model.name, seen });
      entry = this.entry(recipe);
    }
    entry.thumb = entry.thumb === sign ? 0 : sign;
    this.rounds = this.rounds.filter(({ seen }) => seen.some(({ thumb }) => thumb));
    this.showThumbs();
    this.showSettings();
    this.save();
  }

  showThumbs() {
    const mark = (place, recipe) => {
      const thumb = recipe ? this.thumbFor(recipe) : 0;
      for (const button of place.querySelectorAll("[data-thumb]")) button.setAttribute("aria-pressed", Number(button.dataset.thumb) === thumb);
    };
    mark($("#breed-bar .thumbs"), this.desk.recipe);
    this.cells.forEach((cell, index) => mark(cell, this.family.children[index]));
  }

  // ---- what the hand does

  bind() {
    $("#breed-sliders").append(this.slider("mutation"), this.slider("explore"));
    for (const name of ["cross", "classes"]) $(`#breed-${name}`).onchange = ({ target }) => this.setTo(name, target.value);
    $("#breed-now").onclick = () => this.addParent(this.desk.recipe);
    $("#breed-begin").onclick = () => this.breed().then(() => this.portraits[0].focus({ preventScroll: true }));
    $("#breed-again").onclick = () => this.breed();
    $("#breed-stop").onclick = () => this.stop();
    $("#breed-raise").onclick = () => {
      this.setTo("mutation", clamp(Math.round((this.settings.mutation + 0.2) * 100) / 100, 0, 1));
      this.showSettings();
    };
    $("#breed-forget").onclick = () => {
      this.rounds = this.rounds.filter(({ model }) => model !== this.desk.model.name);
      this.showThumbs();
      this.showSettings();
      this.save();
    };
    for (const button of $$("#breed-bar [data-thumb]")) button.onclick = () => this.thumb(this.desk.recipe, Number(button.dataset.thumb));
    for (const [index, cell] of this.cells.entries()) this.bindChild(cell, index);
  }

  bindChild(cell, index) {
    const thumb = (sign) => this.childIn(index) && this.thumb(this.childIn(index), sign);
    cell.firstElementChild.onclick = () => this.chooseChild(index);
    cell.querySelector(".add").onclick = () => this.addChild(index);
    for (const button of cell.querySelectorAll("[data-thumb]")) button.onclick = () => thumb(Number(button.dataset.thumb));
    cell.firstElementChild.onkeydown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in MOVES) this.focus(index, MOVES[event.key]);
      else if (event.key === "Enter" && event.shiftKey) this.addChild(index);
      else if (["+", "=", "-"].includes(event.key)) thumb(event.key === "-" ? -1 : 1);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
  }

  focus(index, by) {
    const to = index + by;
    const leaves = Math.abs(by) === 1 && Math.floor(to / COLUMNS) !== Math.floor(index / COLUMNS);
    if (!this.portraits[to] || leaves) return;
    this.portraits.forEach((portrait, at) => (portrait.tabIndex = at === to ? 0 : -1));
    this.portraits[to].focus();
  }

  // ---- kept in this browser

  save() {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.write(), REST_MS);
  }

  write() {
    clearTimeout(this.saving);
    this.saving = null;
    const { lineage, settings, family } = this;
    lineage.prune();
    while (this.rounds.length && JSON.stringify(this.rounds).length > MOST_CHARACTERS) this.rounds.shift();
    const small = JSON.stringify(family).length < LARGE;
    const saved = { settings, rounds: this.rounds, nodes: lineage.nodes, ...(small && { family }) };
    try {
      localStorage.setItem(PLACE, JSON.stringify(saved));
    } catch {
      this.desk.stage.note("tree.full");
    }
  }
}

// The bytes of a picture, small.
function seen(canvas) {
  const small = element("canvas", { width: COMPARED, height: COMPARED });
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0, COMPARED, COMPARED);
  return context.getImageData(0, 0, COMPARED, COMPARED).data;
}

// The mean difference between two of the pictures, in levels of 255.
function difference(pictures) {
  let [sum, count] = [0, 0];
  for (const [at, a] of pictures.entries()) {
    for (const b of pictures.slice(at + 1)) {
      for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
      count += a.length;
    }
  }
  return count ? sum / count : 0;
}

function read() {
  try {
    const saved = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return saved && typeof saved === "object" ? saved : {};
  } catch {
    return {};
  }
}
