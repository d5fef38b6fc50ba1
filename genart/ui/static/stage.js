// The stage: the picture, what is said on it, dragging it, and the strip of pictures passed.

import { CARRIED } from "./films.js";
import { draw, paint } from "./live.js";
import * as R from "./recipe.js";
import { $, SIDE, carry, clamp, element, show, thumbnail } from "./widgets.js";

const HISTORY_SHOWN = 60;
const READ_MS = 200; // numbers that change faster cannot be read, and each change costs the page a layout
const PLANE_WIDTHS = 1.6; // seeds crossed by a drag over the whole picture
const REACH = 4; // the end of a plane of two latent numbers
const NOTE_MS = 2500;
const FILL_MS = 800;

export class Stage {
  constructor(desk) {
    this.desk = desk;
    this.canvas = $("#picture");
    this.painted = [];
    this.failed = new Set(); // steps that the server could not draw
    window.__live = { pairs: [], heads: [] };
    this.bindDrag();
    this.bindDrop();
  }

  // Draw one reply of the live channel, and measure how long it took from the hand.
  async draw(head, data, asked) {
    await paint(this.canvas, { head, data });
    $("#stage").classList.add("alive");
    this.canvas.dataset.seq = head.seq;
    requestAnimationFrame((paintedAt) => this.measure(head, asked, Math.max(paintedAt, asked.receivedAt)));
  }

  measure(head, asked, paintedAt) {
    const { pairs, heads } = window.__live;
    const { recipe, hurry } = asked.request;
    const again = !hurry && !head.ms && R.same(recipe, this.measured); // asked for once more at rest
    this.measured = recipe;
    pairs.push([asked.inputAt, paintedAt]);
    heads.push({ ...head, sentAt: asked.sentAt, receivedAt: asked.receivedAt, hurry: !!hurry });
    if (pairs.length > 2000) pairs.shift(), heads.shift();
    if (again) {
      if (this.reading) this.reading.head = { ...head, ms: this.reading.head.ms };
      return this.read();
    }
    this.painted = [...this.painted.filter((at) => at > paintedAt - 1000), paintedAt];
    if (hurry && paintedAt < this.readAt + READ_MS) return;
    this.readAt = paintedAt;
    this.reading = { head, ms: Math.round(paintedAt - asked.inputAt) };
    this.read();
  }

  read() {
    if (!this.reading) return;
    const { head, ms } = this.reading;
    const { words, model } = this.desk;
    const rate = this.painted.length > 5 ? ` · ${this.painted.length} fps` : "";
    const made = head.ms ? `${head.ms.toFixed(head.ms < 10 ? 1 : 0)} ms` : words.word("stage.remembered");
    const size = head.full ? `${head.width} px` : `${head.width} px ${words.word("stage.preview")}`;
    $("#readout").textContent = `${ms} ms · ${made}${rate} · ${size} · ${model.device}`;
  }

  // A sentence on the picture, in every language; none to take it away.
  say(sentence) {
    if (!sentence && !this.said) return;
    this.said = sentence;
    const place = $("#stage-error");
    place.textContent = sentence?.[this.desk.words.language] ?? "";
    place.hidden = !sentence;
    if (sentence) show("#stage-loading", false);
  }

  // A short message that goes by itself.
  note(key, values) {
    const place = $("#note");
    place.textContent = this.desk.words.word(key, values);
    place.classList.add("shown");
    clearTimeout(this.noting);
    this.noting = setTimeout(() => place.classList.remove("shown"), NOTE_MS);
  }

  hideHint() {
    $("#stage").classList.add("dragged");
  }

