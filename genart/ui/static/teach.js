// Learning a direction from examples: a grid of pictures, each tapped to say whether it has it.

import { draw } from "./live.js";
import * as R from "./recipe.js";
import { Tray } from "./tray.js";
import { $, SIDE, element, show } from "./widgets.js";

const MORE = 24; // pictures drawn at once
const LEAST = 5; // of either kind
const MOST = 100;
const LIVELY = 0.7; // psi below this makes pictures too alike to tell apart
const GUESS = 0.65; // told rightly no more often than this is hardly told
const MARKS = ["none", "has", "not"];

export class Teacher {
  // `onLearnt({name, vector, score})` is called with every new direction.
  constructor(desk, onLearnt) {
    Object.assign(this, { desk, onLearnt, items: [], learnt: 0 });
    $("#teach-toggle").onclick = () => this.open(!this.isOpen);
    $("#teach-more").onclick = () => this.fresh();
    $("#teach-clear").onclick = () => this.clear();
    $("#teach-learn").onclick = () => this.learn();
    this.tray = new Tray(desk, $("#teach-tray"), (recipe, thumb) => this.take(recipe, thumb));
    this.open(false);
  }

  layOut() {
    this.clear();
    this.open(false);
  }

  open(open) {
    this.isOpen = open;
    show("#teach", open);
    $("#teach-toggle").setAttribute("aria-expanded", open);
    if (!open) return this.drawing?.abort();
    this.tray.fill();
    if (!this.items.length) this.fresh();
  }

  show() {
    if (this.isOpen) this.tray.fill();
  }

  clear() {
    this.drawing?.abort();
    this.items = [];
    $("#teach-grid").replaceChildren();
    this.count();
    if (this.isOpen) this.fresh();
  }

  // Pictures of new seeds, otherwise as the present one. Those that are marked stay in front.
  async fresh() {
    const { desk } = this;
    this.drawing?.abort();
    const { signal } = (this.drawing = new AbortController());
    const { label } = desk.recipe.anchors[0];
    const plain = { ...R.shown(desk.recipe), psi: Math.max(LIVELY, desk.recipe.psi), offsets: [], layers: [], controls: [] };
    const made = Array.from({ length: MORE }, () => ({ ...plain, anchors: [{ seed: R.randomSeed(), ...(label != null && { label }) }] }));
    const added = made.map((recipe) => this.item(recipe));
    this.items = [...this.items.filter(({ mark }) => mark), ...added];
    this.layOutGrid();
    const each = (index, { picture }) => picture && draw(added[index].canvas, picture);
    await desk.thumbs.draw(made, { side: SIDE, signal, each, places: added.map(({ button }) => button) }).catch((error) => desk.fail(error));
  }

  // A picture of the tray comes in front, marked.
  async take(recipe) {
    const known = this.items.find((item) => R.same(item.recipe, recipe));
    if (known) return this.turn(known);
    const item = this.item(structuredClone(recipe));
    this.items.unshift(item);
    this.layOutGrid();
    this.turn(item);
    const each = (_, { picture }) => picture && draw(item.canvas, picture);
    await this.desk.thumbs.draw([recipe], { side: SIDE, each }).catch((error) => this.desk.fail(error));
  }

  item(recipe) {
    const button = element("button", { type: "button", className: "example" });
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    canvas.dataset.hard = this.desk.model.hardPixels;
    button.append(canvas);
    const item = { recipe, button, canvas, mark: 0 };
    button.onclick = () => this.turn(item);
    return item;
  }

  turn(item) {
    item.mark = (item.mark + 1) % MARKS.length;
    this.name(item);
    this.count();
  }

  name(item) {
    const values = JSON.stringify({ n: this.items.indexOf(item) + 1 });
    const word = `teach.mark.${MARKS[item.mark]}`;
    Object.assign(item.button.dataset, { mark: MARKS[item.mark], wordLabel: word, wordTitle: word, wordValues: values });
    this.desk.words.translate($("#teach"));
  }

  layOutGrid() {
    $("#teach-grid").replaceChildren(...this.items.map(({ button }) => button));
    for (const item of this.items) this.name(item);
    this.count();
  }

  marked(kind) {
    return this.items.filter(({ mark }) => MARKS[mark] === kind).map(({ recipe }) => R.shown(recipe));
  }

  count() {
    const [has, not] = [this.marked("has").length, this.marked("not").length];
    const enough = Math.min(has, not) >= LEAST && Math.max(has, not) <= MOST;
    $("#teach-learn").disabled = !enough;
    this.say(enough ? "teach.enough" : "teach.count", { has, not, least: LEAST });
  }

  say(word, values) {
    const place = $("#teach-count");
    Object.assign(place.dataset, { word, wordValues: JSON.stringify(values) });
    this.desk.words?.translate(place.parentElement);
  }

  get examples() {
    return JSON.stringify({ model: this.desk.model.name, has: this.marked("has"), hasNot: this.marked("not") });
  }

  // What is learnt from examples that have changed meanwhile is dropped.
  async learn() {
    const { desk, examples } = this;
    $("#teach-learn").disabled = true;
    const made = await desk.live.call("directions/learn", examples).catch((error) => desk.fail(error));
    this.count();
    if (!made || this.examples !== examples) return;
    const name = $("#teach-name").value.trim() || desk.words.word("teach.unnamed", { n: ++this.learnt });
    this.onLearnt({ name, ...made });
    const right = { percent: Math.round(made.score * 100) };
    this.say(made.score > GUESS ? "teach.learnt" : "teach.guess", right);
  }
}
