// Panes above each other on one time axis, read from the server as one looks around. `Plotly` is
// the global of the chart library's own script.

import { say } from "./server.js";
import { local, utc } from "./times.js";
import { ticks } from "./ticks.js";

const MARGIN = { l: 64, r: 16, t: 8, b: 40 };
const GAP = 0.06;
const PAUSE_MS = 120;
const DAY = 86_400_000;

export const KINDS = { normal: "--good", anomaly: "--bad", exclude: "--idle", suggestion: "--busy" };

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const LINES = ["#2f7ed8", "#c2571a", "#3b8f3e", "#9a4fb5", "#b08a00", "#c43d6b", "#008b9a", "#7a6a58"];

export function lineColor(place) {
  return LINES[place % LINES.length];
}

export class Chart {
  // element: an empty block; its height stays, whatever is drawn.
  // from, to: what is shown first, in milliseconds. least, most: how far one may go, if known.
  // load(from, to, points, signal): promises what `panes` draws; asked for more than is seen.
  // panes(data): [{ title, log, least, lines: [{ name, time, value, color, dash, width, fill, markers }] }]
  // dragmode: "zoom", "pan" or false where the page does something else with a drag.
  constructor(element, { from, to, load, panes, dragmode = "zoom", onView, onPoint }) {
    Object.assign(this, { element, load, panes, dragmode, onView, onPoint });
    this.view = { from, to };
    this.first = { from, to };
    this.held = null;
    this.data = null;
    this.regions = [];
    this.log = false;
    element.classList.add("chart");
    element.tabIndex = 0;
    element.dataset.drawn = "0";
    this.plot = element.appendChild(document.createElement("div"));
    this.plot.className = "plot";
    this.tip = element.appendChild(document.createElement("div"));
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.state = element.appendChild(document.createElement("p"));
    this.state.className = "chart-state";
    this.state.setAttribute("role", "status");
    element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.data && Plotly.Plots.resize(this.plot)).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  // Shows a range; what is held already is drawn at once, the rest when it has come.
  show(from, to) {
    this.view = { from, to };
    if (this.data) this.#draw();
    this.onView?.(this.view);
    return this.#read();
  }

  reload() {
    this.held = null;
    return this.#read();
  }

  redraw() {
    if (this.data) this.#draw();
  }

  setLog(log) {
    this.log = log;
    this.redraw();
  }

  // regions: [{ from, to, color, hatched, label, id }] over the whole height.
  setRegions(regions) {
    this.regions = regions;
    this.redraw();
  }

  timeAt(clientX) {
    const { left, width } = this.#frame();
    const share = (clientX - left) / width;
    return Math.round(this.view.from + share * (this.view.to - this.view.from));
  }

  xOf(time) {
    const { left, width } = this.#frame();
    return left + (width * (time - this.view.from)) / (this.view.to - this.view.from);
  }

  zoom(factor, at = (this.view.from + this.view.to) / 2) {
    const { from, to } = this.view;
    return this.show(Math.round(at - (at - from) * factor), Math.round(at + (to - at) * factor));
  }

  move(share) {
    const by = Math.round((this.view.to - this.view.from) * share);
    return this.show(this.view.from + by, this.view.to + by);
  }

