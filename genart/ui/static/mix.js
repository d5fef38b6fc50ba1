// Mixing: a row of pictures, a pad with them at its corners, layers taken from one and another, and the
// table of all pairs. The page's HTML is laid out in tools/mix.py; the arithmetic is in mixing.js.

import { draw } from "./live.js";
import * as M from "./mixing.js";
import * as R from "./recipe.js";
import { Tray } from "./tray.js";
import { $, $$, SIDE, element, setRow, show, sliderRow, thumbnail } from "./widgets.js";

const LETTERS = "ABCDEFGH";
const MAGNET = 0.06; // of half the pad: how near the hand must come to a corner or an edge
const STEP = 0.05; // of an arrow key
const BETWEEN = 9; // pictures from one of two to the other
const LARGEST = 256; // side of a table's pictures
const FOLDED = 32; // more layers, or latent numbers, are chosen in groups only
const REMEMBERED = 300; // mixtures whose place on the pad is known

export class Mix {
  constructor(desk) {
    this.desk = desk;
    this.states = new Map(); // of each model, while the page lives
    this.tray = new Tray(desk, $("#mix-tray"), (recipe, thumb) => this.pick(recipe, thumb));
    this.bind();
  }

  // ---- laid out for a model

  layOut(model) {
    this.stop();
    if (!this.states.has(model.name)) this.states.set(model.name, fresh());
    this.state = this.states.get(model.name);
    const bent = model.hasMapping || model.latent.length > 0;
    const paths = { own: true, z: model.spherical || bent, "z-arc": true, w: bent && model.spherical, "w-arc": bent };
    for (const option of $("#mix-path").options) option.hidden = option.disabled = !paths[option.value];
    $("#mix-path").value = this.state.mix;
    this.ofNumbers = model.numWs === 1;
    this.parts = model.numWs > 1 ? model.numWs : model.latent.length || model.zDim < 2 ? 0 : model.zDim;
    const groups = this.ofNumbers ? M.thirds(this.parts) : R.layerGroups(this.parts);
    this.groups = Object.entries(groups).filter(([, [first, last]]) => last > first);
    $("#tool-mix").dataset.hard = model.hardPixels;
    this.layOutParts();
    this.laidOut = false;
    this.renew();
  }

  // What could not be drawn while the tool was hidden.
  opened() {
    if (!this.laidOut) return this.renew();
    this.follow();
    this.drawThumbnails();
    if (!this.stripDrawn) this.drawBetween();
  }

  closed() {
    this.stop();
  }

  show() {
    if (!this.laidOut) return this.renew(); // after a reload the model is there before the recipe
    this.tray.fill();
    this.follow();
  }

  get polygon() {
    return M.corners(this.state.sources.length);
  }

  // The sources changed: places on the pad of what was made before mean nothing now.
  changed() {
    this.state.made.clear();
    this.renew();
  }

  // All that is drawn from the sources.
  renew() {
    const { state } = this;
    if (!this.desk.recipe) return;
    this.laidOut = true;
    state.chosen = state.sources.some(({ id }) => id === state.chosen) ? state.chosen : null;
    const known = new Set(state.sources.map(({ id }) => id));
    state.picks = Array.from({ length: this.parts }, (_, part) => (known.has(state.picks[part]) ? state.picks[part] : null));
    this.showSources();
    this.showPad();
    this.showMatrix();
    this.clearTable();
    this.follow();
    this.drawThumbnails();
    this.drawBetween();
    this.tray.fill();
  }

  // ---- sources

  pick(recipe, thumb) {
    const { state } = this;
    const at = state.replacing ? state.sources.findIndex(({ id }) => id === state.chosen) : -1;
    if (at >= 0) this.put(at, recipe, thumb);
    else this.add([{ recipe, thumb }]);
  }

