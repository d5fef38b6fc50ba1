// A sound on the timeline: heard on the server once, drawn below the strip, played with the walk,
// and the matrix of what it moves. A walk carries what was heard; the file itself stays in this browser.

import { $, $$, clamp } from "./widgets.js";

const LEVELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const FILES = /^audio\/|\.(wav|mp3|ogg|oga|opus|flac|m4a)$/i;
const NUMBERED = /^(pca|sefa|channel)(\d+)$/;
const LONGEST = 600; // seconds of a walk
const SHORTEST = 0.05;
const LAG = 0.08; // seconds the picture may be off before it follows what is heard

export class Sound {
  constructor(films) {
    this.films = films;
    this.desk = films.desk;
    this.audio = new Audio();
    this.rows = JSON.parse($("#tl-matrix").dataset.rows);
    this.usual = JSON.parse($("#tl-matrix").dataset.usual);
    this.bind();
  }

  static is(file) {
    return FILES.test(file.type) || FILES.test(file.name);
  }

  get heard() {
    return this.films.walk.sound ?? null;
  }

  get drive() {
    return this.films.walk.drive ?? this.usual;
  }

  get seconds() {
    return this.heard ? this.heard.levels.length / this.rows.length / this.heard.rate : 0;
  }

  // ---- taking and leaving

  async take(file) {
    const { desk, films } = this;
    const first = !this.heard;
    desk.stage.note("film.listening", { name: file.name });
    const route = `sound?${new URLSearchParams({ name: file.name.slice(-200) })}`;
    const found = await desk.live.call(route, file).catch((error) => desk.fail(error));
    if (!found) return;
    desk.stage.say();
    this.keep(file, found.sound);
    if (!films.walk.keys.length) films.add([desk.recipe]);
    films.change((walk) => {
      walk.sound = found.sound;
      walk.drive ??= { ...structuredClone(this.usual), directions: (desk.model?.directions ?? []).slice(0, 2) };
      if (first) fitted(walk, films.seconds, this.lengthOf(found.sound));
    });
    films.toggle(true);
    this.open(true);
    desk.stage.note("sound.heard", { name: found.sound.name });
  }

  lengthOf(sound) {
    return sound.levels.length / this.rows.length / sound.rate;
  }

  keep(file, sound) {
    if (this.file) URL.revokeObjectURL(this.audio.src);
    this.file = file;
    this.levels = sound.levels;
    this.audio.src = URL.createObjectURL(file);
  }

  // The file to send with a film; null where the walk's sound came without one.
  get sent() {
    return this.heard && this.file && this.levels === this.heard.levels ? this.file : null;
  }

  fit() {
    this.films.change((walk) => fitted(walk, this.films.seconds, this.seconds));
  }

  remove() {
    this.open(false); // the file is kept: undo brings the sound back
    this.films.change((walk) => {
      delete walk.sound;
      delete walk.drive;
    });
  }

  // ---- playing

  start(second) {
    if (!this.sent || second >= this.audio.duration) return this.audio.pause();
    this.audio.currentTime = second;
    this.audio.play().catch(() => null); // a browser that cannot play it shows the walk in silence
  }

  stop() {
    this.audio.pause();
  }

  // The moment that is heard, where it differs from the one shown; null where nothing is playing.
  off(second) {
    const { audio } = this;
    if (!this.sent || audio.paused || audio.ended || audio.seeking || !audio.currentTime) return null;
    return Math.abs(audio.currentTime - second) > LAG ? audio.currentTime : null;
  }

  // ---- shown

  show() {
    const { heard } = this;
    $('[data-film="sound"]').setAttribute("aria-pressed", !!heard);
    $("#timeline").classList.toggle("heard", !!heard);
    $("#tl-wave").hidden = !heard;
    $("#film-heard").hidden = !this.sent || !["mp4", "webm"].includes($("#film-format").value);
    if (!heard) return this.open(false);
    this.draw();
    this.showMatrix();
  }

  // Loudness as a band, beats as lines through it.
  draw() {
    const wave = $("#tl-wave");
    const { heard, films } = this;
    wave.width = wave.clientWidth;
    const context = wave.getContext("2d");
    const { width, height } = wave;
    const count = heard.levels.length / this.rows.length;
    const at = (row, value) => LEVELS.indexOf(heard.levels[row * count + value]) / 63;
    const styles = getComputedStyle(wave);
    context.clearRect(0, 0, width, height);
    for (let x = 0; x < width; x += 1) {
      const [from, to] = [x, x + 1].map((place) => Math.floor((place / width) * films.seconds * heard.rate));
      let [beat, loud] = [0, 0];
      for (let value = from; value < Math.min(Math.max(to, from + 1), count); value += 1) {
        beat = Math.max(beat, at(0, value));
        loud = Math.max(loud, at(1, value));
      }
      context.fillStyle = beat > 0.35 ? styles.getPropertyValue("--accent") : styles.color;
      context.globalAlpha = beat > 0.35 ? 0.4 + 0.6 * beat : 0.55;
      const tall = Math.max(1, loud * height);
      context.fillRect(x, (height - tall) / 2, 1, tall);
    }
  }

  open(open) {
    $("#tl-matrix").hidden = !open || !this.heard;
    $('[data-film="sound"]').setAttribute("aria-expanded", !$("#tl-matrix").hidden);
  }

