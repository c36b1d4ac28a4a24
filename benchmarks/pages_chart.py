"""Ten million points in one chart of a real browser, against the same points sent raw to it.

    python -m benchmarks.pages_chart [--rows 10000000] [--repeat 3] [--scored] [--json FILE]

One sensor with a row a second is stored in the embedded store and in an InfluxDB 1.x that is
started on loopback; with `--scored` what was expected of it and its scores too. Waitress serves
the detector's page to Chromium. Timed are the first chart (from the address to the last line of
what is seen, the chart library's script with it), zooms in, pans by a quarter of the view and the
way back: until something is shown, and until it is as fine as the screen. The rival is the same
chart given every point as columns of binary numbers, in the same run: all of them, until
`--patience` or the end of the tab, and a million.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, Response
from playwright.sync_api import Browser, CDPSession, Error, Page, Request, sync_playwright

import backend.web
from backend import schema
from backend.bootstrap import Application, bootstrap
from backend.ports import Points
from backend.settings import load
from backend.web import create_app
from backend.web.chart_script import address as chart_script_address
from backend.web.chart_script import chart_script
from benchmarks.browsing import chromium, served
from tests.servers.influxdb import InfluxServer

START, STEP = 1_750_000_000 * 10**9, 10**9
SERIES = "pump=P1"
FIRST_GOAL_MS, TURN_GOAL_MS, RATIO = 5_000.0, 100.0, 1.0
_PIECE = 200_000
_RAW_ROWS = 1_000_000
_ZOOMS, _PANS = 6, 3

_CONFIGURATION = """
store: {store}
results: {store}
detectors:
  pump:
    measurement: pump
    channels: [flow]
    group_by: [pump]
    every: 1s
"""

_LONG_TASKS = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
}).observe({ type: "longtask", buffered: true });
"""
# Presses a key; tells after how long the next frame was there, and when what is read was drawn.
_PRESS = """(key) => new Promise((done) => {
  const chart = document.getElementById("chart");
  const drawn = chart.dataset.drawn;
  const began = performance.now();
  window.longest = 0;
  chart.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => {
    const seen = performance.now() - began;
    const settle = (fine) => done({ seen, fine, longest: window.longest });
    if (key === "Home") return settle(seen);
    const watch = new MutationObserver(() => {
      if (chart.dataset.drawn === drawn) return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => settle(performance.now() - began)));
    });
    watch.observe(chart, { attributes: true });
    // What was read before is fine enough.
    setTimeout(() => chart.dataset.drawn === drawn && window.idle() && settle(seen), 400);
  }));
})"""
# Whether nothing is asked of the server for what is seen.
_IDLE = """
window.asked = 0;
const fetched = window.fetch;
window.fetch = (...given) => {
  window.asked += 1;
  return fetched(...given).finally(() => { window.asked -= 1; });
};
window.idle = () => window.asked === 0;
"""
_FIRST = "() => document.getElementById('chart')?.dataset.drawn >= 1 && performance.now()"
_LINE = "() => document.querySelector('#chart .js-line')?.getAttribute('d') && performance.now()"

_RAW_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>raw</title>
<link rel="stylesheet" href="/static/page.css"><script src="{script}" defer></script>
<script type="application/json" id="texts">{{"loading": "", "nothing": ""}}</script>
<div id="chart" class="tall"></div>
<script type="module" src="/raw.js"></script>"""
_RAW_SCRIPT = """
import {{ Chart }} from "/static/chart.js";
let rows = null;
async function load() {{
  if (rows) return rows;
  const [time, value] = await Promise.all(
    ["time", "value"].map(async (name) => (await fetch(`/${{name}}`)).arrayBuffer()));
  rows = {{ time: new Float64Array(time), value: new Float64Array(value) }};
  return rows;
}}
const line = {{ name: "flow", color: "#2f7ed8" }};
const panes = ({{ time, value }}) => [{{ title: "flow", lines: [{{ ...line, time, value }}] }}];
const [from, to] = [{start}, {stop}];
const chart = new Chart(document.getElementById("chart"), {{ from, to, load, panes }});
chart.show(from, to);
"""


@dataclass(frozen=True)
class Looked:
    """One look at a chart: milliseconds, bytes of data, and bytes of memory of the tab.

    Attributes:
        line: until the first line is seen.
        first: until all of it is.
        size: of the data over the wire until then.
        zoom: until a zoom shows something.
        zoom_fine: until it is fine; as many as there were zooms.
        pan: until a pan shows something.
        pan_fine: until it is fine.
        back: until the first view is there again.
        longest: the longest time that the page could not answer, after the first chart.
        memory: of the process of the tab.
    """

    line: float
    first: float
    size: int
    zoom: float
    zoom_fine: float
    pan: float
    pan_fine: float
    back: float
    longest: float
    memory: int


# -- what is stored --------------------------------------------------------------------------------


def flow(rows: int) -> np.ndarray:
    """A day's rhythm, noise, and a peak now and then that no chart may lose."""
    count = np.arange(rows)
    values = 20 + 3 * np.sin(count / 13_751) + np.random.default_rng(0).normal(0, 0.3, rows)
    values[count % 1_234_567 == 777] += 15
    return np.asarray(values)


