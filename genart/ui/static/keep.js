// The Keep tool: favourites as a gallery, files of them, the tree of steps, and what is compared.

import { draw } from "./live.js";
import * as R from "./recipe.js";
import { Tray } from "./tray.js";
import { Tree } from "./tree.js";
import { $, $$, element, show, thumbnail } from "./widgets.js";

const FILE = "genart-favourites.json";
const MARK = "genart favourites";
const MOST_BYTES = 64 * 2 ** 20;
const NAMED = 100;
const FILL_MS = 1200;
const SIDE = 128;
const AT_ONCE = 60; // cards drawn in one frame

export class Keep {
  constructor(desk) {
    this.desk = desk;
    this.chosen = new Set();
    this.tree = new Tree(desk, $("#keep-tree"), { onGo: (id) => desk.goTo(id), onCut: (id) => this.cut(id) });
    this.tray = new Tray(desk, $("#keep-tray"), (recipe) => desk.beside.pin(recipe));
    this.bind();
    desk.kept.onChange(() => this.showKept());
    desk.memory.onChange(() => this.later());
    desk.beside.onChange(() => this.showCompared());
    desk.memory.store.works().then((works) => show("#keep-unsafe", !works));
  }

  // ---- as a tool

  opened() {
    this.isOpen = true;
    this.showKept();
    this.showSteps();
    this.showCompared();
    this.fillSoon();
  }

  closed() {
    this.isOpen = false;
    this.filling?.abort();
  }

  // The picture on the stage stands still.
  show() {
    if (!this.isOpen) return;
    this.showPresent();
    if (this.comparedIn === this.desk.recipe?.model) this.tray.fill();
    else this.showCompared();
  }

  // A dropped or opened file of favourites; where this tool is open, a contact sheet too. True where it was one.
  async onFile(file, present) {
    if (file.size > MOST_BYTES) return false;
    if ((await file.slice(0, 200).text()).includes(`"${MARK}"`)) return this.read(file).then(() => true);
    if (!present || !(await this.desk.carriesRecipe(file))) return false;
    const { recipes } = await this.desk.live.call("recipes", file).catch(() => ({ recipes: [] }));
    if (recipes.length < 2) return false;
    await this.take(file.name, recipes.map((recipe) => ({ recipe })));
    return true;
  }

  // ---- what the hand does

  bind() {
    const { desk } = this;
    const does = {
      add: () => desk.recipe && desk.toggleKept(),
      import: () => $("#keep-file").click(),
      export: () => this.save(),
      film: () => this.film(),
      sheet: () => this.sheet(),
      delete: () => this.remove(this.chosen),
      all: () => this.choose(this.shownItems.map(({ id }) => id)),
      none: () => this.choose([]),
      cancel: () => this.working?.abort(),
      undo: () => this.putBack(),
      cut: () => this.cut(desk.past.present),
      clear: () => this.clear(),
      regrow: () => this.regrow(),
      pin: () => desk.recipe && desk.beside.pin(this.chosenItems[0]?.recipe ?? desk.recipe),
      swap: () => desk.beside.swap(),
      unpin: () => desk.beside.unpin(),
    };
    for (const button of $$("[data-keep]")) button.onclick = () => does[button.dataset.keep]();
    for (const id of ["#keep-model", "#keep-sort"]) $(id).onchange = () => this.showKept();
    $("#keep-file").onchange = async ({ target }) => {
      const [file] = target.files;
      if (file) await this.read(file);
      target.value = "";
    };
    const name = $("#keep-name");
    name.onchange = () => this.nameStep(name.value.trim());
    name.onkeydown = (event) => event.key === "Enter" && name.blur();
    $("#keep-grid").onkeydown = (event) => this.onGridKey(event);
    let { language } = desk.words;
    const turned = () => {
      if (language === desk.words.language) return;
      language = desk.words.language;
      this.translate();
    };
    new MutationObserver(turned).observe(document.documentElement, { attributeFilter: ["lang"] });
  }

