// The Explore tab: controls write recipes, pictures and numbers come back. The page's HTML is
// laid out in explore.py; every text comes from words.py.

import { Live, paint } from "./live.js";
import * as R from "./recipe.js";

const $ = (selector) => document.querySelector(selector);
const HISTORY_SHOWN = 60;
const KEEP_MS = 500;
const READ_MS = 200; // numbers that change faster cannot be read, and each change costs the page a layout
const DRIFT_MS = 4000; // from one seed to the next
const KIOSK_MS = 45000; // a public page that nobody touches begins to drift
const PLANE_WIDTHS = 1.6; // seeds crossed by a drag over the whole picture

class Explore {
  async start(stage) {
    this.stage = stage;
    this.canvas = $("#picture");
    const hello = await stage.server.hello();
    Object.assign(this, { models: hello.models, words: hello.words, public: hello.public });
    this.language = Number(this.preferredLanguage());
    this.past = new R.Past();
    this.memory = new Map();
    this.painted = [];
    window.__live = { pairs: [], heads: [] };
    this.live = new Live({
      token: hello.token,
      event: async (message) => decode(await stage.server.frame(message)),
      renew: async () => (await stage.server.hello()).token,
      onFrame: (...frame) => this.onFrame(...frame),
      onError: (sentence) => this.say(sentence ?? this.words["stage.offline"]),
    });
    this.bind();
    this.translate();
    await this.open(hello);
    this.drawThumbnails();
  }

  // The first picture: what the address asks for, else the first model.
  async open(hello) {
    const address = new URLSearchParams(location.search);
    const plain = Object.fromEntries(["model", "seed", "psi", "label"].filter((key) => address.has(key)).map((key) => [key, address.get(key)]));
    let recipe = R.fresh(hello.first, hello.seed);
    if (address.has("r") || Object.keys(plain).length) {
      const request = address.has("r") ? { link: address.get("r") } : { plain: { model: hello.first, ...plain } };
      const { head } = await this.live.aside(request);
      if (head.error) this.misread = [head.error, head.chinese];
      else recipe = R.complete(head.recipe);
    }
    await this.take(recipe).catch((error) => this.fail(error));
    $("#desk").classList.add("ready");
  }

  // ---- recipes

  // Make `recipe` the present one: controls, picture, history.
  async take(recipe, { keep = true } = {}) {
    if (recipe.model !== this.recipe?.model) await this.useModel(recipe.model);
    this.recipe = recipe;
    this.memory.set(recipe.model, recipe);
    this.render({ hurry: false });
    this.showControls();
    if (keep) this.keepNow();
  }

