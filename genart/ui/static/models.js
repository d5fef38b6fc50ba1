// The Models tab: cards of what there is, downloads, files of one's own. Its HTML is laid out in
// models.py; the desk of the Explore tab gives it the words and the channel, and opens what is chosen.

import { $, $$, element, thumbnail } from "./widgets.js";

const POLL_MS = 400;
const SURE_MS = 4000; // a second press deletes
const RECENT = 6;
const KEPT_PICTURES = 80;
const RECENT_KEY = "genart.recent";
const PICTURES_KEY = "genart.pictures";

export class Models {
  constructor(desk) {
    this.desk = desk;
    this.known = new Map(); // name -> what the server says of a model
    this.progress = new Map(); // name -> the download under way
    this.failed = new Map(); // name -> why its download ended, in both languages
    this.recent = stored(RECENT_KEY, []);
    this.pictures = stored(PICTURES_KEY, {});
    new MutationObserver(() => this.show()).observe(document.documentElement, { attributeFilter: ["lang"] });
    this.await();
    if (this.recent.length) this.load().catch((error) => console.error(error));
  }

  // Gradio builds the tab when it is first opened.
  await() {
    const parent = $("#models")?.closest(".tabs") ?? document.body;
    const begin = () => {
      if (!$("#shelf") || $("#shelf").dataset.bound) return;
      $("#shelf").dataset.bound = true;
      this.bind();
      this.load().catch((error) => this.say(error));
    };
    new MutationObserver(begin).observe(parent, { childList: true, subtree: true });
    begin();
  }

  bind() {
    for (const id of ["#shelf-search", "#shelf-kind", "#shelf-licence", "#shelf-here"]) $(id).oninput = () => this.filter();
    const form = $("#shelf-hub");
    if (!form) return;
    form.onsubmit = (event) => {
      event.preventDefault();
      this.look($("#shelf-address").value.trim()).catch((error) => this.say(error));
    };
    this.bindDrop();
  }

  bindDrop() {
    const field = $("#shelf-drop input");
    $("#shelf-drop button").onclick = () => field.click();
    field.onchange = () => this.drop(field.files[0]);
    const shelf = $("#shelf");
    const over = (yes) => $("#shelf-drop").classList.toggle("over", yes);
    shelf.ondragover = (event) => {
      event.preventDefault();
      over(true);
    };
    shelf.ondragleave = (event) => shelf.contains(event.relatedTarget) || over(false);
    shelf.ondrop = (event) => {
      event.preventDefault();
      event.stopPropagation(); // the page itself opens pictures
      over(false);
      this.drop(event.dataTransfer.files[0]);
    };
  }

  // ---- what the server knows

  async load() {
    const { models, offline } = await this.call("list");
    for (const model of models) this.know({ ...model, listed: true });
    this.recent = this.recent.filter((name) => this.known.get(name)?.here);
    for (const name of [...this.recent].reverse()) this.pick(this.known.get(name));
    this.ready = true;
    if ($("#shelf-note")) $("#shelf-note").hidden = !offline;
    this.show();
    if ($("#shelf")) await this.describeShipped();
  }

  know(model) {
    this.known.set(model.name, { ...this.known.get(model.name), ...model });
    if (model.progress) this.follow(model.progress);
  }

  // Shipped models say what they are once they are loaded.
  async describeShipped() {
    for (const model of this.known.values()) {
      if (!model.shipped || model.family) continue;
      const told = await this.desk.live.call("model", JSON.stringify({ model: model.name })).catch(() => null);
      if (told) Object.assign(model, { family: told.family, pixels: told.size });
      this.show();
    }
  }

  call(route, model = "") {
    return this.desk.live.call(`models/${route}`, JSON.stringify({ model }));
  }

  // ---- what the hand does

  async open(name) {
    const model = this.known.get(name);
    if (!model.shipped) this.pick(model);
    this.use(name);
    $("#explore-button")?.click();
    await this.desk.chooseModel(name);
  }

  // A card in the Explore tab's own list, for a model that was opened here.
  pick(model) {
    if ($(`#models [data-model="${CSS.escape(model.name)}"]`)) return;
    const card = element("button", { type: "button", className: "card" });
    Object.assign(card.dataset, { model: model.name, opened: true });
    card.setAttribute("aria-pressed", false);
    const canvas = element("canvas", { width: 96, height: 96 });
    card.append(canvas, element("span", { textContent: this.title(model) }));
    card.onclick = () => {
      this.use(model.name);
      this.desk.chooseModel(model.name);
    };
    $("#models").append(card);
    if (this.pictures[model.name]) drawOn(canvas, this.pictures[model.name]);
    for (const old of $$("#models [data-opened]").slice(0, -RECENT)) old.remove();
  }

