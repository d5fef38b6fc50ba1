// The controls beside the picture: they write the recipe, and follow it.

import * as R from "./recipe.js";
import { $, $$, clamp, drawStrip, element, onSlider, setRange, setRow, setSlider, show, sliderRow } from "./widgets.js";

const FADERS = 32; // models with more latent numbers get a strip and directions
const BUTTONS = 40; // models with more classes get a menu
const REACH = 4; // the ends of a latent number
const TOGETHER = 100; // classes that one picture can show
const TRIES = 5000; // to find other numbers for a part: a hat is rare
const READ_MS = 200; // faders follow a moving picture this often

export class Controls {
  constructor(desk) {
    this.desk = desk;
    this.onSlider("psi", (recipe, value) => (recipe.psi = value));
    this.onSlider("cutoff", (recipe, value) => (recipe.psi_cutoff = value || null));
    this.onSlider("strength", (recipe, value) => (recipe.noise.strength = value));
    for (const card of $$("#models .card")) card.onclick = () => desk.chooseModel(card.dataset.model);
    $("#class-menu").onchange = (event) => this.chooseClass(Number(event.target.value), event);
    $("#class-mix").onclick = () => this.toggleMixing();
    $("#class-all").onclick = (event) => desk.set((recipe) => (recipe.all_classes = !recipe.all_classes), event);
    $("#saved-size").onchange = (event) => this.chooseSize(event.target.value);
    for (const button of $$("#finish button")) button.onclick = (event) => this.toggleStep(button, event);
    const toggle = $("#advanced-toggle");
    toggle.onclick = () => this.openAdvanced(toggle.getAttribute("aria-expanded") !== "true");
    this.openAdvanced(false);
    this.bindSeed();
    this.bindStrip();
    this.bindNoise();
  }

  // A typed number may be out of range: it is refused in words, and the field goes back when it is left.
  onSlider(name, put) {
    const { desk } = this;
    onSlider(`#${name}`, (value, event) => {
      const { min, max } = $(`#${name} input[type=range]`);
      const within = value >= Number(min) && value <= Number(max);
      desk.stage.say(within ? null : desk.words.every("slider.error", { name: desk.words.word(`${name}.label`), value, min, max }));
      if (within) desk.change((recipe) => put(recipe, value), event);
    });
    $(`#${name}`).addEventListener("focusout", () => setTimeout(() => desk.recipe && this.show()));
  }

  openAdvanced(open) {
    $("#advanced-toggle").setAttribute("aria-expanded", open);
    show("#advanced", open);
  }

  // ---- laid out for a model: what it cannot do is hidden

  layOut(model) {
    for (const card of $$("#models .card")) card.setAttribute("aria-pressed", card.dataset.model === model.name);
    const few = model.zDim <= FADERS;
    show("#classes", model.numClasses > 0);
    show("#noise", model.hasNoise);
    show("#strength", model.hasNoise);
    show("#cutoff", model.numWs > 1);
    show("#faders", few);
    show("#strip", !few);
    show("#class-all", model.numClasses <= TOGETHER);
    setRange("#cutoff", 0, model.numWs);
    this.layOutClasses(model);
    $("#fader-list").replaceChildren(...Array.from({ length: few ? model.zDim : 0 }, (_, index) => this.fader(index)));
    show("#parts", model.parts.length > 0);
    $("#part-list").replaceChildren(...this.parts(model.parts));
    show("#moves", model.controls.length > 0);
    $("#move-list").replaceChildren(...model.controls.map((control) => this.move(control)));
  }

  layOutClasses({ classes }) {
    const many = classes.length > BUTTONS;
    show("#class-list", !many);
    show("#class-menu", many);
    const buttons = classes.map((name, index) => {
      const button = this.named(name, element("button", { type: "button" }));
      button.onclick = (event) => this.chooseClass(index, event);
      return button;
    });
    const options = classes.map((name, value) => this.named(name, element("option", { value }), `${value} ${name}`));
    $("#class-list").replaceChildren(...(many ? [] : buttons));
    $("#class-menu").replaceChildren(...(many ? options : []));
  }

