// A tray of pictures to choose from: the present one, favourites, those passed, starting points.
// `onPick(recipe, thumb)` is called with what was tapped; pictures of other models are left out.

import { CARRIED } from "./films.js";
import { paint } from "./live.js";
import * as R from "./recipe.js";
import { carry, element, thumbnail } from "./widgets.js";

const FROM_PAST = 24;

export class Tray {
  // `place` is an empty element of the page.
  constructor(desk, place, onPick) {
    Object.assign(this, { desk, place, onPick, drawn: new Map() });
    place.classList.add("tray");
    place.setAttribute("role", "group");
    desk.kept.onChange(() => this.fill());
  }

  // The recipes a tray offers, each once: [{kind, recipe, thumb}], thumb null where none is drawn yet.
  sources() {
    const { desk } = this;
    const past = desk.past.steps.slice(-FROM_PAST).reverse();
    const all = [
      { kind: "now", recipe: desk.recipe, thumb: desk.shown && R.same(desk.shown, desk.recipe) ? thumbnail(desk.stage.canvas) : null },
      ...desk.kept.items.map(({ recipe, thumb }) => ({ kind: "kept", recipe, thumb })),
      ...past.map(({ recipe, thumb }) => ({ kind: "past", recipe, thumb })),
      ...(desk.points[desk.recipe.model] ?? []).map((recipe) => ({ kind: "point", recipe: R.complete(recipe), thumb: null })),
    ];
    const known = new Set();
    return all.filter(({ recipe }) => {
      const text = JSON.stringify(recipe);
      return recipe.model === desk.recipe.model && !known.has(text) && known.add(text);
    }).map((source) => ({ ...source, thumb: source.thumb ?? this.drawn.get(JSON.stringify(source.recipe)) ?? null }));
  }

  // Draw the tray anew; hidden ones wait until they are seen.
  async fill() {
    const { desk, place } = this;
    if (!desk.recipe || !place.offsetParent) return;
    this.filling?.abort();
    const { signal } = (this.filling = new AbortController());
    const sources = this.sources();
    place.replaceChildren(...sources.map((source) => this.item(source)));
    desk.words.translate(place);
    const blank = sources.map((source, at) => [source, at]).filter(([{ thumb }]) => !thumb);
    const canvas = element("canvas", { width: 64, height: 64 });
    canvas.dataset.hard = desk.model.hardPixels;
    await desk.live.cells(blank.map(([{ recipe }]) => recipe), {
      side: 64,
      signal,
      each: async (index, cell) => {
        if (cell.head.error || signal.aborted) return;
        await paint(canvas, cell);
        const [source, at] = blank[index];
        source.thumb = thumbnail(canvas);
        this.drawn.set(JSON.stringify(source.recipe), source.thumb);
        if (!signal.aborted) place.children[at].style.backgroundImage = `url(${source.thumb})`;
      },
    });
  }

  item(source) {
    const button = element("button", { type: "button", className: `cell ${source.kind}` });
    if (source.thumb) button.style.backgroundImage = `url(${source.thumb})`;
    Object.assign(button.dataset, { wordLabel: `tray.${source.kind}`, wordTitle: `tray.${source.kind}` });
    button.onclick = () => this.onPick(source.recipe, source.thumb);
    carry(button, CARRIED, () => source.recipe);
    return button;
  }
}
