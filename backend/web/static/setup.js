// The preview of a detector that is set up, a drag over it that says what is normal, and how far a
// dry run is.

import { Chart, color, lineColor } from "./chart.js";
import { get, isOpen, sayOwn as say, send, textsOf } from "./server.js";
import { local, localFields, fromField, toField } from "./times.js";

const DATA = textsOf("data");
const MOST_PANES = 6;
const ASK_AGAIN_MS = 500;
const LEAST_DRAG = 6;

const form = document.getElementById("setup");
const fields = [document.getElementById("normal_from"), document.getElementById("normal_to")];
const preview = document.getElementById("preview");
const series = document.getElementById("series");

// -- the range called normal: in the browser's zone where it is seen, in milliseconds where sent --

localFields(form);
for (const zone of document.querySelectorAll(".zone")) zone.remove();

function normal() {
  const [from, to] = fields.map((field) => fromField(field.value));
  return from < to ? { from, to } : null;
}

function setNormal(from, to) {
  // whole seconds, as the fields hold no less
  fields[0].value = toField(Math.floor(from / 1000) * 1000);
  fields[1].value = toField(Math.ceil(to / 1000) * 1000);
  mark();
}

// -- the preview ----------------------------------------------------------------------------------

let gaps = [];
const chosen = () => (series ? series.value : (DATA.series[0] ?? ""));
const channels = [...(DATA.spec.channels ?? []), ...(DATA.spec.context ?? [])];

async function load(from, to, points) {
  const asked = { spec: DATA.spec, from, to, series: [chosen()], maxDataPoints: points };
  const found = await send("POST", "/api/v1/detectors/preview", asked);
  gaps = found.gaps.map((gap) => ({ from: gap.time, to: gap.time_end, kind: "exclude", hatched: true }));
  mark();
  tell();
  return found;
}

function tell() {
  const { from, to } = chart.view;
  const seen = gaps.filter((gap) => gap.from < to && from < gap.to);
  const last = seen[seen.length - 1];
  const words = last && { count: seen.length, from: local(last.from), to: local(last.to) };
  document.getElementById("gaps").textContent = last ? say("gaps", words) : say("no-gaps");
}

function panes({ tables }) {
  const lines = channels.map((name, place) => {
    const own = tables.find((table) => name in table.columns);
    return {
      name,
      time: own?.time ?? [],
      value: own?.columns[name] ?? [],
      color: lineColor(place),
    };
  });
  if (lines.length <= MOST_PANES) return lines.map((line) => ({ title: line.name, lines: [line] }));
  return [{ title: "", lines }];
}

function mark(dragged) {
  const own = dragged ?? normal();
  const region = own ? [{ ...own, kind: "normal", active: true }] : [];
  chart?.setRegions([...gaps, ...region]);
}

let chart = null;
if (channels.length) {
  chart = new Chart(preview, { from: DATA.from, to: DATA.to, load, panes, dragmode: false, onView: () => chart?.data && tell() });
  chart.show(DATA.from, DATA.to);
  mark();
  document.querySelector(".needs-script").hidden = false;
  series?.addEventListener("change", () => chart.reload());
  for (const field of fields) field.addEventListener("change", () => mark());
}

const acts = {
  back: () => chart.move(-0.5),
  on: () => chart.move(0.5),
  in: () => chart.zoom(0.5),
  out: () => chart.zoom(2),
  shown: () => setNormal(chart.view.from, chart.view.to),
};
document.querySelector(".needs-script").addEventListener("click", ({ target }) => acts[target.dataset.act]?.());

preview.addEventListener("pointerdown", (event) => {
  if (!chart || event.button !== 0 || event.pointerType === "touch") return;
  const begun = event.clientX;
  const rangeTo = (x) => {
    const [from, to] = [chart.timeAt(begun), chart.timeAt(x)].sort((one, other) => one - other);
    return { from, to };
  };
  const move = ({ clientX }) => {
    if (Math.abs(clientX - begun) >= LEAST_DRAG) mark(rangeTo(clientX));
  };
  const stop = ({ clientX, type }) => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", stop);
    removeEventListener("pointercancel", stop);
    if (type === "pointerup" && Math.abs(clientX - begun) >= LEAST_DRAG) {
      const { from, to } = rangeTo(clientX);
      setNormal(from, to);
    } else mark();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", stop);
  addEventListener("pointercancel", stop);
});

// -- the dry run ----------------------------------------------------------------------------------

const again = document.getElementById("again");

async function follow() {
  let found;
  try {
    found = await get(`/api/v1/requests/${DATA.tried}`);
  } catch (error) {
    document.getElementById("progress-words").textContent = error.message;
    return;
  }
  if (!isOpen(found)) {
    form.requestSubmit(again);
    return;
  }
  document.getElementById("progress-bar").value = found.progress;
  const share = Math.round(100 * found.progress);
  const words = found.state === "waiting" ? say("waiting") : say("running", { share });
  document.getElementById("progress-words").textContent = found.words ? `${words} ${found.words}` : words;
  setTimeout(follow, ASK_AGAIN_MS);
}

if (again) follow();

if (DATA.result) {
  const { result } = DATA;
  const lines = Object.entries(result.series).map(([key, one], place) => ({
    name: key || say("only-series"),
    time: one.time,
    value: one.score,
    color: lineColor(place),
  }));
  const line = {
    name: say("line"),
    time: [result.from, result.to],
    value: [1, 1],
    color: color("--bad"),
    dash: "dash",
  };
  const course = new Chart(document.getElementById("course"), {
    from: result.from,
    to: result.to,
    load: async () => result,
    panes: () => [{ title: say("score"), least: 0, lines: [...lines, line] }],
  });
  course.show(result.from, result.to);
}
