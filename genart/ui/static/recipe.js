// Recipes in the browser: plain objects as the server reads them, moved by the hand, with a past.
// It knows no page.

export const MAX_SEED = 2 ** 32 - 1;
export const ROW = 100; // seeds in a row of the seed plane, as in NVIDIA's viewer

// `start` is what the catalogue says a new picture of the model begins with.
export const fresh = (model, seed, start = {}) => ({
  model,
  anchors: [{ seed }],
  psi: 0.7,
  psi_cutoff: null,
  offsets: [],
  layers: [],
  noise: { mode: "const", seed: 0, strength: 1 },
  finish: [],
  all_classes: false,
  controls: [],
  ...structuredClone(start),
});

// A recipe from the server leaves defaults out; the controls want them in.
export const complete = (recipe) => {
  const { genart, weights, ...rest } = recipe;
  const whole = { ...fresh(recipe.model, 0), ...rest };
  return { ...whole, noise: { ...fresh("", 0).noise, ...rest.noise } };
};

// What the screen shows of a recipe: a size is for saved files.
const isSize = (step) => step.parameters.some(([key]) => key === "size");
export const shown = (recipe) => ({ ...recipe, finish: recipe.finish.filter((step) => !isSize(step)) });
export const savedSize = (recipe) => recipe.finish.find(isSize)?.parameters[0][1] ?? "";

export const wrapSeed = (seed) => ((Math.round(seed) % (MAX_SEED + 1)) + MAX_SEED + 1) % (MAX_SEED + 1);
export const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
// A number of a standard normal law (Box and Muller 1958).
export const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
export const highest = (scores) => scores.indexOf(Math.max(...scores));
export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The single seed a recipe stands on, or null between seeds and at points of one's own.
export const seedOf = (recipe) =>
  recipe.anchors.length === 1 && !recipe.anchors[0].vector ? recipe.anchors[0].seed ?? 0 : null;

// The seed plane: four neighbouring seeds, shared by the place between them.
export const cornerSeeds = (seed) => [seed, seed + 1, seed + ROW, seed + ROW + 1].map(wrapSeed);

export function onPlane(origin, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const [u, v] = [x - column, y - row];
  const shares = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v];
  const seeds = cornerSeeds(wrapSeed(origin.seed + column + row * ROW));
  return seeds
    .map((seed, corner) => ({
      seed,
      weight: Math.round(shares[corner] * 1e4) / 1e4,
      ...(origin.label != null && { label: origin.label }),
      ...(origin.vector && seed === origin.seed && { vector: origin.vector }),
    }))
    .filter((anchor) => anchor.weight > 0);
}

// Where on the plane a recipe stands: its corner, and how far to the right and down.
export function placeOf(recipe) {
  const [first, ...others] = recipe.anchors;
  const seeds = cornerSeeds(first.seed ?? 0);
  const total = recipe.anchors.reduce((sum, anchor) => sum + (anchor.weight ?? 1), 0) || 1;
  const share = (corner) => (recipe.anchors.find((anchor) => anchor.seed === seeds[corner])?.weight ?? 0) / total;
  const fits = others.every((anchor) => seeds.includes(anchor.seed));
  const place = fits && others.length ? [share(1) + share(3), share(2) + share(3)] : [0, 0];
  return { origin: { seed: first.seed ?? 0, label: first.label, vector: first.vector }, x: place[0], y: place[1] };
}

// A point of one's own; the seed it started from is kept as its place on the plane.
export const atPoint = (origin, values) => ({ ...origin, vector: packVector(values) });

// What to call a place that is no single seed.
export const placeWord = (recipe) => (recipe.anchors.some((anchor) => anchor.vector) ? "seed.point" : "seed.mixed");

// The classes of a recipe and their shares, class -> share; class 0 where none is named.
export function classShares(recipe) {
  const label = recipe.anchors[0].label ?? 0;
  return new Map(Array.isArray(label) ? label : [[label, 1]]);
}

