// Draws COUNT pixel-art portraits (DiceBear, CC0 1.0) to standard output: 16 x 16 RGB bytes each.
// Portrait number n has the seed "n", so everyone draws the same ones.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { writeSync } from "node:fs";

const [folder, count] = [process.argv[2], Number(process.argv[3])];
const require = createRequire(pathToFileURL(folder + "/"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { createAvatar } = await load("@dicebear/core");
const { pixelArt } = await load("@dicebear/collection");
const { Resvg } = require("@resvg/resvg-js");

const backgroundColor = ["b6e3f4", "c0aede", "d1d4f9", "ffd5dc", "ffdfbf", "c1e1c1", "f4f1de", "2b2d42"];

for (let n = 0; n < count; n++) {
  const svg = createAvatar(pixelArt, { seed: String(n), size: 16, backgroundColor }).toString();
  const rgba = new Resvg(svg, { fitTo: { mode: "width", value: 16 }, font: { loadSystemFonts: false } }).render().pixels;
  const rgb = Buffer.alloc(16 * 16 * 3);
  for (let i = 0; i < 256; i++) rgba.copy(rgb, 3 * i, 4 * i, 4 * i + 3);
  for (let sent = 0; sent < rgb.length; ) sent += writeSync(1, rgb, sent);
}
