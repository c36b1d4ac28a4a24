// Pictures of a version's training and of what it expects; follows a comparison under way.

import { color, lineColor, onColors, plainly } from "./chart.js";
import { follow } from "./follow.js";
import { draw, line } from "./picture.js";
import { sayOwn as say, textsOf } from "./server.js";
import { ticks } from "./ticks.js";

const DATA = textsOf("data");

function drawLoss() {
  const element = document.getElementById("loss");
  if (!element) return;
  const { epochs, loss, val_loss: held } = DATA.curve;
  const lines = [line(say("loss"), epochs, loss, color("--busy"))];
  if (held.length) lines.push(line(say("val"), epochs, held, color("--warn")));
  const other = DATA.champion_curve;
  if (other?.val_loss.length) {
    const name = say("champion-loss", { number: DATA.champion });
    lines.push(line(name, other.epochs, other.val_loss, color("--idle"), { dash: "dot" }));
  }
  if (epochs.length === 1) for (const one of lines) one.mode = "markers";
  draw(element, lines, { xaxis: { title: { text: say("epoch"), standoff: 4 } }, yaxis: { type: "log", exponentformat: "power", dtick: 1 } });
}

// A log axis has no bars of equal width of its own: each bar says how wide it is.
function drawErrors() {
  const element = document.getElementById("errors");
  if (!element) return;
  const { edges, counts } = DATA.errors;
  const middle = counts.map((_, place) => (edges[place] + edges[place + 1]) / 2);
  const width = counts.map((_, place) => edges[place + 1] - edges[place]);
  const bars = { name: say("rows"), x: middle, y: counts, width, type: "bar", marker: { color: color("--busy") } };
  const lines = [bars];
  if (DATA.threshold !== null) {
    const limit = [DATA.threshold, DATA.threshold];
    lines.push(line(say("threshold"), limit, [0, Math.max(...counts)], color("--bad"), { dash: "dash", width: 2 }));
  }
  draw(element, lines, {
    hovermode: "closest",
    bargap: 0,
    xaxis: { type: "log", title: { text: say("error"), standoff: 4 }, exponentformat: "power" },
    yaxis: { title: { text: say("rows") } },
  });
}

function drawLooks() {
  for (const element of document.querySelectorAll("[data-look]")) {
    const look = DATA.looks.find((one) => one.why === element.dataset.of);
    drawLook(element, look, look.channels[Number(element.dataset.look)]);
  }
}

function drawLook(element, look, shown) {
  const times = shown.input.map((_, place) => look.start + place * look.step);
  const lines = [line(`${plainly(shown.channel)}, ${say("input")}`, times, shown.input, lineColor(0), { width: 2 })];
  if (shown.challenger) {
    lines.push(line(say("challenger", { number: DATA.number }), times, shown.challenger, lineColor(1)));
  }
  if (shown.champion) {
    const name = say("champion", { number: DATA.champion });
    lines.push(line(name, times, shown.champion, color("--idle"), { dash: "dot" }));
  }
  const note = shown.challenger ? [] : [{ text: say("blind"), x: 0, y: 1, xref: "paper", yref: "paper", showarrow: false }];
  draw(element, lines, {
    annotations: note,
    hovermode: "x",
    xaxis: { ...ticks(times[0], times[times.length - 1], element.clientWidth), tickangle: 0 },
    shapes: [
      { type: "line", xref: "x", yref: "paper", x0: look.mark, x1: look.mark, y0: 0, y1: 1, line: { color: color("--bad"), width: 1, dash: "dot" } },
    ],
  });
}

function drawAll() {
  drawLoss();
  drawErrors();
  drawLooks();
}

drawAll();
onColors(drawAll);

if (DATA.request !== null) {
  follow(DATA.request, ({ progress }) => say("percent", { share: Math.floor(progress * 100) }));
}
