// One series of the studio: its chart, the lane of its labels above it, and the mark within.

import { Chart, color, joinTables, lineColor } from "./chart.js";
import { get } from "./server.js";

const NEAR_PX = { mouse: 7, pen: 10, touch: 18 };
const STILL_PX = 4;

export class Strip {
  // section: the part of the page. series: { key, tags }. words(name, values) gives a text.
  // acts: what the page does, and what it knows: see `forStrips` there.
  constructor(section, series, { data, words, acts, channel }) {
    Object.assign(this, { section, series, data, words, acts, channel });
    this.lane = section.querySelector(".lane");
    this.element = section.querySelector(".studio-chart");
    this.labels = [];
    this.hatched = [];
    this.marking = data.mayLabel;
    this.chart = new Chart(this.element, {
      from: data.from,
      to: data.to,
      load: (from, to, points, signal) => this.#load(from, to, points, signal),
      panes: (tables) => this.#panes(tables),
      join: joinTables,
      dragmode: this.marking ? false : "pan",
      onView: (view) => acts.view(this, view),
    });
    this.chart.ownKeys = (event) => acts.key(event);
    this.chart.onDraw = () => this.place();
    this.box = this.#overlay("mark-box");
    this.line = this.#overlay("cursor-line");
    if (data.mayLabel) this.#listen();
  }

