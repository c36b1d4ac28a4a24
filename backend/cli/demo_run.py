"""What `normalcy demo` does: prepare a place of its own, play a story, go on live."""

import logging
import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from backend.bootstrap import Application, SystemClock, bootstrap
from backend.cli.demo_options import Asked
from backend.cli.demo_pictures import draw
from backend.cli.demo_words import print_caught_up, print_live, print_news, print_told
from backend.cli.output import print_json, progress
from backend.cli.processes import stop_on_signals
from backend.cli.session import Session
from backend.cli.web import address, listen
from backend.demo import gas_room, sine_tangent
from backend.demo.live import Live, StoryClock
from backend.demo.loop import Told, tell
from backend.demo.scenario import Scenario
from backend.exceptions import ConfigurationError
from backend.settings import Settings, WebSettings
from backend.settings.urls import default_results, embedded_url
from backend.web import create_app
from backend.web.server import TO_FINISH_S, make_server

MARK = ".normalcy-demo"
"""Lies in a directory that a demo made, and that the next one may therefore empty."""
PAUSE_S = 1.0
LOOK_S = 0.2
"""Between two looks for what the pages asked for."""

log = logging.getLogger(__name__)

_STORIES: dict[str, Callable[[int, int], Scenario]] = {
    "gas-room": lambda now, seed: gas_room.GasRoom(gas_room.latest_start(now), seed),
    "sine-tangent": lambda now, seed: sine_tangent.SineTangent(
        sine_tangent.latest_start(now), seed
    ),
}


def run(session: Session, asked: Asked) -> None:
    """Play the story that was asked for.

    Raises:
        ConfigurationError: the directory holds something else, or the port is in use.
    """
    home = (asked.directory or session.settings.home / "demo").absolute()
    present = SystemClock()
    scenario = _STORIES[asked.story](present.now(), asked.seed)
    settings = _settings(home, scenario, asked.port)
    with ExitStack() as stack:
        # The port is taken first: one in use shall be told before a minute of work.
        listener = None if asked.once else stack.enter_context(closing(listen(settings.web)))
        _make_anew(home)
        clock = StoryClock(scenario.stop, present)
        application = stack.enter_context(closing(bootstrap(settings, clock=clock)))
        told = _play(application, scenario, home / "pictures")
        print_json(told.plain()) if asked.as_json else print_told(told)
        if listener is not None:
            _go_on(application, scenario, clock, listener)


def _settings(home: Path, scenario: Scenario, port: int) -> Settings:
    store = embedded_url(home / "series")
    return Settings(
        home=home,
        store=store,
        results=default_results(store),
        records=f"sqlite:///{home / 'records.sqlite3'}",
        web=WebSettings(port=port),
        detectors={scenario.spec.name: scenario.spec},
    )


def _make_anew(home: Path) -> None:
    """Empty a directory that an earlier demo made, or make it.

    Raises:
        ConfigurationError: the directory holds something else, which is left alone.
    """
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).is_file():
            raise ConfigurationError(
                f"{home} holds files that no demo made, and a demo empties its directory: give an "
                "empty or a new one by --dir."
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()


def _play(application: Application, scenario: Scenario, pictures: Path) -> Told:
    with progress(f"Playing {scenario.spec.name}") as report:
        return tell(application, scenario, lambda material: draw(material, pictures), report)


def _go_on(
    application: Application, scenario: Scenario, clock: StoryClock, listener: socket.socket
) -> None:
    """Let points arrive and serve the pages until Ctrl-C or SIGTERM."""
    web = application.settings.web
    app = create_app(application)
    server = make_server(app, listener)
    serving = threading.Thread(target=server.run, name="pages", daemon=True)
    live = Live(application, scenario)
    with stop_on_signals() as stop:
        serving.start()
        asked = partial(_serve_requests, application, stop)
        threading.Thread(target=asked, name="requests", daemon=True).start()
        print_live(address(web), clock.speed)
        clock.begin()
        caught_up = False
        while not stop.wait(PAUSE_S):
            print_news(live.advance(clock.move()))
            if clock.caught_up and not caught_up:
                caught_up = True
                print_caught_up(scenario)
        server.stop()
    serving.join(timeout=TO_FINISH_S)
    server.close()


def _serve_requests(application: Application, stop: threading.Event) -> None:
    """Do what the pages ask for, a retrain or an explanation, beside the scoring.

    What goes wrong stands with the request, for the one who asked.
    """
    while not stop.wait(LOOK_S):
        try:
            while application.requests.serve_one("demo") and not stop.is_set():
                pass
        except Exception:
            log.exception("A request could not be served")