  #frame() {
    const box = this.plot.getBoundingClientRect();
    return { left: box.left + MARGIN.l, width: box.width - MARGIN.l - MARGIN.r };
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.element) return;
    const acts = {
      ArrowLeft: () => this.move(-0.25),
      ArrowRight: () => this.move(0.25),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      Home: () => this.show(this.first.from, this.first.to),
    };
    if (this.ownKeys?.(event)) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // Asked for is a view to each side too, so that a pan has something to show at once.
  async #read() {
    const { from, to } = this.view;
    const span = to - from;
    const { held } = this;
    const fine = held && held.span <= span * 1.5;
    if (fine && held.from <= from && to <= held.to) return;
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    await new Promise((done) => setTimeout(done, this.data ? PAUSE_MS : 0));
    if (asking.signal.aborted) return;
    const wide = { from: Math.max(from - span, 0), to: to + span, span };
    const points = Math.min(Math.max(Math.round(this.#frame().width), 300), 1500) * 3;
    this.state.textContent = this.data ? "" : say("loading");
    try {
      this.data = await this.load(wide.from, wide.to, points, asking.signal);
    } catch (error) {
      if (error.name !== "AbortError") this.state.textContent = error.message;
      return;
    }
    this.held = wide;
    this.#draw();
    this.element.dataset.drawn = String(Number(this.element.dataset.drawn) + 1);
  }

  #draw() {
    const panes = this.panes(this.data, this.view);
    const lines = panes.flatMap((pane, place) => pane.lines.map((line) => this.#trace(line, place)));
    this.state.textContent = lines.some((line) => line.x.length) ? "" : say("nothing");
    const config = { displayModeBar: false, doubleClick: false, scrollZoom: true, responsive: false };
    Plotly.react(this.plot, lines, this.#layout(panes), config);
    if (!this.listening) this.#listen();
  }

  #trace(line, place) {
    const mode = line.markers ? "markers" : "lines";
    return {
      x: line.time,
      y: line.value,
      name: line.name,
      yaxis: place ? `y${place + 1}` : "y",
      type: "scatter",
      mode,
      hoverinfo: "none",
      connectgaps: false,
      fill: line.fill,
      fillcolor: line.fillcolor,
      line: { color: line.color, width: line.width ?? 1.5, dash: line.dash, shape: line.shape ?? "linear" },
      marker: { color: line.color, size: line.size ?? 6, symbol: line.symbol ?? "circle" },
    };
  }

  #layout(panes) {
    const text = color("--muted");
    const grid = color("--line");
    const { from, to } = this.view;
    const layout = {
      margin: MARGIN,
      showlegend: false,
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { color: text, size: 12 },
      hovermode: "x",
      hoverdistance: 40,
      dragmode: this.dragmode,
      uirevision: "own",
      shapes: this.regions.map((region) => this.#shape(region)),
      xaxis: {
        range: [from, to],
        gridcolor: grid,
        zeroline: false,
        ...ticks(from, to, this.#frame().width),
        showspikes: true,
        spikemode: "across",
        spikethickness: 1,
        spikecolor: text,
        spikedash: "solid",
        anchor: panes.length > 1 ? `y${panes.length}` : "y",
      },
    };
    const shares = panes.map((pane) => pane.share ?? 1);
    const whole = shares.reduce((sum, one) => sum + one, 0);
    let top = 1;
    panes.forEach((pane, place) => {
      const height = ((1 - GAP * (panes.length - 1)) * shares[place]) / whole;
      layout[place ? `yaxis${place + 1}` : "yaxis"] = {
        domain: [Math.max(top - height, 0), top],
        title: { text: pane.title, font: { size: 12 }, standoff: 6 },
        type: pane.log && this.log ? "log" : "linear",
        rangemode: pane.least === 0 && !(pane.log && this.log) ? "tozero" : "normal",
        gridcolor: grid,
        zeroline: false,
        fixedrange: true,
        automargin: false,
        nticks: 5,
      };
      top -= height + GAP;
    });
    return layout;
  }

  #shape(region) {
    const shown = region.color ?? color(KINDS[region.kind] ?? "--busy");
    return {
      type: "rect",
      xref: "x",
      yref: "paper",
      x0: region.from,
      x1: region.to,
      y0: 0,
      y1: 1,
      layer: "below",
      fillcolor: shown,
      opacity: region.hatched ? 0.1 : 0.2,
      line: { color: shown, width: region.active ? 3 : 1, dash: region.hatched ? "dash" : "solid" },
    };
  }

  #listen() {
    this.listening = true;
    this.plot.on("plotly_relayout", (change) => {
      const from = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0];
      const to = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
      if (from === undefined || to === undefined || to - from < 1) return;
      this.show(Math.round(from), Math.round(to));
    });
    this.plot.on("plotly_hover", ({ points, event }) => this.#hover(points, event));
    this.plot.on("plotly_unhover", () => {
      this.tip.hidden = true;
    });
    this.plot.on("plotly_click", ({ points }) => points.length && this.onPoint?.(points[0].x));
  }

  #hover(points, event) {
    const time = points[0].x;
    const rows = points.map((point) => {
      const row = document.createElement("p");
      row.textContent = `${point.data.name}: ${number(point.y)}`;
      row.style.setProperty("border-left", `3px solid ${point.data.line.color}`);
      return row;
    });
    const when = document.createElement("p");
    when.textContent = local(time);
    const there = document.createElement("p");
    there.className = "utc";
    there.textContent = utc(time);
    this.tip.replaceChildren(when, there, ...rows);
    this.tip.hidden = false;
    const box = this.element.getBoundingClientRect();
    const left = event.clientX - box.left;
    const side = left > box.width / 2 ? left - this.tip.offsetWidth - 16 : left + 16;
    this.tip.style.left = `${Math.max(side, 0)}px`;
  }
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
  return String(Number(value.toPrecision(5)));
}

// What a page's address says of the range, else the last day.
export function rangeOf(element) {
  const to = Number(element.dataset.to) || Date.now();
  return { from: Number(element.dataset.from) || to - DAY, to };
}