  #overlay(name) {
    const made = this.element.appendChild(document.createElement("div"));
    made.className = name;
    made.hidden = true;
    return made;
  }

  get isMarked() {
    return this.section.querySelector(".marked")?.checked ?? true;
  }

  setMarking(marking) {
    this.marking = marking;
    this.chart.dragmode = marking ? false : "pan";
    this.chart.redraw();
  }

  // -- what is drawn -------------------------------------------------------------------------------

  async #load(from, to, points, signal) {
    const asked = new URLSearchParams({ from, to, maxDataPoints: points, series: this.series.key, field: "score" });
    for (const what of ["channels", "scores"]) asked.append("what", what);
    for (const channel of this.data.channels) asked.append("channel", channel);
    const path = `/api/v1/detectors/${encodeURIComponent(this.data.detector)}/chart?${asked}`;
    return (await get(path, signal)).tables;
  }

  #panes(tables) {
    const chosen = this.channel();
    const channels = this.data.channels.filter((one) => !chosen || one === chosen);
    const panes = channels.map((channel) => this.#channelPane(tables, channel));
    const scores = tables.find((one) => one.what === "scores");
    if (scores) {
      const line = (name, value, tone, more) => ({ name: this.words(name), time: scores.time, value, color: color(tone), ...more });
      const lines = [line("score", scores.columns.score, "--link"), line("line", scores.time.map(() => 1), "--bad", { dash: "dot", width: 1 })];
      panes.push({ title: this.words("score"), least: 0, lines });
    }
    this.element.style.setProperty("--chart-height", `${Math.max(13, 7.5 * (channels.length + 1))}rem`);
    return panes;
  }

  #channelPane(tables, channel) {
    const found = tables.find((one) => one.what === "channels" && channel in one.columns);
    const tone = lineColor(this.data.channels.indexOf(channel));
    const lines = found ? [{ name: channel, time: found.time, value: found.columns[channel], color: tone }] : [];
    return { title: channel.length > 14 ? `${channel.slice(0, 13)}…` : channel, lines };
  }

  // Labels and suggestions of this series; `chosen` is the number of the label that is open.
  show(labels, suggestions, chosen) {
    this.labels = labels.filter((one) => !one.series || one.series === this.series.key);
    this.#hatch(suggestions.filter((one) => one.series === this.series.key));
    this.chart.setRegions(this.labels.map((one) => ({ from: one.time, to: one.time_end, kind: one.kind, active: one.id === chosen })));
    this.#fillLane(chosen);
  }

  #hatch(suggestions) {
    for (const { element } of this.hatched) element.remove();
    this.hatched = suggestions.map((one) => ({ from: one.time, to: one.time_end, element: this.#overlay(`perhaps ${one.kind}`) }));
    for (const { element } of this.hatched) this.element.prepend(element);
  }

  #fillLane(chosen) {
    const focused = this.lane.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const { from, to } = this.chart.view;
    const seen = this.labels.filter((one) => one.time < to && one.time_end > from);
    this.lane.replaceChildren(...seen.map((one) => this.#button(one, chosen)));
    if (focused) (this.lane.querySelector(`[data-id="${CSS.escape(focused)}"]`) ?? this.element).focus();
  }

  #button(label, chosen) {
    const { from, to } = this.chart.view;
    const share = (time) => Math.min(Math.max((time - from) / (to - from), 0), 1) * 100;
    const made = document.createElement("button");
    made.type = "button";
    made.className = `laned ${label.kind}`;
    made.dataset.id = String(label.id);
    made.textContent = [this.words(`kind-${label.kind}`), label.note].filter(Boolean).join(" · ");
    made.setAttribute("aria-label", this.acts.describe(label));
    made.setAttribute("aria-pressed", String(label.id === chosen));
    made.style.setProperty("left", `${share(label.time)}%`);
    made.style.setProperty("width", `${share(label.time_end) - share(label.time)}%`);
    made.addEventListener("click", () => this.acts.choose(label));
    made.addEventListener("keydown", (event) => this.acts.laneKey(event, label));
    return made;
  }

  // Mark and cursor stand where their times are, whatever is drawn below.
  place(mark = this.mark, cursor = this.cursor) {
    Object.assign(this, { mark, cursor });
    const left = this.element.getBoundingClientRect().left + this.element.clientLeft;
    const { from, to } = this.chart.view;
    const within = (time) => Math.min(Math.max(time, from), to);
    const x = (time) => this.chart.xOf(within(time)) - left;
    const span = (element, range) => {
      element.hidden = !range || range.to <= from || range.from >= to;
      if (element.hidden) return;
      element.style.setProperty("left", `${x(range.from)}px`);
      element.style.setProperty("width", `${Math.max(x(range.to) - x(range.from), 2)}px`);
    };
    for (const one of this.hatched) span(one.element, one);
    const shown = this.moving ?? (this.isMarked ? mark : null);
    this.box.className = `mark-box ${shown?.kind ?? ""}`;
    span(this.box, shown);
    this.line.hidden = cursor === null || cursor === undefined || cursor < from || cursor > to;
    if (!this.line.hidden) this.line.style.setProperty("left", `${x(cursor)}px`);
  }

  // -- pointer -------------------------------------------------------------------------------------

  #listen() {
    this.element.addEventListener("pointerdown", (event) => this.#down(event));
    this.element.addEventListener("pointermove", (event) => this.#over(event));
  }

  #over(event) {
    const near = this.marking && !this.drag && this.#edge(event);
    this.element.classList.toggle("at-edge", Boolean(near));
  }

  #down(event) {
    if (event.button !== 0 || !this.marking || !this.chart.data) return;
    if (event.clientY > this.element.getBoundingClientRect().bottom - 40) return;
    const edge = this.#edge(event);
    const time = this.chart.timeAt(event.clientX);
    this.drag = { edge, x: event.clientX, anchor: edge ? edge.fixed : time, moved: false };
    this.element.setPointerCapture(event.pointerId);
    const move = (next) => this.#move(next);
    const up = (next) => {
      this.element.removeEventListener("pointermove", move);
      this.element.removeEventListener("pointerup", up);
      this.element.removeEventListener("pointercancel", up);
      this.#up(next);
    };
    this.element.addEventListener("pointermove", move);
    this.element.addEventListener("pointerup", up);
    this.element.addEventListener("pointercancel", up);
  }

  #move(event) {
    const { drag } = this;
    if (!drag.moved && Math.abs(event.clientX - drag.x) < STILL_PX) return;
    drag.moved = true;
    const time = this.chart.timeAt(event.clientX);
    const range = this.acts.snapped(drag.anchor, time);
    const label = drag.edge?.label;
    if (!label) return this.acts.mark(range, Boolean(drag.edge));
    this.moving = { ...range, kind: label.kind };
    return this.place();
  }

  #up(event) {
    const { drag } = this;
    const moved = this.moving;
    this.drag = null;
    this.moving = null;
    if (event.type !== "pointercancel" && !drag.moved) this.#click(event);
    else if (event.type !== "pointercancel" && moved) this.acts.move(drag.edge.label, moved);
    else this.acts.marked();
    this.place();
  }

  #click(event) {
    const time = this.chart.timeAt(event.clientX);
    const hit = this.labels.filter((one) => one.time <= time && time < one.time_end).sort((a, b) => a.time_end - a.time - (b.time_end - b.time));
    if (hit.length) this.acts.choose(hit[0]);
    this.acts.point(time);
  }

  // The edge under the pointer of the mark, or else of a label, and where its other edge stays.
  #edge(event) {
    const near = NEAR_PX[event.pointerType] ?? NEAR_PX.mouse;
    const mark = this.mark && this.isMarked ? [{ label: null, from: this.mark.from, to: this.mark.to }] : [];
    const open = this.acts.opened();
    const spoken = this.labels
      .filter((one) => one.source !== "yaml" && one.id !== open)
      .map((label) => ({ label, from: label.time, to: label.time_end }));
    const edges = [...mark, ...spoken]
      .flatMap(({ label, from, to }) => [
        { label, at: from, fixed: to },
        { label, at: to, fixed: from },
      ])
      .map((edge) => ({ ...edge, far: Math.abs(this.chart.xOf(edge.at) - event.clientX) }))
      .filter((edge) => edge.far <= near)
      .sort((a, b) => a.far - b.far);
    return edges[0] ?? null;
  }
}