  // The Explore tab has drawn a whole picture of a model.
  seen(name) {
    if (this.seenLast === name) return;
    this.seenLast = name;
    this.keepPicture(name, this.desk.stage.canvas);
    const canvas = $(`#models [data-model="${CSS.escape(name)}"][data-opened] canvas`);
    if (canvas) drawOn(canvas, this.pictures[name]);
    this.use(name);
  }

  use(name) {
    this.recent = [name, ...this.recent.filter((other) => other !== name)].slice(0, RECENT);
    keep(RECENT_KEY, this.recent);
    this.show();
  }

  // What a card shows; `again`, in place of the picture it has.
  keepPicture(name, canvas, again = true) {
    if (!again && this.pictures[name]) return;
    this.pictures = Object.fromEntries([...Object.entries(this.pictures).filter(([other]) => other !== name), [name, thumbnail(canvas)]].slice(-KEPT_PICTURES));
    keep(PICTURES_KEY, this.pictures);
    this.show();
  }

  async get(name) {
    this.failed.delete(name);
    this.follow({ name, done: 0, total: 0, state: "coming" });
    await this.call("get", name).catch((error) => this.fail(name, error.sentence));
  }

  // Ask how a download is until it has ended.
  follow(progress) {
    const { name } = progress;
    const begun = this.progress.has(name);
    this.progress.set(name, progress);
    this.show();
    if (!begun) setTimeout(() => this.poll(name), POLL_MS);
  }

  async poll(name) {
    const progress = await this.call("state", name).catch(() => null);
    if (!this.progress.has(name)) return;
    if (!progress || ["coming", "reading"].includes(progress.state)) {
      if (progress) this.progress.set(name, progress);
      this.showProgress(name);
      return void setTimeout(() => this.poll(name), POLL_MS);
    }
    this.progress.delete(name);
    this.know(progress.model);
    if (progress.state === "failed") return this.fail(name, [progress.error, progress.chinese]);
    this.show();
  }

  fail(name, sentence) {
    this.progress.delete(name);
    this.failed.set(name, sentence ?? this.desk.words.every("message.failed"));
    this.show();
  }

  async delete(name, button) {
    if (!button.dataset.sure) {
      button.dataset.sure = true;
      this.word(button, "models.delete.sure");
      return void setTimeout(() => {
        delete button.dataset.sure;
        this.word(button, "models.delete");
      }, SURE_MS);
    }
    await this.call("delete", name);
    const model = this.known.get(name);
    Object.assign(model, { here: false, kept: false });
    this.failed.delete(name);
    if (!model.page) this.known.delete(name);
    this.recent = this.recent.filter((other) => other !== name);
    keep(RECENT_KEY, this.recent);
    $(`#models [data-model="${CSS.escape(name)}"]`)?.remove();
    this.show();
  }

  async look(text) {
    this.say();
    if (!text) return;
    const found = $("#shelf-found");
    found.replaceChildren(this.worded("p", "models.hub.looking"));
    const { models, repo, card } = await this.call("look", text).catch((error) => {
      found.replaceChildren();
      throw error;
    });
    for (const model of models) this.know(model);
    const names = models.map(({ name }) => name);
    const head = element("h3", { textContent: repo ?? names[0] });
    const cards = element("div", { className: "shelf-cards" });
    cards.setAttribute("role", "list");
    cards.dataset.names = JSON.stringify(names);
    const said = element("details", {});
    said.append(this.worded("summary", "models.hub.card"), element("pre", { textContent: card }));
    found.replaceChildren(head, cards, ...(card ? [said] : []));
    this.show();
  }

  async drop(file) {
    if (!file) return;
    this.say();
    const found = $("#shelf-found");
    found.replaceChildren(this.worded("p", "models.drop.reading", { name: file.name }));
    try {
      const model = await this.desk.live.call(`models/drop?name=${encodeURIComponent(file.name)}`, file);
      this.know(model);
      found.replaceChildren();
      await this.open(model.name);
    } catch (error) {
      found.replaceChildren();
      this.say(error);
    }
  }

  // ---- what is shown

