// The Explore tab: recipes go to the live channel, pictures and numbers come back. The page's HTML
// is laid out in explore.py. The desk holds the recipe; stage and controls show it and change it.

import { Beside } from "./beside.js";
import { Controls } from "./controls.js";
import { deed } from "./deeds.js";
import { CARRIED, Films } from "./films.js";
import { Kept } from "./kept.js";
import { Live, draw, paint } from "./live.js";
import { Memory } from "./memory.js";
import { Models } from "./models.js";
import * as R from "./recipe.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { Thumbs } from "./thumbs.js";
import { Tools } from "./tools.js";
import { $, $$, SIDE, carry, element, onLeave, thumbnail } from "./widgets.js";
import { Words } from "./words.js";

const KEEP_MS = 500; // a step is kept when the hand has rested this long
const DRIFT_MS = 4000; // from one seed to the next
const KIOSK_MS = 45000; // a public page that nobody touches begins to drift
const EMPTY_MS = 15000; // a page that nobody has touched yet drifts too
const SLOW_MS = 9000; // from one seed to the next, when nobody is there
const EMPTY_FOR_MS = 120000;
const KEPT_SIDE = 128; // of a favourite's small picture
const ADDRESS_PARTS = ["model", "seed", "psi", "label"];
const LOCAL = /^(localhost|127\.|\[?::1)/;
const KEYS = { r: "dice", b: "recycle", z: "undo", y: "redo", d: "drift", 0: "reset", l: "link", q: "qr", s: "save", o: "open", f: "full", t: "film", h: "keep" };
const ARROWS = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: -R.ROW, ArrowDown: R.ROW };

const store = new Store(); // opens while the page is built

class Explore {
  async start(server) {
    const hello = await server.hello();
    this.public = hello.public;
    this.starts = hello.starts;
    this.points = hello.points;
    this.weights = new Map(); // of each model, as last seen
    this.words = new Words(hello.words);
    this.past = new R.Past();
    this.memory = new Memory(store, this.past, () => this.stage.showHistory());
    this.kept = new Kept(store, () => this.stage.note("message.full"));
    this.stage = new Stage(this);
    this.controls = new Controls(this);
    this.films = new Films(this);
    this.beside = new Beside(this);
    this.tools = new Tools(this);
    this.live = new Live({
      token: hello.token,
      event: async (message) => decode(await server.frame(message)),
      renew: async () => (await server.hello()).token,
      onFrame: (...frame) => this.onFrame(...frame),
      onError: (sentence, asked) => this.onError(sentence, asked),
    });
    this.thumbs = new Thumbs(this.live);
    this.bind();
    this.bindLink();
    this.bindLabel();
    this.kept.onChange(() => this.recipe && this.showKept());
    onLeave(() => this.leave());
    this.words.translatePage();
    this.models = new Models(this);
    await this.open(hello);
    this.drawThumbnails();
    this.invite();
  }

  // The first picture: what the address asks for, else where the last visit ended, else the first model.
  async open(hello) {
    const address = new URLSearchParams(location.search);
    const plain = Object.fromEntries(ADDRESS_PARTS.filter((part) => address.has(part)).map((part) => [part, address.get(part)]));
    const { psi, finish, all_classes } = this.fresh(plain.model ?? hello.first, 0);
    let recipe = this.firstPicture(hello);
    if (address.has("r") || Object.keys(plain).length) {
      const request = address.has("r") ? { link: address.get("r") } : { plain: { model: hello.first, psi, ...plain } };
      const { head } = await this.live.aside(request);
      if (head.error) this.misread = [head.error, head.chinese];
      else recipe = { ...R.complete(head.recipe), ...(!address.has("r") && { finish, all_classes: all_classes && !plain.label }) };
    } else if (hello.seed === null) recipe = (await this.lastPicture()) ?? recipe;
    if (!(await this.take(recipe))) await this.take(this.firstPicture(hello));
    $("#desk").classList.add("ready");
  }

