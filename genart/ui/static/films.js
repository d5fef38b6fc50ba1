// The timeline: keys in time, the strip of moments between them, playing at true time, and films of it.
// The walk is plain data as walk.py reads it; the server turns moments into pictures.

import { draw, paint } from "./live.js";
import * as R from "./recipe.js";
import { Sound } from "./sound.js";
import { textOf } from "./thumbs.js";
import { $, $$, clamp, element } from "./widgets.js";

const KEYS = 64;
const SECONDS = 4; // of a new key, as films of latent walks mostly have
const SHORTEST = 0.1;
const STRIP_MS = 350; // the strip is drawn anew when the hand has rested this long
const THUMB = 64; // pixels of a key's picture
const ONION = 256; // pixels of a neighbouring key laid over the picture
const CELL = 44; // pixels of a strip's picture
const WANTED_FPS = 30; // what playing aims at, and counts skipped frames by
const POLL_MS = 300;
const ENDS = 2 ** 21; // bytes at either end of a file, where its notes stand
const MARK = /genart walk"|genart walk\0|genart:walk/;
const STEP = 0.1; // seconds a key of the keyboard moves
const SHORTCUTS = { " ": "play", k: "key", e: "export", m: "sound" };
export const CARRIED = "application/x-genart"; // a recipe on its way to the timeline

export class Films {
  constructor(desk) {
    this.desk = desk;
    this.walk = { keys: [], loop: true, spline: false };
    this.past = new R.Past();
    this.past.keep(this.walk);
    this.second = 0;
    this.chosen = null;
    this.onion = element("canvas", { id: "onion", width: ONION, height: ONION, hidden: true });
    $("#frame").append(this.onion);
    this.sound = new Sound(this);
    this.bind();
  }

  get isOpen() {
    return !$("#timeline").hidden;
  }

  toggle(open = !this.isOpen) {
    this.pause();
    $("#timeline").hidden = !open;
    document.body.classList.toggle("filming", open);
    $('[data-action="film"]').setAttribute("aria-pressed", open);
    this.onion.hidden = !open || !this.onions;
    if (open) this.show();
  }

  // ---- the walk

  get text() {
    return JSON.stringify({ "genart walk": 1, ...this.walk });
  }

  get starts() {
    let at = 0;
    return this.walk.keys.map((key) => (at += key.seconds) - key.seconds);
  }

  get seconds() {
    const { keys, loop } = this.walk;
    if (!keys.length) return 0;
    return this.starts.at(-1) + (loop || keys.length === 1 ? keys.at(-1).seconds : 0);
  }

  // A change of the walk: shown, kept for undo, and no longer re-timed unless it says so.
  change(mutate, { pace = false, keep = true, rest = true } = {}) {
    if (rest) this.desk.rest();
    const walk = structuredClone(this.walk);
    if (!pace) delete walk.pace;
    mutate(walk);
    this.walk = walk;
    if (keep) this.past.keep(walk);
    this.chosen = this.chosen !== null && this.chosen < walk.keys.length ? this.chosen : null;
    this.second = clamp(this.second, 0, this.seconds);
    this.show();
  }

  undo(by) {
    const walk = this.past.go(this.past.at + by);
    if (!walk) return this.desk.stage.note(by < 0 ? "message.nothing.undo" : "message.nothing.redo");
    this.walk = walk;
    this.chosen = null;
    this.show();
  }

  // New keys behind one of them, by itself the chosen one, else at the end. All of a walk are of one model.
  add(recipes, behind = this.chosen ?? this.walk.keys.length - 1) {
    if (!recipes.length) return this.desk.stage.note("film.none");
    const model = this.walk.keys[0]?.recipe.model ?? recipes[0].model;
    if (recipes.some((recipe) => recipe.model !== model)) return this.desk.stage.say(this.desk.words.every("film.other"));
    if (this.walk.keys.length + recipes.length > KEYS) return this.desk.stage.say(this.desk.words.every("film.full"));
    this.desk.stage.say();
    const at = behind + 1;
    const near = this.walk.keys[Math.max(0, behind)] ?? { seconds: SECONDS, ease: "sine", path: "own" };
    const keys = recipes.map((recipe) => ({ ...near, recipe: structuredClone(R.shown(recipe)) }));
    this.change((walk) => walk.keys.splice(at, 0, ...keys));
    this.choose(at + keys.length - 1);
  }

