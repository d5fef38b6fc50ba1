// Draws COUNT portraits of a DiceBear style (CC0 1.0) to standard output: SIZE x SIZE RGB bytes each,
// and after the last, as JSON, what each is made of. Portrait number n has the seed "n", so
// everyone draws the same ones.
//   node portraits.mjs FOLDER STYLE SIZE COUNT
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { writeSync } from "node:fs";

const [folder, style, size, count] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const require = createRequire(pathToFileURL(folder + "/"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { createAvatar } = await load("@dicebear/core");
const collection = await load("@dicebear/collection");
const { Resvg } = require("@resvg/resvg-js");

const backgroundColor = ["b6e3f4", "c0aede", "d1d4f9", "ffd5dc", "ffdfbf", "c1e1c1", "f4f1de", "2b2d42"];
const paper = ["b6e3f4", "c0aede", "ffd5dc", "ffdfbf", "c1e1c1", "f4f1de"]; // ink needs a light ground
const options = { size, backgroundColor: style === "pixelArt" ? backgroundColor : paper };

const send = (bytes) => {
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(1, bytes, sent);
};
const parts = [];

for (let n = 0; n < count; n++) {
  const avatar = createAvatar(collection[style], { seed: String(n), ...options });
  parts.push(avatar.toJson().extra);
  const drawing = new Resvg(avatar.toString(), { fitTo: { mode: "width", value: size }, font: { loadSystemFonts: false } });
  const rgba = drawing.render().pixels;
  const rgb = Buffer.alloc(size * size * 3);
  for (let i = 0; i < size * size; i++) rgba.copy(rgb, 3 * i, 4 * i, 4 * i + 3);
  send(rgb);
}
send(Buffer.from(JSON.stringify(parts)));