  // A control moved: change the recipe, ask for the picture, keep the step when the hand rests.
  change(mutate, event) {
    this.rest();
    const draft = structuredClone(this.recipe);
    mutate(draft);
    this.recipe = draft;
    this.memory.set(draft.model, draft);
    this.render({ hurry: true, inputAt: event?.timeStamp });
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.keepNow(), KEEP_MS);
  }

  // The same, and the other controls follow.
  set(mutate, event) {
    this.change(mutate, event);
    this.showControls();
  }

  render({ hurry, inputAt, recipe = this.recipe, ...more }) {
    const { finish, ...rest } = recipe;
    this.live.ask({ recipe: rest, hurry, ...more }, inputAt ?? performance.now());
  }

  keepNow() {
    clearTimeout(this.keeping);
    if (!this.past.keep(this.recipe)) return;
    this.keepThumbnail();
    this.showHistory();
  }

  undo(by) {
    this.keepNow();
    const recipe = this.past.go(this.past.at + by);
    if (!recipe) return this.note(this.word(by < 0 ? "message.nothing.undo" : "message.nothing.redo"));
    this.take(recipe, { keep: false });
    this.showHistory();
  }

  async useModel(name) {
    this.model = await this.live.call("model", JSON.stringify({ model: name }));
    this.canvas.dataset.hard = this.model.hardPixels;
    this.layOut();
  }

  async chooseModel(name) {
    this.rest();
    const before = this.recipe ?? R.fresh(name, 0);
    if (this.recipe) this.keepNow();
    try {
      await this.take(structuredClone(this.memory.get(name)) ?? { ...R.fresh(name, R.placeOf(before).origin.seed), psi: before.psi });
    } catch (error) {
      this.fail(error);
    }
  }

  // ---- pictures

  async onFrame(head, data, asked) {
    await paint(this.canvas, { head, data });
    this.say(this.misread); // what was wrong with the address, with the first picture only
    this.misread = null;
    this.stage.classList.add("alive");
    this.canvas.dataset.seq = head.seq;
    if (head.point) this.point = head.point;
    if (asked.request.walk) this.walked = R.complete(head.recipe);
    else this.followPoint(asked.request.hurry);
    if (head.link) this.linkText = head.link;
    if (head.full && !asked.request.hurry && !asked.request.walk) this.atRest(asked.request.recipe);
    requestAnimationFrame((paintedAt) => this.measure(head, asked, Math.max(paintedAt, asked.receivedAt)));
  }

  measure(head, asked, paintedAt) {
    const { pairs, heads } = window.__live;
    const again = !asked.request.hurry && !head.ms && R.same(asked.request.recipe, this.measured);
    this.measured = asked.request.recipe;
    pairs.push([asked.inputAt, paintedAt]);
    heads.push({ ...head, sentAt: asked.sentAt, receivedAt: asked.receivedAt, hurry: !!asked.request.hurry });
    if (pairs.length > 2000) pairs.shift(), heads.shift();
    if (again) return; // the same picture, asked for once more at rest
    this.painted = [...this.painted.filter((at) => at > paintedAt - 1000), paintedAt];
    if (asked.request.hurry && paintedAt < this.readAt + READ_MS) return;
    this.readAt = paintedAt;
    const rate = this.painted.length > 5 ? ` · ${this.painted.length} fps` : "";
    const made = head.ms ? `${head.ms.toFixed(head.ms < 10 ? 1 : 0)} ms` : this.word("stage.remembered");
    const size = head.full ? `${head.width} px` : `${head.width} px ${this.word("stage.preview")}`;
    $("#readout").textContent = `${Math.round(paintedAt - asked.inputAt)} ms · ${made}${rate} · ${size} · ${this.model.device}`;
  }

  // The canvas shows the whole picture of a recipe that came to rest.
  atRest(recipe) {
    this.shown = recipe;
    if (this.keepThumbnail()) this.showHistory();
    $("#spoken").textContent = this.describe();
  }

  keepThumbnail() {
    const step = this.past.now;
    const isShown = step && !step.thumb && R.same({ ...step.recipe, finish: [] }, { ...this.shown, finish: [] });
    if (isShown) step.thumb = thumbnail(this.canvas);
    return isShown;
  }

  describe() {
    const seed = R.seedOf(this.recipe);
    const place = seed ?? this.word(this.recipe.anchors.some((anchor) => anchor.vector) ? "seed.point" : "seed.mixed");
    return `${this.word("seed.name")} ${place}, ${this.word("psi.label")} ${this.recipe.psi}`;
  }

  async drawThumbnails() {
    for (const card of document.querySelectorAll("#models .card")) {
      const { head, data } = await this.live.aside({ recipe: { model: card.dataset.model, anchors: [{ seed: 4 }] } });
      if (!head.error) await paint(card.querySelector("canvas"), { head, data });
    }
  }

  // ---- the controls of a model

  layOut() {
    const { model } = this;
    for (const card of document.querySelectorAll("#models .card")) card.setAttribute("aria-pressed", card.dataset.model === model.name);
    show("#classes", model.numClasses > 0);
    show("#noise", model.hasNoise);
    show("#strength", model.hasNoise);
    show("#cutoff", model.numWs > 1);
    show("#faders", model.zDim <= 32);
    show("#strip", model.zDim > 32);
    show("#directions", model.zDim > 32);
    setRange("#cutoff", 0, model.numWs);
    this.layOutClasses();
    const count = model.zDim <= 32 ? model.zDim : 0;
    $("#fader-list").replaceChildren(...Array.from({ length: count }, (_, index) => this.fader(index)));
    $("#direction-list").replaceChildren(...model.directions.map((name) => this.direction(name)));
    this.translate();
  }

  layOutClasses() {
    const many = this.model.numClasses > 40;
    show("#class-list", !many);
    show("#class-menu", many);
    const buttons = this.model.classes.map((name, index) => {
      const button = element("button", { type: "button", textContent: name });
      button.onclick = (event) => this.chooseClass(index, event);
      return button;
    });
    $("#class-list").replaceChildren(...(many ? [] : buttons));
    $("#class-menu").replaceChildren(...this.model.classes.map((name, index) => element("option", { value: index, textContent: `${index} ${name}` })));
  }

  fader(index) {
    return this.slider(`z${index + 1}`, "latent.item", { n: index + 1 }, 4, (value, event) => {
      this.change((recipe) => {
        const values = [...this.point];
        values[index] = value;
        this.point = values;
        recipe.anchors = [{ ...R.placeOf(recipe).origin, vector: R.packVector(values) }];
      }, event);
      this.showSeed();
    });
  }

  direction(name) {
    const [kind, number] = [name.slice(0, -1), Number(name.slice(-1))];
    const row = this.slider(null, `direction.${kind}`, { n: number }, 5, (value, event) =>
      this.change((recipe) => {
        recipe.offsets = recipe.offsets.filter((offset) => offset.direction !== name);
        if (value) recipe.offsets.push({ direction: name, sigma: value });
      }, event),
    );
    row.dataset.direction = name;
    return row;
  }

  // One compact slider row: name, range, number. `key` names it for readers; double-click is zero.
  slider(label, key, values, limit, onInput) {
    const row = element("label", { className: "slider" });
    const name = element("span", label ? { textContent: label } : {});
    if (!label) Object.assign(name.dataset, { word: key, wordValues: JSON.stringify(values) });
    const range = element("input", { type: "range", min: -limit, max: limit, step: 0.01, value: 0 });
    Object.assign(range.dataset, { wordLabel: key, wordValues: JSON.stringify(values) });
    const output = element("output", { textContent: "0.00" });
    const moved = (event) => {
      output.textContent = Number(range.value).toFixed(2);
      onInput(Number(range.value), event);
    };
    range.oninput = moved;
    range.ondblclick = (event) => {
      range.value = 0;
      moved(event);
    };
    row.append(name, range, output);
    return row;
  }

  // ---- controls follow the recipe

  showControls() {
    const { recipe } = this;
    setSlider("#psi", recipe.psi);
    setSlider("#cutoff", recipe.psi_cutoff ?? 0);
    setSlider("#strength", recipe.noise.strength);
    this.showSeed();
    this.showClasses();
    this.showNoise();
    for (const row of $("#direction-list").children) {
      const offset = recipe.offsets.find((offset) => offset.direction === row.dataset.direction);
      setRow(row, offset?.sigma ?? 0);
    }
    $("#saved-size").value = recipe.finish[0]?.parameters[0][1] ?? "";
  }

  showSeed() {
    const seed = R.seedOf(this.recipe);
    const field = $("#seed");
    if (document.activeElement !== field) field.value = seed ?? "";
    field.placeholder = this.word(this.recipe.anchors.some((anchor) => anchor.vector) ? "seed.point" : "seed.mixed");
  }

  showClasses() {
    const shares = classShares(this.recipe.anchors[0].label ?? 0);
    [...$("#class-list").children].forEach((button, index) => button.setAttribute("aria-pressed", shares.has(index)));
    $("#class-menu").value = [...shares.keys()][0];
    const mixing = shares.size > 1 || this.mixing;
    $("#class-mix").setAttribute("aria-pressed", mixing);
    const rows = mixing ? [...shares].map(([index, share]) => this.shareRow(index, share)) : [];
    if (!same([...$("#class-shares").children].map((row) => Number(row.dataset.index)), rows.map((row) => Number(row.dataset.index))))
      $("#class-shares").replaceChildren(...rows);
    else [...$("#class-shares").children].forEach((row, at) => setRow(row, [...shares.values()][at]));
    this.translateIn($("#class-shares"));
  }

  shareRow(index, share) {
    const row = this.slider(this.model.classes[index], "class.share", { name: this.model.classes[index] }, 1, (value, event) =>
      this.change((recipe) => {
        const shares = classShares(recipe.anchors[0].label ?? 0).set(index, value);
        if ([...shares.values()].some((value) => value > 0)) setLabel(recipe, labelOf(shares));
      }, event),
    );
    Object.assign(row.querySelector("input"), { min: 0, step: 0.01 });
    row.dataset.index = index;
    setRow(row, share);
    return row;
  }

  showNoise() {
    for (const button of document.querySelectorAll("#noise-modes button")) button.setAttribute("aria-pressed", button.value === this.recipe.noise.mode);
    show("#noise-seed-row", this.recipe.noise.mode === "random");
    $("#noise-seed").value = this.recipe.noise.seed;
  }

  // Faders and strip follow the point that came back with the picture, but never under the hand.
  followPoint(hurry) {
    if (hurry && performance.now() < this.followedAt + READ_MS) return;
    this.followedAt = performance.now();
    const rows = [...$("#fader-list").children];
    const held = rows.some((row) => row.querySelector("input") === document.activeElement && row.matches(":active"));
    if (!held && rows.length === this.point?.length) rows.forEach((row, index) => setRow(row, this.point[index]));
    if (this.model.zDim > 32) drawStrip($("#strip-canvas"), this.point);
  }

  showHistory() {
    const first = Math.max(0, this.past.steps.length - HISTORY_SHOWN);
    const items = this.past.steps.slice(first).map((step, offset) => {
      const at = first + offset;
      const button = element("button", { type: "button", className: "step" });
      if (step.thumb) button.style.backgroundImage = `url(${step.thumb})`;
      if (at === this.past.at) button.setAttribute("aria-current", "true");
      Object.assign(button.dataset, { wordLabel: "history.item", wordValues: JSON.stringify({ n: at + 1 }) });
      button.onclick = () => this.undo(at - this.past.at);
      return button;
    });
    const list = $("#history-list");
    list.replaceChildren(...items);
    this.translateIn(list);
    const current = list.querySelector("[aria-current]");
    if (current) list.scrollLeft = current.offsetLeft - list.clientWidth / 2;
    show("#history-empty", items.length < 2);
  }

  // ---- what the hand does

  bind() {
    onSlider("#psi", (value, event) => this.change((recipe) => (recipe.psi = value), event));
    onSlider("#cutoff", (value, event) => this.change((recipe) => (recipe.psi_cutoff = value || null), event));
    onSlider("#strength", (value, event) => this.change((recipe) => (recipe.noise.strength = value), event));
    for (const card of document.querySelectorAll("#models .card")) card.onclick = () => this.chooseModel(card.dataset.model);
    this.bindSeed();
    this.bindPicture();
    this.bindStrip();
    this.bindNoise();
    $("#class-menu").onchange = (event) => this.chooseClass(Number(event.target.value), event);
    $("#class-mix").onclick = () => this.toggleMixing();
    $("#saved-size").onchange = (event) => this.chooseSize(event.target.value);
    for (const button of document.querySelectorAll("[data-action]")) button.onclick = (event) => this.act(button.dataset.action, event);
    const compare = $('[data-action="compare"]');
    compare.onclick = null;
    compare.onpointerdown = () => this.compare(true);
    compare.onpointerup = compare.onpointerleave = compare.onpointercancel = compare.onblur = () => this.compare(false);
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("keyup", (event) => event.key.toLowerCase() === "c" && this.compare(false));
    const toggle = $("#advanced-toggle");
    toggle.onclick = () => this.openAdvanced(toggle.getAttribute("aria-expanded") !== "true");
    this.openAdvanced(false);
    this.bindDrop();
    for (const kind of ["pointerdown", "keydown", "wheel"]) document.addEventListener(kind, () => this.awake(), { passive: true, capture: true });
    this.awake();
  }

  openAdvanced(open) {
    $("#advanced-toggle").setAttribute("aria-expanded", open);
    $("#advanced").hidden = !open;
  }

  bindSeed() {
    const field = $("#seed");
    field.onchange = (event) => {
      const value = field.value.trim();
      if (!/^\d+$/.test(value) || Number(value) > R.MAX_SEED) {
        this.showSeed();
        return this.say([0, 1].map((language) => this.word("seed.error", { value: JSON.stringify(value) }, language)));
      }
      this.say();
      this.toSeed(Number(value), event);
    };
    field.onkeydown = (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.stepSeed(step, event);
      field.value = R.seedOf(this.recipe);
    };
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

  // Drag on the picture: over the seed plane, or over the latent plane of a model with two numbers.
  bindPicture() {
    const { canvas } = this;
    let from = null;
    canvas.onpointerdown = (event) => {
      if (event.button || !this.recipe) return;
      this.rest();
      canvas.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY, place: R.placeOf(this.recipe), point: this.point };
    };
    // Raw updates come at once, moves only with the next animation frame.
    canvas["onpointerrawupdate" in canvas ? "onpointerrawupdate" : "onpointermove"] = (event) => {
      if (!from) return;
      const width = canvas.clientWidth;
      const [x, y] = [(event.clientX - from.x) / width, (event.clientY - from.y) / width].map((share) => share * PLANE_WIDTHS);
      if (!from.moved && Math.hypot(x, y) < 0.005) return;
      from.moved = true;
      this.stage.classList.add("dragged");
      this.change((recipe) => (recipe.anchors = this.dragged(from, x, y)), event);
      this.showSeed();
    };
    canvas.onpointerup = canvas.onpointercancel = () => (from = null);
  }

  dragged(from, x, y) {
    if (this.model.zDim === 2 && from.point) {
      const values = [from.point[0] - 2 * x, from.point[1] - 2 * y].map((value) => Math.max(-4, Math.min(4, value)));
      return [{ ...from.place.origin, vector: R.packVector(values) }];
    }
    return R.onPlane(from.place.origin, from.place.x - x, from.place.y - y);
  }

  bindStrip() {
    const canvas = $("#strip-canvas");
    let chosen = 0;
    const put = (index, value, event) => {
      const values = [...this.point];
      values[index] = value;
      this.point = values;
      drawStrip(canvas, values, index);
      canvas.setAttribute("aria-valuenow", value.toFixed(2));
      canvas.setAttribute("aria-valuetext", `${this.word("latent.item", { n: index + 1 })}: ${value.toFixed(2)}`);
      this.set((recipe) => (recipe.anchors = [{ ...R.placeOf(recipe).origin, vector: R.packVector(values) }]), event);
    };
    canvas.onpointerdown = (event) => canvas.setPointerCapture(event.pointerId);
    canvas.onpointermove = (event) => {
      if (!event.buttons || !this.point) return;
      const box = canvas.getBoundingClientRect();
      chosen = Math.max(0, Math.min(this.point.length - 1, Math.floor(((event.clientX - box.left) / box.width) * this.point.length)));
      put(chosen, Math.max(-4, Math.min(4, 4 - ((event.clientY - box.top) / box.height) * 8)), event);
    };
    canvas.onkeydown = (event) => {
      const [move, lift] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key] ?? [];
      if (move === undefined || !this.point) return;
      event.preventDefault();
      event.stopPropagation();
      chosen = Math.max(0, Math.min(this.point.length - 1, chosen + move));
      put(chosen, Math.max(-4, Math.min(4, this.point[chosen] + lift)), event);
    };
  }

  bindNoise() {
    for (const button of document.querySelectorAll("#noise-modes button"))
      button.onclick = (event) => this.set((recipe) => (recipe.noise.mode = button.value), event);
    $("#noise-seed").oninput = (event) => {
      const seed = Number(event.target.value);
      if (Number.isInteger(seed) && seed >= 0 && seed <= R.MAX_SEED) this.change((recipe) => (recipe.noise.seed = seed), event);
    };
  }

  chooseClass(index, event) {
    this.set((recipe) => {
      if (!this.mixing) return setLabel(recipe, index);
      const shares = classShares(recipe.anchors[0].label ?? 0);
      if (shares.has(index) && shares.size > 1) shares.delete(index);
      else shares.set(index, 1);
      setLabel(recipe, labelOf(shares));
    }, event);
  }

  toggleMixing() {
    const shares = classShares(this.recipe.anchors[0].label ?? 0);
    this.mixing = !(this.mixing || shares.size > 1);
    if (!this.mixing && shares.size > 1) this.set((recipe) => setLabel(recipe, [...shares].sort((a, b) => b[1] - a[1])[0][0]));
    else this.showClasses();
  }

  chooseSize(size) {
    const step = this.model.hardPixels ? "blocks" : "enlarge";
    this.change((recipe) => (recipe.finish = size ? [{ name: step, parameters: [["size", Number(size)]] }] : []));
  }

  act(name, event) {
    if (!this.recipe && !["theme", "language"].includes(name)) return;
    const does = {
      dice: () => this.toSeed(R.randomSeed(), event),
      recycle: () => this.lastSeed != null && this.toSeed(this.lastSeed, event),
      undo: () => this.undo(-1),
      redo: () => this.undo(1),
      drift: () => (this.drifting ? this.rest() : this.drift()),
      reset: () => this.take(R.fresh(this.recipe.model, R.placeOf(this.recipe).origin.seed)),
      link: () => this.copyLink(),
      save: () => this.save(),
      open: () => $("#open-file").click(),
      full: () => (document.fullscreenElement ? document.exitFullscreen() : $("#frame").requestFullscreen()),
      theme: () => this.toggleTheme(),
      language: () => this.toggleLanguage(),
    };
    if (name !== "drift") this.rest();
    if (["dice", "recycle"].includes(name)) this.keepNow(); // a roll of the dice is a step, however quick
    does[name]();
  }

  onKey(event) {
    if (!this.recipe) return;
    const typing = event.target.closest?.("input:not([type=range]):not([type=file]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !$("#stage")?.offsetParent) return;
    const onRange = event.target.matches?.("input[type=range], [role=slider], [role=tab]");
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: -R.ROW, ArrowDown: R.ROW }[event.key];
    if (step && !onRange) {
      event.preventDefault();
      return this.stepSeed(step, event);
    }
    const key = event.key.toLowerCase();
    if (key === "c" && !event.repeat) return this.compare(true);
    const name = { r: "dice", b: "recycle", z: event.shiftKey ? "redo" : "undo", y: "redo", d: "drift", 0: "reset", l: "link", s: "save", o: "open", f: "full" }[key];
    if (name && !event.repeat) {
      event.preventDefault();
      this.act(name, event);
    }
  }

  compare(held) {
    if (held === !!this.comparing) return;
    if (held) this.keepNow();
    const before = this.past.steps[this.past.at - 1];
    if (held && !before) return;
    this.comparing = held;
    this.render({ hurry: true, recipe: held ? before.recipe : this.recipe });
    $('[data-action="compare"]').setAttribute("aria-pressed", held);
  }

  drift() {
    this.drifting = { start: this.recipe, at: performance.now() };
    this.stage.classList.add("dragged");
    $('[data-action="drift"]').setAttribute("aria-pressed", true);
    const step = () => {
      if (!this.drifting) return;
      if (!this.live.underWay) {
        const moment = (performance.now() - this.drifting.at) / DRIFT_MS;
        this.render({ hurry: true, recipe: this.drifting.start, walk: "drift", moment });
      }
      requestAnimationFrame(step);
    };
    step();
  }

  // The hand takes over from a drift: its last picture becomes the present one.
  rest() {
    if (!this.drifting) return;
    this.drifting = null;
    $('[data-action="drift"]').setAttribute("aria-pressed", false);
    if (this.walked) this.take({ ...this.walked, finish: this.recipe.finish });
    this.walked = null;
  }

  awake() {
    clearTimeout(this.kiosk);
    if (this.public) this.kiosk = setTimeout(() => !this.drifting && this.drift(), KIOSK_MS);
  }

  // ---- files and links

  async copyLink() {
    const address = `${location.origin}${location.pathname}?r=${this.linkText}`;
    try {
      await navigator.clipboard.writeText(address);
      this.note(this.word("message.linked"));
    } catch {
      history.replaceState(null, "", address);
      this.note(this.word("message.link.manual"));
    }
  }

  async save() {
    try {
      const seed = R.seedOf(this.recipe);
      const name = `${this.recipe.model}-${seed === null ? "mix" : `seed${String(seed).padStart(4, "0")}`}.png`;
      const file = await this.live.call("png", JSON.stringify({ recipe: this.recipe }));
      const link = element("a", { href: URL.createObjectURL(file), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      this.note(this.word("message.saved", { name }));
    } catch (error) {
      this.fail(error);
    }
  }

  async openFile(file) {
    if (!file) return;
    try {
      const recipe = await this.live.call("recipe", file);
      this.keepNow();
      await this.take(R.complete(recipe));
      const other = recipe.weights && recipe.weights !== this.model.weights;
      this.note(this.word(other ? "message.weights" : "message.opened", { name: file.name }));
    } catch (error) {
      this.fail(error);
    }
  }

  bindDrop() {
    const field = $("#open-file");
    field.onchange = () => {
      this.openFile(field.files[0]);
      field.value = "";
    };
    let depth = 0;
    const over = (by) => this.stage.classList.toggle("drop", (depth = by ? depth + by : 0) > 0);
    const isFile = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragenter", (event) => isFile(event) && over(1));
    document.addEventListener("dragleave", (event) => isFile(event) && over(-1));
    document.addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      over(0);
      this.openFile(event.dataTransfer.files[0]);
    });
  }

  // ---- words

  word(key, values = {}, language = this.language) {
    const text = this.words[key]?.[language] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  preferredLanguage() {
    const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("genart.language") ?? navigator.language;
    return asked.toLowerCase().startsWith("zh") ? 1 : 0;
  }

  toggleLanguage() {
    this.language = 1 - this.language;
    localStorage.setItem("genart.language", ["en", "zh"][this.language]);
    this.translate();
    this.say(this.said);
    if (this.recipe) this.showControls();
  }

  toggleTheme() {
    const dark = document.body.classList.toggle("dark");
    localStorage.setItem("genart.theme", dark ? "dark" : "light");
  }

  translate() {
    document.documentElement.lang = ["en", "zh-Hans"][this.language];
    this.translateIn(document);
    for (const name of ["psi", "cutoff", "strength"]) {
      setText($(`#${name} [data-testid="block-info"]`), this.word(`${name}.label`));
      setText($(`#${name} [data-testid="block-info"] ~ *`) ?? $(`#${name} .info`), this.word(`${name}.info`));
      for (const input of document.querySelectorAll(`#${name} input`)) input.setAttribute("aria-label", this.word(`${name}.label`));
    }
    for (const tab of document.querySelectorAll('[role="tab"]')) {
      const key = `tab.${tab.id.replace("-button", "")}`;
      if (this.words[key]) setText(tab, this.word(key));
    }
    if (!this.model) return;
    const { family, size, kind, licence, credit } = this.model;
    $("#model-facts").textContent = this.word("model.by", { family, size, kind, licence });
    $("#model-credit").textContent = this.word("model.trained", { credit });
    $("#strip-term").textContent = this.word("latent.strip.term", { n: this.model.zDim });
  }

  translateIn(root) {
    for (const node of root.querySelectorAll("[data-word], [data-word-title], [data-word-label]")) {
      const { word, wordTitle, wordLabel, wordValues } = node.dataset;
      const values = wordValues ? JSON.parse(wordValues) : {};
      if (word) node.textContent = this.word(word, values);
      if (wordTitle) node.title = this.word(wordTitle, values);
      if (wordLabel) node.setAttribute("aria-label", this.word(wordLabel, values));
    }
  }

  // A sentence in the picture area, as [English, Chinese]; none to take it away.
  say(sentence) {
    if (!sentence && !this.said) return;
    this.said = sentence;
    const place = $("#stage-error");
    place.textContent = sentence?.[this.language] ?? "";
    place.hidden = !sentence;
    if (sentence) $("#stage-loading").hidden = true;
  }

  // What the server said went wrong; anything else is for the console.
  fail(error) {
    if (!error.sentence) console.error(error);
    this.say(error.sentence ?? this.words["message.failed"]);
  }

  note(text) {
    const place = $("#note");
    place.textContent = text;
    place.classList.add("shown");
    clearTimeout(this.noting);
    this.noting = setTimeout(() => place.classList.remove("shown"), 2500);
  }
}

