// Panes above each other on one time axis, read from the server as one looks around. `Plotly` is
// the global of the chart library's own script.

import { say } from "./server.js";
import { local, utc } from "./times.js";
import { ticks } from "./ticks.js";

const MARGIN = { l: 64, r: 16, t: 8, b: 40 };
const GAP = 0.06;
const PAUSE_MS = 120;
const SIDES_AFTER_MS = 250;
const KEPT = 16;
const FRESH_MS = 60_000;

const KINDS = { normal: "--good", anomaly: "--bad", exclude: "--idle", suggestion: "--busy" };

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Acts whenever the colors are others: by the system's choice, or by the page's.
export function onColors(act) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);
  new MutationObserver(act).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

const LINES = ["#2f7ed8", "#c2571a", "#3b8f3e", "#9a4fb5", "#b08a00", "#c43d6b", "#008b9a", "#7a6a58"];

export function lineColor(place) {
  return LINES[place % LINES.length];
}

export class Chart {
  // element: an empty block; its height stays, whatever is drawn.
  // from, to: what is shown first, in milliseconds. least, most: how far one may go, if known.
  // load(from, to, points, signal, early): promises what `panes` draws; asked for what is seen, then
  // for more to each side. `early(data)`, where it is given, draws what there is already.
  // panes(data): [{ title, log, least, lines: [{ name, time, value, color, dash, width, fill, markers }] }]
  // dragmode: "zoom", "pan" or false where the page does something else with a drag.
  // join(parts, from, to): data of ranges that follow each other as one, cut to a range; with it only
  // what is new is asked for beside a view. `joinTables` is one for columns of the server.
  constructor(element, { from, to, load, panes, dragmode = "zoom", join, onView, onPoint }) {
    Object.assign(this, { element, load, panes, dragmode, join, onView, onPoint });
    this.view = { from, to };
    this.first = { from, to };
    this.held = null;
    this.kept = [];
    this.data = null;
    this.drawn = [];
    this.regions = [];
    this.log = false;
    // A finger that drags moves the view: there is no other way to, and two buttons zoom.
    if (dragmode === "zoom" && matchMedia("(pointer: coarse)").matches) this.dragmode = "pan";
    element.classList.add("chart");
    element.tabIndex = 0;
    element.dataset.drawn = "0";
    element.dataset.sides = "0";
    this.plot = element.appendChild(document.createElement("div"));
    this.plot.className = "plot";
    this.tip = element.appendChild(document.createElement("div"));
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.state = element.appendChild(document.createElement("p"));
    this.state.className = "chart-state";
    this.state.setAttribute("role", "status");
    element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#fit()).observe(element);
    onColors(() => this.redraw());
  }

  // Shows a range; what is held already is drawn at once, the rest when it has come.
  show(from, to) {
    this.view = { from, to };
    if (this.data) this.#turn();
    this.onView?.(this.view);
    return this.#read();
  }

