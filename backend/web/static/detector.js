// Charts of one series, and why a point is scored as it is.

import { Chart, color, joinTables, labelRegions, lineColor, number, plainly } from "./chart.js";
import { get, isOpen, sayOwn as say, send, textsOf } from "./server.js";
import { local, localFields, toField } from "./times.js";

const DATA = textsOf("data");
const API = `/api/v1/detectors/${encodeURIComponent(DATA.detector)}`;
const ASK_AGAIN_MS = 250;
const PATIENCE_MS = 20_000;

const expected = document.getElementById("expected");
const why = document.getElementById("why");
const form = document.querySelector(".series-form");

const NUMBERS = ["smoothed", "threshold", "score"];

// One part after the other, since of a long range each is work: what is measured shows first.
async function load(from, to, points, signal, early) {
  const found = [];
  const about = new URLSearchParams({ from, to, series: DATA.series });
  const beside = Promise.all([
    get(`${API}/events?${about}`, signal),
    get(`/api/v1/labels?${new URLSearchParams({ from, to, detector: DATA.detector })}`, signal),
  ]);
  beside.catch(() => {}); // told below, if nothing else goes wrong before
  for (const what of ["channels", "expected", "scores"]) {
    const asked = new URLSearchParams({ from, to, maxDataPoints: points, series: DATA.series, what });
    for (const number of NUMBERS) asked.append("field", number);
    for (const channel of [...DATA.channels, ...DATA.context]) asked.append("channel", channel);
    found.push(...(await get(`${API}/chart?${asked}`, signal)).tables);
    early?.(Object.assign([...found], { awaited: true }));
  }
  showRegions(...(await beside));
  return found;
}

function showRegions(events, labels) {
  const now = Date.now();
  const found = events.map((one) => ({ from: one.time, to: one.time_end ?? now, kind: "anomaly", hatched: true }));
  chart.regions = [...labelRegions(labels, DATA.series), ...found];
}

function panes(tables) {
  const scores = tables.find((one) => one.what === "scores");
  const found = [...DATA.channels, ...DATA.context].map((channel, place) => channelPane(tables, channel, place));
  if (!scores && !tables.awaited) return found;
  // Room for the scores is there before they are.
  const nothing = { smoothed: [], threshold: [], score: [] };
  const { time, columns } = scores ?? { time: [], columns: nothing };
  const line = (name, value, tone, more) => ({ name, time, value, color: color(tone), ...more });
  const flagged = columns.score.map((score, place) => (score > 1 ? columns.smoothed[place] : null));
  return [
    ...found,
    {
      title: say("error"),
      log: true,
      least: 0,
      share: 1.3,
      lines: [
        line(say("error"), columns.smoothed, "--busy"),
        line(say("threshold"), columns.threshold, "--bad", { dash: "dash" }),
        line(say("flagged"), flagged, "--bad", { markers: true, size: 5 }),
      ],
    },
    {
      title: say("score"),
      least: 0,
      lines: [
        line(say("score"), columns.score, "--link"),
        line(say("line"), time.map(() => 1), "--bad", { dash: "dot", width: 1 }),
      ],
    },
  ];
}

function channelPane(tables, channel, place) {
  const of = (what) => tables.find((one) => one.what === what && channel in one.columns);
  const measured = of("channels");
  const wanted = expected.checked ? of("expected") : undefined;
  const lines = [];
  if (wanted) {
    const name = say("expected", { channel });
    lines.push({ name, time: wanted.time, value: wanted.columns[channel], color: color("--muted"), dash: "dot" });
  }
  if (measured) lines.push({ name: channel, time: measured.time, value: measured.columns[channel], color: lineColor(place) });
  const title = DATA.context.includes(channel) ? say("context", { channel }) : channel;
  return { title: title.length > 18 ? `${title.slice(0, 17)}…` : title, lines };
}

// -- why ------------------------------------------------------------------------------------------

async function explain(time) {
  const words = document.createElement("p");
  words.textContent = say("asking", { time: local(time) });
  why.replaceChildren(words);
  why.hidden = false;
  try {
    const asked = { kind: "explain", detector: DATA.detector, series: DATA.series, time };
    const found = await answered(await send("POST", "/api/v1/requests", asked));
    showWhy(found);
  } catch (error) {
    words.className = "problem";
    words.textContent = error.message;
  }
}

async function answered(request) {
  const until = Date.now() + PATIENCE_MS;
  while (isOpen(request)) {
    if (Date.now() > until) throw new Error(say("waiting"));
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
    request = await get(`/api/v1/requests/${request.id}`);
  }
  if (request.state !== "done") throw new Error(request.message);
  return request.result;
}

function element(name, words, more = {}) {
  const made = Object.assign(document.createElement(name), more);
  if (words !== undefined) made.textContent = words;
  return made;
}