  translate() {
    $("#keep-grid").replaceChildren();
    if (this.isOpen) this.opened();
  }

  // ---- favourites

  get shownItems() {
    const { items } = this.desk.kept;
    const model = $("#keep-model").value;
    const by = {
      newest: () => 0,
      oldest: (a, b) => a.at - b.at,
      name: (a, b) => (!a.name - !b.name) || a.name.localeCompare(b.name),
      model: (a, b) => a.recipe.model.localeCompare(b.recipe.model),
    }[$("#keep-sort").value];
    return items.filter(({ recipe }) => !model || recipe.model === model).sort(by);
  }

  get chosenItems() {
    return this.shownItems.filter(({ id }) => this.chosen.has(id));
  }

  showKept() {
    if (!this.isOpen) return;
    const { items } = this.desk.kept;
    const known = new Set(items.map(({ id }) => id));
    this.chosen = new Set([...this.chosen].filter((id) => known.has(id)));
    this.showModels(items);
    const shown = this.shownItems;
    const focused = document.activeElement?.closest?.(".keep-card");
    const at = focused ? [...$("#keep-grid").children].indexOf(focused) : -1;
    this.fillGrid(shown);
    this.rove($(`.keep-card[data-id="${focused?.dataset.id}"]`) ?? $("#keep-grid").children[Math.max(0, Math.min(at, shown.length - 1))], at >= 0 && !$("#keep-grid").contains(document.activeElement));
    show("#keep-empty", !items.length);
    $("#keep-count").textContent = items.length
      ? this.desk.words.word(shown.length < items.length ? "keep.count.some" : "keep.count", { n: items.length, shown: shown.length })
      : "";
    this.showChosen();
    this.showPresent();
    this.fillSoon();
  }

  // Cards stay while their items do, and the one in use is not even moved: a name may be half typed.
  // Of many new ones the first come at once, the others frame by frame.
  fillGrid(shown) {
    cancelAnimationFrame(this.filled);
    const grid = $("#keep-grid");
    const old = new Map([...grid.children].map((card) => [card.item.id, card]));
    const cardOf = (item) => this.fit(old.get(item.id) ?? this.card(item.id), item);
    let spare = AT_ONCE;
    const first = shown.findIndex(({ id }) => !old.has(id) && !spare--);
    const inUse = shown.findIndex(({ id }) => old.get(id)?.contains(document.activeElement));
    const end = first < 0 ? shown.length : Math.max(first, inUse + 1);
    const [cards, later] = [shown.slice(0, end).map(cardOf), shown.slice(end)];
    if (inUse < 0) grid.replaceChildren(...cards);
    else {
      const stay = new Set(cards);
      for (const card of old.values()) if (!stay.has(card)) card.remove();
      cards[inUse].before(...cards.slice(0, inUse));
      cards[inUse].after(...cards.slice(inUse + 1));
    }
    const more = () => {
      if (!later.length) return;
      grid.append(...later.splice(0, AT_ONCE).map(cardOf));
      this.filled = requestAnimationFrame(more);
    };
    this.filled = requestAnimationFrame(more);
  }

  showModels(items) {
    const menu = $("#keep-model");
    const models = [...new Set(items.map(({ recipe }) => recipe.model))].sort();
    if (R.same(models, [...menu.options].slice(1).map(({ value }) => value))) return;
    const chosen = menu.value;
    const options = models.map((model) => {
      const option = element("option", { value: model, textContent: model });
      option.dataset.word = this.desk.beside.titleOf(model);
      return option;
    });
    menu.replaceChildren(menu.options[0], ...options);
    menu.value = models.includes(chosen) ? chosen : "";
    this.desk.words.translate(menu);
  }

