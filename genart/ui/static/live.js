// The live channel, seen from the browser: the newest request wins, one is under way, every
// last one is painted. It knows no controls; explore.js gives it recipes and gets pictures.

const LADDER = ["socket", "post", "event"];
const IDLE_MS = 120;
const GROUP = 8; // small pictures in one request
const GROUP_CHARACTERS = 200_000; // the server takes 262144

export class Live {
  // `event` is the last rung, a function of the page's own Gradio component; `renew` gets a new token.
  constructor({ token, event, renew, onFrame, onError }) {
    Object.assign(this, { token, event, renew, onFrame, onError });
    this.seq = 0;
    this.waiting = null;
    this.underWay = null;
    this.rung = 0;
    this.connect();
  }

  // Ask for a picture. `inputAt` is the time of the hand's event; `hurry` allows a preview.
  ask(request, inputAt = performance.now()) {
    this.waiting = { request, inputAt };
    clearTimeout(this.idle);
    if (request.hurry) this.idle = setTimeout(() => this.settle(), IDLE_MS);
    this.send();
  }

  // The hand rests: the whole picture, once, if the last one was not whole.
  settle() {
    if (this.waiting || this.underWay) return void (this.idle = setTimeout(() => this.settle(), IDLE_MS));
    if (this.last) this.ask({ ...this.last, hurry: false });
  }

  send() {
    if (this.underWay || !this.waiting) return;
    const { request, inputAt } = this.waiting;
    const way = LADDER[this.rung];
    if (way === "socket" && this.socket?.readyState !== WebSocket.OPEN) return;
    this.waiting = null;
    this.last = request;
    const message = this.message({ seq: ++this.seq, ...request });
    this.underWay = { seq: this.seq, request, inputAt, sentAt: performance.now() };
    if (way === "socket") return this.socket.send(message);
    const work = way === "post" ? this.post(message) : this.event(message);
    work.then((reply) => this.receive(reply)).catch(() => this.fail());
  }

  // One picture outside the live view, such as a thumbnail; resolves to {head, data}. One after
  // another: on the server the newest would replace those that wait.
  aside(request) {
    const answer = (this.beside ?? Promise.resolve()).then(async () => {
      const message = this.message({ seq: 0, aside: true, ...request });
      return parse(await (LADDER[this.rung] === "event" ? this.event(message) : this.post(message)));
    });
    this.beside = answer.catch(() => null);
    return answer;
  }

  // Many small pictures: `each(index, {head, data})` for every recipe, in order, as groups arrive; a head
  // may hold an error. Resolves to false once `signal` is aborted.
  async cells(recipes, { side = 64, each, signal }) {
    let group;
    for (let first = 0; first < recipes.length; first += group.length) {
      group = together(recipes.slice(first, first + GROUP));
      const made = await (LADDER[this.rung] === "event" ? this.oneByOne(group, signal) : this.group(group, side, signal)).catch((error) => {
        if (signal?.aborted) return [];
        throw error;
      });
      if (signal?.aborted) return false;
      for (const [index, cell] of made.entries()) await each(first + index, cell);
    }
    return true;
  }

  async group(recipes, side, signal) {
    const body = JSON.stringify({ recipes, side });
    const answer = await fetch("live/cells", { method: "POST", body, headers: this.headers(), signal });
    if (!answer.ok) throw await refusal(answer);
    const { head, data } = parse(await answer.arrayBuffer());
    let at = 0;
    return head.cells.map((cell) => ({ head: cell, data: data.slice(at, (at += cell.bytes ?? 0)) }));
  }

  // A reply that the live view has overtaken holds no picture: ask again.
  async oneByOne(recipes, signal) {
    const made = [];
    for (const recipe of recipes) {
      let cell;
      do cell = await this.aside({ recipe });
      while (cell.head.overtaken && !signal?.aborted);
      if (signal?.aborted) return made;
      made.push(cell);
    }
    return made;
  }

  async post(message) {
    const answer = await fetch("live", { method: "POST", body: message, headers: this.headers() });
    if (answer.headers.get("content-type")?.includes("json")) return wrapped(await answer.json());
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.arrayBuffer();
  }