  // The picture the last visit ended with, where the server can still make it.
  async lastPicture() {
    const { last } = this.memory;
    const answer = last && (await this.live.aside({ recipe: R.shown(last) }).catch(() => null));
    return answer && !answer.head.error ? R.complete(structuredClone(last)) : null;
  }

  // One of the first model's starting points, unless the server names a seed.
  firstPicture({ first, seed }) {
    const points = this.points[first] ?? [];
    if (seed !== null || !points.length) return this.fresh(first, seed ?? R.randomSeed());
    return R.complete(points[Math.floor(Math.random() * points.length)]);
  }

  // ---- the recipe

  fresh(model, seed) {
    return R.fresh(model, seed, this.starts[model]);
  }

  // Make `recipe` the present one: model, controls, picture, history. The last call wins.
  async take(recipe, { keep = true } = {}) {
    const call = (this.taking = Symbol());
    if (recipe.model !== this.model?.name) {
      const model = await this.live.call("model", JSON.stringify({ model: recipe.model })).catch((error) => this.fail(error));
      if (!model || call !== this.taking) return false;
      this.useModel(model);
    }
    this.recipe = recipe;
    this.memory.set(recipe.model, recipe);
    this.tools.moved();
    this.render({ hurry: false });
    this.controls.show();
    if (keep) this.keepNow();
    return true;
  }

  useModel(model) {
    this.model = model;
    this.point = null;
    const known = this.weights.get(model.name);
    if (known !== undefined && known !== model.weights) this.thumbs.forget(model.name);
    this.weights.set(model.name, model.weights);
    this.stage.canvas.dataset.hard = model.hardPixels;
    this.controls.layOut(model);
    this.tools.layOut(model);
    this.showPoints(model);
    this.translate();
  }

  // A control moved: change the recipe, ask for the picture, keep the step when the hand rests.
  change(mutate, event) {
    this.amend(mutate);
    this.tools.moved();
    this.render({ hurry: true, inputAt: event?.timeStamp });
  }