  async addFrom(source) {
    const { desk } = this;
    const { model } = desk.recipe;
    if (source === "points") return this.add((desk.points[model] ?? []).slice(0, 12).map((recipe) => R.complete(recipe)));
    if (source === "kept") return this.add(desk.kept.items.map(({ recipe }) => recipe).filter((recipe) => recipe.model === model).slice(0, KEYS));
    if (source === "history") {
      desk.keepNow();
      return this.add(desk.past.steps.map(({ recipe }) => recipe).filter((recipe) => recipe.model === model).slice(-12));
    }
    const make = source.replace("make ", "");
    const made = await desk.live.call("walk", JSON.stringify({ make, recipe: R.shown(desk.recipe) })).catch((error) => desk.fail(error));
    if (made) this.replace(made.walk);
  }

  // Another walk as a whole: every recipe complete, as the controls want it.
  replace({ "genart walk": _, ...walk }) {
    const key = (one) => ({ seconds: SECONDS, ease: "sine", path: "own", ...one, recipe: { ...R.complete(one.recipe), weights: one.recipe.weights } });
    this.walk = { loop: false, spline: false, ...walk, keys: walk.keys.map(key) };
    this.past.keep(this.walk);
    this.chosen = null;
    this.toggle(true);
    this.seek(0);
  }

  addSeeds(text) {
    const { desk } = this;
    const seeds = R.seedsIn(text, KEYS + 1);
    if (!seeds) return desk.stage.say(desk.words.every("seed.error", { value: JSON.stringify(text) }));
    const { label } = desk.recipe.anchors[0];
    this.add(seeds.map((seed) => ({ ...desk.recipe, anchors: [{ seed, ...(label != null && { label }) }] })));
  }

  async even() {
    if (this.walk.pace) return this.change((walk) => delete walk.pace);
    const { desk } = this;
    $('[data-film="even"]').disabled = true;
    const { text } = this;
    const found = await desk.live.call("walk", JSON.stringify({ even: text })).catch((error) => desk.fail(error));
    $('[data-film="even"]').disabled = false;
    if (!found || text !== this.text) return;
    this.change((walk) => (walk.pace = found.walk.pace), { pace: true });
    const [before, after] = [found.before.toFixed(2), found.after.toFixed(2)];
    desk.stage.note("film.evened", { before, after });
  }

  // ---- moments

  // The picture of a second, at once; at rest it becomes the present one.
  seek(second, event) {
    this.desk.rest();
    this.second = clamp(second, 0, this.seconds);
    this.ask(event);
    this.showHead();
  }

  ask(event) {
    if (this.walk.keys.length) this.desk.live.ask({ walk: this.text, moment: this.second, hurry: true }, event?.timeStamp ?? performance.now());
  }

  // A moment of a walk was painted, whole or on the way.
  painted(hurry) {
    if (!this.isOpen) return;
    if (this.playing) this.playing.painted += 1;
    else if (!hurry && !this.desk.drifting) this.desk.take(this.desk.walked, { keep: false });
  }