def fill(application: Application, rows: int, *, scored: bool) -> None:
    """Write the sensor, and what scoring would write of it, and marks as scoring leaves them."""
    values = flow(rows)
    tags = {"detector": "pump", "pump": "P1"}
    for first in range(0, rows, _PIECE):
        part = values[first : first + _PIECE]
        times = START + STEP * np.arange(first, first + len(part), dtype=np.int64)
        application.source.write("pump", [Points({"pump": "P1"}, times, {"flow": part})])
        if scored:
            usual = 20 + 3 * np.sin(np.arange(first, first + len(part)) / 13_751)
            application.results.write(schema.EXPECTED, [Points(tags, times, {"flow": usual})])
            application.results.write(schema.SCORES, [Points(tags, times, _scores(part - usual))])
    application.records.set_watermarks("pump", {SERIES: START + rows * STEP})


def _scores(residual: np.ndarray) -> dict[str, Any]:
    smoothed = np.abs(residual) + 0.01
    flag = (smoothed > 2).astype(np.float64)
    numbers = dict.fromkeys(schema.SCORE_NUMBERS, np.ones(len(residual)))
    numbers |= {"error": smoothed * 1.1, "smoothed": smoothed, "threshold": np.full_like(flag, 2)}
    return {**numbers, "score": smoothed / 2, "flag": flag, "alarm": flag}


