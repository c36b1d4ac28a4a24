// Another threshold: a slider that asks nobody, other kinds that the server judges.

import { Chart, color, joinTables, labelRegions, number, onColors } from "./chart.js";
import { follow } from "./follow.js";
import { draw, line } from "./picture.js";
import { get, sayOwn as say, textsOf } from "./server.js";
import { fromField, localFields } from "./times.js";

const DATA = textsOf("data");
const API = `/api/v1/detectors/${encodeURIComponent(DATA.detector)}`;
const PLACE = `/detectors/${encodeURIComponent(DATA.detector)}/threshold`;
const PAUSE_MS = 300;
const SHARES = ["precision", "recall", "f1", "false_alarm_share"];
const FIELDS = ["kind", "value", "margin", "for", "clear_below"];

const bench = document.getElementById("bench");
const slider = document.getElementById("multiple");
const applying = document.getElementById("apply");
const figures = document.getElementById("figures-table");
const problem = document.getElementById("problem");

// What is shown: a multiple of the present threshold, or an answer of the server.
const state = { curve: null, multiple: 1, line: null, asking: null, timer: null };

// -- figures --------------------------------------------------------------------------------------

function shown(name, value, whole) {
  if (name === "events_caught") return say("caught-of", { count: value, of: whole.events });
  if (value === null) return "-";
  if (SHARES.includes(name)) return `${(100 * value).toFixed(1)} %`;
  if (name === "flagged" && whole.judged) return `${value} (${((100 * value) / whole.judged).toFixed(2)} %)`;
  return name === "alerts_a_week" ? value.toFixed(1) : String(value);
}

function showFigures(now, then, whole) {
  for (const row of figures.querySelectorAll("[data-figure]")) {
    const name = row.dataset.figure;
    row.querySelector('[data-side="now"]').textContent = shown(name, now[name], whole);
    row.querySelector('[data-side="then"]').textContent = shown(name, then[name], whole);
  }
  document.getElementById("labelled").textContent = whole.anomalous
    ? say("labelled", { anomalous: whole.anomalous, normal: whole.normal })
    : say("no-anomalies");
  figures.dataset.drawn = String(Number(figures.dataset.drawn) + 1);
}

function showNotices(notices) {
  const list = document.getElementById("notices");
  list.replaceChildren(...notices.map((words) => Object.assign(document.createElement("li"), { textContent: words })));
}

function at(place) {
  const { curve } = state;
  const names = ["flagged", "alerts", "alerts_a_week", ...SHARES, "events_caught"];
  return Object.fromEntries(names.map((name) => [name, curve[name][place]]));
}

function complain(words) {
  problem.textContent = words;
  problem.hidden = !words;
}

// -- the slider -----------------------------------------------------------------------------------

async function readCurve() {
  const { series, of, from, to } = bench.elements;
  const asked = new URLSearchParams({ from: fromField(from.value), to: fromField(to.value) });
  if (of.value === "one") asked.set("series", series.value);
  for (const name of ["for", "clear_below"]) if (bench.elements[name].value) asked.set(name, bench.elements[name].value);
  state.curve = await get(`${API}/what-if/curve?${asked}`);
  slider.max = String(state.curve.multiple.length - 1);
  document.getElementById("slide").hidden = false;
}

function slide() {
  const place = Number(slider.value);
  const middle = state.curve.multiple.indexOf(1);
  stop();
  state.multiple = state.curve.multiple[place];
  state.line = null;
  setField("kind", DATA.present.kind);
  setField("value", DATA.value);
  setField("margin", String(Number((DATA.present.margin * state.multiple).toPrecision(4))));
  sayKind();
  saySlider();
  complain("");
  showNotices(state.curve.notices);
  showFigures(at(middle), at(place), state.curve);
  document.getElementById("limits-part").hidden = true;
  drawCurve();
  chart.redraw();
}

function saySlider() {
  const words = state.multiple === null ? say("not-a-multiple") : say("times", { times: state.multiple.toFixed(2) });
  document.getElementById("multiple-said").textContent = words;
  slider.setAttribute("aria-valuetext", words);
}

function drawCurve() {
  const { curve } = state;
  const by = (name, key, tone, dash) => line(say(name), curve.multiple, curve[key], color(tone), { width: 2, dash });
  const lines = curve.anomalous
    ? [by("precision", "precision", "--busy", "dash"), by("recall", "recall", "--good", "dot"), by("f1", "f1", "--bad", "solid")]
    : [by("flag-share", "flag_share", "--busy", "solid")];
  const mark = { type: "line", xref: "x", yref: "paper", x0: state.multiple, x1: state.multiple, y0: 0, y1: 1 };
  draw(document.getElementById("curve"), lines, {
    margin: { l: 48, r: 12, t: 8, b: 56 },
    shapes: state.multiple === null ? [] : [{ ...mark, line: { color: color("--text"), width: 1, dash: "dash" } }],
    xaxis: { automargin: true, type: "log", title: { text: say("multiple"), standoff: 8 }, tickvals: [0.125, 0.25, 0.5, 1, 2, 4, 8], ticktext: ["⅛", "¼", "½", "1", "2", "4", "8"] },
    yaxis: { range: [0, 1.02], tickformat: ".0%" },
  });
}

