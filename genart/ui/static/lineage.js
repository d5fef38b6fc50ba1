// The tree of what was bred: pictures with their parents, both kept, in this browser and nowhere else.
// `Lineage` holds it and knows no page; `Tree` draws it, moves through it, and compares two of its pictures.

import { draw } from "./live.js";
import * as R from "./recipe.js";
import { $, $$, clamp, element, show } from "./widgets.js";

const MOST = 200; // pictures
const MOST_CHARACTERS = 1_200_000; // of the five million that a browser has room for
const UNDONE = 20;
const [STEP_X, STEP_Y, NODE] = [58, 74, 48];
const SCALES = [0.75, 1, 1.4, 2]; // 48 pixels a picture, and never below 36: a finger must hit it
const FLIP_KEYS = [" ", "Enter"];
const SVG = "http://www.w3.org/2000/svg";

export class Lineage {
  constructor(nodes = []) {
    this.nodes = nodes;
    this.removed = [];
  }

  get next() {
    return 1 + this.nodes.concat(...this.removed).reduce((most, { id }) => Math.max(most, id), 0);
  }

  node(id) {
    return this.nodes.find((node) => node.id === id);
  }

  find(recipe) {
    return this.nodes.find((node) => R.same(node.recipe, recipe));
  }

  // A picture with its parents; one that is known already stays as it is, with a picture if it had none.
  add(recipe, thumb, parents = []) {
    const known = this.find(recipe);
    if (known) return Object.assign(known, !known.thumb && { thumb });
    const node = { id: this.next, recipe: structuredClone(recipe), thumb, parents: parents.map(({ id }) => id), pin: false };
    this.nodes.push(node);
    return node;
  }

  children({ id }) {
    return this.nodes.filter(({ parents }) => parents.includes(id));
  }

  // A picture and what came of it alone: a child with another living parent stays.
  branch(node) {
    const gone = new Set([node.id]);
    for (let grown = 0; grown < gone.size; ) {
      grown = gone.size;
      for (const { id, parents } of this.nodes) {
        const living = parents.filter((parent) => this.node(parent) && !gone.has(parent));
        if (parents.some((parent) => gone.has(parent)) && !living.length) gone.add(id);
      }
    }
    return this.nodes.filter(({ id }) => gone.has(id));
  }

  remove(node) {
    const gone = this.branch(node);
    this.nodes = this.nodes.filter((one) => !gone.includes(one));
    this.removed = [...this.removed, gone].slice(-UNDONE);
  }

  undo() {
    const back = this.removed.pop() ?? [];
    this.nodes = [...this.nodes, ...back].sort((a, b) => a.id - b.id);
  }

  // Old pictures that nothing came of go first; pinned ones and `kept` stay.
  prune(kept = null) {
    const tooMuch = () => this.nodes.length > MOST || JSON.stringify(this.nodes).length > MOST_CHARACTERS;
    while (tooMuch()) {
      const old = this.nodes.find((node) => !node.pin && node.id !== kept?.id && !this.children(node).length);
      if (!old) return;
      this.nodes = this.nodes.filter((node) => node !== old);
    }
  }

  // A model's pictures, or one and all that came of it, by generation: [[node, ...], ...].
  layers(model, root = null) {
    const within = root ? this.descendants(root) : this.nodes.filter(({ recipe }) => recipe.model === model);
    const ids = new Set(within.map(({ id }) => id));
    const generations = new Map();
    for (const node of within) { // parents have smaller numbers
      const above = node.parents.filter((id) => ids.has(id)).map((id) => generations.get(id) ?? 0);
      generations.set(node.id, above.length ? 1 + Math.max(...above) : 0);
    }
    const layers = [];
    for (const node of within) (layers[generations.get(node.id)] ??= []).push(node);
    return layers;
  }

  descendants(root) {
    const ids = new Set([root.id]);
    for (const { id, parents } of this.nodes) if (parents.some((parent) => ids.has(parent))) ids.add(id);
    return this.nodes.filter(({ id }) => ids.has(id));
  }
}

// Places in a layered drawing: each under the middle of its parents, none over another. id -> {node, x, y}.
export function placed(layers) {
  const places = new Map();
  layers.forEach((layer, y) => {
    const wish = (node) => {
      const above = node.parents.filter((id) => places.has(id)).map((id) => places.get(id).x);
      return above.length ? above.reduce((sum, x) => sum + x, 0) / above.length : null;
    };
    const wishes = layer.map((node, at) => ({ node, at, x: wish(node) }));
    wishes.sort((a, b) => (a.x ?? Infinity) - (b.x ?? Infinity) || a.at - b.at);
    const same = new Map(); // children of the same parents stand round the middle of them
    for (const { x } of wishes) same.set(x, (same.get(x) ?? 0) + 1);
    const begun = new Map();
    let free = 0;
    for (const { node, x } of wishes) {
      const number = begun.get(x) ?? 0;
      begun.set(x, number + 1);
      const at = Math.max(free, x === null ? 0 : x + number - (same.get(x) - 1) / 2);
      places.set(node.id, { node, x: at, y });
      free = at + 1;
    }
  });
  return places;
}