def raw(rows: int) -> Flask:
    """The same chart, given all points."""
    root = Path(backend.web.__file__).parent
    app = Flask("raw", static_folder=str(root / "static"))
    app.register_blueprint(chart_script)
    times = (START // 10**6 + 1000.0 * np.arange(rows)).tobytes()
    values = flow(rows).tobytes()
    span = {"start": START // 10**6, "stop": START // 10**6 + 1000 * rows}

    def page() -> str:
        return _RAW_PAGE.format(script=chart_script_address())

    def serve(place: str, body: bytes | str, kind: str) -> None:
        app.add_url_rule(place, place, lambda: Response(body, mimetype=kind))

    app.add_url_rule("/", "page", page)
    serve("/raw.js", _RAW_SCRIPT.format(**span), "text/javascript")
    serve("/time", times, "application/octet-stream")
    serve("/value", values, "application/octet-stream")
    return app


# -- in the browser --------------------------------------------------------------------------------


def look(start: Callable[[], Browser], address: str, patience_ms: float, *, sides: bool) -> Looked:
    """Open the chart in a browser of its own and move about in it.

    Raises:
        playwright.sync_api.Error: it was not there in time, or the tab has died.
    """
    browser = start()
    try:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(patience_ms)
        page.add_init_script(_LONG_TASKS + _IDLE)
        asked: list[Request] = []

        def note(request: Request) -> None:  # a method of a list is no listener to Playwright
            asked.append(request)

        page.on("requestfinished", note)
        page.goto(address, wait_until="commit")
        line = page.wait_for_function(_LINE, polling="raf").json_value()
        first = page.wait_for_function(_FIRST, polling="raf").json_value()
        size = sum(_bytes(request) for request in list(asked))
        turns = _turn(page, sides=sides)
        memory = _memory(browser.new_browser_cdp_session())
        return Looked(float(line), float(first), size, **turns, memory=memory)
    finally:
        browser.close()


def _turn(page: Page, *, sides: bool) -> dict[str, float]:
    """Zooms, pans and the way back; each begins when nothing is asked any more."""
    zooms, pans, back = [], [], []
    for keys, found in (("+" * _ZOOMS, zooms), (["ArrowRight"] * _PANS, pans), (["Home"], back)):
        for key in keys:
            if sides:
                page.wait_for_function("() => window.idle()", polling=50)
            found.append(page.evaluate(_PRESS, key))
    return {
        "zoom": statistics.median(one["seen"] for one in zooms),
        "zoom_fine": statistics.median(one["fine"] for one in zooms),
        "pan": statistics.median(one["seen"] for one in pans),
        "pan_fine": statistics.median(one["fine"] for one in pans),
        "back": back[0]["seen"],
        "longest": max(one["longest"] for one in [*zooms, *pans, *back]),
    }


def _bytes(request: Request) -> int:
    is_data = "/api/" in request.url or request.url.endswith(("/time", "/value"))
    return int(request.sizes()["responseBodySize"]) if is_data else 0


def _memory(session: CDPSession) -> int:
    """Bytes in memory of the largest process that draws a page."""
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    numbers = [one["id"] for one in found if one["type"] == "renderer"]
    return max(map(_resident, numbers))


def _resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


# -- all of it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way to see the chart: its looks, or why it has none."""

    name: str
    rows: int
    looks: Sequence[Looked]
    why: str = ""

    def median(self, name: str) -> float:
        """The middle one of a figure."""
        return statistics.median(getattr(one, name) for one in self.looks)


def ours(start: Callable[[], Browser], folder: Path, url: str, options: Any) -> Way:
    """The detector's page over a store."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "normalcy.yaml"
    config.write_text(_CONFIGURATION.format(store=url), encoding="utf-8")
    environ = {
        **os.environ,
        "NORMALCY_HOME": str(folder / "home"),
        "NORMALCY_CONFIG": str(config),
    }
    application = bootstrap(load(environ))
    with ExitStack() as opened:
        opened.callback(application.close)
        if not application.records.watermarks("pump"):
            fill(application, options.rows, scored=options.scored)
        name = application.source.ping()
        address = opened.enter_context(served(create_app(application)))
        span = f"from={START // 10**6}&to={START // 10**6 + 1000 * options.rows}"
        place = f"{address}detectors/pump?series={SERIES.replace('=', '%3D')}&{span}"
        return _looked(Way(name, options.rows, []), start, place, options, sides=True)


def rival(start: Callable[[], Browser], rows: int, options: Any) -> Way:
    """The chart with every point in it."""
    with served(raw(rows)) as address:
        return _looked(Way("all points raw", rows, []), start, address, options, sides=False)


def _looked(
    way: Way, start: Callable[[], Browser], address: str, options: Any, *, sides: bool
) -> Way:
    """Look as often as wanted, up to the first time that there is no chart."""
    looks: list[Looked] = []
    for _ in range(options.repeat):
        try:
            looks.append(look(start, address, options.patience * 1000, sides=sides))
        except Error as error:
            return replace(way, looks=looks, why=_why(str(error), options.patience))
    return replace(way, looks=looks)


def _why(message: str, patience_s: float) -> str:
    if "Timeout" in message:
        return f"no chart after {patience_s:.0f} s"
    return f"the tab ended: {message.splitlines()[0]}"


def table(ways: Sequence[Way]) -> list[str]:
    """A line each; milliseconds, kilobytes of data and megabytes of the tab."""
    names = ("line", "first", "zoom", "zoom_fine", "pan", "pan_fine", "back", "longest")
    head = f"{'chart':<38} {'rows':>9} " + " ".join(f"{name:>9}" for name in names)
    lines = [f"{head} {'data kB':>9} {'tab MB':>7}"]
    for way in ways:
        said = f"{way.name:<38} {way.rows:>9} "
        if way.looks:
            said += " ".join(f"{way.median(name):>9.0f}" for name in names)
            said += f" {way.median('size') / 1e3:>9.0f} {way.median('memory') / 1e6:>7.0f}"
        lines.append(said + way.why)
    return lines


def verdicts(ways: Sequence[Way], raw_million: Way) -> dict[str, bool]:
    """Whether ours is there in time, turns at once, and is there before a tenth of it raw."""
    found = {}
    for way in ways:
        if not way.looks:
            found[f"{way.name}: there is a chart"] = False
            continue
        found[f"{way.name}: first chart below {FIRST_GOAL_MS:.0f} ms"] = (
            way.median("first") < FIRST_GOAL_MS
        )
        slowest = max(way.median(name) for name in ("zoom", "pan", "back"))
        found[f"{way.name}: a turn is seen within {TURN_GOAL_MS:.0f} ms"] = slowest < TURN_GOAL_MS
        if raw_million.looks:
            slower = raw_million.median("zoom_fine")
            found[f"{way.name}: a zoom is fine before one of {raw_million.rows} raw points"] = (
                way.median("zoom_fine") < RATIO * slower
            )
    return found


def measure(options: argparse.Namespace) -> tuple[list[Way], Way, Way]:
    """Ours on every store, the rival with a part of the points, and with all of them."""
    with ExitStack() as opened:
        passing = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder = options.folder or passing
        playwright = opened.enter_context(sync_playwright())
        start = partial(chromium, playwright)
        # The rival first: it shares nothing with what comes then.
        part = rival(start, min(_RAW_ROWS, options.rows), options)
        whole = rival(start, options.rows, options)
        ways = [ours(start, folder, f"embedded://{folder.absolute()}/series", options)]
        if not options.no_influxdb:
            (passing / "influxdb").mkdir()
            server = opened.enter_context(InfluxServer(passing / "influxdb"))
            ways.append(ours(start, passing / "on-influxdb", server.new_database(), options))
        return ways, part, whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.pages_chart", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="looks; their median counts")
    parser.add_argument("--scored", action="store_true", help="with expected values and scores")
    parser.add_argument("--no-influxdb", action="store_true")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds for a chart")
    parser.add_argument("--folder", type=Path, help="keep what is stored here, and use it again")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args(arguments)
    ways, part, whole = measure(options)
    found = verdicts(ways, part)
    said = [f"{'ok  ' if good else 'MISS'} {goal}" for goal, good in found.items()]
    sys.stdout.write("\n".join([*table([*ways, part, whole]), *said]) + "\n")
    if options.json:
        told: dict[str, Any] = {"benchmark": "pages_chart", "scored": options.scored}
        told |= {"processors": os.cpu_count(), "goals": found}
        told["ways"] = [asdict(way) for way in [*ways, part, whole]]
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