  // An element called as the class is; in words of the page where the class has some.
  named(name, node, plain = name) {
    const key = `class.named.${name}`;
    if (this.desk.words.has(key)) node.dataset.word = key;
    else node.textContent = plain;
    return node;
  }

  fader(index) {
    const onInput = (value, event) => this.movePoint(replaced(this.desk.point, index, value), event);
    return sliderRow({ label: `z${index + 1}`, key: "latent.item", values: { n: index + 1 }, min: -REACH, max: REACH, onInput });
  }

  // A button for each part of a picture that numbers of z stand for: it draws these anew, and leaves the others.
  parts(parts) {
    let end = 0;
    return parts.map((part) => {
      const at = end;
      end += part.cells[0][0].length - 1;
      const button = element("button", { type: "button" });
      button.choice = part; // `part` is the DOM's own
      button.dataset.wordTitle = "part.item";
      const key = `part.of.${part.name}`;
      if (this.desk.words.has(key)) button.dataset.word = key;
      else button.textContent = part.name;
      button.onclick = (event) => this.desk.point && this.renew(part, at, event);
      return button;
    });
  }

  // Numbers that choose something else than now, as often as the law has it.
  renew(part, at, event) {
    const { recipe, model, point } = this.desk;
    const things = this.thingsOf(part);
    const scale = model.hasMapping ? 1 : recipe.psi; // where psi comes before the choice
    const score = (thing, numbers) => numbers.reduce((sum, x, index) => sum + scale * x * thing[index], thing.at(-1));
    const chosen = (numbers) => R.highest(things.map((thing) => score(thing, numbers)));
    const length = things[0].length - 1;
    const now = chosen(point.slice(at, at + length));
    let numbers;
    for (let tries = 0; tries < TRIES; tries++) {
      numbers = Array.from({ length }, R.normal);
      if (chosen(numbers) !== now) break;
    }
    const values = [...point.slice(0, at), ...numbers, ...point.slice(at + numbers.length)];
    this.movePoint(values, event);
    this.followPoint(values);
  }

  // The things of a part that the picture's class knows; between classes, that of the largest share.
  thingsOf({ cells }) {
    const [label] = [...R.classShares(this.desk.recipe)].sort((a, b) => b[1] - a[1])[0] ?? [0];
    return cells[cells.length > 1 ? label : 0];
  }

  move({ name, low, high }) {
    const onInput = (value, event) =>
      this.desk.change((recipe) => {
        recipe.controls = recipe.controls.filter(([other]) => other !== name);
        if (value) recipe.controls.push([name, value]);
      }, event);
    const row = sliderRow({ key: `control.${name}`, values: {}, min: low, max: high, onInput });
    row.dataset.control = name;
    return row;
  }

  // ---- follow the recipe

  show() {
    const { recipe } = this.desk;
    setRange("#psi", Math.min(-1, recipe.psi), Math.max(1.5, recipe.psi)); // a recipe may go further than the hand
    setSlider("#psi", recipe.psi);
    setSlider("#cutoff", recipe.psi_cutoff ?? 0);
    setSlider("#strength", recipe.noise.strength);
    this.showSeed();
    this.showClasses();
    for (const button of $("#part-list").children) button.hidden = this.thingsOf(button.choice).length < 2;
    this.showNoise();
    this.desk.tools.all.steer.follow();
    for (const row of $("#move-list").children) setRow(row, Object.fromEntries(recipe.controls)[row.dataset.control] ?? 0);
    $("#saved-size").value = R.savedSize(recipe);
    for (const button of $$("#finish button")) button.setAttribute("aria-pressed", recipe.finish.some(({ name }) => name === button.dataset.step));
  }

