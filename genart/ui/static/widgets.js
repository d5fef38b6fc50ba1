// Small things the page is made of. They know no recipe.

export const $ = (selector) => document.querySelector(selector);
export const $$ = (selector) => [...document.querySelectorAll(selector)];
export const SIDE = 96; // of the small pictures that tools share
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

export function element(kind, properties) {
  return Object.assign(document.createElement(kind), properties);
}

export function show(selector, visible) {
  $(selector).hidden = !visible;
}

// Called when the page is left, or hidden, after which a telephone may end it without a word.
export function onLeave(does) {
  window.addEventListener("pagehide", does);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && does());
}

// Gradio's own sliders: their inputs are set as a hand would set them, and told apart from a hand.
let settling = false;
export function onSlider(selector, onInput) {
  $(selector).addEventListener("input", (event) => {
    const value = Number(event.target.value);
    if (!settling && event.target.value !== "" && Number.isFinite(value)) onInput(value, event);
  });
}

export function setSlider(selector, value) {
  const range = $(`${selector} input[type=range]`);
  if (Number(range.value) === value) return;
  settling = true;
  range.value = value;
  range.dispatchEvent(new Event("input", { bubbles: true }));
  settling = false;
}

export function setRange(selector, min, max) {
  for (const input of $$(`${selector} input`)) Object.assign(input, { min, max });
}

// One compact row: name, range, number; double-click is zero. `key` and `values` name it in words.
export function sliderRow({ label, key, values, min, max, onInput }) {
  const row = element("label", { className: "slider" });
  const name = element("span", { textContent: label ?? "" });
  const range = element("input", { type: "range", min, max, step: 0.01, value: 0 });
  const output = element("output", { textContent: "0.00" });
  if (!label) Object.assign(name.dataset, { word: key, wordValues: JSON.stringify(values) });
  Object.assign(range.dataset, { wordLabel: key, wordValues: JSON.stringify(values) });
  range.oninput = (event) => {
    output.textContent = Number(range.value).toFixed(2);
    onInput(Number(range.value), event);
  };
  range.ondblclick = (event) => {
    range.value = 0;
    range.oninput(event);
  };
  row.append(name, range, output);
  return row;
}

export function setRow(row, value) {
  row.querySelector("input").value = value;
  row.querySelector("output").textContent = Number(value).toFixed(2);
}

export function thumbnail(canvas, side = 64) {
  const small = element("canvas", { width: side, height: side });
  small.getContext("2d").drawImage(canvas, 0, 0, side, side);
  return small.toDataURL("image/jpeg", 0.85);
}

// A bar for every number of a latent, up to `limit` either way.
export function drawStrip(canvas, values, limit, chosen = -1) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const step = width / values.length;
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(canvas).color;
  values.forEach((value, index) => {
    context.globalAlpha = index === chosen ? 1 : 0.65;
    const tall = (clamp(value, -limit, limit) / limit) * (height / 2);
    context.fillRect(index * step, height / 2 - Math.max(0, tall), Math.max(1, step * 0.8), Math.max(1, Math.abs(tall)));
  });
}

// A button whose recipe can be dragged to the timeline.
export function carry(button, kind, recipe) {
  button.draggable = true;
  button.dataset.wordTitle ??= "tray.drag";
  button.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData(kind, JSON.stringify(recipe()));
    event.dataTransfer.effectAllowed = "copy";
  });
}