  put(at, recipe, thumb) {
    const { state } = this;
    state.sources[at] = { ...source(recipe, thumb), id: state.sources[at].id };
    state.replacing = false;
    this.changed();
  }

  add(all) {
    const { state, desk } = this;
    const room = M.MOST - state.sources.length;
    if (all.length > room) desk.stage.note("mix.full");
    for (const { recipe, thumb } of all.slice(0, room)) {
      state.sources.push(source(recipe, thumb));
      if (recipe.anchors.length > 1 && recipe.mix && !state.touched) state.mix = recipe.mix;
    }
    $("#mix-path").value = state.mix;
    this.changed();
  }

  // The present picture at another seed.
  ofSeed(seed) {
    const { mix, ...recipe } = structuredClone(this.desk.recipe);
    const label = M.labelOf(recipe.anchors);
    return { ...recipe, anchors: [{ seed, ...(label != null && { label }) }], layers: [] };
  }

  act(name) {
    const { state } = this;
    const at = state.sources.findIndex(({ id }) => id === state.chosen);
    const swap = (other) => ([state.sources[at], state.sources[other]] = [state.sources[other], state.sources[at]]);
    const does = {
      dice: () => this.pick(this.ofSeed(R.randomSeed()), null),
      clear: () => (state.sources = []),
      there: () => this.move(this.polygon[at], null, { last: true }),
      replace: () => (state.replacing = !state.replacing),
      left: () => at > 0 && swap(at - 1),
      right: () => at < state.sources.length - 1 && swap(at + 1),
      remove: () => state.sources.splice(at, 1),
      unpick: () => this.unpick(),
      draw: () => this.drawTable(),
      cancel: () => this.stop(),
      save: () => this.saveTable(),
    };
    does[name]();
    if (name === "replace") this.showSources();
    if (["clear", "left", "right", "remove"].includes(name)) this.changed();
    if (["left", "right"].includes(name)) $(`[data-mix="${name}"]`).focus();
  }

  showSources() {
    const { state, desk } = this;
    const { sources } = state;
    const chips = sources.map((one, index) => {
      const chip = element("button", { type: "button", className: "cell chip" });
      const face = element("span", { className: "face" });
      if (one.thumb) face.style.backgroundImage = `url(${one.thumb})`;
      chip.append(face, element("b", { textContent: LETTERS[index] }));
      chip.setAttribute("aria-pressed", one.id === state.chosen);
      Object.assign(chip.dataset, { wordLabel: "mix.source", wordTitle: "mix.source", wordValues: JSON.stringify({ letter: LETTERS[index] }) });
      chip.onclick = () => this.choose(one.id);
      return chip;
    });
    const rest = Array.from({ length: Math.max(0, 2 - sources.length) }, () => element("span", { className: "cell missing", textContent: "+" }));
    const held = document.activeElement?.closest("#mix-row") && [...$("#mix-row").children].indexOf(document.activeElement);
    $("#mix-row").replaceChildren(...chips, ...rest);
    if (held >= 0) chips[held]?.focus();
    const at = sources.findIndex(({ id }) => id === state.chosen);
    show("#mix-moves", at >= 0);
    show('[data-mix="clear"]', sources.length > 0);
    $('[data-mix="replace"]').setAttribute("aria-pressed", state.replacing);
    $('[data-mix="left"]').disabled = at < 1;
    $('[data-mix="right"]').disabled = at === sources.length - 1;
    $('[data-mix="there"]').disabled = sources.length < 2;
    const say = state.replacing ? "mix.replacing" : at >= 0 ? "mix.chosen" : ["mix.empty", "mix.one"][sources.length] ?? "mix.more";
    Object.assign($("#mix-say").dataset, { word: say, wordValues: JSON.stringify({ letter: LETTERS[at] ?? "" }) });
    for (const place of ["#mix-sources", "#mix-choice"]) desk.words.translate($(place));
    if (state.replacing) $("#mix-choice").scrollIntoView({ block: "nearest" });
  }

