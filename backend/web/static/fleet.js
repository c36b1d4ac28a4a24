// The picture of the fleet: a row a series, a column a part of the range, dark where it deviates.

import { color, onColors, plainly } from "./chart.js";
import { sayOwn as say, textsOf } from "./server.js";
import { local, localFields } from "./times.js";

const MOST = 3;

localFields(document.getElementById("range"));

const element = document.getElementById("heat");
if (element) {
  const data = textsOf("data");
  // Looks at once, and again whenever there is more room or less.
  new ResizeObserver(() => draw(element, data)).observe(element);
  onColors(() => draw(element, data));
}

function name([detector, series]) {
  return series ? `${detector} ${series}` : detector;
}

async function draw(element, data) {
  const many = new Set(data.rows.map(([detector]) => detector)).size > 1;
  const scores = data.scores.map((row) => row.map((one) => (one === null ? null : one / 100)));
  const words = data.rows.map((row, place) =>
    data.times.map((time, at) => {
      const score = scores[place][at];
      if (score === null) return "";
      return say("point", { series: plainly(name(row)), time: local(time), score: score.toFixed(2) });
    }),
  );
  const heat = {
    type: "heatmap",
    // Half a part on: Plotly draws a column around its time. Of a Date it shows the browser's time.
    x: data.times.map((time) => new Date(time + data.every / 2)),
    y: data.rows.map((_, place) => place),
    z: scores.map((row) => row.map((one) => (one === null ? null : Math.min(one, MOST)))),
    text: words,
    hoverinfo: "text",
    hoverongaps: false,
    zmin: 0,
    zmax: MOST,
    // Below the line pale, above it ever stronger: a jump stands at 1.
    colorscale: [
      [0, color("--surface")],
      [1 / MOST, color("--line")],
      [1 / MOST + 1e-6, mixed(color("--surface"), color("--bad"), 0.4)],
      [1, color("--bad")],
    ],
    colorbar: { title: { text: say("score") }, thickness: 12, tickvals: [0, 1, 2, 3], ticktext: ["0", "1", "2", "≥ 3"], tickfont: { color: color("--muted") } },
    xgap: data.times.length < 80 ? 1 : 0,
    ygap: data.rows.length < 60 ? 1 : 0,
  };
  const shown = data.rows.map((row) => shortened(many ? name(row) : row[1] || row[0]));
  const step = Math.ceil(data.rows.length / (element.clientHeight / 16));
  const places = data.rows.map((_, place) => place).filter((place) => place % step === 0);
  const narrow = element.clientWidth < 500;
  const layout = {
    width: element.clientWidth,
    height: element.clientHeight,
    margin: { l: narrow ? 8 : 150, r: 8, t: 8, b: 40 },
    paper_bgcolor: "transparent",
    plot_bgcolor: color("--ground"),
    font: { color: color("--muted"), size: 11 },
    xaxis: { gridcolor: color("--line"), zeroline: false },
    yaxis: { autorange: "reversed", tickvals: places, ticktext: places.map((place) => shown[place]), showticklabels: !narrow, zeroline: false, showgrid: false, fixedrange: true },
    dragmode: false,
  };
  await Plotly.react(element, [heat], layout, { displayModeBar: false });
  element.removeAllListeners("plotly_click");
  element.on("plotly_click", ({ points: [point] }) => open(data, point.y, point.pointIndex[1]));
  element.dataset.drawn = String(Number(element.dataset.drawn ?? 0) + 1);
}

// A color between two of #rrggbb.
function mixed(from, to, share) {
  const parts = [from, to].map((one) => [1, 3, 5].map((at) => parseInt(one.slice(at, at + 2), 16)));
  return `rgb(${parts[0].map((one, place) => Math.round(one + share * (parts[1][place] - one))).join(",")})`;
}

function shortened(text) {
  return plainly(text.length > 24 ? `${text.slice(0, 23)}…` : text);
}

function open(data, row, at) {
  const [detector, series] = data.rows[row];
  const beside = 10 * data.every;
  const range = new URLSearchParams({ series, from: data.times[at] - beside, to: data.times[at] + data.every + beside });
  location.assign(`/detectors/${encodeURIComponent(detector)}?${range}`);
}