  play() {
    if (this.playing) return this.pause();
    if (this.walk.keys.length < 2 && !this.walk.loop && !this.walk.sound) return;
    const { desk } = this;
    if (!this.seconds) return;
    desk.rest();
    if (!this.walk.loop && this.second >= this.seconds) this.second = 0;
    this.playing = { since: performance.now(), painted: 0 };
    this.setClock(this.second, this.playing.since);
    this.sound.start(this.second);
    this.showPlaying();
    const step = (now) => {
      if (!this.playing) return;
      let second = this.playing.from + Math.max(0, now - this.playing.at) / 1000;
      const heard = this.sound.off(second); // the ear notices a jump, the eye hardly: the picture follows
      if (heard !== null) this.setClock((second = heard), now);
      if (this.walk.loop && second >= this.seconds) {
        this.setClock((second %= this.seconds), now);
        this.sound.start(second);
      }
      const ended = !this.walk.loop && second >= this.seconds;
      this.second = this.walk.loop ? second % this.seconds : Math.min(second, this.seconds);
      if (!desk.live.underWay || ended) this.ask();
      this.showHead();
      if (ended) return this.stop();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  setClock(second, now) {
    Object.assign(this.playing, { from: second, at: now });
  }

  stop() {
    this.showRate();
    this.sound.stop();
    this.playing = null;
    this.showPlaying();
  }

  // The hand takes over: the moment on the screen becomes the present picture.
  pause() {
    if (!this.playing) return;
    this.stop();
    if (this.desk.walked) this.desk.take(this.desk.walked, { keep: false });
  }

  // ---- shown

  show() {
    const { keys, loop, spline, pace } = this.walk;
    for (const [name, pressed] of Object.entries({ loop, spline, even: !!pace, onion: !!this.onions }))
      $(`[data-film="${name}"]`).setAttribute("aria-pressed", pressed);
    $("#tl-empty").hidden = keys.length > 0;
    for (const name of ["export", "even", "play"]) $(`[data-film="${name}"]`).disabled = !keys.length;
    this.sound.show();
    if (!this.walk.sound) this.reached = null;
    this.showKeys();
    this.showChosen();
    this.showHead();
    this.showOnion();
    clearTimeout(this.drawing);
    this.drawing = setTimeout(() => this.drawStrip(), STRIP_MS);
  }

  showKeys() {
    const list = $("#tl-keys");
    const starts = this.starts;
    while (list.children.length > this.walk.keys.length) list.lastChild.remove();
    this.walk.keys.forEach((key, index) => {
      const button = list.children[index] ?? list.appendChild(this.keyButton(index));
      button.style.left = `${this.shareOf(starts[index]) * 100}%`;
      button.setAttribute("aria-pressed", index === this.chosen);
      button.dataset.wordValues = JSON.stringify({ n: index + 1, at: starts[index].toFixed(1) });
    });
    this.drawThumbs();
    this.desk.words.translate(list);
  }

  keyButton(index) {
    const button = element("button", { type: "button", className: "tl-key" });
    button.dataset.wordLabel = button.dataset.wordTitle = "film.key.item";
    button.append(element("canvas", { width: THUMB, height: THUMB }));
    this.bindKey(button, index);
    return button;
  }

  // Small pictures of the keys that do not show theirs yet.
  drawThumbs() {
    const missing = new Map();
    this.walk.keys.forEach(({ recipe }, index) => {
      const canvas = $("#tl-keys").children[index].firstChild;
      const text = textOf(recipe);
      canvas.dataset.wanted = text;
      if (canvas.dataset.shown !== text) missing.set(text, recipe);
    });
    const texts = [...missing.keys()];
    if (!texts.length || R.same(texts, this.thumbing?.texts)) return;
    const before = this.thumbing;
    const asked = (this.thumbing = Object.assign(new AbortController(), { texts }));
    const each = (index, { picture }) => {
      const wanted = [...$("#tl-keys").children].map(({ firstChild }) => firstChild).filter(({ dataset }) => dataset.wanted === texts[index]);
      for (const canvas of picture ? wanted : []) this.drawThumb(canvas, picture);
    };
    const over = () => this.thumbing === asked && (this.thumbing = null);
    this.desk.thumbs.draw([...missing.values()], { side: THUMB, each, signal: asked.signal }).then(over, over);
    before?.abort(); // last, so that what is under way goes on
  }

  drawThumb(canvas, picture) {
    canvas.dataset.shown = canvas.dataset.wanted;
    canvas.dataset.hard = this.desk.model?.hardPixels ?? false;
    draw(canvas, picture);
  }

  // Pictures of even moments along the track, one after another; a newer walk puts an end to it.
  async drawStrip() {
    const strip = $("#tl-strip");
    const drawing = (this.stripping = Symbol());
    strip.width = strip.clientWidth;
    const { text } = this;
    await this.askReached(text);
    if (drawing !== this.stripping) return;
    const count = this.walk.keys.length ? Math.max(1, Math.floor(strip.width / CELL)) : 0;
    const small = element("canvas", { width: 40, height: 40 });
    small.dataset.hard = this.desk.model?.hardPixels ?? false;
    const wide = strip.width / count;
    for (let number = 0; number < count; number += 1) {
      while (this.playing) await new Promise((done) => setTimeout(done, 200));
      const moment = (this.seconds * (number + 0.5)) / count;
      const reply = await this.desk.live.aside({ walk: text, moment, hurry: true }).catch(() => null);
      if (drawing !== this.stripping) return;
      if (!reply || reply.head.error || reply.head.overtaken) continue;
      await paint(small, reply);
      strip.getContext("2d").drawImage(small, number * wide, 0, wide, strip.height);
    }
  }

  // Where a walk with sound has come to at each part of its time, so that its keys stand where they are reached.
  async askReached(text) {
    if (!this.walk.sound || !this.walk.keys.length) return;
    const found = await this.desk.live.call("walk", JSON.stringify({ reached: text })).catch(() => null);
    if (!found || text !== this.text) return;
    this.reached = found.reached;
    this.showKeys();
  }

  showHead() {
    const total = this.seconds;
    $("#tl-head").style.left = `${total ? (this.second / total) * 100 : 0}%`;
    $("#tl-time").textContent = `${this.second.toFixed(1)} / ${total.toFixed(1)} s`;
    const track = $("#tl-track");
    track.setAttribute("aria-valuemax", total.toFixed(1));
    track.setAttribute("aria-valuenow", this.second.toFixed(1));
    this.showRate();
    if (this.onions) this.showOnion();
  }

  // How many frames a second were really painted, and how many of 30 a second were not.
  showRate() {
    if (!this.playing) return;
    const lasted = (performance.now() - this.playing.since) / 1000;
    if (lasted < 1 || performance.now() < this.ratedAt + 400) return;
    this.ratedAt = performance.now();
    const n = Math.max(0, Math.floor(lasted * WANTED_FPS) - this.playing.painted);
    const fps = Math.round(this.playing.painted / lasted);
    $("#tl-rate").textContent = this.desk.words.word(n > 1 ? "film.rate.skipped" : "film.rate.now", { fps, n });
  }

  showPlaying() {
    const button = $('[data-film="play"]');
    button.setAttribute("aria-pressed", !!this.playing);
    button.querySelector("path").setAttribute("d", this.playing ? "M8 5v14 M16 5v14" : "M7 4l13 8-13 8z");
  }

  showChosen() {
    const key = this.walk.keys[this.chosen];
    $("#tl-key").hidden = !key;
    if (!key) return;
    $("#tl-key-name").textContent = this.desk.words.word("film.key.chosen", { n: this.chosen + 1 });
    if (document.activeElement !== $("#tl-seconds")) $("#tl-seconds").value = Number(key.seconds.toFixed(2));
    $("#tl-ease").value = key.ease;
    $("#tl-path").value = key.path;
    $('[data-film="earlier"]').disabled = this.chosen === 0;
    $('[data-film="later"]').disabled = this.chosen === this.walk.keys.length - 1;
  }

  // The keys on either side of the moment, laid over the picture.
  showOnion() {
    this.onion.hidden = !this.isOpen || !this.onions || this.walk.keys.length < 2;
    if (this.onion.hidden) return;
    const after = this.starts.findIndex((start) => this.shareOf(start) * this.seconds > this.second + 1e-6);
    const sides = [(after < 0 ? this.walk.keys.length : after) - 1, after < 0 ? (this.walk.loop ? 0 : this.walk.keys.length - 1) : after];
    const recipes = sides.map((index) => this.walk.keys[index].recipe);
    const shown = JSON.stringify(recipes);
    if (shown === this.onionShown) return;
    this.onionShown = shown;
    const before = this.onioning;
    const { signal } = (this.onioning = new AbortController());
    const context = this.onion.getContext("2d");
    context.clearRect(0, 0, ONION, ONION);
    const layers = [];
    const each = (side, { picture }) => {
      if (!picture) return;
      const layer = (layers[side] = element("canvas", { width: ONION, height: ONION }));
      layer.dataset.hard = this.desk.model?.hardPixels ?? false;
      draw(layer, picture);
      context.clearRect(0, 0, ONION, ONION);
      layers.forEach((one, at) => {
        context.globalAlpha = at ? 0.5 : 1;
        context.drawImage(one, 0, 0);
      });
    };
    this.desk.thumbs.draw(recipes, { side: ONION, each, signal }).catch(() => shown === this.onionShown && (this.onionShown = null));
    before?.abort();
  }

  translate() {
    const group = $("#tl-from optgroup");
    group.label = this.desk.words.word("film.ready");
    this.showChosen();
    this.sound.show();
  }

  // The place of a second on the track: a re-timed walk reaches its keys sooner or later than they say.
  shareOf(second) {
    const share = this.seconds ? second / this.seconds : 0;
    const pace = this.reached ?? this.walk.pace;
    if (!pace) return share;
    const after = pace.findIndex((reached) => reached >= share);
    if (after <= 0) return 0;
    const [low, high] = [pace[after - 1], pace[after]];
    return (after - 1 + (high > low ? (share - low) / (high - low) : 0)) / (pace.length - 1);
  }

  // ---- what the hand does

  bind() {
    const does = {
      play: () => this.play(),
      loop: () => this.change((walk) => (walk.loop = !walk.loop)),
      spline: () => this.change((walk) => (walk.spline = !walk.spline)),
      even: () => this.even(),
      onion: () => this.toggleOnion(),
      key: () => this.desk.recipe && this.add([this.desk.recipe]),
      undo: () => this.undo(-1),
      redo: () => this.undo(1),
      earlier: () => this.swap(-1),
      later: () => this.swap(1),
      update: () => this.update(),
      delete: () => this.remove(),
      export: () => this.openDialog(),
      sound: () => this.desk.recipe && this.sound.press(),
      close: () => this.toggle(false),
    };
    this.does = does;
    for (const button of $$("[data-film]")) button.onclick = () => does[button.dataset.film]();
    $("#tl-from").onchange = ({ target }) => {
      if (target.value && this.desk.recipe) this.addFrom(target.value);
      target.value = "";
    };
    const seeds = $("#tl-seeds");
    seeds.onchange = () => {
      if (seeds.value.trim()) this.addSeeds(seeds.value);
      seeds.value = "";
    };
    $("#tl-seconds").onchange = ({ target }) => {
      const value = Number(target.value);
      if (value >= SHORTEST && value <= Number(target.max)) this.change((walk) => (walk.keys[this.chosen].seconds = value));
      else this.showChosen();
    };
    $("#tl-ease").onchange = ({ target }) => this.change((walk) => (walk.keys[this.chosen].ease = target.value));
    $("#tl-path").onchange = ({ target }) => this.change((walk) => (walk.keys[this.chosen].path = target.value));
    this.bindTrack();
    this.bindDialog();
  }

  bindTrack() {
    const track = $("#tl-track");
    const at = (event) => {
      const { left, width } = $("#tl-strip").getBoundingClientRect();
      return clamp((event.clientX - left) / width, 0, 1) * this.seconds;
    };
    track.onpointerdown = (event) => {
      if (event.button || event.target.closest(".tl-key") || !this.walk.keys.length) return;
      track.setPointerCapture(event.pointerId);
      this.scrubbing = true;
      this.seek(at(event), event);
    };
    track.onpointermove = (event) => this.scrubbing && this.seek(at(event), event);
    track.onpointerup = track.onpointercancel = () => (this.scrubbing = false);
    track.onkeydown = (event) => {
      const to = { ArrowLeft: this.second - STEP, ArrowRight: this.second + STEP, Home: 0, End: this.seconds }[event.key];
      if (to === undefined || event.target !== track) return;
      event.preventDefault();
      event.stopPropagation();
      this.seek(to, event);
    };
    this.bindCarried();
    new ResizeObserver(() => this.isOpen && $("#tl-strip").width !== $("#tl-strip").clientWidth && this.show()).observe(track);
  }

  // A picture of the history or a starting point, dragged here, becomes a key where it is let go.
  bindCarried() {
    const dock = $("#timeline");
    const carries = (event) => event.dataTransfer?.types.includes(CARRIED);
    const over = (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      dock.classList.add("over");
    };
    dock.addEventListener("dragenter", over);
    dock.addEventListener("dragover", over);
    dock.addEventListener("dragleave", (event) => dock.contains(event.relatedTarget) || dock.classList.remove("over"));
    dock.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      dock.classList.remove("over");
      const { left, width } = $("#tl-strip").getBoundingClientRect();
      const share = (event.clientX - left) / width;
      const behind = this.starts.filter((start) => this.shareOf(start) <= share).length - 1;
      this.add([JSON.parse(event.dataTransfer.getData(CARRIED))], event.target.closest("#tl-track") ? behind : undefined);
    });
  }

