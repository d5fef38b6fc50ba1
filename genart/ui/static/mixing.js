// The arithmetic of mixing recipes: places on a pad become shares, shares become one recipe, layers
// and latent numbers change places. It knows no page and no server.

import { packVector, same } from "./recipe.js";

export const MOST = 8; // sources
const PARTS = 64; // a recipe holds no more anchors, offsets or layers
const TINY = 1e-9;

// ---- the pad: a regular polygon in -1 .. 1, x to the right and y down; two corners are a line

export function corners(count) {
  if (count < 2) return [[0, 0]];
  const start = -Math.PI / 2 - (count % 2 ? 0 : Math.PI / count);
  const circle = Array.from({ length: count }, (_, index) => start + (2 * Math.PI * index) / count).map((turn) => [Math.cos(turn), Math.sin(turn)]);
  const [across, down] = [0, 1].map((axis) => circle.map((corner) => corner[axis]));
  const middle = [across, down].map((values) => (Math.max(...values) + Math.min(...values)) / 2);
  const reach = Math.max(...[across, down].map((values) => (Math.max(...values) - Math.min(...values)) / 2));
  return circle.map((corner) => corner.map((value, axis) => Math.round(((value - middle[axis]) / reach) * 1e9) / 1e9));
}

// The place of the polygon that is nearest to `place`; close to a corner or an edge, within `magnet`, it is pulled there.
export function settled(polygon, place, magnet = 0) {
  if (polygon.length < 2) return [...polygon[0]];
  const edges = polygon.map((from, index) => onEdge(from, polygon[(index + 1) % polygon.length], place));
  const nearest = edges.reduce((best, edge) => (edge.away < best.away ? edge : best));
  const inside = polygon.length > 2 && polygon.every((from, index) => cross(from, polygon[(index + 1) % polygon.length], place) >= 0);
  const reached = inside && nearest.away > magnet ? place : nearest.place;
  const corner = polygon.find((one) => distance(one, reached) <= magnet);
  return [...(corner ?? reached)];
}

