// A tray of pictures to choose from: the present one, favourites, those passed, starting points.
// `onPick(recipe, thumb)` is called with what was tapped; pictures of other models are left out.

import { CARRIED } from "./films.js";
import { draw } from "./live.js";
import * as R from "./recipe.js";
import { SIDE, carry, element, thumbnail } from "./widgets.js";

const FROM_PAST = 24;
const ARROWS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

export class Tray {
  // `place` is an empty element of the page.
  constructor(desk, place, onPick) {
    Object.assign(this, { desk, place, onPick, items: [] });
    place.classList.add("tray");
    place.setAttribute("role", "group");
    place.onfocusin = ({ target }) => this.rove(target);
    place.onkeydown = (event) => this.onKey(event);
    desk.kept.onChange(() => this.fill());
  }

  // The recipes a tray offers, each once: [{kind, recipe, text, thumb}], thumb null where none is drawn yet;
  // `n` is the number of a starting point.
  sources() {
    const { desk } = this;
    const past = desk.past.steps.slice(-FROM_PAST).reverse();
    const all = [
      { kind: "now", recipe: desk.recipe, thumb: desk.shown && R.same(desk.shown, desk.recipe) ? thumbnail(desk.stage.canvas) : null },
      ...desk.kept.items.map(({ recipe, thumb }) => ({ kind: "kept", recipe, thumb })),
      ...past.map(({ recipe, thumb }) => ({ kind: "past", recipe, thumb })),
      ...(desk.points[desk.recipe.model] ?? []).map((recipe, at) => ({ kind: "point", n: at + 1, recipe: R.complete(recipe), thumb: null })),
    ];
    const known = new Set();
    return all
      .filter(({ recipe }) => recipe.model === desk.recipe.model)
      .map((source) => ({ ...source, text: JSON.stringify(source.recipe) }))
      .filter(({ text }) => !known.has(text) && known.add(text));
  }

  // Bring the tray up to date; hidden ones wait until they are seen.
  async fill() {
    const { desk, place } = this;
    this.filling?.abort();
    if (!desk.recipe || !place.offsetParent) return;
    const { signal } = (this.filling = new AbortController());
    this.layOut(this.sources());
    const blank = this.items.filter(({ thumb }) => !thumb);
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    canvas.dataset.hard = desk.model.hardPixels;
    const each = (index, { picture }) => {
      if (!picture || signal.aborted) return;
      draw(canvas, picture);
      face(blank[index], thumbnail(canvas));
    };
    const places = blank.map(({ button }) => button);
    await desk.thumbs.draw(blank.map(({ recipe }) => recipe), { side: SIDE, signal, each, places }).catch((error) => desk.fail(error));
  }

  // A picture that stays keeps its button, and an unchanged tray is left alone: the keyboard may stand there.
  layOut(sources) {
    const { place } = this;
    const before = this.items;
    const known = new Map(before.map((item) => [item.text, item]));
    this.items = sources.map((source) => known.get(source.text) ?? this.item(source));
    sources.forEach(({ thumb }, at) => thumb && thumb !== this.items[at].thumb && face(this.items[at], thumb));
    const same = (source, at) => source.text === before[at].text && source.kind === before[at].button.dataset.kind;
    if (sources.length === before.length && sources.every(same)) return;

    const buttons = this.items.map(({ button }) => button);
    const held = [...place.children].indexOf(document.activeElement);
    const focused = document.activeElement;
    for (const button of [...place.children]) if (!buttons.includes(button)) button.remove();
    buttons.forEach((button, at) => place.children[at] === button || place.insertBefore(button, place.children[at] ?? null));
    sources.forEach(({ kind, n }, at) => name(buttons[at], kind, n));
    this.desk.words.translate(place);
    if (held >= 0) (buttons.includes(focused) ? focused : buttons[Math.min(held, buttons.length - 1)])?.focus({ preventScroll: true });
    this.rove(buttons.find(({ tabIndex }) => tabIndex === 0) ?? buttons[0]);
  }

  item({ recipe, text }) {
    const button = element("button", { type: "button", tabIndex: -1 });
    const item = { recipe, text, button, thumb: null };
    button.onclick = () => this.onPick(recipe, item.thumb);
    carry(button, CARRIED, () => recipe);
    return item;
  }

  // One picture is reached by Tab, arrows reach the others.
  rove(to) {
    for (const { button } of this.items) button.tabIndex = button === to ? 0 : -1;
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in ARROWS)) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.items.findIndex(({ button }) => button === event.target);
    this.items[at + ARROWS[event.key]]?.button.focus();
  }
}

function face(item, thumb) {
  item.thumb = thumb;
  item.button.style.backgroundImage = `url(${thumb})`;
}

function name(button, kind, n) {
  const word = kind === "point" ? "points.item" : `tray.${kind}`;
  button.className = `cell ${kind}`;
  Object.assign(button.dataset, { kind, wordLabel: word, wordTitle: word, wordValues: JSON.stringify({ n }) });
}