function showWhy(found) {
  const time = local(found.time / 1e6);
  const close = element("button", say("close"), { type: "button", className: "quiet" });
  close.addEventListener("click", () => {
    why.hidden = true;
    document.getElementById("chart").focus();
  });
  const facts = [verdict(found)];
  if (found.outside) facts.push(say("outside"));
  if (found.mode) facts.push(say("mode", { mode: found.mode }));
  if (found.basis) facts.push(say("basis", { basis: found.basis }));
  const trained = local(found.trained_at / 1e6);
  const version = say("model", { model: found.model, time: trained }) + (found.provisional ? say("provisional") : "");
  why.replaceChildren(
    element("h2", say("why", { time })),
    ...facts.map((fact) => element("p", fact)),
    channelTable(found.channels),
    element("h3", say("window")),
    element("div", undefined, { id: "window", className: "chart short" }),
    element("p", version, { className: "hint" }),
    labelList(found.labels),
    close,
  );
  drawWindow(found);
  why.scrollIntoView({ block: "nearest" });
}

function verdict(found) {
  if (!found.judged) return say("verdict-unjudged", { reason: found.reason || "–" });
  const values = { smoothed: number(found.smoothed), threshold: number(found.threshold), score: number(found.score) };
  return say(found.flag ? "verdict-flag" : "verdict-fine", values);
}

function channelTable(channels) {
  const table = element("table");
  table.setAttribute("role", "table");
  const names = ["channel", "value", "was-expected", "share", "usual"].map((name) => say(name));
  const head = table.createTHead().insertRow();
  for (const name of names) head.append(element("th", name, { scope: "col" }));
  const body = table.createTBody();
  for (const one of channels) {
    const row = body.insertRow();
    const usual = one.times_usual === null ? "–" : number(one.times_usual);
    const cells = [one.channel, number(one.value), number(one.expected), `${Math.round(one.contribution * 100)} %`, usual];
    cells.forEach((cell, place) => {
      const made = element("td", cell);
      made.dataset.label = names[place];
      row.append(made);
    });
  }
  return table;
}

function drawWindow(found) {
  const seen = found.channels.slice(0, 4).map((one) => one.channel);
  const lines = [];
  const step = (part) => (part.stop - part.start) / 1e6 / Object.values(part.values)[0].length;
  seen.forEach((channel, place) => {
    const add = (part, name, dash) => {
      if (!part) return;
      const at = part.values[channel].map((_, row) => (row * step(part)) / 60_000);
      lines.push({ x: at, y: part.values[channel], name, type: "scatter", mode: "lines", line: { color: lineColor(place), dash } });
    };
    add(found.window, say("window-line", { channel: plainly(channel) }), "solid");
    add(found.nearest, say("nearest-line", { channel: plainly(channel) }), "dot");
  });
  const layout = {
    margin: { l: 56, r: 8, t: 8, b: 32 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { color: color("--muted"), size: 12 },
    xaxis: { ticksuffix: " min", gridcolor: color("--line"), zeroline: false },
    yaxis: { gridcolor: color("--line"), zeroline: false },
    legend: { orientation: "h", y: 1.15 },
  };
  Plotly.newPlot("window", lines, layout, { displayModeBar: false, staticPlot: true });
}

function labelList(labels) {
  if (!labels.length) return element("p", say("no-labels"));
  const box = element("details");
  box.append(element("summary", `${say("labels")} (${labels.length})`));
  const list = element("ul");
  for (const one of labels) {
    list.append(element("li", `${one.kind}: ${local(one.start / 1e6)} – ${local(one.stop / 1e6)}${one.note ? `, ${one.note}` : ""}`));
  }
  box.append(list);
  return box;
}

// -- the page -------------------------------------------------------------------------------------

function remember({ from, to }) {
  const place = new URL(location);
  place.searchParams.set("from", from);
  place.searchParams.set("to", to);
  history.replaceState(null, "", place);
  form.elements.from.value = toField(from);
  form.elements.to.value = toField(to);
}

const chart = new Chart(document.getElementById("chart"), {
  from: DATA.from,
  to: DATA.to,
  load,
  panes,
  join: joinTables,
  onView: remember,
  onPoint: explain,
});

const panesCount = DATA.channels.length + DATA.context.length + 2;
chart.element.style.setProperty("--chart-height", `${Math.max(26, 8 * panesCount)}rem`);
chart.ownKeys = (event) => {
  if (event.key !== "Enter") return false;
  explain(Math.round((chart.view.from + chart.view.to) / 2));
  return true;
};
chart.show(DATA.from, DATA.to);

const acts = {
  back: () => chart.move(-0.5),
  on: () => chart.move(0.5),
  in: () => chart.zoom(0.5),
  out: () => chart.zoom(2),
};
document.querySelector(".tools").addEventListener("click", (event) => acts[event.target.dataset?.act]?.());
document.getElementById("log").addEventListener("change", (event) => chart.setLog(event.target.checked));
expected.addEventListener("change", () => chart.redraw());

localFields(form);