  card(id) {
    const { desk } = this;
    const card = element("div", { className: "keep-card" });
    card.dataset.id = id;
    const open = element("button", { type: "button", className: "keep-open", tabIndex: -1, onclick: () => this.open(card.item) });
    Object.assign(open.dataset, { wordLabel: "keep.item", wordTitle: "keep.item" });
    const pick = element("input", { type: "checkbox", tabIndex: -1, checked: this.chosen.has(id) });
    pick.dataset.wordLabel = "keep.pick";
    pick.onchange = () => this.pick(id, pick.checked);
    const reach = element("label", { className: "keep-pick" });
    reach.append(pick);
    const title = element("input", { type: "text", className: "keep-title", tabIndex: -1, maxLength: 80 });
    title.dataset.wordLabel = "keep.rename";
    title.onchange = () => title.value.trim() !== card.item.name && desk.kept.rename(id, title.value.trim());
    card.append(open, reach, title);
    card.classList.toggle("chosen", pick.checked);
    return card;
  }

  // The card says what is now known of its item; a name that is being typed stays.
  fit(card, item) {
    if (card.item === item) return card;
    const { words } = this.desk;
    const [open, pick, title] = card.querySelectorAll("button, input");
    card.item = item;
    open.dataset.wordValues = pick.dataset.wordValues = JSON.stringify({ name: item.name || this.place(item.recipe) });
    open.style.backgroundImage = item.thumb ? `url(${item.thumb})` : "";
    title.placeholder = R.seedOf(item.recipe) ?? words.word(R.placeWord(item.recipe));
    if (title !== document.activeElement) title.value = item.name;
    words.translate(card);
    return card;
  }

  place(recipe) {
    const { words, beside } = this.desk;
    const seed = R.seedOf(recipe);
    const model = words.word(beside.titleOf(recipe.model));
    return seed === null ? words.word("keep.place", { model, place: words.word(R.placeWord(recipe)) }) : words.word("keep.seed", { model, seed });
  }

  async open({ recipe }) {
    const { desk } = this;
    desk.rest();
    desk.keepNow();
    await desk.take(structuredClone(recipe));
  }

  pick(id, yes) {
    if (yes) this.chosen.add(id);
    else this.chosen.delete(id);
    this.showChosen();
  }

  choose(ids) {
    this.chosen = new Set(ids);
    for (const card of $$(".keep-card")) card.querySelector("[type=checkbox]").checked = this.chosen.has(card.dataset.id);
    this.showChosen();
  }

  showChosen() {
    const n = this.chosenItems.length;
    show("#keep-chosen", n > 0);
    $("#keep-chosen-count").textContent = this.desk.words.word("keep.chosen", { n });
    for (const card of $$(".keep-card")) card.classList.toggle("chosen", this.chosen.has(card.dataset.id));
  }

  // What is seen of the present picture: whether it is kept, and its name.
  showPresent() {
    const { desk } = this;
    if (!desk.recipe) return;
    $('[data-keep="add"]').setAttribute("aria-pressed", desk.kept.has(desk.recipe));
    const field = $("#keep-name");
    if (document.activeElement !== field) field.value = desk.past.now?.name ?? "";
  }

  remove(ids) {
    const items = this.desk.kept.items.filter(({ id }) => ids.has(id));
    if (!items.length) return;
    this.desk.kept.remove(...items.map(({ id }) => id));
    this.gone = items;
    this.tellGone("#keep-undo", "keep.gone", items.length);
  }

  // How many were taken out, beside the button that brings them back.
  tellGone(place, word, n) {
    Object.assign($(`${place} span`).dataset, { word, wordValues: JSON.stringify({ n }) });
    this.desk.words.translate($(place));
    show(place, n > 0);
  }

  putBack() {
    if (this.gone) this.desk.kept.put(this.gone);
    this.gone = null;
    show("#keep-undo", false);
  }

  film() {
    const recipes = this.chosenItems.map(({ recipe }) => recipe);
    this.desk.films.toggle(true);
    this.desk.films.add(recipes);
  }

  // ---- the keyboard in the gallery: one card is reached by Tab, arrows reach the others