  // A change that only a saved file shows: the picture stays.
  amend(mutate) {
    this.rest();
    const draft = structuredClone(this.recipe);
    mutate(draft);
    this.recipe = draft;
    this.memory.set(draft.model, draft);
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.keepNow(), KEEP_MS);
  }

  // The same, and the other controls follow.
  set(mutate, event) {
    this.change(mutate, event);
    this.controls.show();
  }

  render({ hurry, inputAt, recipe = this.recipe, ...more }) {
    this.showKept();
    this.live.ask({ recipe: R.shown(recipe), hurry, ...more }, inputAt ?? performance.now());
  }

  keepNow() {
    clearTimeout(this.keeping);
    if (!this.past.keep(this.recipe)) return;
    if (this.past.at) this.stage.hideHint(); // whoever has done something needs none
    this.stage.keepThumbnail(this.shown);
    this.stage.showHistory();
  }

  // What would be written in a moment, now.
  leave() {
    if (this.recipe) this.keepNow();
    this.memory.write();
    this.kept.flush();
  }

  undo(by) {
    this.keepNow();
    const step = this.past.steps[this.past.at + by];
    if (!step) return void this.stage.note(by < 0 ? "message.nothing.undo" : "message.nothing.redo");
    this.stage.note(by < 0 ? "message.undone" : "message.redone", { deed: this.deedOf(by < 0 ? this.past.now : step) });
    this.goTo(step.id);
  }

  // What a step of the past did, in words.
  deedOf({ name, parent, recipe }) {
    const before = this.past.nodes.get(parent)?.recipe ?? null;
    const names = this.tools.all.steer.mine?.names;
    return name || deed(before, recipe, this.words, { names, classes: this.model?.name === recipe.model ? this.model.classes : [] });
  }

  // To any step of the past; where its model is gone, we stay.
  async goTo(id) {
    this.rest();
    this.keepNow();
    const from = this.past.present;
    const recipe = this.past.visit(id);
    this.stage.showHistory();
    if (!recipe || (await this.take(recipe, { keep: false })) || this.past.present !== id || this.recipe.model === recipe.model) return;
    this.past.visit(from);
    this.stage.showHistory();
  }

  chooseModel(name) {
    this.rest();
    if (this.recipe) this.keepNow();
    const before = this.recipe ?? this.fresh(name, 0);
    const known = this.memory.get(name);
    this.take(known ? structuredClone(known) : this.fresh(name, R.placeOf(before).origin.seed));
  }

  toSeed(seed, event) {
    const before = R.seedOf(this.recipe);
    if (before !== null && before !== seed) this.lastSeed = before;
    this.set((recipe) => {
      const { label } = recipe.anchors[0];
      recipe.anchors = [{ seed: R.wrapSeed(seed), ...(label != null && { label }) }];
    }, event);
  }

  stepSeed(by, event) {
    this.toSeed(R.wrapSeed(R.placeOf(this.recipe).origin.seed + by), event);
  }

  // ---- pictures

  async onFrame(head, data, asked) {
    const { recipe, hurry, walk } = asked.request;
    await this.stage.draw(head, data, asked);
    this.stage.say(this.misread); // what was wrong with the address, with the first picture only
    this.misread = null;
    // A late reply must not take back what the hand has done since.
    const current = !walk && R.same(recipe.anchors, this.recipe.anchors);
    if (current && head.point !== undefined) this.point = head.point;
    if (walk) this.walked = R.complete(head.recipe);
    this.beside.follow(walk ? this.walked : this.recipe, hurry || !!walk);
    if (walk) this.films.painted(hurry);
    else if (current) this.controls.followPoint(this.point, hurry);
    this.shown = null;
    if (!head.full || hurry || walk) return;
    this.shown = recipe;
    if (current) this.tools.show();
    this.models.seen(recipe.model);
    if (this.stage.keepThumbnail(recipe)) this.stage.showHistory();
    $("#spoken").textContent = this.describe();
  }

  // The server refused a recipe, or did not answer: say so, and go back to the last good one.
  onError(sentence, asked) {
    this.stage.say(sentence ?? this.words.every("stage.offline"));
    const good = this.past.now?.recipe;
    if (!sentence || !good || !R.same(asked?.request.recipe, R.shown(this.recipe))) return;
    clearTimeout(this.keeping);
    this.recipe = structuredClone(good);
    this.memory.set(good.model, this.recipe);
    this.controls.show();
  }

  describe() {
    const place = R.seedOf(this.recipe) ?? this.words.word(R.placeWord(this.recipe));
    return `${this.words.word("seed.name")} ${place}, ${this.words.word("psi.label")} ${this.recipe.psi}`;
  }

  async drawThumbnails() {
    for (const card of $$("#models .card:not([data-opened])")) {
      const { model } = card.dataset;
      const { head, data } = await this.live.aside({ recipe: this.points[model]?.[0] ?? this.fresh(model, 4) });
      if (!head.error) {
        await paint(card.querySelector("canvas"), { head, data });
        this.models.keepPicture(model, card.querySelector("canvas"), false);
      } else Object.assign(card, { title: head.error, className: "card failed" });
    }
  }

  // Recipes to start from, each under its own picture; a model's are drawn when it is first chosen.
  async showPoints(model) {
    const recipes = this.points[model.name] ?? [];
    const buttons = recipes.map((recipe, index) => {
      const button = element("button", { type: "button", className: "point" });
      Object.assign(button.dataset, { wordLabel: "points.item", wordValues: JSON.stringify({ n: index + 1 }) });
      button.append(element("canvas", { width: SIDE, height: SIDE }));
      button.firstChild.dataset.hard = model.hardPixels;
      button.onclick = () => this.startFrom(recipe);
      carry(button, CARRIED, () => R.complete(recipe));
      return button;
    });
    $("#points").replaceChildren(...buttons);
    this.pointing?.abort();
    const { signal } = (this.pointing = new AbortController());
    const each = (index, { picture }) => picture && draw(buttons[index].firstChild, picture);
    await this.thumbs.draw(recipes, { side: SIDE, signal, each, places: buttons }).catch((error) => this.fail(error));
  }

  startFrom(recipe) {
    this.rest();
    this.keepNow();
    this.take(this.tools.all.steer.keepLocked(R.complete(recipe)));
  }

  // ---- what the hand does

  bind() {
    for (const button of $$("[data-action]")) button.onclick = (event) => this.act(button.dataset.action, event);
    const compare = $('[data-action="compare"]');
    compare.onclick = null;
    compare.onpointerdown = () => this.compare(true);
    compare.onkeydown = (event) => {
      if ([" ", "Enter"].includes(event.key)) this.compare(true);
    };
    compare.onkeyup = () => this.compare(false);
    compare.onpointerup = compare.onpointerleave = compare.onpointercancel = compare.onblur = () => this.compare(false);
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("keyup", (event) => event.key.toLowerCase() === "c" && this.compare(false));
    // Gradio builds a tab when it is first opened, inside a panel that is already there.
    new MutationObserver((changes) => {
      const built = changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.querySelector?.("[data-word]")));
      if (built) this.words.translatePage();
    }).observe($("#explore").parentElement, { childList: true, subtree: true });
    for (const kind of ["pointerdown", "keydown", "wheel"]) document.addEventListener(kind, () => this.awake(), { passive: true, capture: true });
    this.awake();
  }

  act(name, event) {
    if (!this.recipe && !["theme", "language"].includes(name)) return;
    const does = {
      dice: () => this.toSeed(R.randomSeed(), event),
      recycle: () => this.lastSeed != null && this.toSeed(this.lastSeed, event),
      undo: () => this.undo(-1),
      redo: () => this.undo(1),
      drift: () => this.drifting || this.drift(),
      reset: () => this.take(this.tools.all.steer.keepLocked(this.fresh(this.recipe.model, R.placeOf(this.recipe).origin.seed))),
      link: () => this.copyLink(),
      qr: () => this.showLink(),
      keep: () => this.toggleKept(),
      save: () => this.save(),
      open: () => $("#open-file").click(),
      film: () => this.films.toggle(),
      full: () => (document.fullscreenElement ? document.exitFullscreen() : $("#frame").requestFullscreen()),
      theme: () => this.toggleTheme(),
      language: () => this.toggleLanguage(),
    };
    const stopping = name === "drift" && this.drifting;
    this.rest();
    if (name === "dice" || name === "recycle") this.keepNow(); // a roll of the dice is a step, however quick
    if (!stopping) does[name]();
  }

  onKey(event) {
    const typing = event.target.closest?.("input:not([type=range]):not([type=file]), textarea, select, [contenteditable]");
    if (!this.recipe || typing || event.ctrlKey || event.metaKey || event.altKey || !$("#stage")?.offsetParent) return;
    const onRange = event.target.matches?.("input[type=range], [role=slider], [role=tab]");
    if (ARROWS[event.key] && !onRange) {
      event.preventDefault();
      return this.stepSeed(ARROWS[event.key], event);
    }
    const key = event.key.toLowerCase();
    if (event.repeat || this.films.onKey(key, event) || this.tools.onKey(key)) return;
    if (key === "c") return this.compare(true);
    if (key === "a" && $("#class-all").offsetParent) return $("#class-all").click();
    const name = key === "z" && event.shiftKey ? "redo" : KEYS[key];
    if (!name) return;
    event.preventDefault();
    this.act(name, event);
  }

  compare(held) {
    if (held) this.keepNow();
    const before = this.past.steps[this.past.at - 1];
    if (held === !!this.comparing || (held && !before)) return;
    this.comparing = held;
    this.render({ hurry: true, recipe: held ? before.recipe : this.recipe });
    $('[data-action="compare"]').setAttribute("aria-pressed", held);
  }

  drift(eachMs = DRIFT_MS) {
    this.drifting = { start: this.recipe, at: performance.now() };
    this.stage.hideHint();
    $('[data-action="drift"]').setAttribute("aria-pressed", true);
    const step = () => {
      if (!this.drifting) return;
      const moment = (performance.now() - this.drifting.at) / eachMs;
      if (!this.live.underWay) this.render({ hurry: true, recipe: this.drifting.start, walk: "drift", moment });
      requestAnimationFrame(step);
    };
    step();
  }

  // The hand takes over from a drift: its last picture becomes the present one.
  rest() {
    this.films.pause();
    if (!this.drifting) return;
    this.drifting = null;
    $('[data-action="drift"]').setAttribute("aria-pressed", false);
    if (this.walked) this.take({ ...this.walked, finish: this.recipe.finish });
    this.walked = null;
  }

  // Somebody is here. A public page drifts when they have gone.
  awake() {
    clearTimeout(this.kiosk);
    clearTimeout(this.empty);
    if (this.public) this.kiosk = setTimeout(() => this.drifting || this.drift(SLOW_MS), KIOSK_MS);
  }

  // Nobody has touched the page yet: it shows what it does, slowly, and not for ever.
  invite() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.empty = setTimeout(() => {
      if (this.drifting || document.hidden) return;
      this.drift(SLOW_MS);
      this.empty = setTimeout(() => this.rest(), EMPTY_FOR_MS);
    }, EMPTY_MS);
  }

  // ---- favourites

  toggleKept() {
    const item = this.kept.find(this.recipe);
    if (item) return void this.kept.remove(item.id);
    const seen = this.shown && R.same(R.shown(this.shown), R.shown(this.recipe));
    const kept = this.kept.add(this.recipe, seen ? thumbnail(this.stage.canvas, KEPT_SIDE) : null);
    this.stage.note(kept ? "message.kept" : "message.full");
  }

  showKept() {
    $('[data-action="keep"]').setAttribute("aria-pressed", this.kept.has(this.recipe));
  }

  // ---- files and links

  // The address that restores the picture; null where the server refuses the recipe, which is then said.
  async link() {
    const { head } = await this.live.aside({ recipe: this.recipe });
    if (!head.error) return `${location.origin}${location.pathname}?r=${head.link}`;
    this.stage.say([head.error, head.chinese]);
    return null;
  }

  // For a class: the link as a code that a telephone reads off the projector.
  async showLink() {
    const address = await this.link();
    if (!address) return;
    const { words } = this;
    const dialog = $("#link-dialog");
    words.translate(dialog);
    const code = await this.live.call("qr", JSON.stringify({ address })).catch((error) => error);
    const refused = code instanceof Error;
    if (refused && !code.sentence) console.error(code);
    $("#link-error").hidden = !refused;
    $("#link-error").textContent = refused ? (code.sentence ?? words.every("message.failed"))[words.language] : "";
    $("#link-code").hidden = refused;
    $("#link-code").innerHTML = refused ? "" : await code.text();
    $("#link-local").hidden = !LOCAL.test(location.hostname);
    $("#link-local").textContent = words.word("qr.local", { host: location.hostname });
    $("#link-address").value = address;
    $("#link-copy").textContent = words.word("qr.copy");
    if (!dialog.open) dialog.showModal();
  }

  bindLink() {
    const dialog = $("#link-dialog");
    document.body.append(dialog); // Gradio's own containers would clip it
    $("#link-close").onclick = () => dialog.close();
    dialog.onclick = (event) => event.target === dialog && dialog.close();
    $("#link-address").onfocus = ({ target }) => target.select();
    $("#link-copy").onclick = async () => {
      const copied = await navigator.clipboard?.writeText($("#link-address").value).then(() => true, () => false);
      if (!copied) return $("#link-address").focus(); // selected, ready for the keyboard
      $("#link-copy").textContent = this.words.word("message.linked");
    };
  }

  async copyLink() {
    const address = await this.link();
    if (!address) return;
    try {
      await navigator.clipboard.writeText(address);
      this.stage.note("message.linked");
    } catch {
      history.replaceState(null, "", address);
      this.stage.note("message.link.manual");
    }
  }

  async save() {
    const seed = R.seedOf(this.recipe);
    const format = $("#saved-format").value;
    const place = seed === null ? "mix" : `seed${String(seed).padStart(4, "0")}`;
    const name = `${this.recipe.model.replace(/[^\w.-]+/g, "-")}-${place}.${format}`;
    const file = await this.live.call("png", JSON.stringify({ recipe: this.recipe, format, label: $("#saved-label").checked })).catch((error) => this.fail(error));
    if (!file) return;
    const link = element("a", { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    this.stage.note("message.saved", { name });
  }

  // Whether saved pictures say visibly what they are is remembered in this browser.
  bindLabel() {
    const box = $("#saved-label");
    box.checked = localStorage.getItem("genart.label") === "true";
    box.onchange = () => localStorage.setItem("genart.label", box.checked);
  }

  // A picture saved here brings its recipe; any other is read by the model, where it can.
  async openFile(file) {
    if (!file || (await this.films.open(file)) || (await this.tools.onFile(file))) return;
    const read = !!this.model?.hasEncoder && !(await this.carriesRecipe(file));
    const { model, label } = { ...this.recipe, label: R.placeOf(this.recipe ?? this.fresh("", 0)).origin.label };
    const route = read ? `read?${new URLSearchParams({ model, label: Number.isInteger(label) ? label : "" })}` : "recipe";
    const recipe = await this.live.call(route, file).catch((error) => this.fail(error));
    if (!recipe) return;
    if (this.recipe) this.keepNow();
    if (read) recipe.finish = this.recipe.finish;
    if (!(await this.take(R.complete(recipe)))) return;
    if (read) this.tools.all.steer.pictureRead(structuredClone(this.recipe));
    const other = recipe.weights && recipe.weights !== this.model.weights;
    this.stage.note(other ? "message.weights" : read ? "message.read" : "message.opened", { name: file.name });
  }

  // Whether a file has the notes of a picture made here: the key of its text chunk, near the start or the end.
  async carriesRecipe(file) {
    const parts = [file.slice(0, 2 ** 20), file.slice(Math.max(0, file.size - 2 ** 20))];
    const texts = await Promise.all(parts.map((part) => part.text()));
    return texts.some((text) => text.includes("iTXtgenart") || text.includes("urn:genart:1"));
  }

  // ---- words and colours

  toggleLanguage() {
    this.words.toggle();
    this.translate();
    this.stage.say(this.stage.said);
    this.stage.read();
    if (!this.recipe) return;
    this.controls.show();
    this.stage.showHistory();
  }

  translate() {
    this.words.translatePage();
    this.films.translate();
    if (!this.model) return;
    const { family, size, kind, licence, trained, zDim } = this.model;
    const whole = family === kind ? family : `${family} (${kind})`;
    $("#model-facts").textContent = this.words.word("model.by", { family: whole, size, licence });
    $("#model-credit").textContent = this.words.word("model.trained", { credit: trained[this.words.language] });
    $("#strip-term").textContent = this.words.word("latent.strip.term", { n: zDim });
  }

  toggleTheme() {
    const dark = document.body.classList.toggle("dark");
    localStorage.setItem("genart.theme", dark ? "dark" : "light");
    this.controls.followPoint(this.point);
  }

  // What the server said went wrong; anything else is for the console.
  fail(error) {
    if (!error.sentence) console.error(error);
    this.stage.say(error.sentence ?? this.words.every("message.failed"));
  }
}

function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

// Gradio builds the page piece by piece; begin when the last piece is there.
const PARTS = ["#picture", "#models", "#fader-list", ...["#psi", "#cutoff", "#strength"].map((slider) => `${slider} input[type=range]`)];
const waiting = setInterval(() => {
  const server = $("#stage")?.server;
  if (!server || !PARTS.every((part) => $(part))) return;
  clearInterval(waiting);
  new Explore().start(server).catch((error) => {
    console.error(error);
    Object.assign($("#stage-error"), { hidden: false, textContent: error.message });
  });
}, 20);

const theme = localStorage.getItem("genart.theme");
if (theme) document.body.classList.toggle("dark", theme === "dark");
