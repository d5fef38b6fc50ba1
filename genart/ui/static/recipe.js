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

// Everything done, in order, and where we stand in it.
export class Past {
  constructor(limit = 200) {
    this.steps = [];
    this.at = -1;
    this.limit = limit;
  }

  get now() {
    return this.steps[this.at];
  }

  keep(recipe) {
    if (this.now && same(this.now.recipe, recipe)) return null;
    this.steps.splice(this.at + 1);
    this.steps.push({ recipe: structuredClone(recipe), thumb: null });
    if (this.steps.length > this.limit) this.steps.shift();
    this.at = this.steps.length - 1;
    return this.now;
  }

  go(at) {
    if (at < 0 || at >= this.steps.length) return null;
    this.at = at;
    return structuredClone(this.now.recipe);
  }
}