  // JSON from one of the channel's other routes; throws an Error with the server's own sentence, in both languages.
  async call(route, body, signal) {
    const answer = await fetch(`live/${route}`, { method: "POST", body, headers: this.headers(), signal });
    if (!answer.ok) throw await refusal(answer);
    return answer.headers.get("content-type")?.includes("json") ? answer.json() : answer.blob();
  }

  // Only the event route lacks a header for the token.
  message(request) {
    return JSON.stringify(LADDER[this.rung] === "event" ? { token: this.token, ...request } : request);
  }

  headers() {
    return { "x-genart-token": this.token };
  }

  connect() {
    const address = new URL("live", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.rung = 0;
      socket.send(JSON.stringify({ token: this.token }));
      this.send();
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = async ({ code }) => {
      if (!opened) this.rung = Math.max(this.rung, 1);
      const expired = code === 4401;
      const renewed = expired && (await this.renew().catch(() => null));
      this.token = renewed || this.token;
      this.fail();
      setTimeout(() => this.connect(), opened && (renewed || !expired) ? 500 : 15000);
    };
  }

  // A request was lost on the way: put it back, unless a newer one waits, and try the next rung.
  fail() {
    const lost = this.underWay;
    this.underWay = null;
    if (!lost) return this.send();
    this.waiting ??= lost;
    this.tries = (this.tries ?? 0) + 1;
    if (LADDER[this.rung] !== "socket") this.rung = this.rung === 1 ? 2 : 1;
    if (this.tries > 2) this.onError(null);
    setTimeout(() => this.send(), Math.min(2000, 100 * this.tries));
  }

  async receive(buffer) {
    const { head, data } = parse(buffer);
    const asked = this.underWay;
    if (head.seq !== null && head.seq !== asked?.seq) return;
    this.underWay = null;
    this.tries = 0;
    this.send();
    if (head.overtaken || !asked) return;
    if (head.error) return this.onError([head.error, head.chinese], asked);
    const receivedAt = performance.now();
    await this.onFrame(head, data, { ...asked, receivedAt });
  }
}

// As many of the recipes as one request carries, at least one: stored latents may be long.
export function together(recipes) {
  let length = 0;
  const count = recipes.findIndex((recipe) => (length += JSON.stringify(recipe).length) > GROUP_CHARACTERS);
  return recipes.slice(0, count < 0 ? recipes.length : Math.max(1, count));
}

// A reply's picture, decoded off the thread; whoever asks closes it.
export function bitmapOf({ head, data }) {
  if (head.kind === "rgba") return createImageBitmap(new ImageData(new Uint8ClampedArray(data), head.width, head.height));
  return createImageBitmap(new Blob([data], { type: "image/jpeg" }));
}

// Draws one reply on a canvas, whole and in the middle. Plain pixels are drawn at once; JPEG is decoded off the thread.
export async function paint(canvas, { head, data }) {
  const source = head.kind === "rgba" ? plain(head, data) : await bitmapOf({ head, data });
  draw(canvas, source);
  source.close?.(); // else its pixels stay until the browser tidies up
}

// Draws a picture on a canvas, whole and in the middle; one that was closed meanwhile is left out.
export function draw(canvas, source) {
  if (!source.width) return;
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingEnabled = canvas.dataset.hard !== "true";
  context.imageSmoothingQuality = "high";
  const scale = Math.min(canvas.width / source.width, canvas.height / source.height);
  const [width, height] = [source.width * scale, source.height * scale];
  if (width < canvas.width || height < canvas.height) context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

const scratch = document.createElement("canvas");
function plain(head, data) {
  if (scratch.width !== head.width || scratch.height !== head.height) {
    scratch.width = head.width;
    scratch.height = head.height;
  }
  scratch.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(data), head.width, head.height), 0, 0);
  return scratch;
}

function parse(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { head, data: buffer.slice(4 + length) };
}

async function refusal(answer) {
  const value = answer.headers.get("content-type")?.includes("json") ? await answer.json() : {};
  return Object.assign(new Error(value.error ?? answer.statusText), value.error && { sentence: [value.error, value.chinese] });
}

function wrapped(head) {
  const text = new TextEncoder().encode(JSON.stringify({ seq: null, ...head }));
  const buffer = new ArrayBuffer(4 + text.length);
  new DataView(buffer).setUint32(0, text.length);
  new Uint8Array(buffer, 4).set(text);
  return buffer;
}
