// The labels in sight and what was done to them here: every change can be undone and done again.

import { get, send } from "./server.js";

export class Book {
  constructor(detector) {
    this.detector = detector;
    this.api = `/api/v1/detectors/${encodeURIComponent(detector)}/labels`;
    this.labels = [];
    this.done = [];
    this.undone = [];
    this.busy = Promise.resolve();
  }

  async read(from, to) {
    const asked = new URLSearchParams({ detector: this.detector, from: Math.round(from), to: Math.round(to) });
    this.labels = await get(`/api/v1/labels?${asked}`);
  }

  find(id) {
    return this.labels.find((one) => one.id === id);
  }

  // Puts drafts in the place of labels, all or none.
  change(add, remove = []) {
    return this.#alone(async () => {
      const step = await this.#send(add, remove);
      this.done.push(step);
      this.undone.length = 0;
      return step;
    });
  }

  undo() {
    return this.#alone(() => this.#turn(this.done, this.undone));
  }

  redo() {
    return this.#alone(() => this.#turn(this.undone, this.done));
  }

  // One after the other: a key may be pressed again before the server has answered.
  #alone(work) {
    const done = this.busy.then(work);
    this.busy = done.catch(() => {});
    return done;
  }

  // What was said again has another number: steps that are still to be turned back follow it.
  async #turn(from, to) {
    const step = from.at(-1);
    if (!step) return null;
    const turned = await this.#send(step.removed.map(draftOf), step.added);
    from.pop();
    step.removed.forEach((label, place) => this.#renumber(label.id, turned.added[place]));
    to.push(turned);
    return turned;
  }

  #renumber(id, label) {
    for (const step of [...this.done, ...this.undone]) {
      for (const list of [step.added, step.removed]) {
        const place = list.findIndex((one) => one.id === id);
        if (place >= 0) list[place] = { ...list[place], id: label.id };
      }
    }
  }

  async #send(add, remove) {
    return send("POST", `${this.api}/change`, { add, remove: remove.map((one) => one.id) });
  }
}

// A label of the server as it would be said again.
export function draftOf(label) {
  return { kind: label.kind, from: label.time, to: label.time_end, tags: tagsOf(label.series), note: label.note };
}

// tag=value,… with \ before a comma, an equals sign or a \ that belongs to a name or value.
export function tagsOf(series) {
  const tags = {};
  for (const part of series ? parted(series, ",") : []) {
    const [tag, value] = parted(part, "=");
    tags[plain(tag)] = plain(value);
  }
  return tags;
}

function parted(text, separator) {
  const parts = [""];
  for (let place = 0; place < text.length; place += 1) {
    if (text[place] === "\\") {
      parts[parts.length - 1] += text.slice(place, place + 2);
      place += 1;
    } else if (text[place] === separator) parts.push("");
    else parts[parts.length - 1] += text[place];
  }
  return parts;
}

function plain(text) {
  return text.replace(/\\(.)/gs, "$1");
}

// A note names the operating mode as "mode: NAME".
const MODE = /(?:^|[;\n])\s*mode:\s*([^;\n]+)/i;

export function modeOf(note) {
  return MODE.exec(note)?.[1].trim() ?? "";
}

export function withoutMode(note) {
  return note.replace(MODE, "").replace(/^\s*;\s*/, "").trim();
}

export function withMode(note, mode) {
  return [note.trim(), mode.trim() && `mode: ${mode.trim()}`].filter(Boolean).join("; ");
}
