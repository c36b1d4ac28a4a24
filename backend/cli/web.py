"""Serve the pages and the API."""

import errno
import signal
import socket
from typing import Any

import click

from backend.cli.liveness import beat_while_answering
from backend.cli.session import Session, pass_session
from backend.exceptions import ConfigurationError, NormalcyError
from backend.executors.logs import log_to_stderr
from backend.services.heap import keep_few_arenas
from backend.settings import WebSettings, require_token
from backend.web import create_app
from backend.web.server import make_server


@click.command("web")
@pass_session
def command(session: Session) -> None:
    """Serve the pages and the API until it is told to stop (Ctrl-C, SIGTERM)."""
    keep_few_arenas()
    require_token(session.settings)
    settings, web = session.settings, session.settings.web
    log_to_stderr(form=settings.log_form, secrets=settings.secrets)
    with listen(web) as listener:
        server = make_server(create_app(session.application), listener)
        signal.signal(signal.SIGTERM, _end)
        click.echo(f"normalcy is at {address(web)}", err=True)
        beat_while_answering(web)
        reporter = session.application.monitoring.own
        reporter.start()
        server.run()
        reporter.stop()


def _end(_number: int, _frame: Any) -> None:
    """End as Ctrl-C does: the server finishes the answers under way."""
    raise SystemExit(0)


def address(web: WebSettings) -> str:
    """Where a browser on this machine finds the pages."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(web.host, web.host)  # nosec B104
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{web.port}"


def listen(web: WebSettings) -> socket.socket:
    """Take the port before anything is built, so that one in use is told at once.

    Raises:
        NormalcyError: the port is in use.
        ConfigurationError: the host is not an address of this machine, or the port is not allowed.
    """
    host = web.host.strip("[]")
    try:
        family = socket.getaddrinfo(host, web.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, web.port), family=family, backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NormalcyError(
                f"Port {web.port} of {web.host} is in use: is normalcy running already? Stop that, "
                "or set another port by NORMALCY_PORT or web: {port: …}."
            ) from error
        raise ConfigurationError(
            f"Cannot listen on {web.host} port {web.port}: {error.strerror}. Set an address of "
            "this machine by NORMALCY_HOST, and a port above 1023 by NORMALCY_PORT."
        ) from error