  choose(id) {
    const { state } = this;
    state.chosen = state.chosen === id ? null : id;
    state.replacing = false;
    this.showSources();
    this.showPresets();
  }

  // Sources that came without a picture get theirs.
  async drawThumbnails() {
    const { desk, state } = this;
    const blank = state.sources.filter(({ thumb }) => !thumb);
    this.thumbing?.abort();
    if (!blank.length || !$("#mix-row").offsetParent) return;
    const { signal } = (this.thumbing = new AbortController());
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    canvas.dataset.hard = desk.model.hardPixels;
    const each = (index, { head, picture }) => {
      if (head.error) return desk.stage.say([head.error, head.chinese]);
      draw(canvas, picture);
      blank[index].thumb = thumbnail(canvas);
    };
    await desk.thumbs.draw(blank.map(({ recipe }) => recipe), { side: SIDE, signal, each }).catch((error) => desk.fail(error));
    if (signal.aborted || this.state !== state) return;
    this.showSources();
    this.showPad();
    this.showMatrix();
    if (this.table) this.layOutTable(this.table.cells);
  }

  // ---- the pad

  showPad() {
    const { sources } = this.state;
    const { polygon } = this;
    show("#mix-pad-panel", sources.length > 1);
    show("#mix-between", sources.length === 2);
    const pad = $("#mix-pad");
    pad.classList.toggle("line", sources.length === 2);
    $("#mix-pad-panel").classList.toggle("two", sources.length === 2);
    pad.querySelector("polygon").setAttribute("points", polygon.map((corner) => corner.join(",")).join(" "));
    $("#mix-corners").replaceChildren(
      ...sources.map(({ thumb }, index) => {
        const place = element("span", { className: "corner" });
        place.append(element("b", { textContent: LETTERS[index] }));
        if (thumb) place.style.backgroundImage = `url(${thumb})`;
        Object.assign(place.style, placed(polygon[index]));
        return place;
      }),
    );
    this.showPuck();
  }

  showPuck() {
    const { state } = this;
    const puck = $("#mix-puck");
    Object.assign(puck.style, placed(state.spot));
    puck.classList.toggle("away", state.away);
    const text = this.shares
      .map((share, index) => [LETTERS[index], Math.round(share * 100)])
      .filter(([, share]) => share > 0)
      .map(([letter, share]) => `${letter} ${share} %`)
      .join(" · ");
    puck.setAttribute("aria-valuetext", text);
    puck.setAttribute("aria-valuenow", Math.round(Math.max(...this.shares, 0) * 100));
    const shares = $("#mix-shares");
    Object.assign(shares.dataset, { word: state.away ? "mix.away" : "mix.shares", wordValues: JSON.stringify({ shares: text }) });
    this.desk.words.translate(shares.parentElement);
    if (state.sources.length === 2) $("#mix-slider").value = this.shares[1];
    for (const [index, button] of [...$("#mix-strip").children].entries())
      button.setAttribute("aria-pressed", !state.away && Math.abs(index / (BETWEEN - 1) - this.shares[1]) < 0.001);
  }

  get shares() {
    return M.shares(this.polygon, this.state.spot);
  }

  // The puck is moved; `last` when the hand has let go, and the other controls follow.
  move(place, event, { magnet = 0, last = false } = {}) {
    const { state } = this;
    state.spot = M.settled(this.polygon, place, magnet);
    if (this.ofNumbers) this.forget();
    this.make(event);
    if (last) this.desk.controls.show();
  }

  // What the picture is now made of becomes the recipe.
  make(event) {
    const { state, desk } = this;
    const recipe = this.recipe();
    state.away = false;
    desk.change((draft) => become(draft, recipe), event ?? undefined);
    if (state.made.size >= REMEMBERED) state.made.delete(state.made.keys().next().value);
    state.made.set(JSON.stringify(recipe), { spot: state.spot, picks: [...state.picks], share: { ...state.share } });
    cancelAnimationFrame(this.showing); // the hand may send more than the screen can show
    this.showing = requestAnimationFrame(() => this.showPuck());
  }