  showSeed() {
    const { recipe, words } = this.desk;
    const field = $("#seed");
    if (document.activeElement !== field) field.value = R.seedOf(recipe) ?? "";
    field.placeholder = words.word(R.placeWord(recipe));
  }

  showClasses() {
    const shares = R.classShares(this.desk.recipe);
    const all = this.desk.recipe.all_classes;
    [...$("#class-list").children].forEach((button, index) => button.setAttribute("aria-pressed", !all && shares.has(index)));
    $("#class-menu").value = [...shares.keys()][0];
    const mixing = shares.size > 1 || !!this.mixing;
    $("#class-mix").setAttribute("aria-pressed", mixing);
    $("#class-all").setAttribute("aria-pressed", all);
    this.showShares(mixing ? shares : new Map());
  }

  // The rows stay while the classes stay: one of them may be under the hand.
  showShares(shares) {
    const list = $("#class-shares");
    if (!R.same([...list.children].map((row) => Number(row.dataset.index)), [...shares.keys()])) {
      list.replaceChildren(...[...shares.keys()].map((index) => this.shareRow(index)));
      this.desk.words.translate(list);
    }
    [...shares.values()].forEach((share, at) => setRow(list.children[at], share));
  }

  shareRow(index) {
    const name = this.desk.model.classes[index];
    const called = this.named(name, element("span", {}));
    const onInput = (value, event) =>
      this.desk.change((recipe) => {
        const shares = R.classShares(recipe).set(index, value);
        if ([...shares.values()].some((share) => share > 0)) R.setClasses(recipe, shares);
      }, event);
    const row = sliderRow({ label: name, key: "class.share", values: { name }, min: 0, max: 1, onInput });
    row.firstChild.replaceWith(called);
    row.dataset.index = index;
    return row;
  }

  showNoise() {
    const { noise } = this.desk.recipe;
    for (const button of $$("#noise-modes button")) button.setAttribute("aria-pressed", button.value === noise.mode);
    show("#noise-seed-row", noise.mode === "random");
    $("#noise-seed").value = noise.seed;
  }

  // Faders and strip follow the point that came back with the picture, but never under the hand.
  followPoint(point, hurry) {
    if (hurry && performance.now() < this.followedAt + READ_MS) return;
    this.followedAt = performance.now();
    const rows = [...$("#fader-list").children];
    for (const row of rows) row.querySelector("input").disabled = !point; // a point of w has no z to move
    for (const button of $("#part-list").children) button.disabled = !point;
    if (!point) return drawStrip($("#strip-canvas"), [], REACH);
    if (rows.length === point.length && !rows.some((row) => row.matches(":active"))) rows.forEach((row, index) => setRow(row, point[index]));
    if (this.desk.model.zDim > FADERS) drawStrip($("#strip-canvas"), point, REACH);
  }

  // ---- what the hand does

  bindSeed() {
    const { desk } = this;
    const field = $("#seed");
    field.onchange = (event) => {
      const value = field.value.trim();
      if (!/^\d+$/.test(value) || Number(value) > R.MAX_SEED) {
        field.value = R.seedOf(desk.recipe) ?? "";
        return desk.stage.say(desk.words.every("seed.error", { value: JSON.stringify(value) }));
      }
      desk.stage.say();
      desk.toSeed(Number(value), event);
    };
    field.onkeydown = (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      desk.stepSeed(step, event);
      field.value = R.seedOf(desk.recipe);
    };
  }

  movePoint(values, event) {
    this.desk.point = values;
    this.desk.change((recipe) => (recipe.anchors = [R.atPoint(R.placeOf(recipe).origin, values)]), event);
    this.showSeed();
  }

