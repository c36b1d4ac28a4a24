// A picture that is drawn once from what the page holds; `Plotly` is the global of the chart
// library's own script.

import { color } from "./chart.js";

// more: what this picture has of its own, of the layout of the library.
export function draw(element, lines, more) {
  Plotly.react(element, lines, layout(more), { displayModeBar: false, responsive: true });
  element.dataset.drawn = "1";
}

export function line(name, x, y, tone, more = {}) {
  return { name, x, y, type: "scatter", mode: "lines", line: { color: tone, width: 1.5, ...more } };
}

function layout(more) {
  const axis = { gridcolor: color("--line"), zeroline: false, automargin: true };
  return {
    margin: { l: 64, r: 16, t: 28, b: 52 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { color: color("--muted"), size: 12 },
    showlegend: true,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hovermode: "x unified",
    hoverlabel: { bgcolor: color("--surface"), font: { color: color("--text") } },
    dragmode: false,
    ...more,
    xaxis: { ...axis, automargin: false, ...more.xaxis },
    yaxis: { ...axis, ...more.yaxis },
  };
}