  // The picture may have come from elsewhere: the puck goes to where it lies, or is shown to be away.
  follow() {
    const { state, desk } = this;
    if (this.held || state.sources.length < 2 || !desk.recipe) return;
    const known = state.made.get(JSON.stringify(desk.recipe));
    const at = state.sources.findIndex(({ recipe }) => R.same(recipe, desk.recipe));
    state.away = !known && at < 0;
    if (known) Object.assign(state, { spot: known.spot, picks: [...known.picks], share: { ...known.share } });
    else if (at >= 0) Object.assign(state, { spot: this.polygon[at], picks: state.picks.map(() => null) });
    else state.spot = M.settled(this.polygon, state.spot);
    this.showPuck();
    this.showPicks();
  }

  recipe() {
    const { state } = this;
    const { sources } = state;
    if (this.ofNumbers && state.picks.some((id) => id !== null)) return this.onNumbers();
    const base = M.mixed(sources.map(({ recipe }) => recipe), this.shares, state.mix);
    const swaps = M.swaps(state.picks.map((id, part) => id && { anchor: this.source(id).anchor, share: this.shareOf(part) }));
    return swaps.length ? { ...base, layers: [...base.layers, ...swaps] } : base;
  }

  onNumbers() {
    const { state } = this;
    const base = this.base;
    const picks = state.picks.map((id, part) => id && id !== base.id && { values: this.source(id).values, share: this.shareOf(part) });
    return picks.some(Boolean) ? M.onNumbers(base.recipe, M.crossed(base.values, picks)) : structuredClone(base.recipe);
  }

  // The source that the puck is nearest to.
  get base() {
    const { shares } = this;
    return this.state.sources[shares.indexOf(Math.max(...shares))];
  }

  source(id) {
    return this.state.sources.find((one) => one.id === id);
  }

  shareOf(part) {
    const [name] = this.groups.find(([, [first, last]]) => part >= first && part < last);
    return this.state.share[name];
  }

  // ---- two sources: what lies between them

  async drawBetween() {
    const { desk, state } = this;
    this.betweening?.abort();
    this.stripDrawn = false;
    if (state.sources.length !== 2 || !$("#mix-strip").offsetParent) return;
    const { signal } = (this.betweening = new AbortController());
    const moments = Array.from({ length: BETWEEN }, (_, index) => index / (BETWEEN - 1));
    const buttons = moments.map((moment) => {
      const button = element("button", { type: "button", className: "cell" });
      button.append(element("canvas", { width: SIDE, height: SIDE }));
      button.firstChild.dataset.hard = desk.model.hardPixels;
      Object.assign(button.dataset, { wordLabel: "mix.moment", wordValues: JSON.stringify({ n: Math.round(moment * 1000) / 10 }) });
      button.onclick = (event) => this.move([2 * moment - 1, 0], event, { last: true });
      return button;
    });
    $("#mix-strip").replaceChildren(...buttons);
    desk.words.translate($("#mix-strip"));
    const recipes = moments.map((moment) => M.mixed(state.sources.map(({ recipe }) => recipe), [1 - moment, moment], state.mix));
    const each = (index, { picture }) => picture && draw(buttons[index].firstChild, picture);
    const whole = await desk.thumbs.draw(recipes, { side: SIDE, signal, each }).catch((error) => desk.fail(error));
    if (!signal.aborted) this.stripDrawn = !!whole;
  }

  // ---- layers, or latent numbers, from one and another