// Each corner's share of a place: mean value coordinates (Floater 2003), none below 0, together 1. On an
// edge only its two ends have any; at a corner it has all.
export function shares(polygon, place) {
  const to = polygon.map((corner) => [corner[0] - place[0], corner[1] - place[1]]);
  const far = to.map(([x, y]) => Math.hypot(x, y));
  const at = far.findIndex((length) => length < TINY);
  if (polygon.length < 2 || at >= 0) return polygon.map((_, index) => Number(index === Math.max(0, at)));
  if (polygon.length === 2) return [far[1] / (far[0] + far[1]), far[0] / (far[0] + far[1])];
  const halves = to.map((one, index) => {
    const next = (index + 1) % to.length;
    const area = one[0] * to[next][1] - one[1] * to[next][0];
    const along = one[0] * to[next][0] + one[1] * to[next][1];
    return Math.abs(area) < TINY && along < 0 ? Infinity : Math.max(0, (far[index] * far[next] - along) / Math.max(area, TINY));
  });
  const edge = halves.indexOf(Infinity);
  if (edge >= 0) {
    const end = (edge + 1) % polygon.length;
    const part = { [edge]: far[end] / (far[edge] + far[end]), [end]: far[edge] / (far[edge] + far[end]) };
    return polygon.map((_, index) => part[index] ?? 0);
  }
  const weights = halves.map((half, index) => (halves.at(index - 1) + half) / far[index]);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function onEdge(from, end, place) {
  const along = [end[0] - from[0], end[1] - from[1]];
  const reached = ((place[0] - from[0]) * along[0] + (place[1] - from[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2 || 1);
  const part = Math.max(0, Math.min(1, reached));
  const nearest = [from[0] + part * along[0], from[1] + part * along[1]];
  return { place: nearest, away: distance(nearest, place) };
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const cross = (from, end, place) => (end[0] - from[0]) * (place[1] - from[1]) - (end[1] - from[1]) * (place[0] - from[0]);

// ---- several recipes in one

// The mixture of recipes of one model by shares that add up to 1. Latents are mixed as `mix` says; psi, directions,
// layers, controls and the strength of noise go from one to the other; what has no between comes from the
// greatest share. With all of the shares a recipe is itself.
export function mixed(recipes, parts, mix = "own") {
  const rounded = parts.map((part) => Math.round(part * 1e4) / 1e4);
  const first = rounded.indexOf(Math.max(...rounded));
  if (rounded[first] >= 1) return structuredClone(recipes[first]);
  const pairs = recipes.map((recipe, index) => [recipe, rounded[index]]).filter(([, share]) => share > 0);
  const nearest = recipes[first];
  const mean = (read) => between(pairs.map(([recipe, share]) => [read(recipe), share]));
  const { weights, ...rest } = structuredClone(nearest);
  return {
    ...rest,
    anchors: flattened(pairs, mix),
    psi: mean(({ psi }) => psi),
    offsets: offsetsOf(pairs),
    layers: layersOf(pairs),
    noise: { ...nearest.noise, strength: mean(({ noise }) => noise.strength) },
    controls: [...new Set(pairs.flatMap(([{ controls }]) => controls.map(([name]) => name)))].map((name) => [
      name,
      mean(({ controls }) => Object.fromEntries(controls)[name] ?? 0),
    ]),
    mix,
  };
}

// Anchors of all, their weights multiplied by the shares; the same one is named once, the lightest go where there are too many.
function flattened(pairs, mix) {
  const bent = mix.endsWith("-arc") ? evenly(pairs.map(([, share]) => share)) : pairs.map(([, share]) => share);
  const points = new Map();
  pairs.forEach(([recipe], index) => {
    const size = (weight) => (recipe.mix?.endsWith("-arc") ? Math.abs(weight) : weight);
    const total = recipe.anchors.reduce((sum, { weight = 1 }) => sum + size(weight), 0);
    for (const { weight = 1, ...point } of recipe.anchors) {
      const key = JSON.stringify([point.seed ?? 0, point.label ?? null, point.vector ?? null]);
      const known = points.get(key) ?? { ...structuredClone(point), weight: 0 };
      points.set(key, { ...known, weight: known.weight + (bent[index] * weight) / total });
    }
  });
  const all = [...points.values()];
  return all.length <= PARTS ? all : all.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, PARTS);
}

// Shares that cross an arc at one speed, together 1: two seeds stand nearly at a right angle (slerp, Shoemake 1985).
export function evenly(parts) {
  const sines = parts.map((part) => Math.sin((part * Math.PI) / 2));
  const total = sines.reduce((sum, sine) => sum + sine, 0);
  return sines.map((sine) => sine / total);
}

// Numbers with shares: what all agree on stays exactly as it is.
function between(pairs) {
  if (pairs.every(([value]) => value === pairs[0][0])) return pairs[0][0];
  const total = pairs.reduce((sum, [, share]) => sum + share, 0);
  return Math.round((pairs.reduce((sum, [value, share]) => sum + value * share, 0) / total) * 1e4) / 1e4;
}

function offsetsOf(pairs) {
  const sigmas = new Map();
  for (const [{ offsets }, share] of pairs)
    for (const { sigma, ...along } of offsets) {
      const key = JSON.stringify([along.direction, along.layers ?? null, along.spot ?? null]);
      const known = sigmas.get(key) ?? { ...along, sigma: 0 };
      sigmas.set(key, { ...known, sigma: known.sigma + share * sigma });
    }
  return [...sigmas.values()].slice(0, PARTS);
}

// Swaps are applied one after another: the earlier of two on the same layers gets more than its share, as in `blend` of recipe.py.
function layersOf(pairs) {
  if (pairs.every(([{ layers }]) => same(layers, pairs[0][0].layers))) return structuredClone(pairs[0][0].layers);
  const wanted = new Map();
  for (const [{ layers }, part] of pairs)
    for (const { share = 1, ...target } of layers) {
      const key = JSON.stringify(target);
      wanted.set(key, { ...target, share: Math.min(1, (wanted.get(key)?.share ?? 0) + part * share) });
    }
  return inTurn([...wanted.values()]).slice(0, PARTS);
}

function inTurn(targets) {
  const left = new Map();
  return targets
    .reverse()
    .map(({ share, ...target }) => {
      const key = JSON.stringify(target.layers);
      const rest = left.get(key) ?? 1;
      left.set(key, rest - share);
      return { ...target, share: rest > TINY ? Math.max(0, Math.min(1, share / rest)) : 0 };
    })
    .reverse();
}

// The class of a mixture of anchors, by their weights; undefined where there is none.
export function labelOf(anchors) {
  if (anchors.every(({ label }) => same(label, anchors[0].label))) return anchors[0].label;
  const found = new Map();
  for (const { label = 0, weight = 1 } of anchors) {
    const pairs = Array.isArray(label) ? label : [[label, 1]];
    const total = pairs.reduce((sum, [, share]) => sum + share, 0);
    for (const [index, share] of pairs) found.set(index, (found.get(index) ?? 0) + (Math.abs(weight) * share) / total);
  }
  return [...found];
}

// ---- layers and latent numbers from another picture

// Style mixing: `picks` says for every layer {anchor, share} or null; neighbours alike become one swap.
export function swaps(picks) {
  const runs = [];
  picks.forEach((pick, layer) => {
    const last = runs.at(-1);
    if (!pick || pick.share <= 0) return;
    if (last && last.layers[1] === layer && last.anchor === pick.anchor && last.share === pick.share) last.layers[1] = layer + 1;
    else runs.push({ anchor: pick.anchor, layers: [layer, layer + 1], share: pick.share });
  });
  return runs.map(({ anchor, layers, share }) => ({ anchor: structuredClone(anchor), layers, ...(share < 1 && { share }) }));
}

// The numbers of a single latent in three groups, under the names of the layers' groups.
export function thirds(count) {
  const [one, two] = [Math.round(count / 3), Math.round((2 * count) / 3)];
  return { coarse: [0, one], middle: [one, two], fine: [two, count] };
}

// The same for a model of one latent: `picks` says for every number {values, share} or null. All are z.
export function crossed(values, picks) {
  return values.map((value, at) => {
    const pick = picks[at];
    return !pick ? value : pick.share >= 1 ? pick.values[at] : value + (pick.values[at] - value) * pick.share;
  });
}

// A recipe that stands on those numbers, its class and all else as they were.
export function onNumbers(recipe, values) {
  const [{ seed }] = recipe.anchors;
  const label = labelOf(recipe.anchors);
  const { mix, ...rest } = structuredClone(recipe);
  return { ...rest, anchors: [{ seed, ...(label != null && { label }), vector: packVector(values) }] };
}
