"""The overview of a fleet of thousands in a real browser, against all of it drawn raw at once.

    python -m benchmarks.pages_overview [--series 5000] [--hours 24] [--repeat 5] [--json FILE]

A fleet with a day of scores a minute is stored in an embedded store, with every field that normalcy
writes; the last ten ticks are written one by one, as scoring does. Ours is the page `/`: detectors,
a hundred rows with the last day of each, found and ordered by the server. The rival is one table of
all series with every score of the day in its small picture, and a search in the page. Both are
served by waitress and opened in Chromium: time to the first byte and to a table that can be used,
bytes, and while five letters are typed into the search the longest time without a frame and the
time from the last letter to the rows found.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright

from backend import schema
from backend.bootstrap import Application, bootstrap
from backend.ports import Points, Query, SeriesStore
from backend.records import Promotion, Verdict, Version, series_key
from backend.settings import load
from backend.web import create_app
from benchmarks.browsing import chromium, served
from benchmarks.hand_clock import NOW, HandClock

OURS, COLD, RIVAL = "ours", "ours, first after a tick", "all raw in one table"
TYPED = "m0042"
MINUTE = 60_000_000_000
TICKS = 10
GOAL_MS, STALL_GOAL_MS = 1500.0, 200.0
_BATCH = 250
_PATIENCE_MS = 300_000

_CONFIGURATION = """
home: home
detectors:
  fleet:
    measurement: machine
    channels: [a, b, c, d, e]
    group_by: [machine]
    every: 1m
    schedule: {score: 1m}