// ---- small things the page is made of

const same = R.same;

function element(kind, properties) {
  return Object.assign(document.createElement(kind), properties);
}

function show(selector, visible) {
  const node = $(selector);
  const block = node?.closest(".block, .form") ?? node;
  if (node) node.hidden = !visible;
  if (block && block !== node && block.id === node.id) block.hidden = !visible;
}

function setText(node, text) {
  const leaf = [...(node?.childNodes ?? [])].find((child) => child.nodeType === Node.TEXT_NODE && child.nodeValue.trim());
  if (leaf) leaf.nodeValue = text;
}

// Gradio's own sliders: their inputs are set as a hand would set them, and told apart from a hand.
let settling = false;
function onSlider(selector, onInput) {
  $(selector).addEventListener("input", (event) => {
    const value = Number(event.target.value);
    if (!settling && event.target.value !== "" && Number.isFinite(value)) onInput(value, event);
  });
}

function setSlider(selector, value) {
  const range = $(`${selector} input[type=range]`);
  if (!range || Number(range.value) === value) return;
  settling = true;
  range.value = value;
  range.dispatchEvent(new Event("input", { bubbles: true }));
  settling = false;
}

function setRange(selector, min, max) {
  for (const input of document.querySelectorAll(`${selector} input`)) Object.assign(input, { min, max });
}