export class Tree {
  // `onTake(node)` shows a picture, `onBreed(node)` makes it the only parent, `onParent(node)` one more, `onChange()` keeps.
  constructor(desk, lineage, { onTake, onBreed, onParent, onChange }) {
    Object.assign(this, { desk, lineage, onTake, onBreed, onParent, onChange });
    this.scale = 1;
    this.chosen = this.root = this.first = null;
    $("#tree-in").onclick = () => this.zoom(1);
    $("#tree-out").onclick = () => this.zoom(-1);
    $("#tree-all").onclick = () => this.setRoot(null);
    $("#tree-undo").onclick = () => this.undo();
    const does = {
      go: (node) => this.onBreed(node),
      parent: (node) => this.onParent(node),
      pin: (node) => this.pin(node),
      root: (node) => this.setRoot(node),
      compare: (node) => this.compare(node),
      delete: (node) => this.remove(node),
    };
    for (const [name, act] of Object.entries(does)) $(`#tree-${name}`).onclick = () => this.node && act(this.node);
    $("#tree").onkeydown = (event) => this.onKey(event);
    $("#tree").addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.bindFlip();
  }

  get node() {
    return this.lineage.node(this.chosen);
  }

  // ---- drawing

  show() {
    const { lineage, desk } = this;
    const root = lineage.node(this.root) ?? null;
    const layers = lineage.layers(desk.model.name, root);
    const places = placed(layers);
    const wide = Math.max(0, ...[...places.values()].map(({ x }) => x));
    const ground = $("#tree-ground");
    const focused = ground.contains(document.activeElement);
    const present = lineage.find(desk.recipe);
    if (!places.has(this.chosen)) this.chosen = present && places.has(present.id) ? present.id : ([...places.keys()].at(-1) ?? null);
    const [width, height] = [wide * STEP_X + NODE + 8, (layers.length - 1) * STEP_Y + NODE + 8];
    ground.style.cssText = `width:${width * this.scale}px;height:${height * this.scale}px`;
    ground.replaceChildren(lines(places, width, height), ...[...places.values()].map((place) => this.button(place, present, layers)));
    desk.words.translate(ground);
    show("#tree", places.size > 0);
    show("#tree-empty", !places.size);
    show("#tree-all", !!root);
    show("#tree-undo", lineage.removed.length > 0);
    const gone = lineage.removed.at(-1)?.length ?? 0;
    $("#tree-undo span").dataset.wordValues = JSON.stringify({ n: gone });
    desk.words.translate($("#tree-undo"));
    this.showActions();
    if (focused) this.button$?.focus({ preventScroll: true });
  }

  button({ node, x, y }, present, layers) {
    const button = element("button", { type: "button", className: "cell" });
    const [left, top, side] = [x * STEP_X + 4, y * STEP_Y + 4, NODE].map((length) => `${length * this.scale}px`);
    Object.assign(button.style, { left, top, width: side, height: side });
    if (node.thumb) button.style.setProperty("--thumb", `url(${node.thumb})`);
    button.dataset.node = node.id;
    Object.assign(button.dataset, { wordLabel: "tree.node", wordValues: JSON.stringify({ generation: y + 1, n: layers[y].indexOf(node) + 1 }) });
    button.tabIndex = node.id === this.chosen ? 0 : -1;
    button.setAttribute("aria-pressed", node.id === this.chosen);
    if (node === present) button.setAttribute("aria-current", "true");
    button.classList.toggle("pinned", node.pin);
    button.classList.toggle("first", node.id === this.first);
    button.onclick = () => this.take(node);
    return button;
  }

  get button$() {
    return $(`#tree-ground [data-node="${this.chosen}"]`);
  }

  showActions() {
    show("#tree-actions", !!this.node);
    $("#tree-pin").setAttribute("aria-pressed", !!this.node?.pin);
    $("#tree-compare").setAttribute("aria-pressed", this.first !== null);
    const both = this.first !== null && this.first !== this.chosen && !!this.node && !!this.lineage.node(this.first);
    show("#tree-pick", this.first !== null && !both);
    show("#tree-pair", both);
  }