export function setClasses(recipe, shares) {
  const label = shares.size > 1 ? [...shares] : [...shares.keys()][0];
  for (const anchor of recipe.anchors) anchor.label = label;
}

// With all classes in one picture: the class at a place, 0 .. 1 across and down; null beside them.
export function classAt(x, y, count) {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [column, row] = [Math.floor(x * columns), Math.floor((y - (1 - rows / columns) / 2) * columns)];
  const index = row * columns + column;
  return row >= 0 && index < count ? index : null;
}

// A latent as text, float32, as `pack_vector` in recipe.py writes it.
export function packVector(values, space = "z", rows = 1) {
  const bytes = new Uint8Array(new Float32Array(values).buffer);
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return `${space}.${rows}.${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

export function unpackVector(text) {
  const [space, , packed] = text.split(".");
  const bytes = Uint8Array.from(atob(packed.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  return { space, values: new Float32Array(bytes.buffer) };
}

// Which layers draw what, as [first, last): of 18 the split of Karras 2018 (arXiv:1812.04948), of others in proportion.
export function layerGroups(numWs) {
  const coarse = Math.max(1, Math.round((numWs * 4) / 18));
  const middle = Math.min(numWs, Math.max(coarse + 1, Math.round((numWs * 8) / 18)));
  return { coarse: [0, coarse], middle: [coarse, middle], fine: [middle, numWs] };
}

// The seeds in a list such as "1,4,10-15", at most `most`; null where it is no such list.
export function seedsIn(text, most) {
  const parts = text.split(",").map((part) => part.trim().match(/^(\d+)(?:-(\d+))?$/));
  const seeds = parts.flatMap((part) => {
    if (!part) return [NaN];
    const [first, last] = [Number(part[1]), Number(part[2] ?? part[1])];
    return Array.from({ length: Math.max(1, Math.min(last - first + 1, most)) }, (_, index) => first + index);
  });
  return seeds.every((seed) => seed <= MAX_SEED) ? seeds : null;
}

// Whether where a recipe stands is said in z, which comes before what a model makes of it.
function isInZ({ anchors, offsets, layers, mix = "own" }) {
  const stored = anchors.every(({ vector }) => !vector || vector.startsWith("z."));
  return stored && !offsets?.length && !layers?.length && (anchors.length === 1 || mix.startsWith("z"));
}

// The recipe for another model, and how much of it goes there: the `whole`, where both have the same latents
// and classes; the same `z`, where both have one of that length and the points are said in it; else the
// same `seed`, which every model has. `from` and `to` are what the server says of the two.
export function carried(recipe, from, to, start, seedOnly = false) {
  const alike = ["zDim", "wDim", "numWs"].every((name) => from[name] === to[name]);
  const labels = recipe.anchors.flatMap(({ label }) => (Array.isArray(label) ? label.map(([index]) => index) : label ?? []));
  const classes = labels.every((index) => index < to.numClasses);
  if (alike && classes && !seedOnly) return { how: "whole", recipe: { ...recipe, model: to.name } };
  const how = from.zDim === to.zDim && classes && !seedOnly && isInZ(recipe) ? "z" : "seed";
  const anchor = ({ seed = 0, weight = 1, label = null, vector = null }) => ({
    seed,
    weight,
    ...(classes && label !== null && { label }),
    ...(how === "z" && vector && { vector }),
  });
  const mix = how === "z" && recipe.mix && { mix: recipe.mix };
  return { how, recipe: { ...fresh(to.name, 0, start), anchors: recipe.anchors.map(anchor), psi: recipe.psi, ...mix } };
}

// Whether a stored value has the shape of a recipe, so that controls can be set from it; the server judges its values.
export function isSound(recipe) {
  const lists = ["anchors", "offsets", "layers", "finish", "controls"].every((part) => Array.isArray(recipe?.[part]));
  return lists && typeof recipe.model === "string" && typeof recipe.psi === "number" && !!recipe.noise && !!recipe.anchors[0];
}

// For what is stored; crypto.randomUUID is only there over HTTPS.
export const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");

// Everything done, as a tree: a step after an undo begins a branch, and the old branch stays. The line is what
// undo and redo walk along: from the first step through the present one, and on where we last went.
export class Past {
  // `onChange({put, drop})` is told of nodes that were added or changed, and of ids that are no more.
  constructor(limit = 200, onChange = () => {}) {
    Object.assign(this, { limit, onChange });
    this.nodes = new Map(); // id -> {id, parent, at, last, recipe, thumb, name}
    this.present = null;
    this.relink();
  }

  get now() {
    return this.nodes.get(this.present);
  }

  get steps() {
    return this.line;
  }

  get at() {
    return this.line.indexOf(this.now);
  }

  get named() {
    return [...this.nodes.values()].filter(({ name }) => name);
  }

  // The steps that followed a step, the oldest first; those of null are where trees begin.
  after(id) {
    return this.below.get(id) ?? [];
  }

  keep(recipe) {
    if (this.now && same(this.now.recipe, recipe)) return null;
    const known = this.after(this.present).find((node) => same(node.recipe, recipe));
    if (known) return this.visit(known.id) && this.now;
    const node = { id: newId(), parent: this.present, at: this.clock(), last: null, recipe: structuredClone(recipe), thumb: null, name: "" };
    this.nodes.set(node.id, node);
    this.present = node.id;
    const { put, drop } = this.trim();
    this.changed([node, ...this.mark(), ...put], drop);
    return node;
  }

  // To a place on the line.
  go(at) {
    return this.line[at] ? this.visit(this.line[at].id) : null;
  }

  // To any step; its recipe, or null where there is none of that name.
  visit(id) {
    if (!this.nodes.has(id)) return null;
    this.present = id;
    this.changed(this.mark());
    return structuredClone(this.now.recipe);
  }

  // A step that follows no other.
  plant(recipe, values) {
    const node = { id: newId(), parent: null, at: this.clock(), last: null, recipe: structuredClone(recipe), thumb: null, name: "", ...values };
    this.nodes.set(node.id, node);
    this.changed([node]);
    return node;
  }

  set(id, values) {
    const node = this.nodes.get(id);
    if (node) this.changed([Object.assign(node, values)]);
  }

  // A step and all that followed it are taken out; where we stood among them, we now stand before them.
  cut(id) {
    const node = this.nodes.get(id);
    const other = node.parent ?? this.after(null).find((root) => root.id !== id)?.id;
    if (!other) return null;
    const gone = [node];
    for (const one of gone) gone.push(...this.after(one.id));
    for (const one of gone) this.nodes.delete(one.id);
    const within = gone.some((one) => one.id === this.present);
    if (within) this.present = other;
    const put = this.forget(gone);
    this.changed([...put, ...(within ? this.mark() : [])], gone.map((one) => one.id));
    return gone;
  }

  // All but the present step and the named ones; what was taken out or moved, as it was.
  clear() {
    const before = [...this.nodes.values()].map((node) => ({ ...node }));
    const gone = before.filter(({ id, name }) => !name && id !== this.present);
    const put = gone.flatMap(({ id }) => this.splice(id));
    this.changed([...put, ...this.mark()], gone.map(({ id }) => id));
    return before;
  }

  // Steps that were taken out come back to their places.
  restore(nodes) {
    for (const node of nodes) this.nodes.set(node.id, Object.assign(this.nodes.get(node.id) ?? { ...node }, { parent: node.parent }));
    const put = nodes.map(({ id }) => this.nodes.get(id));
    for (const node of put) if (node.parent && !this.nodes.has(node.parent)) node.parent = null;
    this.changed(put);
  }

  // The steps of an earlier visit: what was done since the page was opened goes on from where that one ended.
  // Nodes that are damaged are left out; a step is younger than the one before it, so no ring can come in.
  adopt(stored, present) {
    const sound = stored.filter((node) => typeof node?.id === "string" && Number.isFinite(node.at) && isSound(node.recipe));
    const known = new Map(sound.map((node) => [node.id, node]));
    this.latest = Math.max(this.latest ?? 0, ...sound.map(({ at }) => at));
    const roots = this.after(null);
    for (const node of sound) {
      const { id, at, parent, last = null, recipe, thumb = null, name = "" } = node;
      if (!this.nodes.has(id)) this.nodes.set(id, { id, at, last, recipe, thumb, name, parent: known.get(parent)?.at < at ? parent : null });
    }
    const end = known.get(present) ?? sound.reduce((latest, node) => (latest?.at > node.at ? latest : node), null);
    const drop = [];
    const put = [];
    for (const root of end ? roots : []) {
      if (same(root.recipe, end.recipe)) {
        for (const child of this.after(root.id)) put.push(Object.assign(child, { parent: end.id }));
        this.nodes.delete(root.id);
        drop.push(root.id);
        if (this.present === root.id) this.present = end.id;
      } else put.push(Object.assign(root, { parent: end.id }));
    }
    this.present ??= end?.id ?? null;
    this.relink();
    const trimmed = this.trim();
    this.changed([...put, ...trimmed.put, ...this.mark()], [...drop, ...trimmed.drop]);
  }

  // ---- within

  // Later than any step, even where several fall into one millisecond.
  clock() {
    return (this.latest = Math.max(Date.now(), (this.latest ?? 0) + 1));
  }

  // The way to the present step is the one to come back by; the nodes that did not know.
  mark() {
    const put = [];
    for (let node = this.now; node?.parent; node = this.nodes.get(node.parent)) {
      const parent = this.nodes.get(node.parent);
      if (parent.last !== node.id) put.push(Object.assign(parent, { last: node.id }));
    }
    return put;
  }

  forget(gone) {
    const ids = new Set(gone.map(({ id }) => id));
    return [...this.nodes.values()].filter(({ last }) => ids.has(last)).map((node) => Object.assign(node, { last: null }));
  }

  // One step goes; what followed it follows the step before.
  splice(id) {
    const { parent, last } = this.nodes.get(id);
    this.nodes.delete(id);
    const put = this.after(id).map((child) => Object.assign(child, { parent }));
    const before = this.nodes.get(parent);
    if (before?.last === id) put.push(Object.assign(before, { last }));
    this.relink();
    return put;
  }

  // Above the limit the oldest leaves go first, then the oldest steps of the line; never a named one.
  trim() {
    this.relink();
    const [put, drop] = [[], []];
    const unnamed = [...this.nodes.values()].filter(({ name, id }) => !name && id !== this.present).sort((a, b) => a.at - b.at);
    for (let spare = unnamed.length + 1 - this.limit; spare > 0; spare -= 1) {
      const line = new Set(this.line);
      const left = unnamed.filter(({ id }) => this.nodes.has(id));
      const goes = left.find((node) => !line.has(node) && !this.after(node.id).length) ?? left[0];
      put.push(...this.splice(goes.id));
      drop.push(goes.id);
    }
    return { put: put.filter(({ id }) => this.nodes.has(id)), drop };
  }

  relink() {
    this.below = new Map();
    for (const node of [...this.nodes.values()].sort((a, b) => a.at - b.at)) {
      const place = this.nodes.has(node.parent) ? node.parent : null;
      this.below.set(place, [...(this.below.get(place) ?? []), node]);
    }
    this.line = [];
    for (let node = this.now; node; node = this.nodes.get(node.parent)) this.line.unshift(node);
    const next = (node) => this.after(node.id).find(({ id }) => id === node.last) ?? this.after(node.id).at(-1);
    for (let node = this.now && next(this.now); node; node = next(node)) this.line.push(node);
  }

  changed(put, drop = []) {
    this.relink();
    this.onChange({ put: [...new Set(put)].filter(({ id }) => this.nodes.has(id)), drop });
  }
}