  // What a swap needs of a source: its anchor, or the numbers of its latent.
  async ready(sources) {
    for (const one of sources) {
      if (this.ofNumbers ? one.values : one.anchor) continue;
      const [point] = one.recipe.anchors;
      const plain = one.recipe.anchors.length === 1 && !one.recipe.layers.length;
      if (plain && !this.ofNumbers) one.anchor = { ...structuredClone(point), weight: 1 };
      else {
        const asked = { recipe: one.recipe, space: this.ofNumbers ? "z" : "w" };
        const { vector } = await this.desk.live.call("point", JSON.stringify(asked));
        if (this.ofNumbers) one.values = [...R.unpackVector(vector).values];
        else one.anchor = { seed: point.seed ?? 0, vector };
      }
    }
  }

  async take(parts, id, event) {
    const { state, desk } = this;
    const wanted = id === null ? [] : [this.source(id), ...(this.ofNumbers ? [this.base] : [])];
    const ready = await this.ready(wanted).then(
      () => true,
      (error) => desk.fail(error),
    );
    if (!ready || this.state !== state) return;
    desk.stage.say();
    if (this.ofNumbers) state.spot = this.polygon[state.sources.indexOf(this.base)];
    for (const part of parts) state.picks[part] = id;
    this.make(event);
    desk.controls.show();
    this.showPicks();
  }

  forget() {
    if (!this.state.picks.some((id) => id !== null)) return;
    this.state.picks.fill(null);
    this.showPicks();
  }

  unpick() {
    this.forget();
    this.make();
    this.desk.controls.show();
  }

  showMatrix() {
    const { state, desk } = this;
    const { sources } = state;
    show("#mix-layers", sources.length > 1 && this.parts > 0);
    show("#mix-table-panel", sources.length > 1 && this.parts > 0);
    $("#mix-layers-term").dataset.word = this.ofNumbers ? "mix.numbers.term" : "mix.layers.term";
    this.showPresets();
    const head = element("div", { className: "mix-line head" });
    const own = element("span", { className: "corner pad" });
    own.dataset.wordTitle = this.ofNumbers ? "mix.own.number" : "mix.own";
    own.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="4"/></svg>';
    head.append(element("span", {}), own, ...sources.map((one, index) => letter(one, index)));
    const rows = this.groups.flatMap(([name, range]) => this.groupRows(name, range));
    const matrix = $("#mix-matrix");
    matrix.style.setProperty("--columns", sources.length + 1);
    matrix.replaceChildren(head, ...rows);
    desk.words.translate($("#mix-layers"));
    this.showPicks();
  }

  groupRows(name, [first, last]) {
    const { state } = this;
    const row = this.row(name, range(first, last));
    const toggle = row.firstChild;
    const inner = last - first > 1 && this.parts <= FOLDED ? range(first, last).map((part) => this.row(null, [part])) : [];
    const open = (opened) => {
      state.open[name] = opened;
      toggle.setAttribute("aria-expanded", opened);
      for (const one of inner) one.hidden = !opened;
    };
    toggle.onclick = () => open(!state.open[name]);
    if (inner.length) open(!!state.open[name]);
    else toggle.disabled = true;
    const onInput = (value, event) => {
      state.share[name] = value;
      if (this.state.picks.slice(first, last).some((id) => id !== null)) this.make(event);
    };
    const share = sliderRow({ key: "mix.share", values: {}, min: 0, max: 1, onInput });
    share.dataset.group = name;
    return [row, share, ...inner];
  }