  // A key is chosen by a tap, and dragged along the track between its neighbours.
  bindKey(button, index) {
    let from = null;
    button.onpointerdown = (event) => {
      if (event.button) return;
      button.setPointerCapture(event.pointerId);
      from = { x: event.clientX, walk: structuredClone(this.walk), scale: this.seconds / $("#tl-strip").clientWidth };
    };
    button.onpointermove = (event) => {
      if (!from || (!from.moved && Math.abs(event.clientX - from.x) < 4) || index === 0) return;
      from.moved = true;
      this.drag(index, from.walk, (event.clientX - from.x) * from.scale);
    };
    button.onpointerup = button.onpointercancel = () => {
      if (from?.moved) {
        this.past.keep(this.walk);
        this.ask();
      }
      this.dragged = from?.moved;
      from = null;
    };
    button.onclick = () => {
      if (this.dragged) return (this.dragged = false);
      this.choose(index);
      this.seek(this.shareOf(this.starts[index]) * this.seconds);
    };
    button.onkeydown = (event) => {
      const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
      if (by === undefined || index === 0) return;
      event.preventDefault();
      event.stopPropagation();
      this.drag(index, this.walk, by);
      this.past.keep(this.walk);
    };
  }

  drag(index, from, by) {
    const { keys, loop } = from;
    const last = index === keys.length - 1 && !loop;
    const low = SHORTEST - keys[index - 1].seconds;
    const moved = clamp(by, low, last ? 60 : keys[index].seconds - SHORTEST);
    this.change(
      (walk) => {
        walk.keys[index - 1].seconds = Math.round((keys[index - 1].seconds + moved) * 100) / 100;
        if (!last) walk.keys[index].seconds = Math.round((keys[index].seconds - moved) * 100) / 100;
      },
      { keep: false },
    );
  }

