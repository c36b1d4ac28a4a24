"""The quirky Grafana in memory, behind HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.fakes.grafana import Answer, QuirkyGrafana

TOKEN = "glsa_of-the-tests"
PREFIX = "/grafana"


@contextmanager
def serving(grafana: QuirkyGrafana, token: str = TOKEN) -> Iterator[str]:
    """Its address, below a path as behind a proxy."""

    @Request.application
    def app(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return _response((401, {"message": "Invalid API key"}))
        return _response(_route(grafana, request))

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _route(grafana: QuirkyGrafana, request: Request) -> Answer:
    path = request.path.removeprefix(PREFIX)
    if path == "/api/org":
        return grafana.organization()
    if path == "/api/annotations":
        if request.method == "POST":
            return grafana.post(request.get_json())
        return grafana.listing(dict(request.args.lists()))
    number = path.removeprefix("/api/annotations/")
    if not number.isdecimal():
        return 404, {"message": "Not found"}
    if request.method == "PUT":
        return grafana.put(int(number), request.get_json())
    work = grafana.delete if request.method == "DELETE" else grafana.get
    return work(int(number))


def _response(answer: Answer) -> Response:
    status, said = answer
    text = said if isinstance(said, str) else json.dumps(said)
    return Response(text, status, mimetype="application/json")