// -- other kinds ----------------------------------------------------------------------------------

function setField(name, value) {
  bench.elements[name].value = value;
  if (applying) applying.elements[name].value = value;
}

function sayKind() {
  const kind = bench.elements.kind.value;
  document.getElementById("value-name").textContent = say(`value-${kind}`);
  bench.elements.value.readOnly = DATA.plain.includes(kind);
}

function stop() {
  clearTimeout(state.timer);
  state.asking?.abort();
}

function ask() {
  stop();
  state.timer = setTimeout(judge, PAUSE_MS);
}

function form() {
  return new URLSearchParams(new FormData(bench));
}

async function judge() {
  const asking = new AbortController();
  state.asking = asking;
  figures.setAttribute("aria-busy", "true");
  try {
    const found = await get(`${PLACE}/answer?${form()}`, asking.signal);
    state.multiple = null;
    state.line = found.line;
    complain("");
    showNotices(found.notices);
    showFigures(found.together.now, found.together.then, found.together);
    showLimits(found.series);
    slider.value = String(state.curve ? state.curve.multiple.indexOf(1) : 30);
    saySlider();
    if (state.curve) drawCurve();
    chart.redraw();
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message);
  } finally {
    if (state.asking === asking) figures.removeAttribute("aria-busy");
  }
}

function showLimits(series) {
  const rows = series.slice(0, DATA.most).map((one) => {
    const hours = one.then.backing_hours;
    const cells = [
      ["series", one.series || say("only-series"), "name"],
      ["limit-now", number(one.now.limit), "number"],
      ["limit-then", number(one.then.limit), "number"],
      ["hours", hours === null ? "-" : String(Math.round(hours)), "number"],
      ["basis", one.then.basis || "-", "message"],
    ];
    const row = document.createElement("tr");
    row.setAttribute("role", "row");
    for (const [name, words, kind] of cells) {
      const cell = Object.assign(row.insertCell(), { textContent: words, className: kind });
      cell.setAttribute("role", "cell");
      cell.dataset.label = say(name);
    }
    return row;
  });
  document.getElementById("limits-rows").replaceChildren(...rows);
  document.getElementById("limits-part").hidden = rows.length === 0;
}

// -- the chart ------------------------------------------------------------------------------------

async function load(from, to, points, signal) {
  const asked = new URLSearchParams({ from, to, maxDataPoints: points, series: DATA.series, what: "scores" });
  for (const field of ["smoothed", "threshold"]) asked.append("field", field);
  const about = new URLSearchParams({ from, to, detector: DATA.detector });
  const [found, labels] = await Promise.all([get(`${API}/chart?${asked}`, signal), get(`/api/v1/labels?${about}`, signal)]);
  chart.regions = labelRegions(labels, DATA.series);
  return found.tables;
}

function panes(tables) {
  const scores = tables.find((one) => one.what === "scores");
  if (!scores) return [{ title: say("error"), lines: [] }];
  const { time, columns } = scores;
  const other =
    state.multiple === null
      ? (state.line ?? { time: [], value: [] })
      : { time, value: columns.threshold.map((limit) => (limit === null ? null : limit * state.multiple)) };
  return [
    {
      title: say("error"),
      log: true,
      least: 0,
      lines: [
        { name: say("error"), time, value: columns.smoothed, color: color("--busy") },
        { name: say("present"), time, value: columns.threshold, color: color("--muted"), dash: "dot", width: 2 },
        { name: say("other"), ...other, color: color("--bad"), dash: "dash", width: 2 },
      ],
    },
  ];
}

const chart = new Chart(document.getElementById("chart"), { from: DATA.from, to: DATA.to, load, panes, join: joinTables });

// -- the page -------------------------------------------------------------------------------------

localFields(bench);

bench.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(`${PLACE}?${form()}`);
});

bench.addEventListener("input", (event) => {
  const { name } = event.target;
  if (event.target === slider) return slide();
  if (!FIELDS.includes(name)) return;
  if (name === "kind") {
    const { kind } = bench.elements;
    setField("value", kind.value === DATA.present.kind ? DATA.value : DATA.usual[kind.value]);
    setField("margin", "1");
    sayKind();
  }
  if (applying) applying.elements[name].value = event.target.value;
  ask();
});

bench.addEventListener("change", (event) => {
  if (["for", "clear_below"].includes(event.target.name)) readCurve().catch((error) => complain(error.message));
  if (["series", "of"].includes(event.target.name)) location.assign(`${PLACE}?${form()}`);
});

applying?.elements.promote.addEventListener("change", (event) => {
  applying.dataset.ask = say(event.target.value === "yes" ? "sure" : "sure-challenger", { detector: DATA.detector });
});

document.getElementById("log").addEventListener("change", (event) => chart.setLog(event.target.checked));
onColors(() => state.curve && drawCurve());

chart.show(DATA.from, DATA.to);
if (DATA.request !== null) follow(DATA.request, ({ words }) => words);
try {
  await readCurve();
  if (DATA.asked) await judge();
  else slide();
} catch (error) {
  complain(error.message);
}