  row(name, parts) {
    const line = element("div", { className: name ? "mix-line group" : "mix-line" });
    const about = { n: parts[0] + 1, first: parts[0] + 1, last: parts.at(-1) + 1 };
    const key = `mix.${this.ofNumbers ? "numbers" : "layers"}.${parts.length > 1 ? "range" : "single"}`;
    const label = element(name ? "button" : "span", { className: "name" });
    if (name && !this.ofNumbers) label.append(element("span", {}));
    if (name && !this.ofNumbers) label.firstChild.dataset.word = `mix.${name}`;
    const numbers = element(name ? "small" : "span", {});
    Object.assign(numbers.dataset, { word: key, wordValues: JSON.stringify(about) });
    if (name) label.type = "button";
    label.append(numbers);
    const ids = [null, ...this.state.sources.map(({ id }) => id)];
    const cells = ids.map((id, index) => {
      const cell = element("button", { type: "button", className: "pick" });
      Object.assign(cell.dataset, {
        wordLabel: id === null ? "mix.pick.own" : this.ofNumbers ? "mix.pick.numbers" : "mix.pick",
        wordValues: JSON.stringify({ ...about, letter: LETTERS[index - 1] ?? "" }),
      });
      cell.onclick = (event) => this.take(parts, id, event);
      return Object.assign(cell, { parts, source: id });
    });
    line.append(label, ...cells);
    return line;
  }

  showPicks() {
    const { state } = this;
    for (const cell of $$("#mix-matrix .pick")) {
      const found = cell.parts.filter((part) => state.picks[part] === cell.source).length;
      cell.setAttribute("aria-pressed", found === cell.parts.length ? true : found ? "mixed" : false);
    }
    for (const [name, [first, last]] of this.groups) {
      const row = $(`#mix-matrix .slider[data-group="${name}"]`);
      if (!row) continue;
      row.hidden = !state.picks.slice(first, last).some((id) => id !== null);
      if (!row.matches(":active")) setRow(row, state.share[name]);
    }
    show('[data-mix="unpick"]', state.picks.some((id) => id !== null));
  }

  // Coarse, middle or fine from the chosen source, or from B.
  showPresets() {
    const { state, desk } = this;
    const chosen = state.sources.findIndex(({ id }) => id === state.chosen);
    const at = chosen >= 0 ? chosen : 1;
    const buttons = this.groups.map(([name, [first, last]]) => {
      const button = element("button", { type: "button" });
      const key = this.ofNumbers ? "mix.preset.numbers" : `mix.preset.${name}`;
      Object.assign(button.dataset, { word: key, wordValues: JSON.stringify({ letter: LETTERS[at], first: first + 1, last }) });
      button.onclick = (event) => this.take(range(first, last), state.sources[at].id, event);
      return button;
    });
    $("#mix-presets").replaceChildren(...buttons);
    desk.words.translate($("#mix-presets"));
  }

  // ---- the table: every column's picture with some layers of every row's

  layOutParts() {
    const { state } = this;
    state.range ??= this.groups[0]?.[1].map((end, index) => end + 1 - index) ?? [1, 1];
    const choices = [...this.groups.map(([name]) => name), "range"];
    if (!choices.includes(state.part)) state.part = choices[0];
    const buttons = choices.map((name) => {
      const button = element("button", { type: "button" });
      const [first, last] = Object.fromEntries(this.groups)[name] ?? [0, 0];
      const key = name === "range" ? "mix.part.range" : this.ofNumbers ? "mix.numbers.range" : `mix.${name}`;
      Object.assign(button.dataset, { word: key, wordValues: JSON.stringify({ first: first + 1, last }), part: name });
      button.onclick = () => this.choosePart(name);
      return button;
    });
    $("#mix-parts").replaceChildren(...buttons);
    for (const field of $$("#mix-range input")) field.max = this.parts;
    this.showParts();
  }

  showParts() {
    const { state } = this;
    for (const button of $$("#mix-parts button")) button.setAttribute("aria-pressed", button.dataset.part === state.part);
    show("#mix-range", state.part === "range");
    [$("#mix-first").value, $("#mix-last").value] = state.range;
  }

  choosePart(name) {
    this.state.part = name;
    this.showParts();
    if (this.table) this.drawTable();
  }

  // [first, last) of the layers that come from the row.
  get exchanged() {
    const { state } = this;
    const [first, last] = state.range;
    return Object.fromEntries(this.groups)[state.part] ?? [first - 1, last];
  }