  show() {
    if (!this.ready || !$("#shelf")) return;
    const models = [...this.known.values()].filter(({ listed, here }) => listed || here); // the rest was only looked at
    this.fill($("#shelf-cards"), models);
    for (const cards of $$("#shelf-found .shelf-cards")) this.fill(cards, JSON.parse(cards.dataset.names).map((name) => this.known.get(name)).filter(Boolean));
    this.showRecent();
    this.showKinds(models);
    this.filter();
    this.sayAgain();
  }

  // A card is drawn anew only when something about it has changed, so that the keyboard stays where it is.
  fill(list, models) {
    const { language } = this.desk.words;
    const old = new Map([...list.children].map((card) => [card.dataset.name, card]));
    const cards = models.map((model) => {
      const { name } = model;
      const state = JSON.stringify([model, this.progress.get(name)?.state, this.failed.get(name), this.pictures[name]?.length, language]);
      const before = old.get(name);
      if (before?.state === state) return before;
      const card = Object.assign(this.card(model), { state });
      const focused = before?.contains(document.activeElement);
      before?.replaceWith(card);
      if (focused) card.querySelector("button")?.focus();
      return card;
    });
    for (const [name, card] of old) if (!models.some((model) => model.name === name)) card.remove();
    cards.forEach((card, index) => list.children[index] === card || list.insertBefore(card, list.children[index] ?? null));
    for (const { name } of models) this.showProgress(name);
  }

  card(model) {
    const { words } = this.desk;
    const card = element("article", { className: "model" });
    card.setAttribute("role", "listitem");
    card.dataset.name = model.name;
    const size = model.pixels ? words.word("models.pixels", { n: model.pixels }) : model.kind === "autoencoder" ? words.word("models.any.size") : null;
    const about = model.inferred.includes("size") ? "≈ " : "";
    const bytes = model.bytes ? `${about}${(model.bytes / 1e6).toFixed(model.bytes < 1e7 ? 1 : 0)} MB` : null;
    const text = element("div", { className: "about" });
    text.append(
      element("h4", { textContent: this.title(model) }),
      ...(model.name === this.title(model) ? [] : [element("code", { textContent: model.name })]),
      element("p", { className: "facts", textContent: [model.family ?? (model.kind === "Hub" ? null : model.kind), size, bytes, this.place(model)].filter(Boolean).join(" · ") }),
      this.badge(model),
      this.details(model),
    );
    const actions = element("div", { className: "line" });
    actions.append(...this.buttons(model));
    card.append(this.picture(model), text, actions);
    const failed = this.failed.get(model.name) ?? (model.refused && [model.refused.error, model.refused.chinese]);
    if (failed) card.append(Object.assign(element("p", { className: "failure", textContent: failed[words.language] }), { role: "alert" }));
    return card;
  }

  picture(model) {
    const known = this.pictures[model.name];
    if (known) return element("img", { src: known, alt: "", className: "picture" });
    const initial = element("div", { className: "picture", textContent: this.title(model).slice(0, 1) });
    initial.style.setProperty("--hue", [...model.name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7));
    initial.setAttribute("aria-hidden", true);
    return initial;
  }

  place(model) {
    if (model.shipped) return this.desk.words.word("models.shipped");
    if (!model.here) return null;
    return this.desk.words.word(model.page ? "models.downloaded" : "models.own");
  }

  badge({ licence, commercial }) {
    const kind = { true: "yes", false: "no" }[commercial] ?? "unknown";
    const badge = element("p", { className: `badge ${kind}` });
    badge.append(...(licence ? [element("b", { textContent: licence })] : []), this.worded("span", `models.commercial.${kind}`));
    return badge;
  }

  details(model) {
    const { words } = this.desk;
    const details = element("details", {});
    const line = (key, text) => [element("dt", { textContent: words.word(key) }), element("dd", { textContent: text })];
    const list = element("dl", {});
    list.append(...line("models.data", model.trained[words.language]));
    if (model.paper) list.append(...line("models.paper", model.paper));
    if (model.caution) list.append(...line("models.caution", model.caution[words.language]));
    details.append(this.worded("summary", "models.details"), list);
    const fields = model.inferred.map((field) => words.word(`models.field.${field}`)).join(", ");
    if (fields) details.append(element("p", { textContent: words.word("models.inferred", { fields }) }));
    if (model.page && !model.recorded) details.append(this.worded("p", "models.unrecorded"));
    if (model.page) details.append(Object.assign(this.worded("a", "models.page"), { href: model.page, target: "_blank", rel: "noreferrer" }));
    return details;
  }