  // Drag on the picture: over the seed plane, or over the latent plane of a model with two numbers.
  bindDrag() {
    const { canvas, desk } = this;
    let from = null;
    canvas.onpointerdown = (event) => {
      if (event.button || !desk.recipe) return;
      desk.rest();
      canvas.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY, place: R.placeOf(desk.recipe), point: desk.point };
    };
    // Raw updates come at once, moves only with the next animation frame.
    canvas["onpointerrawupdate" in canvas ? "onpointerrawupdate" : "onpointermove"] = (event) => {
      if (!from) return;
      const [x, y] = [event.clientX - from.x, event.clientY - from.y].map((way) => (way / canvas.clientWidth) * PLANE_WIDTHS);
      if (!from.moved && Math.hypot(x, y) < 0.005) return;
      from.moved = true;
      this.hideHint();
      desk.change((recipe) => (recipe.anchors = this.dragged(from, x, y)), event);
      desk.controls.showSeed();
    };
    canvas.onpointerup = (event) => {
      if (from && !from.moved && desk.recipe.all_classes) this.chooseCell(event);
      from = null;
    };
    canvas.onpointercancel = () => (from = null);
  }

  // A tap on one of many classes: that one, large.
  chooseCell(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const index = R.classAt((event.clientX - left) / width, (event.clientY - top) / height, this.desk.model.numClasses);
    if (index === null) return;
    this.desk.set((recipe) => {
      recipe.all_classes = false;
      R.setClasses(recipe, new Map([[index, 1]]));
    }, event);
  }

  dragged({ place, point }, x, y) {
    if (this.desk.model.zDim !== 2 || !point) return R.onPlane(place.origin, place.x - x, place.y - y);
    const values = [point[0] - 2 * x, point[1] - 2 * y].map((value) => clamp(value, -REACH, REACH));
    return [R.atPoint(place.origin, values)];
  }

  bindDrop() {
    const field = $("#open-file");
    field.onchange = () => {
      this.desk.openFile(field.files[0]);
      field.value = "";
    };
    let depth = 0;
    const over = (by) => $("#stage").classList.toggle("drop", (depth = by ? depth + by : 0) > 0);
    const isFile = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragenter", (event) => isFile(event) && over(1));
    document.addEventListener("dragleave", (event) => isFile(event) && over(-1));
    document.addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      over(0);
      this.desk.openFile(event.dataTransfer.files[0]);
    });
  }

  // Give the steps that the canvas shows its picture.
  keepThumbnail(shown) {
    const steps = this.desk.past.steps.filter((step) => !step.thumb && shown && R.same(R.shown(step.recipe), R.shown(shown)));
    for (const { id } of steps) this.desk.past.set(id, { thumb: thumbnail(this.canvas) });
    return steps.length > 0;
  }

  // Steps that went by too fast to be seen whole get their pictures when the hand rests.
  async fillThumbnails() {
    const { past, thumbs } = this.desk;
    const small = element("canvas", { width: SIDE, height: SIDE });
    const blank = past.steps.slice(-HISTORY_SHOWN).filter((step) => this.lacks(step)).reverse(); // the present one is nearest
    let drawn = 0;
    this.drawing?.abort();
    const { signal } = (this.drawing = new AbortController());
    const each = (index, { head, picture }) => {
      if (!picture) return void this.failed.add(blank[index].id);
      drawn += 1;
      small.dataset.hard = head.width < SIDE / 2;
      draw(small, picture);
      past.set(blank[index].id, { thumb: thumbnail(small) });
    };
    await thumbs.draw(blank.map(({ recipe }) => recipe), { side: SIDE, signal, each }).catch(() => null);
    if (drawn && !signal.aborted) this.showHistory();
  }

  // A step whose picture could not be drawn is not asked for again.
  lacks({ id, thumb }) {
    return !thumb && !this.failed.has(id);
  }

  showHistory() {
    const { past, words } = this.desk;
    const first = Math.max(0, past.steps.length - HISTORY_SHOWN);
    const list = $("#history-list");
    list.replaceChildren(...past.steps.slice(first).map((step, offset) => this.step(step, first + offset)));
    words.translate(list);
    const current = list.querySelector("[aria-current]");
    if (current) list.scrollLeft = current.offsetLeft - list.clientWidth / 2;
    clearTimeout(this.filling);
    if (past.steps.some((step) => this.lacks(step))) this.filling = setTimeout(() => this.fillThumbnails(), FILL_MS);
  }

  step(step, at) {
    const { id, recipe, thumb } = step;
    const button = element("button", { type: "button", className: "step" });
    if (thumb) button.style.backgroundImage = `url(${thumb})`;
    button.classList.toggle("fork", this.desk.past.after(id).length > 1);
    if (at === this.desk.past.at) button.setAttribute("aria-current", "true");
    Object.assign(button.dataset, { wordLabel: "history.item", wordTitle: "history.item", wordValues: JSON.stringify({ n: at + 1, deed: this.desk.deedOf(step) }) });
    button.onclick = () => this.desk.goTo(id);
    carry(button, CARRIED, () => recipe);
    return button;
  }
}
