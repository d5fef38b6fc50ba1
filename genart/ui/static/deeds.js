// What a step did, in words: two recipes are compared, and their difference is named. It knows no page.

import { same, seedOf } from "./recipe.js";

const NUMBERED = /^(pca|sefa|channel)(\d+)$/;
const PARTS = ["model", "anchors", "layers", "offsets", "psi", "psi_cutoff", "noise", "finish", "all_classes", "controls", "mix"];

// A step from `before`, null for the first one, to `after`. `words` is the page's table; `names` may hold what a visitor
// calls directions, and `classes` what the model's classes are called.
export function deed(before, after, words, { names = {}, classes = [] } = {}) {
  const changed = before ? PARTS.filter((part) => !same(before[part], after[part])) : ["model"];
  const [first] = changed;
  if (!first) return words.word("deed.none");
  const name = (key, values) => words.word(`deed.${key}`, values);
  const says = {
    model: () => (before ? name("model", { model: words.has(`model.${after.model}`) ? words.word(`model.${after.model}`) : after.model }) : name("begun", { place: place(after, name) })),
    anchors: () => (classOnly(before, after) ? name("class", { name: className(after, words, classes) }) : place(after, name)),
    layers: () => name(after.layers.length ? "layers" : "layers.none"),
    offsets: () => directions(before, after, words, names),
    psi: () => name("psi", { psi: after.psi }),
    psi_cutoff: () => name("psi", { psi: after.psi }),
    noise: () => name("noise"),
    finish: () => name("finish"),
    all_classes: () => name(after.all_classes ? "classes.all" : "classes.one"),
    mix: () => name("path"),
  };
  const text = (says[first] ?? (() => name("controls")))();
  return changed.length > 1 && before && first !== "model" ? name("more", { deed: text }) : text;
}

function place(recipe, name) {
  const seed = seedOf(recipe);
  if (seed !== null) return name("seed", { seed });
  return recipe.anchors.length > 1 ? name("mixture", { n: recipe.anchors.length }) : name("point");
}

const unlabelled = ({ anchors }) => anchors.map(({ label, ...rest }) => rest);
const classOnly = (before, after) => same(unlabelled(before), unlabelled(after));

function className({ anchors: [{ label }] }, words, classes) {
  if (Array.isArray(label)) return label.map(([index, share]) => `${className({ anchors: [{ label: index }] }, words, classes)} ${Math.round(share * 100)} %`).join(" · ");
  const known = classes[label ?? 0] ?? String(label ?? 0);
  return words.has(`class.named.${known}`) ? words.word(`class.named.${known}`) : known;
}

// One direction with its amount, or how many of them.
function directions(before, after, words, names) {
  const keyOf = ({ direction, vector }) => vector ?? direction;
  const [old, now] = [before, after].map(({ offsets }) => new Map(offsets.map((offset) => [keyOf(offset), offset])));
  const moved = [...new Set([...old.keys(), ...now.keys()])].filter((key) => !same(old.get(key), now.get(key)));
  if (moved.length !== 1) return words.word("deed.directions", { n: moved.length });
  const offset = now.get(moved[0]) ?? { ...old.get(moved[0]), sigma: 0 };
  const [, kind, n] = offset.direction.match(NUMBERED) ?? [null, offset.direction];
  const known = !offset.vector && words.has(`direction.${kind}`);
  const name = (!offset.vector && names[offset.direction]) || (known ? words.word(`direction.${kind}`, { n }) : offset.direction);
  const sigma = `${offset.sigma > 0 ? "+" : ""}${Math.round(offset.sigma * 100) / 100}`.replace("-", "−");
  return words.word("deed.direction", { name, sigma });
}