  choose(index) {
    this.chosen = index;
    this.showKeys();
    this.showChosen();
  }

  swap(by) {
    const [here, there] = [this.chosen, this.chosen + by];
    if (here === null || !this.walk.keys[there]) return;
    this.change((walk) => ([walk.keys[here].recipe, walk.keys[there].recipe] = [walk.keys[there].recipe, walk.keys[here].recipe]));
    this.choose(there);
  }

  update() {
    const { desk, chosen } = this;
    if (desk.recipe.model !== this.walk.keys[chosen].recipe.model) return desk.stage.say(desk.words.every("film.other"));
    this.change((walk) => (walk.keys[chosen].recipe = structuredClone(R.shown(desk.recipe))));
  }

  remove() {
    const { chosen } = this;
    if (chosen === null) return;
    this.change((walk) => walk.keys.splice(chosen, 1));
    this.choose(this.walk.keys.length ? Math.max(0, chosen - 1) : null);
  }

  toggleOnion() {
    this.onions = !this.onions;
    this.onionShown = null;
    this.show();
  }

  // True where the timeline took the key of the keyboard.
  onKey(key, event) {
    if (!this.isOpen || $("#film-dialog").open) return false;
    const within = event.target.closest?.("#timeline");
    if (key === " " && event.target.matches?.("button, [role=tab]") && !event.target.closest("#tl-keys")) return false;
    const name = (within && { delete: "delete", backspace: "delete", z: event.shiftKey ? "redo" : "undo" }[key]) || SHORTCUTS[key];
    if (!name || $(`[data-film="${name}"]`).disabled) return false;
    event.preventDefault();
    this.does[name]();
    return true;
  }