  // Asks again for what is seen; whatever was kept is forgotten.
  reload() {
    this.held = null;
    this.kept = [];
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
    for (const one of this.kept) one.regions = null;
    if (!this.data) return;
    Plotly.relayout(this.plot, { shapes: regions.map((region) => this.#shape(region)) });
    this.onDraw?.();
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

  #fit() {
    if (!this.data) return;
    Plotly.Plots.resize(this.plot);
    this.#draw();
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

  // Read is what is seen, then with a view to each side, so that a pan has something to show at
  // once. What was read is kept for a while: the way back asks nothing.
  async #read() {
    const { from, to } = this.view;
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const found = this.#covering(from, to);
    if (found) this.#hold(found);
    else {
      await later(this.data ? PAUSE_MS : 0);
      const read = asking.signal.aborted ? null : await this.#ask({ from, to, span: to - from }, asking.signal);
      if (!read) return;
      this.#keep(read);
      this.#hold(read);
      this.element.dataset.drawn = String(Number(this.element.dataset.drawn) + 1);
    }
    this.#readSides(asking.signal);
  }

  async #readSides(signal) {
    const { from, to } = this.view;
    const span = to - from;
    if (this.#covering(Math.max(from - span / 2, 0), to + span / 2, span)) return;
    await later(SIDES_AFTER_MS);
    if (signal.aborted) return;
    const wide = { from: Math.max(from - span, 0), to: to + span, span };
    const read = await (this.join ? this.#beside(wide, signal) : this.#ask(wide, signal, true));
    if (!read) return;
    this.#keep(read);
    await new Promise((done) => requestIdleCallback(done, { timeout: 500 }));
    if (signal.aborted) return;
    this.#hold(read);
    this.element.dataset.sides = String(Number(this.element.dataset.sides) + 1);
  }

  // A wider range of which only what is not there is asked for; null: it failed, or is not wanted.
  async #beside(wide, signal) {
    const { held } = this;
    const parts = [held];
    for (const [from, to] of [[held.to, wide.to], [wide.from, held.from]]) {
      if (from >= to) continue;
      const read = await this.#ask({ from, to, span: wide.span }, signal, true);
      if (!read) return null;
      if (to === held.from) parts.unshift(read);
      else parts.push(read);
    }
    const regions = parts.flatMap((one) => one.regions ?? []);
    return {
      ...held,
      ...wide,
      span: Math.max(wide.span, held.span),
      data: this.join(parts.map((one) => one.data), wide.from, wide.to),
      regions: parts.some((one) => one.regions) ? [...new Map(regions.map((one) => [JSON.stringify(one), one])).values()] : null,
      closed: parts.every((one) => one.closed),
    };
  }

  #keep(read) {
    this.kept = [read, ...this.kept].slice(0, KEPT);
  }

  // What is kept of a range and fine enough for a view of `span`.
  #covering(from, to, span = to - from) {
    const fits = (one) => one && one.from <= from && to <= one.to && one.span <= span * 1.5;
    this.kept = this.kept.filter((one) => one.closed || performance.now() - one.at < FRESH_MS);
    return fits(this.held) && this.kept.includes(this.held) ? this.held : this.kept.find(fits);
  }

  // null: it failed, or is wanted no more.
  async #ask({ from, to, span }, signal, quiet = false) {
    const width = Math.min(Math.max(Math.round(this.#frame().width), 300), 1500);
    const points = Math.max(Math.round((width * (to - from)) / span), 1);
    const before = this.regions;
    const early = this.data ? undefined : (data) => signal.aborted || this.#show(data);
    if (!quiet) this.state.textContent = this.data ? "" : say("loading");
    try {
      const data = await this.load(from, to, points, signal, early);
      if (signal.aborted) return null;
      const regions = this.regions === before ? null : this.regions;
      if (quiet) this.regions = before;
      return { from, to, span, data, regions, at: performance.now(), closed: to < Date.now() - FRESH_MS };
    } catch (error) {
      if (error.name !== "AbortError" && !quiet) this.state.textContent = error.message;
      return null;
    }
  }

  #hold(read) {
    this.regions = read.regions ?? this.regions;
    if (read === this.held) return;
    this.held = read;
    this.#show(read.data);
  }

  #show(data) {
    this.data = data;
    this.#draw();
  }

  #draw() {
    const panes = this.panes(this.data, this.view);
    this.drawn = panes;
    const lines = panes.flatMap((pane, place) => pane.lines.map((line) => this.#trace(line, place)));
    this.state.textContent = lines.some((line) => line.x.length) ? "" : say("nothing");
    const config = { displayModeBar: false, doubleClick: false, scrollZoom: true, responsive: false };
    Plotly.react(this.plot, lines, this.#layout(panes), config);
    if (!this.listening) this.#listen();
    this.onDraw?.();
  }

  // Another view of the lines that are drawn already.
  #turn() {
    const { from, to } = this.view;
    const change = { "xaxis.range": [from, to] };
    for (const [name, value] of Object.entries(ticks(from, to, this.#frame().width))) change[`xaxis.${name}`] = value;
    this.drawn.forEach((pane, place) => {
      const range = this.#heights(pane);
      change[range ? `${axis(place)}.range` : `${axis(place)}.autorange`] = range ?? true;
    });
    Plotly.relayout(this.plot, change);
    this.onDraw?.();
  }

  // The axis fits what is seen; null where nothing is.
  #heights(pane) {
    const { from, to } = this.view;
    const log = pane.log && this.log;
    let [low, high] = [Infinity, -Infinity];
    for (const { time, value } of pane.lines) {
      const end = Math.min(above(time, to) + 1, time.length);
      for (let row = Math.max(above(time, from) - 1, 0); row < end; row += 1) {
        const one = value[row];
        if (one === null || (log && one <= 0)) continue;
        if (one < low) low = one;
        if (one > high) high = one;
      }
    }
    if (low > high) return null;
    if (log) [low, high] = [Math.log10(low), Math.log10(high)];
    else if (pane.least === 0) low = Math.min(low, 0);
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [!log && pane.least === 0 && low === 0 ? 0 : low - room, high + room];
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
      shapes: this.regions.map((region) => this.#shape(region)),
      xaxis: {
        range: [from, to],
        tickangle: 0,
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
      const range = this.#heights(pane);
      layout[axis(place)] = {
        domain: [Math.max(top - height, 0), top],
        title: { text: plainly(pane.title), font: { size: 12 }, standoff: 6 },
        type: pane.log && this.log ? "log" : "linear",
        ...(range ? { range } : { autorange: true }),
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
      const view = { from: Math.round(from), to: Math.round(to) };
      if (view.from === this.view.from && view.to === this.view.to) return; // our own doing
      this.show(view.from, view.to);
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

// The library reads a little HTML, links too, in titles, ticks, legends and what it shows at the
// pointer; names are data.
export function plainly(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function axis(place) {
  return place ? `yaxis${place + 1}` : "yaxis";
}

// Tables of the server, of ranges that follow each other: one each for what they hold.
export function joinTables(parts, from, to) {
  const found = new Map();
  for (const one of parts.flat()) {
    const key = JSON.stringify([one.what, one.series, Object.keys(one.columns)]);
    const has = found.get(key) ?? { ...one, time: [], columns: Object.fromEntries(Object.keys(one.columns).map((name) => [name, []])) };
    // The row before and the row after stay: a line goes on to the edge.
    const rows = [Math.max(above(one.time, from) - 1, 0), above(one.time, to) + 1];
    has.time = has.time.concat(one.time.slice(...rows));
    for (const name of Object.keys(has.columns)) has.columns[name] = has.columns[name].concat(one.columns[name].slice(...rows));
    found.set(key, has);
  }
  return [...found.values()];
}

// Labels of the server as regions of a chart: those of a series, and those of all.
export function labelRegions(labels, series) {
  const own = labels.filter((one) => !one.series || one.series === series);
  return own.map((one) => ({ from: one.time, to: one.time_end, kind: one.kind }));
}

// The first place in ascending times that is later.
function above(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

function later(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
  return String(Number(value.toPrecision(5)));
}
