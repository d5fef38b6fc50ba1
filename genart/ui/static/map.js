// The map: a model's latent space from above. Dots and a few pictures from afar, tiny pictures nearer, large ones close
// by. The hand's place on it is the picture between the nearest points; a click goes there, a drawn line is a walk.

import { Atlas, View, resampled } from "./atlas.js";
import { draw } from "./live.js";
import * as R from "./recipe.js";
import { textOf } from "./thumbs.js";
import { $, $$, clamp, element, show, thumbnail } from "./widgets.js";

const TINY = 13; // pixels of a cell from which it shows its tiny picture
const LARGE = 72; // and from which a large one is asked for
const SIDE = 128; // of a large picture
const ASKED = 48; // large pictures at once at most
const APART = 92; // pixels between the pictures that stand for the rest
const STANDING = 46; // their side
const FAINT = 0.15; // of the classes that are not chosen
const PIN = 15; // radius of a favourite
const CLICK = 5; // pixels the hand may slip in a click
const POLL_MS = 300;
const ZOOM = 1.5; // of a button or a key
const STEP = 1 / 16; // of what is seen, that an arrow moves
const KEY_EVERY = 70; // pixels of a drawn line for each key
const KEYS = [4, 12];
const MOST_KEYS = 32; // of a walk made by keyboard
const KEY_SECONDS = 1.5;
const CLOSED = 26; // pixels between the ends of a line that is meant to be closed
const KEYS_OF_ZOOM = { "+": "in", "=": "in", "-": "out", _: "out", p: "draw" };
const OF_THE_PRESENT = ["s", "l", "q", "c"]; // save, link, code, compare
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class MapTool {
  constructor(desk) {
    this.desk = desk;
    this.canvas = $("#map");
    this.view = new View();
    this.fingers = new Map();
    this.forget();
    this.bind();
    desk.kept.onChange(() => this.showPins());
  }

  // Points of autoencoders of pictures come from pictures, and those of seeds would be mud.
  serves(model) {
    return !model.latent.length;
  }

  get isOpen() {
    return !$("#tool-map").hidden;
  }

  // ---- the map of the present model

  forget() {
    this.sheet?.close();
    this.atlas = this.sheet = this.mosaic = this.only = this.hand = this.cursor = this.line = this.here = null;
    this.dropped = []; // places of a walk that the keyboard makes
    this.texts = new Map(); // a point's index -> the text of its recipe
    this.pins = new Map(); // a recipe's text -> its place
    this.faces = new Map(); // a favourite's small picture -> its image
    this.asking?.abort();
    clearTimeout(this.asks);
    this.missing = null;
    this.view.fit();
  }

  layOut(model) {
    if (model.weights === this.of && this.atlas) return;
    this.leave();
    this.forget();
    this.of = model.weights;
    $("#map-legend").replaceChildren();
    this.redraw();
  }

  opened() {
    if (this.serves(this.desk.model) && !this.atlas && !this.following) this.begin();
    this.redraw();
  }

  closed() {
    this.leave();
    this.drawing(false);
  }

  // Nobody here waits for the map any more.
  leave() {
    if (!this.following) return;
    this.left = this.desk.live.call("map/leave", this.following).catch(() => null);
    this.following = null;
    this.asked = null;
  }

  async begin() {
    const asked = (this.asked = Symbol());
    const body = JSON.stringify({ model: this.desk.model.name });
    this.following = body;
    this.wait({ phase: "wait" });
    try {
      const atlas = await this.fetch(body, asked);
      if (!atlas) return;
      Object.assign(this, atlas, { following: null });
    } catch (error) {
      if (asked !== this.asked) return;
      this.following = null;
      if (!error.sentence) console.error(error);
      this.stopped("message.failed");
      if (error.sentence) $("#map-text").textContent = error.sentence[this.desk.words.language];
      return;
    }
    show("#map-wait", false);
    this.showLegend();
    this.showAbout();
    this.showPins();
    this.show();
    this.redraw();
  }

  // The map and the sheet of its small pictures, when they are ready; nothing once something else was asked for.
  async fetch(body, asked) {
    const { live } = this.desk;
    await this.left; // or leaving the last map would end this one
    if (asked !== this.asked) return null;
    let state = await live.call("map", body);
    for (; !state.finished; state = await live.call(state.phase === "gone" ? "map" : "map/state", body)) {
      if (state.error) throw Object.assign(new Error(state.error), { sentence: [state.error, state.chinese] });
      if (asked !== this.asked) return null;
      if (state.phase === "gone") continue;
      this.wait(state);
      await new Promise((done) => setTimeout(done, POLL_MS));
      if (asked !== this.asked) return null;
    }
    const [told, file] = await Promise.all([live.call("map/points", body), live.call("map/sheet", body)]);
    const sheet = await createImageBitmap(file);
    if (asked !== this.asked) return sheet.close() ?? null;
    const atlas = new Atlas(told);
    return { atlas, sheet, means: means(atlas, sheet) };
  }

  wait({ phase, done, count, left }) {
    show("#map-wait", true);
    show("#map-cancel", true);
    show("#map-again", false);
    show("#map-progress", true);
    const share = phase === "draw" && count ? (0.85 * done) / count : phase === "lay" ? 0.85 + (0.15 * done) / count : 0;
    $("#map-progress").value = share;
    const seconds = left === null || left === undefined ? "…" : Math.ceil(left);
    this.say("#map-text", `map.phase.${phase}`, { done, count: count || "…", left: seconds });
  }

  stopped(key) {
    show("#map-wait", true);
    show("#map-progress", false);
    show("#map-cancel", false);
    show("#map-again", true);
    this.say("#map-text", key);
  }

  // A text that follows the language of the page.
  say(place, key, values = {}) {
    const node = typeof place === "string" ? $(place) : place;
    Object.assign(node.dataset, { word: key, wordValues: JSON.stringify(values) });
    node.textContent = this.desk.words.word(key, values);
  }

  // ---- what a place is

  // The recipe at a place: on a plane that very point, else a mixture of the nearest; finished as the present picture is.
  recipeAt(x, y) {
    const { desk, atlas } = this;
    const near = atlas.near(x, y);
    const start = { ...desk.fresh(desk.model.name, 0), psi: atlas.psi, finish: desk.recipe.finish, all_classes: false };
    if (atlas.plane) return { ...start, anchors: [R.atPoint({ seed: 0 }, [x, y].map((value) => (2 * value - 1) * atlas.plane))] };
    const alone = near.length === 1;
    return { ...start, anchors: near.map(({ index, share }) => this.anchor(index, alone ? null : Math.round(share * 1e4) / 1e4)) };
  }

  anchor(index, weight) {
    const label = this.atlas.labels[index];
    return { seed: this.atlas.seeds[index], ...(weight !== null && { weight }), ...(label >= 0 && { label }) };
  }

  recipeOf(index) {
    return this.recipeAt(this.atlas.places[2 * index], this.atlas.places[2 * index + 1]);
  }

  // The picture under the hand, while it is there; nothing is kept of it.
  preview(place, event) {
    this.hand = place;
    this.redraw();
    this.showStatus();
    const { desk } = this;
    if (desk.drifting || desk.films.playing) return;
    this.previewing = true;
    desk.stage.hideHint();
    desk.render({ hurry: true, recipe: this.recipeAt(...place), inputAt: event?.timeStamp });
  }

  endPreview() {
    this.hand = null;
    this.redraw();
    this.showStatus();
    if (!this.previewing) return;
    this.previewing = false;
    if (!this.desk.drifting && !this.desk.films.playing) this.desk.render({ hurry: false });
  }

  // Make the picture at a place the present one, a step of the history.
  go(place, recipe = this.recipeAt(...place)) {
    const { desk } = this;
    this.previewing = false;
    desk.rest();
    desk.keepNow();
    this.here = { text: JSON.stringify(recipe), place };
    desk.take(structuredClone(recipe));
    this.redraw();
  }

  // A picture stands on the stage: where on the map is it?
  async show() {
    const { desk, atlas } = this;
    if (!atlas || !this.isOpen) return;
    const text = JSON.stringify(desk.recipe);
    if (this.here?.text === text) return;
    const [place] = await this.placesOf([R.shown(desk.recipe)]);
    if (atlas !== this.atlas || text !== JSON.stringify(desk.recipe)) return;
    this.here = place && { text, place };
    this.redraw();
  }

  async placesOf(recipes) {
    const body = JSON.stringify({ model: this.desk.model.name, recipes });
    const found = await this.desk.live.call("map/pins", body).catch((error) => void this.desk.fail(error));
    return found?.places ?? recipes.map(() => null);
  }

  // Favourites of this model stand where they look alike.
  async showPins() {
    const { desk, atlas } = this;
    if (!atlas || !this.isOpen) return;
    const missing = this.favourites().filter(({ recipe }) => !this.pins.has(JSON.stringify(recipe)));
    for (let first = 0; first < missing.length; first += 32) {
      const group = missing.slice(first, first + 32);
      const places = await this.placesOf(group.map(({ recipe }) => R.shown(recipe)));
      if (atlas !== this.atlas) return;
      group.forEach(({ recipe }, at) => this.pins.set(JSON.stringify(recipe), places[at]));
    }
    for (const { thumb } of this.favourites()) {
      if (!thumb || this.faces.has(thumb)) continue;
      const image = element("img", { src: thumb });
      image.onload = () => this.redraw();
      this.faces.set(thumb, image);
    }
    this.redraw();
  }

  favourites() {
    return this.desk.kept.items.filter(({ recipe }) => recipe.model === this.desk.model.name);
  }

  // Favourites with their places on the screen.
  pinned() {
    return this.favourites().flatMap(({ recipe, thumb }) => {
      const place = this.pins.get(JSON.stringify(recipe));
      return place ? [{ recipe, thumb, place, at: this.view.toScreen(...place) }] : [];
    });
  }

  // ---- drawn

  redraw() {
    this.drawn ??= requestAnimationFrame(() => {
      this.drawn = null;
      this.draw();
    });
  }

  draw() {
    const { canvas, view, atlas } = this;
    const { clientWidth, clientHeight } = canvas;
    if (!clientWidth) return;
    const ratio = Math.min(2, devicePixelRatio);
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    Object.assign(view, { width: clientWidth, height: clientHeight });
    const context = (this.context ??= canvas.getContext("2d", { alpha: false }));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(canvas);
    context.fillStyle = style.backgroundColor;
    context.fillRect(0, 0, clientWidth, clientHeight);
    if (!atlas) return;
    context.imageSmoothingEnabled = !this.desk.model.hardPixels;
    const cell = view.size / atlas.side;
    const seen = this.inView(cell);
    this.level = cell < TINY ? "far" : cell < LARGE ? "tiny" : "large";
    canvas.dataset.level = this.level;
    if (this.level === "far" && !atlas.plane) this.drawDots(context, seen, cell);
    else this.drawTiny(context, cell);
    if (this.level === "large") this.drawLarge(context, seen, cell);
    this.drawMarks(context, cell);
    if (this.level === "far") this.drawStanding(context);
    this.drawLine(context, style.color);
    this.drawHand(context, style.color);
    for (const pin of this.pinned()) this.drawPin(context, pin, style.color);
    this.drawHere(context, style.color);
    this.askSoon(seen);
  }

  inView(cell) {
    const { atlas, view } = this;
    const [left, top] = view.toMap(-cell, -cell);
    const [right, bottom] = view.toMap(view.width + cell, view.height + cell);
    const seen = [];
    for (let index = 0; index < atlas.count; index += 1) {
      const [x, y] = [atlas.places[2 * index], atlas.places[2 * index + 1]];
      if (x > left && x < right && y > top && y < bottom) seen.push(index);
    }
    return seen;
  }

  isDim(label) {
    return this.only !== null && label !== this.only;
  }

  drawDots(context, seen, cell) {
    const { atlas, view } = this;
    const radius = clamp(cell * 0.36, 1.4, 6);
    for (const index of seen) {
      const label = atlas.labels[index];
      const [x, y] = view.toScreen(atlas.places[2 * index], atlas.places[2 * index + 1]);
      context.globalAlpha = this.isDim(label) ? FAINT : 1;
      context.fillStyle = label >= 0 ? this.colourOf(label) : this.means[index];
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  drawSmall(context, index, left, top, side) {
    const { columns, small } = this.atlas;
    context.drawImage(this.sheet, (index % columns) * small, Math.floor(index / columns) * small, small, small, left, top, side, side);
  }

  // All tiny pictures where they belong are one picture, so that moving over a map costs one stroke.
  drawTiny(context, cell) {
    if (!this.mosaic || this.mosaicOf !== this.only) this.layMosaic();
    const [left, top] = this.view.toScreen(0, 0);
    context.imageSmoothingEnabled = cell < this.atlas.small || !this.desk.model.hardPixels;
    context.drawImage(this.mosaic, left, top, this.view.size, this.view.size);
  }

  layMosaic() {
    const { atlas } = this;
    const { small, side, plane } = atlas;
    this.mosaicOf = this.only;
    this.mosaic = element("canvas", { width: side * small, height: side * small });
    const context = this.mosaic.getContext("2d");
    for (let index = 0; index < atlas.count; index += 1) {
      const label = atlas.labels[index];
      const [left, top] = [atlas.cells[2 * index] * small, atlas.cells[2 * index + 1] * small];
      const border = plane ? 0 : label >= 0 ? 2 : 1;
      context.globalAlpha = this.isDim(label) && !plane ? FAINT : 1;
      if (label >= 0) {
        context.fillStyle = this.colourOf(label);
        context.fillRect(left + 0.5, top + 0.5, small - 1, small - 1);
      }
      this.drawSmall(context, index, left + border, top + border, small - 2 * border);
    }
  }

  drawLarge(context, seen, cell) {
    const { atlas, view } = this;
    const border = atlas.plane ? 0 : (cell / atlas.small) * (atlas.labels[0] >= 0 ? 2 : 1);
    const side = cell - 2 * border;
    context.imageSmoothingEnabled = !this.desk.model.hardPixels;
    for (const index of seen) {
      const picture = this.pictureOf(index);
      if (!picture) continue;
      const [x, y] = view.toScreen(atlas.places[2 * index], atlas.places[2 * index + 1]);
      if (this.isDim(atlas.labels[index]) && !atlas.plane) continue; // the faint small one below is enough
      context.drawImage(picture, x - side / 2, y - side / 2, side, side);
    }
  }

  // Pictures of the data, where the encoder puts them.
  drawMarks(context, cell) {
    const { marks } = this.atlas;
    if (!marks) return;
    const radius = clamp(cell * 0.09, 2, 4);
    marks.labels.forEach((label, index) => {
      const [x, y] = this.view.toScreen(marks.places[2 * index], marks.places[2 * index + 1]);
      if (this.isDim(label) || x < -radius || y < -radius || x > this.view.width + radius || y > this.view.height + radius) return;
      context.fillStyle = this.colourOf(label);
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.fill();
    });
  }

  // From afar a few pictures stand for those round them: always the same at one distance, wherever the view is.
  standing() {
    const apart = APART / this.view.size;
    const beyond = this.atlas.order.findIndex(({ away }) => away < apart);
    return this.atlas.order.slice(0, beyond < 0 ? undefined : beyond).map(({ index }) => index);
  }

  drawStanding(context) {
    if (this.atlas.plane) return;
    const half = STANDING / 2;
    for (const index of this.standing()) {
      const label = this.atlas.labels[index];
      if (this.isDim(label)) continue;
      const [x, y] = this.view.toScreen(this.atlas.places[2 * index], this.atlas.places[2 * index + 1]);
      context.save();
      context.beginPath();
      context.roundRect(x - half, y - half, STANDING, STANDING, 8);
      context.clip();
      const picture = this.pictureOf(index);
      if (picture) context.drawImage(picture, x - half, y - half, STANDING, STANDING);
      else this.drawSmall(context, index, x - half, y - half, STANDING);
      context.restore();
      context.lineWidth = 2;
      context.strokeStyle = label >= 0 ? this.colourOf(label) : "#fff";
      context.beginPath();
      context.roundRect(x - half, y - half, STANDING, STANDING, 8);
      context.stroke();
    }
  }

  drawLine(context, accent) {
    if (!this.line?.length) return;
    context.beginPath();
    for (const place of this.line) context.lineTo(...this.view.toScreen(...place));
    if (this.lineClosed) context.closePath();
    context.lineJoin = context.lineCap = "round";
    for (const [colour, width] of [["rgba(0, 0, 0, 0.55)", 6], [accent, 3]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    }
    context.fillStyle = "#fff";
    for (const place of this.lineKeys ?? []) {
      context.beginPath();
      context.arc(...this.view.toScreen(...place), 3.5, 0, 7);
      context.fill();
    }
  }

  // The hand, or the keyboard's cursor, with threads to the points it mixes.
  drawHand(context, accent) {
    const place = this.hand ?? this.cursor;
    if (!place) return;
    const [x, y] = this.view.toScreen(...place);
    context.strokeStyle = "#fff";
    if (!this.atlas.plane)
      for (const { index, share } of this.atlas.near(...place)) {
        context.globalAlpha = 0.25 + 0.75 * share;
        context.lineWidth = 1 + 2 * share;
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(...this.view.toScreen(this.atlas.places[2 * index], this.atlas.places[2 * index + 1]));
        context.stroke();
      }
    context.globalAlpha = 1;
    if (!this.cursor) return;
    for (const [colour, width] of [["rgba(0, 0, 0, 0.6)", 5], [accent, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (const [across, down] of Object.values(ARROWS)) {
        context.moveTo(x + 6 * across, y + 6 * down);
        context.lineTo(x + 15 * across, y + 15 * down);
      }
      context.stroke();
    }
  }

  drawPin(context, { thumb, at: [x, y] }, accent) {
    const top = y - PIN - 8;
    context.fillStyle = accent;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x - 6, top + PIN - 3);
    context.lineTo(x + 6, top + PIN - 3);
    context.fill();
    context.beginPath();
    context.arc(x, top, PIN, 0, 7);
    context.fill();
    const face = this.faces.get(thumb);
    if (!face?.complete || !face.naturalWidth) return;
    context.save();
    context.beginPath();
    context.arc(x, top, PIN - 2, 0, 7);
    context.clip();
    context.drawImage(face, x - PIN + 2, top - PIN + 2, 2 * PIN - 4, 2 * PIN - 4);
    context.restore();
  }

  // The present picture.
  drawHere(context, accent) {
    if (!this.here) return;
    const [x, y] = this.view.toScreen(...this.here.place);
    for (const [colour, width] of [["#000", 6], ["#fff", 4], [accent, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, 9, 0, 7);
      context.stroke();
    }
  }

  colourOf(label) {
    const count = Math.max(...this.shownLabels()) + 1;
    const hue = count <= 12 ? (label * 360) / count : label * 137.5;
    return `hsl(${hue + 20} 80% ${count <= 12 ? 62 : [64, 48, 78][label % 3]}%)`;
  }

  shownLabels() {
    const { atlas } = this;
    atlas.shownLabels ??= [...new Set(atlas.marks?.labels ?? atlas.labels)].filter((label) => label >= 0).sort((a, b) => a - b);
    return atlas.shownLabels;
  }

  // Large pictures of what is in view, when the view has come to rest.
  askSoon(seen) {
    const { atlas } = this;
    const wanted = this.level === "large" ? seen : this.level === "far" && !atlas.plane ? this.standing() : [];
    const [x, y] = [this.view.x, this.view.y];
    const away = (index) => Math.hypot(atlas.places[2 * index] - x, atlas.places[2 * index + 1] - y);
    const nearest = (a, b) => away(a) - away(b);
    const missing = wanted.filter((index) => !this.pictureOf(index)).sort(nearest).slice(0, ASKED);
    const text = missing.join();
    if (text === this.missing) return;
    this.missing = text;
    clearTimeout(this.asks);
    if (!missing.length) this.asking?.abort();
    else this.asks = setTimeout(() => this.ask(missing), 120);
  }

  // What is under way is taken over, not asked for again, so the earlier asker leaves last.
  async ask(indices) {
    const { desk, asking: before } = this;
    const { signal } = (this.asking = new AbortController());
    const each = () => this.redraw();
    const drawn = desk.thumbs.draw(indices.map((index) => this.recipeOf(index)), { side: SIDE, signal, each });
    before?.abort();
    await drawn.catch(() => null);
  }

  // A point's large picture, where there is one.
  pictureOf(index) {
    const finish = this.desk.recipe.finish;
    if (this.textsOf !== finish) Object.assign(this, { textsOf: finish, texts: new Map() });
    if (!this.texts.has(index)) this.texts.set(index, textOf(this.recipeOf(index)));
    return this.desk.thumbs.peek(this.texts.get(index), SIDE);
  }

  // ---- in words

  nameOf(label) {
    return this.atlas.marks?.classes[label] ?? this.desk.model.classes[label] ?? String(label);
  }

  showLegend() {
    const chips = this.shownLabels().map((label) => {
      const [button, name] = [element("button", { type: "button", className: "small" }), element("span", { textContent: this.nameOf(label) })];
      if (this.desk.words.has(`class.named.${name.textContent}`)) this.say(name, `class.named.${name.textContent}`);
      button.append(element("i", {}), name);
      button.firstChild.style.background = this.colourOf(label);
      button.dataset.label = label;
      button.setAttribute("aria-pressed", false);
      button.onclick = () => this.choose(label);
      return button;
    });
    $("#map-legend").replaceChildren(...chips);
  }

  // One class alone, the others faint; once more, all.
  choose(label) {
    this.only = this.only === label ? null : label;
    for (const chip of $$("#map-legend button")) chip.setAttribute("aria-pressed", Number(chip.dataset.label) === this.only);
    this.redraw();
  }

  showAbout() {
    const { count, plane, marks } = this.atlas;
    const kind = marks ? "marks" : plane ? "plane" : "points";
    this.say("#map-about", `map.about.${kind}`, { n: marks ? marks.labels.length : count });
  }

  showStatus() {
    const { atlas } = this;
    const { words } = this.desk;
    const place = this.hand ?? this.cursor;
    let text = "\u00a0";
    if (place && atlas.plane) {
      const [x, y] = place.map((value) => ((2 * value - 1) * atlas.plane).toFixed(2));
      text = words.word("map.at.plane", { x, y });
    } else if (place) {
      const parts = atlas.near(...place).map(({ index, share }) => {
        const label = atlas.labels[index];
        const name = label < 0 ? "" : `${words.has(`class.named.${this.nameOf(label)}`) ? words.word(`class.named.${this.nameOf(label)}`) : this.nameOf(label)} `;
        return `${name}#${atlas.seeds[index]} ${Math.round(share * 100)} %`;
      });
      text = words.word("map.at.points", { points: parts.join(" · ") });
    }
    $("#map-status").textContent = text;
  }

  // ---- what the hand does

  bind() {
    const { canvas } = this;
    canvas.onpointerdown = (event) => this.down(event);
    canvas.onpointermove = (event) => this.slid(event);
    canvas.onpointerup = (event) => this.up(event);
    canvas.onpointercancel = (event) => this.cancelled(event);
    canvas.onpointerleave = (event) => event.pointerType === "mouse" && !this.fingers.size && this.endPreview();
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.onkeydown = (event) => this.keyDown(event);
    canvas.onblur = () => this.leaveCursor();
    for (const button of $$("[data-map]")) button.onclick = () => this.act(button.dataset.map);
    $("#map-cancel").onclick = () => {
      this.leave();
      this.stopped("map.cancelled");
    };
    $("#map-again").onclick = () => this.begin();
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  act(name) {
    const does = {
      in: () => this.view.closer(ZOOM, ...this.middle()),
      out: () => this.view.closer(1 / ZOOM, ...this.middle()),
      fit: () => this.view.fit(),
      draw: () => this.drawing(!this.isDrawing),
    };
    if (this.atlas) does[name]();
    this.redraw();
  }

  // What zooming by key or button keeps in its place.
  middle() {
    return this.cursor ? this.view.toScreen(...this.cursor) : [this.view.width / 2, this.view.height / 2];
  }

  drawing(on) {
    this.isDrawing = on;
    $('[data-map="draw"]').setAttribute("aria-pressed", on);
    this.canvas.classList.toggle("drawing", on);
    if (on && this.isOpen) this.desk.stage.note("map.draw.hint");
  }

  at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  // The place of an event, within the map.
  placeAt(event) {
    return this.view.toMap(...this.at(event)).map((value) => clamp(value, 0, 1));
  }

  down(event) {
    if (event.button || !this.atlas || this.fingers.size > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, this.at(event));
    this.cursor = null;
    if (this.fingers.size === 2) {
      this.gesture = { kind: "pinch" };
      return this.endPreview();
    }
    const kind = this.isDrawing ? "line" : event.pointerType === "mouse" ? "click" : "touch";
    this.gesture = { kind, from: this.at(event) };
    if (kind === "line") Object.assign(this, { line: [this.placeAt(event)], lineKeys: null, lineClosed: false });
    if (kind === "touch") this.preview(this.placeAt(event), event);
  }

  slid(event) {
    if (!this.atlas) return;
    const before = this.fingers.get(event.pointerId);
    if (!before) return void (event.pointerType === "mouse" && !this.isDrawing && this.preview(this.placeAt(event), event));
    const at = this.at(event);
    const { gesture } = this;
    if (!gesture) return; // the other of two fingers was taken away
    if (gesture.kind === "pinch") return this.pinch(event.pointerId, before, at);
    this.fingers.set(event.pointerId, at);
    if (gesture.kind === "line") this.line.push(this.placeAt(event));
    if (gesture.kind === "touch") this.preview(this.placeAt(event), event);
    if (gesture.kind === "click" && Math.hypot(at[0] - gesture.from[0], at[1] - gesture.from[1]) > CLICK) {
      gesture.kind = "pan";
      this.canvas.classList.add("panning");
      this.endPreview();
    }
    if (gesture.kind === "pan") this.view.move(at[0] - before[0], at[1] - before[1]);
    this.redraw();
  }

  // Two fingers: the places under them stay under them.
  pinch(finger, before, at) {
    const [other] = [...this.fingers].filter(([id]) => id !== finger).map(([, place]) => place);
    this.fingers.set(finger, at);
    if (!other) return;
    const far = ([x, y]) => Math.max(10, Math.hypot(x - other[0], y - other[1]));
    this.view.move((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    this.view.closer(far(at) / far(before), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    this.redraw();
  }

  up(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    const { gesture } = this;
    if (!gesture || gesture.kind === "pinch") return; // the finger that stays does nothing by itself
    this.canvas.classList.remove("panning");
    this.gesture = null;
    if (gesture.kind === "click" || gesture.kind === "touch") this.goTo(event);
    if (gesture.kind === "touch") this.hand = null;
    if (gesture.kind === "line") this.walkLine();
  }

  cancelled(event) {
    this.fingers.delete(event.pointerId);
    this.canvas.classList.remove("panning");
    if (this.gesture?.kind === "line") this.line = null;
    this.gesture = null;
    this.endPreview();
  }

  // A favourite's pin, or the place itself.
  goTo(event) {
    const [x, y] = this.at(event);
    const pin = this.pinned().findLast(({ at }) => Math.hypot(at[0] - x, at[1] - PIN - 8 - y) <= PIN);
    if (pin) this.go(pin.place, pin.recipe);
    else this.go(this.placeAt(event));
  }

  wheel(event) {
    if (!this.atlas) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.view.closer(Math.exp(clamp(-event.deltaY * lines, -120, 120) / (event.ctrlKey ? 100 : 400)), ...this.at(event));
    this.redraw();
  }

  // Keys on the map itself; those it takes go no further.
  keyDown(event) {
    if (!this.atlas || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const name = KEYS_OF_ZOOM[event.key.toLowerCase()] ?? (event.key === "0" && "fit");
    if (arrow) this.moveCursor(arrow, event);
    else if (name) this.act(name);
    else if (event.key === " ") this.drop();
    else if (event.key === "Enter" && this.dropped.length > 1) this.walkDropped();
    else if (event.key === "Enter" && this.cursor) this.go(this.cursor);
    else if (event.key === "Backspace" && this.dropped.length) this.drop(-1);
    else if (event.key === "Escape") this.escape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  moveCursor([across, down], event) {
    const { view } = this;
    const from = this.cursor ?? this.here?.place ?? [view.x, view.y];
    const [x, y] = view.toScreen(...from);
    const inside = x >= 0 && y >= 0 && x <= view.width && y <= view.height;
    const [left, top] = inside ? [x, y] : [view.width / 2, view.height / 2];
    const step = STEP * Math.min(view.width, view.height) * (event.shiftKey ? 4 : 1);
    this.cursor = view.toMap(left + across * step, top + down * step).map((value) => clamp(value, 0, 1));
    const [newX, newY] = view.toScreen(...this.cursor);
    const margin = step;
    view.move(clamp(newX, margin, view.width - margin) - newX, clamp(newY, margin, view.height - margin) - newY);
    this.preview(this.cursor, event);
    this.hand = null;
    this.showStatus();
  }

  // A walk by keyboard: a point of it is dropped where the cursor stands, or the last one taken back.
  drop(by = 1) {
    if (by < 0 && this.dropped.length === 1) return this.escape();
    if (by > 0 && !this.cursor) this.moveCursor([0, 0]);
    if (by > 0 && this.dropped.length === MOST_KEYS) return this.desk.stage.note("map.drop.full", { n: MOST_KEYS });
    if (by < 0) this.dropped.pop();
    else if (!this.isLast(this.cursor)) this.dropped.push(this.cursor);
    Object.assign(this, { line: [...this.dropped], lineKeys: [...this.dropped], lineClosed: false });
    this.desk.stage.note(this.dropped.length > 1 ? "map.drop.more" : "map.drop.first", { n: this.dropped.length });
    this.redraw();
  }

  isLast(place) {
    const last = this.dropped.at(-1);
    return !!last && this.apart(last, place) < 1;
  }

  // Pixels between two places.
  apart(a, b) {
    const [from, to] = [a, b].map((place) => this.view.toScreen(...place));
    return Math.hypot(from[0] - to[0], from[1] - to[1]);
  }

  // A last point on the first one makes a loop.
  walkDropped() {
    const closed = this.dropped.length > 3 && this.apart(this.dropped[0], this.dropped.at(-1)) < CLOSED;
    const places = closed ? this.dropped.slice(0, -1) : this.dropped;
    this.dropped = [];
    this.line = places;
    this.walkAlong(places, closed);
  }

  leaveCursor() {
    if (!this.cursor) return;
    this.cursor = null;
    this.endPreview();
  }

  escape() {
    this.line = null;
    this.dropped = [];
    this.drawing(false);
    this.leaveCursor();
    this.redraw();
  }

  // Keys while the tool is open, wherever the focus is. What the desk does with the present picture is done with the
  // one under the hand, while that is seen: a favourite stays where it is, for anything else we go there.
  onKey(key) {
    const name = KEYS_OF_ZOOM[key];
    if (name) this.act(name);
    const place = this.previewing && (this.hand ?? this.cursor);
    if (place && key === "h") this.keepAt(place);
    else if (place && OF_THE_PRESENT.includes(key)) this.go(place);
    return !!name || (!!place && key === "h");
  }

  async keepAt(place) {
    const { desk } = this;
    const recipe = this.recipeAt(...place);
    const known = desk.kept.find(recipe);
    if (known) return void desk.kept.remove(known.id);
    this.pins.set(JSON.stringify(recipe), place);
    const kept = desk.kept.add(recipe, null);
    desk.stage.note(kept ? "message.kept" : "message.full");
    if (!kept) return;
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    canvas.dataset.hard = desk.model.hardPixels;
    const { id } = desk.kept.find(recipe);
    const each = (_, { picture }) => {
      if (!picture) return;
      draw(canvas, picture);
      desk.kept.change(id, { thumb: thumbnail(canvas, SIDE) });
    };
    await desk.thumbs.draw([recipe], { side: SIDE, each }).catch(() => null);
  }

  // ---- a drawn line becomes a walk on the timeline, and plays

  walkLine() {
    const { view, desk } = this;
    this.dropped = [];
    const ends = [this.line[0], this.line.at(-1)].map((place) => view.toScreen(...place));
    const points = this.line.map((place) => view.toScreen(...place));
    const length = points.slice(1).reduce((sum, [x, y], at) => sum + Math.hypot(x - points[at][0], y - points[at][1]), 0);
    if (length < CLOSED) {
      this.line = null;
      return desk.stage.note("map.draw.short");
    }
    const closed = length > 5 * CLOSED && Math.hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]) < CLOSED;
    const places = resampled(this.line, clamp(Math.round(length / KEY_EVERY) + 1, ...KEYS), closed);
    this.walkAlong(places, closed);
  }

  walkAlong(places, closed) {
    const { desk } = this;
    const path = this.atlas.plane ? "z" : "own";
    const keys = places.map((place) => ({ recipe: R.shown(this.recipeAt(...place)), seconds: KEY_SECONDS, ease: "linear", path }));
    Object.assign(this, { lineKeys: places, lineClosed: closed });
    this.drawing(false);
    desk.films.replace({ keys, loop: closed, spline: true });
    desk.films.play();
    this.redraw();
  }
}

// The mean colour of every small picture, for dots where there are no classes: the sheet, a pixel for each.
function means(atlas, sheet) {
  const { columns, count } = atlas;
  const rows = Math.ceil(count / columns);
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(sheet, 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  return Array.from({ length: count }, (_, index) => `rgb(${data[4 * index]} ${data[4 * index + 1]} ${data[4 * index + 2]})`);
}