  // ---- files

  // True where a dropped file carries a walk, which is then on the timeline.
  async open(file) {
    this.desk.awake();
    if (Sound.is(file) && this.desk.recipe) {
      await this.sound.take(file);
      return true;
    }
    const parts = file.size > 2 * ENDS && !file.type.includes("png") ? [file.slice(0, ENDS), file.slice(file.size - ENDS)] : [file];
    const ends = new Blob(parts);
    if (file.size > 20 * ENDS || !MARK.test(await ends.text())) return false;
    const { desk } = this;
    const found = await desk.live.call("walk/read", ends).catch((error) => desk.fail(error));
    if (!found) return true;
    this.replace(found.walk);
    desk.stage.note("film.opened", { name: file.name });
    return true;
  }

  get film() {
    return {
      format: $("#film-format").value,
      side: Number($("#film-side").value),
      fps: Number($("#film-fps").value),
      quality: $("#film-quality").value,
      label: $("#film-label").checked,
    };
  }

  bindDialog() {
    const dialog = $("#film-dialog");
    document.body.append(dialog); // Gradio's own containers would clip it
    for (const field of dialog.querySelectorAll("select, input")) field.onchange = () => this.estimate();
    $("#film-start").onclick = () => this.render();
    $("#film-cancel").onclick = () => (this.job ? this.cancel() : dialog.close());
    dialog.oncancel = (event) => {
      event.preventDefault();
      $("#film-cancel").click();
    };
  }