  rove(card, focus = false) {
    if (!card) return;
    for (const other of $$(".keep-open")) other.tabIndex = -1;
    const open = card.querySelector(".keep-open");
    open.tabIndex = 0;
    if (focus) open.focus({ preventScroll: !document.activeElement?.closest?.("#keep-grid") });
  }

  onGridKey(event) {
    const card = event.target.closest(".keep-card");
    if (!card) return;
    const { key } = event;
    const cards = [...$("#keep-grid").children];
    if (event.target.matches(".keep-title")) {
      if (key === "Escape") event.target.value = this.desk.kept.items.find(({ id }) => id === card.dataset.id).name;
      if (key !== "Escape" && key !== "Enter") return;
      event.target.blur(); // what was typed is kept, and the cards are drawn anew
      return this.rove($(`.keep-card[data-id="${card.dataset.id}"]`), true);
    }
    const columns = Math.max(1, cards.filter(({ offsetTop }) => offsetTop === cards[0].offsetTop).length);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -cards.length, End: cards.length }[key];
    const box = card.querySelector("[type=checkbox]");
    if (by) this.rove(cards[Math.max(0, Math.min(cards.length - 1, cards.indexOf(card) + by))], true);
    else if (key === " ") box.click();
    else if (key === "F2") card.querySelector(".keep-title").focus();
    else if (key === "Escape" && this.chosen.size) this.choose([]);
    else if (key === "Delete" || key === "Backspace") this.remove(this.chosen.has(card.dataset.id) ? this.chosen : new Set([card.dataset.id]));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- files

  // All favourites and named steps, or what is chosen: recipes and names, no pictures.
  save() {
    const { kept, past, stage } = this.desk;
    const chosen = this.chosenItems;
    const favourites = (chosen.length ? chosen : kept.items).map(({ name, at, recipe }) => ({ name, at, recipe }));
    const steps = (chosen.length ? [] : past.named).map(({ name, recipe }) => ({ name, recipe }));
    this.download(new Blob([JSON.stringify({ [MARK]: 1, favourites, steps })], { type: "application/json" }), FILE);
    stage.note("message.saved", { name: FILE });
  }

  async sheet() {
    const { desk } = this;
    const recipes = this.chosenItems.map(({ recipe }) => R.shown(recipe));
    const drawing = this.begin("keep.sheeting");
    const file = await desk.live.call("sheet", JSON.stringify({ recipes }), drawing.signal).catch((error) => drawing.signal.aborted || desk.fail(error));
    this.end(drawing);
    if (!(file instanceof Blob)) return;
    this.download(file, "genart-sheet.png");
    desk.stage.note("message.saved", { name: "genart-sheet.png" });
  }