  bindStrip() {
    const canvas = $("#strip-canvas");
    let chosen = 0;
    // Between the last bar and this one the hand may have passed others: they follow the line.
    const put = (value, event, from = null) => {
      const end = clamp(value, -REACH, REACH);
      const [first, start] = from ?? [chosen, end];
      const along = (index) => start + ((end - start) * (index - first)) / (chosen - first || 1);
      const passed = (index) => index >= Math.min(first, chosen) && index <= Math.max(first, chosen);
      const values = this.desk.point.map((old, index) => (index === chosen ? end : passed(index) ? along(index) : old));
      drawStrip(canvas, values, REACH, chosen);
      const text = values[chosen].toFixed(2);
      canvas.setAttribute("aria-valuenow", text);
      canvas.setAttribute("aria-valuetext", `${this.desk.words.word("latent.item", { n: chosen + 1 })}: ${text}`);
      this.movePoint(values, event);
    };
    const choose = (index) => (chosen = clamp(index, 0, this.desk.point.length - 1));
    let stroke = null; // the last bar and value under the hand
    const paintBar = (event) => {
      if (!event.buttons || !this.desk.point) return;
      const box = canvas.getBoundingClientRect();
      choose(Math.floor(((event.clientX - box.left) / box.width) * this.desk.point.length));
      put(REACH - ((event.clientY - box.top) / box.height) * 2 * REACH, event, stroke);
      stroke = [chosen, this.desk.point[chosen]];
    };
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      stroke = null;
      paintBar(event);
    };
    canvas.onpointermove = paintBar;
    canvas.onkeydown = (event) => {
      const [move, lift] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key] ?? [];
      if (move === undefined || !this.desk.point) return;
      event.preventDefault();
      event.stopPropagation();
      choose(chosen + move);
      put(this.desk.point[chosen] + lift, event);
    };
  }

  bindNoise() {
    const { desk } = this;
    for (const button of $$("#noise-modes button")) button.onclick = (event) => desk.set((recipe) => (recipe.noise.mode = button.value), event);
    $("#noise-seed").oninput = (event) => {
      const seed = Number(event.target.value);
      if (Number.isInteger(seed) && seed >= 0 && seed <= R.MAX_SEED) desk.change((recipe) => (recipe.noise.seed = seed), event);
    };
  }

  chooseClass(index, event) {
    this.desk.set((recipe) => {
      recipe.all_classes = false;
      if (!this.mixing) return R.setClasses(recipe, new Map([[index, 1]]));
      const shares = R.classShares(recipe);
      if (shares.has(index) && shares.size > 1) shares.delete(index);
      else shares.set(index, 1);
      R.setClasses(recipe, shares);
    }, event);
  }

  // Out of mixing, the class with the greatest share stays.
  toggleMixing() {
    const shares = R.classShares(this.desk.recipe);
    this.mixing = !(this.mixing || shares.size > 1);
    if (this.mixing || shares.size < 2) return this.showClasses();
    const [greatest] = [...shares].sort((a, b) => b[1] - a[1]);
    this.desk.set((recipe) => R.setClasses(recipe, new Map([greatest])));
  }

  // Steps run in the order of their buttons, and before the size of a saved file.
  toggleStep({ dataset: { step, parameters } }, event) {
    this.desk.set((recipe) => {
      const others = recipe.finish.filter(({ name }) => name !== step);
      const added = others.length < recipe.finish.length ? [] : [{ name: step, parameters: JSON.parse(parameters) }];
      const order = $$("#finish button").map((button) => button.dataset.step);
      const place = ({ name }) => (order.includes(name) ? order.indexOf(name) : order.length);
      recipe.finish = [...others, ...added].sort((a, b) => place(a) - place(b));
    }, event);
  }

  chooseSize(size) {
    const name = this.desk.model.hardPixels ? "blocks" : "enlarge";
    const step = { name, parameters: [["size", Number(size)]] };
    this.desk.amend((recipe) => (recipe.finish = [...R.shown(recipe).finish, ...(size ? [step] : [])]));
  }
}

const replaced = (values, index, value) => values.map((old, at) => (at === index ? value : old));