"""

_FRAMES = """() => {
  window.longest = 0;
  let last = performance.now();
  const frame = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
_FIRST_BYTE = "performance.getEntriesByType('navigation')[0].responseStart"
_NAVIGATED = "performance.getEntriesByType('navigation')[0].transferSize"
_RIVAL_SCRIPT = """
const rows = [...document.querySelectorAll("tbody tr")];
document.querySelector("input").addEventListener("input", (event) => {
  for (const row of rows) row.hidden = !row.textContent.includes(event.target.value);
  document.body.dataset.found = event.target.value;
});
document.documentElement.dataset.ready = "rival";
"""


@dataclass(frozen=True)
class Opened:
    """One visit in milliseconds, and the bytes of the page."""

    first_byte: float
    usable: float
    stall: float
    found: float
    bytes: int


def fill(store: SeriesStore, series: int, minutes: int) -> None:
    """Write scores as the product does, the last ticks one by one."""
    times = NOW + MINUTE * np.arange(-minutes, 0, dtype=np.int64)
    early, late = times[:-TICKS], times[-TICKS:]
    for first in range(0, series, _BATCH):
        numbers = range(first, min(first + _BATCH, series))
        store.write(schema.SCORES, [_scores(number, early) for number in numbers])
    for time in late:
        row = np.array([time])
        store.write(schema.SCORES, [_scores(number, row) for number in range(series)])
    restless = range(0, series, 50)
    store.write(schema.EVENTS, [_event(number) for number in restless])


def _scores(number: int, times: np.ndarray) -> Points:
    random = np.random.default_rng((number, int(times[0] // MINUTE)))
    rows = len(times)
    columns: dict[str, Any] = {name: random.random(rows) for name in schema.SCORE_NUMBERS}
    score = 0.5 + 0.2 * np.sin(times / MINUTE / 90 + number) + 0.05 * random.normal(size=rows)
    if number % 50 == 0:
        score[times >= NOW - 120 * MINUTE] += 1.0
    flag = (score > 1).astype(np.float64)
    columns |= {"score": score, "flag": flag, "alarm": flag, "judged": np.ones(rows)}
    texts = {"top1": "a", "top2": "b", "top3": "", "reason": "", "model": "fleet/1"}
    columns |= {name: np.full(rows, text, dtype=object) for name, text in texts.items()}
    return Points(_tags(number), times, columns)


def _event(number: int) -> Points:
    values = {"stop_ms": NOW / 1e6, "duration_s": 7200.0, "peak_score": 2.0, "open": 1.0}
    columns: dict[str, Any] = {n: np.array([values.get(n, 0.0)]) for n in schema.EVENT_NUMBERS}
    columns["valid"] = np.ones(1)
    columns |= {name: np.array(["a"], dtype=object) for name in schema.EVENT_STRINGS}
    return Points(_tags(number), np.array([NOW - 120 * MINUTE + number * 10**9 // 100]), columns)


def _tags(number: int) -> dict[str, str]:
    return {"detector": "fleet", "machine": f"m{number:05d}"}


def remember(application: Application, series: int) -> None:
    """A version that serves, and marks as scoring leaves them."""
    spec = application.detectors.get("fleet").plain()
    version = Version(
        detector="fleet",
        number=1,
        created_at=NOW - 1440 * MINUTE,
        artifact="fleet-1",
        spec=spec,
        label_hash="",
        data_hash="",
        provisional=False,
        verdict=Verdict.CHALLENGER,
        training={},
    )
    application.records.add_version(version)
    application.records.promote(Promotion("fleet", 1, 0, NOW - 1440 * MINUTE, "job"))
    marks = {series_key({"machine": f"m{number:05d}"}): NOW for number in range(series)}
    application.records.set_watermarks("fleet", marks)


def rival(application: Application, minutes: int) -> Flask:
    """A page of every score of every series."""
    app = Flask("rival")

    def show() -> str:
        query = Query(
            schema.SCORES,
            ("score",),
            NOW - minutes * MINUTE,
            NOW,
            {"detector": "fleet"},
            ("machine",),
        )
        rows = [_rival_row(points) for points in application.results.read(query)]
        table = f"<table><tbody>{''.join(rows)}</tbody></table>"
        return f"<!doctype html><input>{table}<script>{_RIVAL_SCRIPT}</script>"

    app.add_url_rule("/", "show", show)
    return app


def _rival_row(points: Points) -> str:
    heights = np.clip(23 - 11 * points.fields["score"].astype(float), 0, 23)
    path = " ".join(f"{place},{height:.1f}" for place, height in enumerate(heights.tolist()))
    score = float(points.fields["score"][-1])
    picture = f'<svg width="96" height="24" viewBox="0 0 1440 24"><polyline points="{path}"/></svg>'
    return f"<tr><td>{points.tags['machine']}<td>{score:.2f}<td>{picture}</tr>"


# -- in the browser --------------------------------------------------------------------------------


def visit(browser: Browser, address: str, field: str, holder: str) -> Opened:
    """Open a page, wait until it can be used, and search in it."""
    page = browser.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    try:
        page.goto(address, wait_until="commit")
        page.wait_for_selector("html[data-ready]", state="attached")
        usable: float = page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => done(performance.now())))"
        )
        first: float = page.evaluate(_FIRST_BYTE)
        size: int = page.evaluate(_NAVIGATED)
        stall, found = _search(page, field, holder)
        return Opened(first, usable, stall, found, size)
    finally:
        page.close()


def _search(page: Page, field: str, holder: str) -> tuple[float, float]:
    page.evaluate(_FRAMES)
    page.focus(field)
    page.keyboard.type(TYPED, delay=60)
    began: float = page.evaluate("performance.now()")
    page.wait_for_selector(f"{holder}[data-found*={TYPED}]", state="attached")
    ended: float = page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => done(performance.now())))"
    )
    return float(page.evaluate("window.longest")), ended - began


def measure(
    folder: Path, series: int, minutes: int, repeat: int, *, with_rival: bool
) -> dict[str, list[Opened]]:
    """Every way, `repeat` times."""
    config = folder / "normalcy.yaml"
    config.write_text(_CONFIGURATION, encoding="utf-8")
    environ = {**os.environ, "NORMALCY_CONFIG": str(config)}
    clock = HandClock()
    application = bootstrap(load(environ), clock=clock)
    with ExitStack() as opened:
        opened.callback(application.close)
        if not application.records.watermarks("fleet"):
            fill(application.results, series, minutes)
            remember(application, series)
        playwright = opened.enter_context(sync_playwright())
        browser = chromium(playwright)
        opened.callback(browser.close)
        ours = opened.enter_context(served(create_app(application)))
        found: dict[str, list[Opened]] = {COLD: [], OURS: [], RIVAL: []}
        for _ in range(repeat):
            clock.at += 90 * 10**9  # what was held is read again
            for kind in (COLD, OURS):
                found[kind].append(visit(browser, ours, "#find input[name=q]", "#rows"))
        if with_rival:
            raw = opened.enter_context(served(rival(application, minutes)))
            found[RIVAL].append(visit(browser, raw, "input", "body"))
    return {kind: visits for kind, visits in found.items() if visits}


# -- the table -------------------------------------------------------------------------------------


def medians(visits: Sequence[Opened]) -> dict[str, float]:
    """The middle one of each figure."""
    rows = [asdict(one) for one in visits]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def table(found: Mapping[str, Sequence[Opened]]) -> list[str]:
    """One line a way."""
    head = f"{'page':<26} {'first byte':>11} {'usable':>10} {'stall':>9} {'search':>9} {'size':>11}"
    lines = [head]
    for kind, visits in found.items():
        one = medians(visits)
        lines.append(
            f"{kind:<26} {one['first_byte']:>8.0f} ms {one['usable']:>7.0f} ms "
            f"{one['stall']:>6.0f} ms {one['found']:>6.0f} ms {one['bytes'] / 1000:>8.0f} kB"
        )
    return lines


def is_good(found: Mapping[str, Sequence[Opened]]) -> bool:
    """Whether ours can be used soon enough and never stalls while one types."""
    ours = medians(found[OURS])
    return ours["usable"] < GOAL_MS and ours["stall"] < STALL_GOAL_MS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.pages_overview", description=__doc__)
    parser.add_argument("--series", type=int, default=5000)
    parser.add_argument("--hours", type=int, default=24, help="of one score a minute")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--folder", type=Path, help="keep what is stored here, and use it again")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as passing:
        folder = given.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(
            folder, given.series, given.hours * 60, given.repeat, with_rival=not given.no_rival
        )
    good = is_good(found)
    goal = f"usable below {GOAL_MS:.0f} ms, no stall above {STALL_GOAL_MS:.0f} ms"
    sys.stdout.write("\n".join([*table(found), f"{'ok  ' if good else 'MISS'} {goal}"]) + "\n")
    if given.json:
        plain = {kind: [asdict(one) for one in visits] for kind, visits in found.items()}
        told = {"series": given.series, "hours": given.hours, "visits": plain, "ok": good}
        given.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