  download(file, name) {
    const link = element("a", { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  // A file of favourites, or any picture made here with its recipes.
  async read(file) {
    const { desk } = this;
    desk.stage.say();
    const text = file.size <= MOST_BYTES && !file.type.startsWith("image/") ? await file.text() : "";
    const found = written(text);
    if (found) return this.take(file.name, found);
    if (text.trimStart().startsWith("{") || text.includes(`"${MARK}"`)) return desk.stage.say(desk.words.every("keep.damaged", { name: file.name }));
    const answer = await desk.live.call("recipes", file).catch((error) => desk.fail(error));
    if (answer) await this.take(file.name, answer.recipes.map((recipe) => ({ recipe })));
  }

  // Entries of a file: what the server can draw is kept, of the rest one sentence tells.
  async take(name, entries) {
    const { desk } = this;
    const items = entries.map((entry) => ({ ...entry, recipe: whole(entry?.recipe) }));
    const sound = items.filter(({ recipe }) => recipe);
    const why = sound.length < items.length ? [desk.words.every("keep.shape")] : [];
    const drawing = this.begin("keep.reading", sound.length);
    const finished = await this.draw(sound.map(({ recipe }) => recipe), drawing, (index, thumb, error) => {
      if (error) why.push(error);
      else sound[index].thumb = thumb;
    }).catch((error) => desk.fail(error));
    this.end(drawing);
    if (!finished) return;
    const good = sound.filter(({ thumb }) => thumb);
    const named = good.map((item) => ({ ...item, name: typeof item.name === "string" ? item.name.slice(0, 80) : "" }));
    const favourites = named.filter(({ step }) => !step).map((item) => ({ ...item, at: Number.isFinite(item.at) ? item.at : Date.now() }));
    const added = desk.kept.addAll(favourites) + named.filter((item) => item.step && this.plant(item)).length;
    const [bad, count] = [items.length - good.length, items.length];
    if (bad) desk.stage.say([0, 1].map((language) => desk.words.word("keep.refused", { bad, count, name, why: why[0][language] }, language)));
    if (added < good.length && !desk.kept.room) desk.stage.note("message.full");
    else if (good.length) desk.stage.note(added ? "keep.imported" : "keep.again", { n: added || good.length, name });
  }

  // A named step of a file, beside those of the tree; true where there was none such.
  plant({ recipe, name, thumb }) {
    const { past } = this.desk;
    const known = past.named.some((node) => node.name === name && R.same(node.recipe, recipe));
    return !known && !!name && past.named.length < NAMED && !!past.plant(recipe, { name, thumb });
  }

  // Small pictures of recipes: `each(index, picture, error)`. False once it was cancelled.
  async draw(recipes, drawing, each) {
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    let done = 0;
    return this.desk.thumbs.draw(recipes, {
      side: SIDE,
      signal: drawing.signal,
      each: (index, { head, picture }) => {
        if (!picture) each(index, null, [head.error, head.chinese]);
        else {
          canvas.dataset.hard = head.width < SIDE / 2;
          draw(canvas, picture);
          each(index, thumbnail(canvas, SIDE));
        }
        drawing.tell?.(++done);
      },
    });
  }

  // Work that may last: what is done, how far, and a way to stop it.
  begin(word, count = 0) {
    this.working?.abort();
    const drawing = (this.working = new AbortController());
    drawing.tell = (done) => {
      if (count) $("#keep-working progress").value = done / count;
      $("#keep-doing").textContent = this.desk.words.word(word, { done, count });
    };
    $("#keep-working progress").removeAttribute("value");
    drawing.tell(0);
    show("#keep-working", true);
    return drawing;
  }

  end(drawing) {
    if (this.working !== drawing) return;
    this.working = null;
    show("#keep-working", false);
  }

  // ---- the tree

  later() {
    if (!this.isOpen || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      if (this.isOpen) this.showSteps();
    });
    this.fillSoon();
  }

  showSteps() {
    const { past, words } = this.desk;
    this.tree.draw();
    this.showPresent();
    $("#keep-named").replaceChildren(...past.named.sort((a, b) => a.at - b.at).map((node) => this.named(node)));
    words.translate($("#keep-named"));
    $('[data-keep="cut"]').disabled = $('[data-keep="clear"]').disabled = past.nodes.size < 2;
  }

  named({ id, name, thumb }) {
    const button = element("button", { type: "button", onclick: () => this.desk.goTo(id) });
    const picture = element("i");
    if (thumb) picture.style.backgroundImage = `url(${thumb})`;
    Object.assign(button.dataset, { wordTitle: "keep.go", wordValues: JSON.stringify({ name }) });
    button.append(picture, element("span", { textContent: name }));
    button.setAttribute("aria-pressed", id === this.desk.past.present);
    return button;
  }

  nameStep(name) {
    const { desk } = this;
    desk.keepNow();
    if (!desk.past.now) return;
    if (name && !desk.past.now.name && desk.past.named.length >= NAMED) return desk.stage.say(desk.words.every("keep.named.full", { n: NAMED }));
    desk.past.set(desk.past.present, { name });
  }

  cut(id) {
    const { desk } = this;
    desk.rest();
    desk.keepNow();
    const before = desk.past.present;
    const gone = desk.past.cut(id);
    if (!gone) return desk.stage.note("keep.cut.only");
    this.pruned = gone;
    if (desk.past.present !== before) desk.take(structuredClone(desk.past.now.recipe), { keep: false });
    this.tellPruned(gone.length);
  }

  clear() {
    const { desk } = this;
    desk.keepNow();
    const count = desk.past.nodes.size;
    this.pruned = desk.past.clear();
    this.tellPruned(count - desk.past.nodes.size);
  }

  tellPruned(n) {
    this.desk.stage.showHistory();
    this.tellGone("#keep-tree-undo", "keep.cut.gone", n);
  }

  regrow() {
    if (this.pruned) this.desk.past.restore(this.pruned);
    this.pruned = null;
    this.desk.stage.showHistory();
    show("#keep-tree-undo", false);
  }

  // Steps and favourites without a picture get one when nothing else happens.
  fillSoon() {
    clearTimeout(this.soon);
    if (this.isOpen) this.soon = setTimeout(() => this.fill(), FILL_MS);
  }

  async fill() {
    const { past, kept } = this.desk;
    this.tried ??= new Set();
    const blank = (one) => !one.thumb && !this.tried.has(one.id);
    const wanted = [
      ...[...past.nodes.values()].filter(blank).map((node) => [node, (thumb) => past.set(node.id, { thumb })]),
      ...kept.items.filter(blank).map((item) => [item, (thumb) => kept.change(item.id, { thumb })]),
    ];
    if (!wanted.length) return;
    this.filling?.abort();
    this.filling = new AbortController();
    for (const [{ id }] of wanted) this.tried.add(id);
    const drawn = await this.draw(wanted.map(([{ recipe }]) => recipe), this.filling, (index, thumb) => thumb && wanted[index][1](thumb)).catch(() => true);
    if (!drawn) for (const [{ id }] of wanted) this.tried.delete(id);
  }

  // ---- compared

  showCompared() {
    if (!this.isOpen) return;
    const { beside, recipe } = this.desk;
    this.comparedIn = recipe?.model;
    for (const name of ["swap", "unpin"]) show(`[data-keep="${name}"]`, !!beside.pinned);
    this.tray.fill();
    const names = $$("#models .card").map(({ dataset }) => dataset.model);
    $("#keep-models").replaceChildren(...names.map((name) => this.modelButton(name)));
  }

  modelButton(name) {
    const { beside, recipe, starts } = this.desk;
    const button = element("button", { type: "button", onclick: () => beside.toggle(name) });
    const kind = element("small");
    button.append(element("span", { textContent: this.desk.words.word(beside.titleOf(name)) }), kind);
    button.setAttribute("aria-pressed", beside.models.includes(name));
    // A model of the Hub is not loaded for its caption alone.
    if (recipe && (name in starts || beside.told.has(name))) this.describe(kind, recipe, name);
    return button;
  }

  async describe(kind, recipe, name) {
    const carried = await this.desk.beside.carried(recipe, name);
    if (!carried || !kind.isConnected) return;
    const how = name === recipe.model ? "here" : carried.how;
    kind.textContent = this.desk.words.word(`keep.beside.${how}`);
    if (how === "whole" || how === "z") $("#keep-models").prepend(kind.parentElement);
  }
}

// The entries of a file of favourites, its named steps among them; null where the text is none.
function written(text) {
  try {
    const { [MARK]: version, favourites = [], steps = [] } = JSON.parse(text);
    if (version !== 1 || !Array.isArray(favourites) || !Array.isArray(steps)) return null;
    return [...favourites, ...steps.map((step) => ({ ...step, step: true }))];
  } catch {
    return null;
  }
}

// A recipe with its defaults; null for what is none.
function whole(recipe) {
  try {
    const complete = R.complete(recipe);
    return R.isSound(complete) ? complete : null;
  } catch {
    return null;
  }
}
