"""What the load tells of answers; how fast anybody is, is not tested."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import API, PANEL, Answers, Load, ask, table


class Pages(BaseHTTPRequestHandler):
    """Answers as the pages do, or not."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once, or each answer waits for the kernel of the client
    status = 200
    asked: Counter[str]

    def do_GET(self):
        self.answer(b'[{"name": "fleet"}]')

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["targets"][0]["payload"]["detector"] == "fleet"
        self.answer(b'[{"fields": []}]')

    def answer(self, content):
        self.asked[self.path] += 1
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def pages(request):
    handler = type("Own", (Pages,), {"asked": Counter(), "status": request.param})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, handler.asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("pages", [200], indirect=True)
def test_clients_ask_for_panels_and_for_the_api(pages):
    port, asked = pages
    found = ask("idle", port, clients=3, series=10, seconds=2.0)

    assert not found.failed
    assert asked["/grafana/query"] >= len(found.took[PANEL]) > 0
    assert 0 < len(found.took[API]) < sum(asked.values())
    assert found.rate(PANEL) > 0
    assert 0 < found.percentile(API, 50) <= found.percentile(API, 99)


@pytest.mark.parametrize("pages", [503], indirect=True)
def test_an_answer_that_is_none_is_no_fast_answer(pages):
    found = ask("idle", pages[0], clients=2, series=10, seconds=1.0)

    assert found.took == {PANEL: [], API: []}
    assert found.failed["/grafana/query 503"] > 0


def answers(state, took):
    return Answers(state, 10.0, {PANEL: [took] * 30, API: [took / 2] * 20})


def test_the_table_compares_busy_with_idle():
    found = Load(50, 1000, answers("idle", 0.1), answers("busy", 0.3), 29.0, 30.0)

    head, *rows = table(found)
    assert "p95 ms" in head
    assert rows[0].split() == ["idle", PANEL, "3.0", "100", "100", "100", "0"]
    assert f"{PANEL}: 1.00 of the answers" in "\n".join(rows)
    assert "3.0 times as slow" in "\n".join(rows)
    assert found.failures == []


def test_a_service_that_answered_nothing_is_told_of_all_the_same():
    idle = Answers("idle", 10.0)
    idle.failed["ConnectionRefusedError"] += 1
    found = Load(50, 1000, idle, answers("busy", 0.1), 29.0, 30.0)

    assert any("ConnectionRefusedError" in line for line in table(found))


def test_a_service_that_did_nothing_beside_says_nothing():
    busy = answers("busy", 0.1)
    busy.failed["/api/v1/labels 500"] += 1
    found = Load(50, 1000, answers("idle", 0.1), busy, 0.0, 0.0)

    assert len(found.failures) == 3
    assert sum("FAILED" in line for line in table(found)) == 3