  pair(row, column, [first, last]) {
    if (row === column) return structuredClone(column.recipe);
    const { recipe } = column;
    const within = (part) => part >= first && part < last;
    const picks = range(0, this.parts).map((part) => within(part) && { anchor: row.anchor, values: row.values, share: 1 });
    if (this.ofNumbers) return M.onNumbers(recipe, M.crossed(column.values, picks));
    return { ...structuredClone(recipe), layers: [...recipe.layers, ...M.swaps(picks)] };
  }

  async drawTable() {
    const { desk, state } = this;
    this.stop();
    const { signal } = (this.drawing = new AbortController());
    const { sources } = state;
    const ready = await this.ready(sources).then(
      () => true,
      (error) => desk.fail(error),
    );
    if (!ready || signal.aborted) return this.stop();
    desk.stage.say();
    const recipes = sources.flatMap((row) => sources.map((column) => this.pair(row, column, this.exchanged)));
    const cells = recipes.map((recipe, index) => this.tableCell(recipe, index));
    this.layOutTable(cells);
    this.table = { recipes, cells, whole: false };
    this.showProgress(0);
    let done = 0;
    const each = (index, { head, picture }) => {
      if (picture) draw(cells[index].firstChild, picture);
      else cells[index].title = [head.error, head.chinese][desk.words.language];
      if (!signal.aborted) this.showProgress(++done / recipes.length);
    };
    const whole = await desk.thumbs.draw(recipes, { side: LARGEST, signal, each }).catch((error) => desk.fail(error));
    if (signal.aborted) return;
    this.table.whole = !!whole;
    this.stop();
  }

  tableCell(recipe, index) {
    const count = this.state.sources.length;
    const [row, column] = [Math.floor(index / count), index % count];
    const cell = element("button", { type: "button", className: row === column ? "pair self" : "pair" });
    cell.append(element("canvas", { width: 160, height: 160 }));
    cell.firstChild.dataset.hard = this.desk.model.hardPixels;
    Object.assign(cell.dataset, { wordLabel: "mix.pair", wordValues: JSON.stringify({ row: LETTERS[row], column: LETTERS[column] }) });
    cell.onclick = () => {
      this.desk.rest();
      this.desk.keepNow();
      this.desk.take(structuredClone(recipe));
    };
    return cell;
  }

  layOutTable(cells) {
    const { sources } = this.state;
    const table = $("#mix-table");
    table.style.setProperty("--columns", sources.length);
    const rows = sources.flatMap((one, index) => [letter(one, index), ...cells.slice(index * sources.length, (index + 1) * sources.length)]);
    table.replaceChildren(element("span", {}), ...sources.map(letter), ...rows);
    this.desk.words.translate(table);
  }

  clearTable() {
    this.stop();
    this.table = null;
    $("#mix-table").replaceChildren();
    show('[data-mix="save"]', false);
  }

  // Ends what is under way; what has been drawn stays.
  stop() {
    this.drawing?.abort();
    this.drawing = null;
    this.showProgress(null);
  }

  showProgress(share) {
    show("#mix-progress", share !== null);
    show('[data-mix="cancel"]', share !== null);
    show('[data-mix="draw"]', share === null);
    show('[data-mix="save"]', share === null && !!this.table?.whole);
    $("#mix-progress").value = share ?? 0;
  }

