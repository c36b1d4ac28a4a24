"""An InfluxDB that can be killed, held up and started again, and the bad weather before it."""

import http.client
import signal
import threading
from collections.abc import Callable

from tests.servers.faults import Answer, Exchange, Fault, FaultProxy, passes
from tests.servers.influxdb import InfluxServer

_TRIES = 3


class MortalServer(InfluxServer):
    """A server whose process comes and goes; what it has acknowledged stays."""

    def kill(self) -> None:
        """As a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """On the same data, at a port that may be another."""
        if not any(self._start() for _ in range(_TRIES)):
            raise RuntimeError("influxd did not start again")

    def hold_up(self) -> None:
        """It lives and does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def let_go(self) -> None:
        """It does what it was asked meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class Weather(FaultProxy):
    """Stands before the server for as long as the run lasts, at one port.

    Args:
        port: where the server listens at the moment.
    """

    def __init__(self, port: Callable[[], int]) -> None:
        super().__init__(0, "", ())
        self._port_of = port
        self._weather: Fault = passes
        self._changing = threading.Lock()
        self.met_by = 0
        """Requests that met bad weather."""

    def turn(self, fault: Fault) -> None:
        """From now on this happens to every request."""
        with self._changing:
            self._weather = fault

    def clear(self) -> None:
        """From now on every request passes."""
        self.turn(passes)

    def _fault(self, exchange: Exchange) -> Fault:
        with self._changing:
            self.met_by += self._weather is not passes
            return self._weather

    def _forward(self, exchange: Exchange) -> Answer:
        """As the proxy does; but a server that is gone is what a soak is about."""
        self._upstream = self._port_of()
        try:
            return super()._forward(exchange)
        except (RuntimeError, http.client.HTTPException) as error:
            raise ConnectionAbortedError("the server is gone") from error
