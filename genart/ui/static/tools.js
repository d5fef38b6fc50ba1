// The tools beside the stage: one is open, the picture stays. A tool is told of the model
// (layOut), of each picture at rest while it is open (show), of one that is about to change (moved), and
// of being opened and closed; it may say which models it serves, and is hidden for the others.

import { Breed } from "./breed.js";
import { Directions } from "./directions.js";
import { Keep } from "./keep.js";
import { MapTool } from "./map.js";
import { Mix } from "./mix.js";
import { $, $$, show } from "./widgets.js";

const TOOLS = { steer: Directions, mix: Mix, breed: Breed, map: MapTool, keep: Keep };

export class Tools {
  constructor(desk) {
    this.desk = desk;
    this.buttons = $$("#tools [data-tool]");
    this.all = Object.fromEntries(Object.entries(TOOLS).map(([name, Tool]) => [name, new Tool(desk)]));
    for (const button of this.buttons) {
      button.onclick = () => this.open(button.dataset.tool);
      button.onkeydown = (event) => this.onArrow(button, event);
    }
    this.open(localStorage.getItem("genart.tool") ?? "steer");
  }

  get present() {
    return this.all[this.name];
  }

  open(name) {
    const known = this.buttons.some(({ dataset }) => dataset.tool === name) ? name : "steer";
    if (known === this.name) return;
    this.present?.closed?.();
    this.name = known;
    localStorage.setItem("genart.tool", known);
    document.body.dataset.tool = known; // a phone has less room for the picture beside some
    for (const button of this.buttons) {
      const chosen = button.dataset.tool === known;
      button.setAttribute("aria-selected", chosen);
      button.tabIndex = chosen ? 0 : -1;
      show(`#tool-${button.dataset.tool}`, chosen);
    }
    if (!this.desk.model) return;
    this.present?.opened?.();
    this.show();
  }

  layOut(model) {
    for (const [name, tool] of Object.entries(this.all)) {
      const serves = tool.serves?.(model) ?? true;
      show(`#tools [data-tool="${name}"]`, serves);
      if (!serves && name === this.name) this.open("steer");
      tool.layOut?.(model);
    }
    this.present?.opened?.();
  }

  // A file was opened or dropped; true where a tool took it.
  async onFile(file) {
    for (const tool of Object.values(this.all)) if (await tool.onFile?.(file, tool === this.present)) return true;
    return false;
  }

  // A picture stands still on the stage.
  show() {
    this.present?.show?.();
  }

  // The recipe has changed; its picture is not there yet.
  moved() {
    this.present?.moved?.();
  }

  // Number keys choose a tool, from 1 in the order of the buttons.
  onKey(key) {
    const button = this.buttons[Number(key) - 1];
    if (button && !button.hidden) this.open(button.dataset.tool);
    return !!button || !!this.present?.onKey?.(key);
  }

  onArrow(button, event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const shown = this.buttons.filter(({ hidden }) => !hidden);
    const next = shown[(shown.indexOf(button) + by + shown.length) % shown.length];
    next.focus();
    next.click();
  }
}