  showMatrix() {
    const { heard, drive, films, desk } = this;
    const { words } = desk;
    const model = desk.model?.name === films.walk.keys[0]?.recipe.model ? desk.model : null;
    $("#sound-name").textContent = `${heard.name} · ${this.seconds.toFixed(1)} s`;
    $("#sound-lost").hidden = !!this.sent;
    const directions = model?.directions ?? drive.directions ?? [];
    const there = { first: directions.length > 0, second: directions.length > 1, noise: !!model?.hasNoise, class: (model?.numClasses ?? 0) > 1 };
    for (const cell of $$("#tl-matrix [data-column]")) cell.hidden = there[cell.dataset.column] === false;
    ["first", "second"].forEach((place, index) => {
      const select = $(`[data-direction="${place}"]`);
      options(select, directions.map((name) => [name, this.nameOf(name)]), drive.directions?.[index] ?? directions[index]);
      select.setAttribute("aria-label", words.word(`sound.${place}`));
    });
    const classes = (model?.classes ?? []).map((name, index) => [index, words.has(`class.named.${name}`) ? words.word(`class.named.${name}`) : name]);
    options($("#sound-label"), classes, drive.label ?? 0);
    $("#sound-label").setAttribute("aria-label", words.word("sound.class"));
    for (const input of $$("#tl-matrix input[type=range]")) {
      const { row, into } = input.dataset;
      const cell = into === "smoothing" ? drive.smoothing?.find((one) => one[0] === row) : drive.amounts?.find((one) => one[0] === row && one[1] === into);
      const value = cell?.at(-1) ?? 0;
      if (document.activeElement !== input || Number(input.value) !== value) input.value = value;
      this.showCell(input);
      const named = { row: words.word(`sound.row.${row}`), column: words.word(`sound.${into}`) };
      input.setAttribute("aria-label", words.word("sound.cell", named));
    }
  }

  showCell(input) {
    const value = Number(input.value);
    input.nextElementSibling.textContent = value ? value.toFixed(2).replace("-", "−") : "·";
    input.classList.toggle("none", !value);
    input.parentElement.style.setProperty("--amount", Math.abs(value));
  }

  nameOf(direction) {
    const [, kind, n] = direction.match(NUMBERED) ?? [null, direction];
    return this.desk.words.has(`direction.${kind}`) ? this.desk.words.word(`direction.${kind}`, { n }) : direction;
  }

  // ---- what the hand does

  press() {
    if (!this.heard) return $("#tl-sound-file").click();
    this.open($("#tl-matrix").hidden);
    this.showMatrix();
  }

  bind() {
    const does = { fit: () => this.fit(), other: () => $("#tl-sound-file").click(), remove: () => this.remove(), close: () => this.open(false) };
    for (const button of $$("[data-sound]")) button.onclick = () => does[button.dataset.sound]();
    $("#tl-sound-file").onchange = ({ target }) => {
      if (target.files[0] && this.desk.recipe) this.take(target.files[0]);
      target.value = "";
    };
    for (const input of $$("#tl-matrix input[type=range]")) {
      input.oninput = () => this.turn(input);
      input.onchange = () => this.films.past.keep(this.films.walk);
      input.ondblclick = () => {
        input.value = 0;
        this.turn(input);
        input.onchange();
      };
    }
    $$("[data-direction]").forEach((select, index) => {
      select.onchange = () =>
        this.change((drive) => {
          drive.directions = [$('[data-direction="first"]').value, $('[data-direction="second"]').value].filter(Boolean);
          drive.directions[index] = select.value;
        });
    });
    $("#sound-label").onchange = ({ target }) => this.change((drive) => (drive.label = Number(target.value)));
    $("#tl-matrix").onkeydown = (event) => {
      if (event.key !== "Escape") return;
      this.open(false);
      $('[data-film="sound"]').focus();
    };
  }

  turn(input) {
    const { row, into } = input.dataset;
    const value = clamp(Number(input.value), -1, 1);
    this.showCell(input);
    this.change(
      (drive) => {
        if (into === "smoothing") drive.smoothing = [...(drive.smoothing ?? []).filter((one) => one[0] !== row), [row, value]];
        else drive.amounts = [...(drive.amounts ?? []).filter((one) => one[0] !== row || one[1] !== into), ...(value ? [[row, into, value]] : [])];
      },
      { keep: false },
    );
  }

  // The matrix is turned while the walk plays on.
  change(mutate, { keep = true } = {}) {
    const { films } = this;
    films.change(
      (walk) => {
        walk.drive = structuredClone(this.drive);
        mutate(walk.drive);
      },
      { pace: true, keep, rest: false },
    );
    if (!films.playing) films.ask();
  }
}

// Keys drawn out or together until the walk lasts as long as the sound.
function fitted(walk, seconds, wanted) {
  const by = seconds ? Math.min(wanted, LONGEST) / seconds : 1;
  for (const key of walk.keys) key.seconds = Math.max(SHORTEST, Math.floor(key.seconds * by * 1000) / 1000);
}

function options(select, pairs, chosen) {
  const text = JSON.stringify(pairs);
  if (select.dataset.pairs !== text) {
    select.dataset.pairs = text;
    select.replaceChildren(...pairs.map(([value, name]) => new Option(name, value)));
  }
  select.value = chosen;
}