function setRow(row, value) {
  row.querySelector("input").value = value;
  row.querySelector("output").textContent = Number(value).toFixed(2);
}

function classShares(label) {
  return new Map(Array.isArray(label) ? label : [[label, 1]]);
}

function labelOf(shares) {
  return shares.size > 1 ? [...shares] : [...shares.keys()][0];
}

function setLabel(recipe, label) {
  for (const anchor of recipe.anchors) anchor.label = label;
}

function thumbnail(canvas) {
  const small = element("canvas", { width: 64, height: 64 });
  small.getContext("2d").drawImage(canvas, 0, 0, 64, 64);
  return small.toDataURL("image/jpeg", 0.85);
}

function drawStrip(canvas, values, chosen = -1) {
  if (!values) return;
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const step = width / values.length;
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(canvas).color;
  values.forEach((value, index) => {
    context.globalAlpha = index === chosen ? 1 : 0.65;
    const tall = (Math.max(-4, Math.min(4, value)) / 4) * (height / 2);
    context.fillRect(index * step, height / 2 - Math.max(0, tall), Math.max(1, step * 0.8), Math.max(1, Math.abs(tall)));
  });
}

function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

// Gradio builds the page piece by piece; begin when the last piece is there.
const parts = ["#stage", "#picture", "#psi input[type=range]", "#fader-list", "#models", "#cutoff input[type=range]", "#strength input[type=range]"];
const waiting = setInterval(() => {
  const stage = $("#stage");
  if (!stage?.server || !parts.every((part) => $(part))) return;
  clearInterval(waiting);
  new Explore().start(stage).catch((error) => {
    console.error(error);
    Object.assign($("#stage-error"), { hidden: false, textContent: error.message });
  });
}, 20);

const theme = localStorage.getItem("genart.theme");
if (theme) document.body.classList.toggle("dark", theme === "dark");