  // Bring the chosen picture into sight, inside the tree alone.
  reveal() {
    const [tree, { offsetLeft, offsetTop } = {}] = [$("#tree"), this.button$ ?? undefined];
    if (offsetLeft === undefined) return;
    const at = (offset, visible) => offset + (NODE * this.scale) / 2 - visible / 2;
    tree.scrollTo(at(offsetLeft, tree.clientWidth), at(offsetTop, tree.clientHeight));
  }

  // ---- what the hand does

  take(node) {
    this.choose(node);
    this.onTake(node);
  }

  choose(node) {
    this.chosen = node.id;
    this.show();
    this.reveal();
    if (this.first !== null) this.drawPair();
  }

  zoom(by) {
    const at = SCALES.indexOf(this.scale);
    this.scale = SCALES[clamp(at + by, 0, SCALES.length - 1)];
    this.show();
    this.reveal();
  }

  onWheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(-Math.sign(event.deltaY));
  }

  setRoot(node) {
    this.root = node?.id ?? null;
    this.show();
    this.reveal();
  }

  pin(node) {
    node.pin = !node.pin;
    this.show();
    this.onChange();
  }

  remove(node) {
    const above = node.parents.find((id) => this.lineage.node(id)) ?? null;
    this.lineage.remove(node);
    this.chosen = above;
    if (!this.lineage.node(this.first)) this.first = null;
    if (!this.lineage.node(this.root)) this.root = null;
    this.show();
    this.onChange();
  }

  undo() {
    const back = this.lineage.removed.at(-1)?.[0];
    this.lineage.undo();
    this.chosen = back?.id ?? this.chosen;
    this.show();
    this.reveal();
    this.onChange();
  }

  onKey(event) {
    const { node, lineage } = this;
    if (!node || event.ctrlKey || event.metaKey || event.altKey || !event.target.dataset.node) return;
    const beside = (by) => {
      const layers = lineage.layers(this.desk.model.name, lineage.node(this.root) ?? null);
      const places = placed(layers);
      const row = layers.find((layer) => layer.includes(node)).toSorted((a, b) => places.get(a.id).x - places.get(b.id).x);
      return row[row.indexOf(node) + by];
    };
    const shown = (other) => other && $(`#tree-ground [data-node="${other.id}"]`) && other;
    const moves = {
      ArrowUp: () => shown(node.parents.map((id) => lineage.node(id)).find(shown)),
      ArrowDown: () => shown(lineage.children(node)[0]),
      ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1),
    };
    if (moves[event.key]) {
      const to = moves[event.key]();
      if (to) this.choose(to);
    } else if (event.key === "Delete" || event.key === "Backspace") this.remove(node);
    else if (event.key.toLowerCase() === "p") this.pin(node);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- two beside each other

  compare(node) {
    this.first = this.first === null ? node.id : null;
    this.show();
  }

  async drawPair() {
    const pair = [this.lineage.node(this.first), this.node];
    if (pair.some((node) => !node) || pair[0] === pair[1]) return;
    this.pairing?.abort();
    const { signal } = (this.pairing = new AbortController());
    const places = $$("#tree-pair canvas");
    for (const canvas of places) canvas.dataset.hard = this.desk.model.hardPixels;
    const each = (at, { picture }) => picture && !signal.aborted && draw(places[at], picture);
    await this.desk.thumbs.draw(pair.map(({ recipe }) => recipe), { side: 256, signal, each }).catch((error) => this.desk.fail(error));
  }

  // While it is held, the stage shows the first of the two.
  bindFlip() {
    const button = $("#tree-flip");
    const flip = (held) => {
      const first = this.lineage.node(this.first);
      if (held === !!this.flipped || !first) return;
      this.flipped = held;
      this.desk.render({ hurry: true, recipe: held ? first.recipe : this.desk.recipe });
      button.setAttribute("aria-pressed", held);
    };
    button.onpointerdown = () => flip(true);
    button.onpointerup = button.onpointerleave = button.onpointercancel = button.onblur = button.onkeyup = () => flip(false);
    button.onkeydown = ({ key }) => FLIP_KEYS.includes(key) && flip(true);
  }
}

// From every parent to its child.
function lines(places, width, height) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${Math.max(0, height)}`);
  const [across, down] = [(x) => x * STEP_X + 4 + NODE / 2, (y) => y * STEP_Y + 4];
  for (const { node, x, y } of places.values()) {
    for (const parent of node.parents.map((id) => places.get(id)).filter(Boolean)) {
      const path = document.createElementNS(SVG, "path");
      const [x1, y1, x2, y2] = [across(parent.x), down(parent.y) + NODE, across(x), down(y)];
      const middle = (y1 + y2) / 2;
      path.setAttribute("d", `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`);
      svg.append(path);
    }
  }
  return svg;
}
