// The tree of steps, time to the right, a branch below the one it left: it draws a `Past` and moves in it.

import { element } from "./widgets.js";

const CELL = 44;
const APART = 58;
const EDGE = 6;

// Column and lane of every step. A chain of oldest children stays in its lane; every other child begins one,
// in the highest lane below its parent's that is free there.
export function lanes(past) {
  const places = new Map();
  const taken = []; // lane -> [first column, last column] of the chains in it
  const free = (lane, first, last) => (taken[lane] ?? []).every(([from, to]) => to < first || from > last);
  const chains = past.after(null).map((node) => ({ node, column: 0, above: -1 }));
  while (chains.length) {
    const { node, column, above } = chains.shift();
    const chain = [node];
    while (past.after(chain.at(-1).id).length) chain.push(past.after(chain.at(-1).id)[0]);
    const [first, last] = [Math.max(0, column - 1), column + chain.length - 1];
    let lane = above + 1;
    while (!free(lane, first, last)) lane += 1;
    (taken[lane] ??= []).push([first, last]);
    chain.forEach((one, index) => places.set(one.id, { column: column + index, lane }));
    const others = chain.flatMap((one, index) =>
      past.after(one.id).slice(1).map((child) => ({ node: child, column: column + index + 1, above: lane })),
    );
    chains.unshift(...others.reverse()); // the last branches lie nearest
  }
  return places;
}

export class Tree {
  // `onGo(id)` is called for a tap, `onCut(id)` for the Delete key.
  constructor(desk, place, { onGo, onCut }) {
    Object.assign(this, { desk, place, onGo, onCut });
    this.lines = place.querySelector("svg");
    this.buttons = new Map();
    place.onkeydown = (event) => this.onKey(event);
  }

  draw() {
    const { past, words } = this.desk;
    this.places = lanes(past);
    for (const [id, button] of this.buttons)
      if (!this.places.has(id)) {
        button.remove();
        this.buttons.delete(id);
      }
    for (const [id, { column, lane }] of this.places) {
      if (!this.buttons.has(id)) this.buttons.set(id, this.place.appendChild(this.button(id)));
      this.show(this.buttons.get(id), past.nodes.get(id), column, lane);
    }
    const [wide, high] = ["column", "lane"].map((side) => Math.max(0, ...[...this.places.values()].map((place) => place[side])));
    this.lines.setAttribute("width", EDGE * 2 + CELL + wide * APART);
    this.lines.setAttribute("height", EDGE * 2 + CELL + high * APART);
    this.drawLines();
    words.translate(this.place);
    if (past.present === this.centred) return;
    this.centred = past.present;
    const { column = 0, lane = 0 } = this.places.get(past.present) ?? {};
    this.place.scrollTo({ left: column * APART - this.place.clientWidth / 2, top: lane * APART - this.place.clientHeight / 2 });
  }

  button(id) {
    const button = element("button", { type: "button", className: "node", onclick: () => this.onGo(id) });
    button.setAttribute("role", "treeitem");
    button.dataset.id = id;
    return button;
  }

  show(button, node, column, lane) {
    const { id, thumb, name } = node;
    const { past } = this.desk;
    const present = id === past.present;
    button.style.left = `${EDGE + column * APART}px`;
    button.style.top = `${EDGE + lane * APART}px`;
    button.style.backgroundImage = thumb ? `url(${thumb})` : "";
    button.classList.toggle("named", !!name);
    button.setAttribute("aria-selected", present);
    button.setAttribute("aria-level", column + 1);
    button.tabIndex = present ? 0 : -1;
    Object.assign(button.dataset, { wordLabel: "keep.step", wordTitle: "keep.step", wordValues: JSON.stringify({ n: column + 1, deed: this.desk.deedOf(node) }) });
  }

  drawLines() {
    const { past } = this.desk;
    const line = new Set(past.line);
    const middle = ({ column, lane }) => [EDGE + column * APART + CELL / 2, EDGE + lane * APART + CELL / 2];
    const paths = { "": "", line: "" };
    for (const node of past.nodes.values()) {
      const parent = this.places.get(node.parent);
      if (!parent) continue;
      const [[x, y], [right, down]] = [middle(parent), middle(this.places.get(node.id))];
      const bend = y === down ? `H${right}` : `C${x + APART / 2},${y} ${x + APART / 4},${down} ${right - CELL / 2},${down}H${right}`;
      paths[line.has(node) && line.has(past.nodes.get(node.parent)) ? "line" : ""] += `M${x},${y}${bend}`;
    }
    this.lines.innerHTML = Object.entries(paths)
      .map(([name, path]) => `<path class="${name}" d="${path}"/>`)
      .join("");
  }

  // Arrows: to the step before, the step after, and to the branches above and below.
  onKey(event) {
    const id = event.target.dataset?.id;
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = this.neighbour(id, event.key);
    if (!next && !["Delete", "Backspace"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!next) return this.onCut(id);
    if (next === id) return;
    event.target.tabIndex = -1;
    const button = this.buttons.get(next);
    button.tabIndex = 0;
    button.focus();
  }

  // The id of the step an arrow leads to, `id` itself at an end; null for any other key.
  neighbour(id, key) {
    const { past } = this.desk;
    const node = past.nodes.get(id);
    const after = past.after(id);
    if (key === "ArrowLeft") return past.nodes.has(node.parent) ? node.parent : id;
    if (key === "ArrowRight") return (after.find((child) => child.id === node.last) ?? after[0] ?? node).id;
    const down = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (!down) return null;
    const { column, lane } = this.places.get(id);
    const far = (place) => (place.lane - lane) * down * 1000 + Math.abs(place.column - column);
    const [nearest] = [...this.places].filter(([, place]) => (place.lane - lane) * down > 0).sort(([, a], [, b]) => far(a) - far(b));
    return nearest?.[0] ?? id;
  }
}