  async saveTable() {
    const { desk } = this;
    const button = $('[data-mix="save"]');
    button.disabled = true;
    const file = await desk.live.call("sheet", JSON.stringify({ recipes: this.table.recipes })).catch((error) => desk.fail(error));
    button.disabled = false;
    if (!file) return;
    const name = `${desk.model.name.replace(/[^\w.-]+/g, "-")}-table.png`;
    const link = element("a", { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    desk.stage.note("message.saved", { name });
  }

  // ---- what the hand does

  bind() {
    for (const button of $$("#tool-mix [data-mix]")) button.onclick = () => this.desk.recipe && this.act(button.dataset.mix);
    const seeds = $("#mix-seeds");
    seeds.onchange = () => {
      const found = R.seedsIn(seeds.value, M.MOST + 1);
      if (!seeds.value.trim()) return;
      if (!found) return this.desk.stage.say(this.desk.words.every("seed.error", { value: JSON.stringify(seeds.value) }));
      this.desk.stage.say();
      seeds.value = "";
      this.add(found.map((seed) => ({ recipe: this.ofSeed(seed), thumb: null })));
    };
    $("#mix-path").onchange = ({ target }) => {
      Object.assign(this.state, { mix: target.value, touched: true });
      this.drawBetween();
      if (!this.state.away) this.make();
    };
    $("#mix-slider").oninput = (event) => this.move([2 * Number(event.target.value) - 1, 0], event);
    $("#mix-slider").onchange = () => this.desk.controls.show();
    for (const field of $$("#mix-range input")) field.onchange = () => this.chooseRange();
    this.bindPad();
  }

  chooseRange() {
    const [first, last] = [$("#mix-first"), $("#mix-last")].map(({ value }) => Math.max(1, Math.min(this.parts, Math.round(Number(value)) || 1)));
    this.state.range = [Math.min(first, last), Math.max(first, last)];
    this.choosePart("range");
  }

  bindPad() {
    const pad = $("#mix-pad");
    const puck = $("#mix-puck");
    let box = null; // asked for once: after every change it would cost the page a layout
    const place = ({ clientX, clientY }) => [((clientX - box.left) / box.width) * 2 - 1, ((clientY - box.top) / box.height) * 2 - 1];
    const onMove = (event) => this.held && this.move(place(event), event, { magnet: MAGNET });
    pad.onpointerdown = (event) => {
      if (event.button) return;
      event.preventDefault();
      puck.focus({ preventScroll: true });
      pad.setPointerCapture(event.pointerId);
      box = $("#mix-field").getBoundingClientRect();
      this.held = true;
      onMove(event);
    };
    // Raw updates come at once, moves only with the next animation frame.
    pad["onpointerrawupdate" in pad ? "onpointerrawupdate" : "onpointermove"] = onMove;
    pad.onpointerup = pad.onpointercancel = () => {
      if (!this.held) return;
      this.held = false;
      this.desk.controls.show();
    };
    puck.onkeydown = (event) => {
      const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
      if (!by && event.key !== "Home") return;
      event.preventDefault();
      event.stopPropagation();
      const [x, y] = this.state.spot;
      this.move(by ? [x + by[0], y + by[1]] : [0, 0], event, { magnet: STEP / 2.5, last: true });
    };
  }
}

let count = 0;
const source = (recipe, thumb) => ({ id: (count += 1), recipe: structuredClone(recipe), thumb });
const fresh = () => ({
  sources: [],
  chosen: null, // the id of a source
  replacing: false,
  spot: [0, 0],
  away: true, // the picture is none of the pad's
  mix: "own",
  touched: false,
  picks: [], // for every layer the id of the source it comes from, or null
  share: { coarse: 1, middle: 1, fine: 1 },
  open: {},
  part: "coarse",
  range: null,
  made: new Map(), // recipe -> where it was made
});

const range = (first, last) => Array.from({ length: last - first }, (_, index) => first + index);
const placed = ([x, y]) => ({ left: `${(x + 1) * 50}%`, top: `${(y + 1) * 50}%` });

function letter({ thumb }, index) {
  const place = element("span", { className: "corner" });
  place.append(element("b", { textContent: LETTERS[index] }));
  if (thumb) place.style.backgroundImage = `url(${thumb})`;
  return place;
}

function become(draft, recipe) {
  for (const key of Object.keys(draft)) delete draft[key];
  Object.assign(draft, structuredClone(recipe));
}