  openDialog() {
    this.pause();
    this.desk.words.translate($("#film-dialog"));
    $("#film-dialog").showModal();
    this.estimate();
  }

  say(text) {
    $("#film-estimate").textContent = text;
  }

  async estimate() {
    const { words, live } = this.desk;
    const walkItself = this.film.format === "walk";
    for (const name of ["side", "fps", "quality", "label"]) $(`#film-${name}`).disabled = walkItself;
    this.sound.show();
    const asked = (this.estimating = Symbol());
    if (walkItself) return this.say("");
    this.say(words.word("film.estimating"));
    const body = JSON.stringify({ walk: this.text, film: this.film });
    const found = await live.call("film/estimate", body).catch((error) => this.failed(error));
    if (!found || asked !== this.estimating || this.job) return;
    const megabytes = (found.bytes / 1e6).toFixed(1);
    this.say(words.word("film.estimate", { frames: found.frames, seconds: Math.ceil(found.seconds), megabytes }));
  }

  failed(error) {
    if (!error.sentence) console.error(error);
    this.say((error.sentence ?? this.desk.words.every("message.failed"))[this.desk.words.language]);
  }

  async render() {
    const { live, stage } = this.desk;
    if (this.film.format === "walk") {
      const name = `${this.walk.keys[0].recipe.model.replace(/[^\w.-]+/g, "-")}-walk.json`;
      this.save(new Blob([this.text], { type: "application/json" }), name);
      return $("#film-dialog").close();
    }
    if (this.job) return;
    const sound = !$("#film-heard").hidden && $("#film-sound").checked;
    const brought = !sound || (await live.call("film/sound", this.sound.sent).catch((error) => this.failed(error)));
    if (!brought) return;
    const body = JSON.stringify({ walk: this.text, film: this.film, sound });
    const begun = await live.call("film", body).catch((error) => this.failed(error));
    if (!begun) return;
    this.job = begun.id;
    $("#film-start").disabled = true;
    $("#film-progress").hidden = false;
    const state = await this.follow(JSON.stringify({ id: begun.id })).catch((error) => this.failed(error));
    if (state?.finished) {
      const file = await live.call("film/file", JSON.stringify({ id: begun.id })).catch((error) => this.failed(error));
      if (file) {
        this.save(file, state.name);
        stage.note("message.saved", { name: state.name });
        $("#film-dialog").close();
      }
    }
    this.job = null;
    $("#film-start").disabled = false;
    $("#film-progress").hidden = true;
  }

  // Until the film is finished, has failed or was cancelled.
  async follow(body) {
    const { live, words } = this.desk;
    for (;;) {
      if (!this.job) return null;
      const state = await live.call("film/state", body);
      if (!this.job) return null;
      if (state.error) throw Object.assign(new Error(state.error), { sentence: [state.error, state.chinese] });
      $("#film-progress").value = state.done / state.count;
      const { done, count } = state;
      const left = state.left && Math.ceil(state.left); // nobody knows before the second frame
      this.say(state.waiting ? words.word("film.waiting") : words.word(left == null ? "film.begun" : "film.progress", { done, count, left }));
      if (state.finished) return state;
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  async cancel() {
    const body = JSON.stringify({ id: this.job });
    this.job = null;
    await this.desk.live.call("film/cancel", body).catch(() => null);
    this.say(this.desk.words.word("film.cancelled"));
  }

  save(file, name) {
    const link = element("a", { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
}