  buttons(model) {
    const { name } = model;
    if (this.progress.has(name)) {
      const bar = element("progress", {});
      bar.setAttribute("aria-label", this.title(model));
      return [bar, element("span", { className: "facts amount" }), ...(this.desk.public ? [] : [this.button("stop", model, () => this.call("stop", name))])];
    }
    if (model.refused && !model.here) return []; // to fetch it would change nothing
    const way = model.here ? this.button("open", model, () => this.open(name)) : this.button("get", model, () => this.get(name));
    const removable = !this.desk.public && !model.shipped && (model.here || model.kept);
    return removable ? [way, this.button("delete", model, (event) => this.delete(name, event.currentTarget))] : [way];
  }

  button(kind, model, does) {
    const button = this.worded("button", `models.${kind}`);
    Object.assign(button, { type: "button", className: kind, title: this.desk.words.word(`models.${kind}.tip`, { name: this.title(model) }) });
    button.setAttribute("aria-label", button.title);
    button.onclick = (event) => Promise.resolve(does(event)).catch((error) => this.say(error));
    return button;
  }

  showProgress(name) {
    const progress = this.progress.get(name);
    if (!progress) return;
    const { done, total, state } = progress;
    const mb = (bytes) => (bytes / 1e6).toFixed(1);
    const words = state === "reading" ? ["models.reading"] : total ? ["models.coming", { done: mb(done), total: mb(total) }] : ["models.asking"];
    for (const card of $$(`#shelf [data-name="${CSS.escape(name)}"]`)) {
      const bar = card.querySelector("progress");
      if (!bar) continue;
      if (total && state !== "reading") Object.assign(bar, { max: total, value: done });
      else bar.removeAttribute("value");
      this.word(card.querySelector(".amount"), ...words);
      const stop = card.querySelector(".stop");
      if (stop) stop.hidden = state === "reading"; // it takes seconds, and nothing is saved by stopping
    }
  }

  showRecent() {
    const recent = this.recent.map((name) => this.known.get(name)).filter((model) => model?.here);
    $("#shelf-recent").hidden = recent.length < 2;
    const buttons = recent.map((model) => {
      const button = element("button", { type: "button", className: "recent", onclick: () => this.open(model.name) });
      button.append(this.picture(model), element("span", { textContent: this.title(model) }));
      return button;
    });
    $("#shelf-recent .line").replaceChildren(...buttons);
  }

  showKinds(models) {
    const menu = $("#shelf-kind");
    const kinds = [...new Set(models.map(({ kind }) => kind))].filter((kind) => kind !== "Hub");
    const missing = kinds.filter((kind) => ![...menu.options].some((option) => option.value === kind));
    menu.append(...missing.map((kind) => element("option", { value: kind, textContent: kind })));
  }

  filter() {
    const asked = $("#shelf-search").value.trim().toLowerCase().split(/\s+/);
    const [kind, licence, here] = [$("#shelf-kind").value, $("#shelf-licence").value, $("#shelf-here").checked];
    let count = 0;
    for (const card of $("#shelf-cards").children) {
      const model = this.known.get(card.dataset.name);
      const text = [model.name, ...(model.title ?? [this.title(model)]), model.family, model.kind, ...model.trained, model.licence].join(" ").toLowerCase();
      const fits =
        asked.every((word) => text.includes(word)) &&
        (!kind || model.kind === kind) &&
        (!licence || String(model.commercial) === licence) &&
        (!here || model.here);
      card.hidden = !fits;
      count += fits;
    }
    $("#shelf-none").hidden = count > 0;
    this.word($("#shelf-count"), "models.count", { n: count });
  }

  title(model) {
    const { words } = this.desk;
    const key = `model.${model.name}`;
    return model.title?.[words.language] ?? (key in words.table ? words.word(key) : model.name);
  }

  // ---- words

  word(node, key, values = {}) {
    node.textContent = this.desk.words.word(key, values);
    Object.assign(node.dataset, { word: key, wordValues: JSON.stringify(values) });
  }

  worded(kind, key, values) {
    const node = element(kind, {});
    this.word(node, key, values);
    return node;
  }

  // What the server said went wrong; anything else is for the console.
  say(error) {
    if (error && !error.sentence) console.error(error);
    this.said = error && (error.sentence ?? this.desk.words.every("message.failed"));
    this.sayAgain();
  }

  sayAgain() {
    const place = $("#shelf-error");
    place.hidden = !this.said;
    place.textContent = this.said?.[this.desk.words.language] ?? "";
  }
}

function drawOn(canvas, address) {
  const image = new Image();
  image.onload = () => canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  image.src = address;
}

function stored(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn(error); // a full or forbidden store: the tab works without
  }
}
