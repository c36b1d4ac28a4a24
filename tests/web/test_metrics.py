"""What Prometheus scrapes, and how requests are followed."""

import logging
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from backend.exceptions import StoreUnavailable
from backend.records import Role
from backend.services.access import TokenDraft
from tests.web.worlds import NOW, make_world

TOKEN = "a-long-token-of-nobody"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def counted(client, **headers):
    """Requests as they are counted, (route, method, code) to their number."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (one.labels["route"], one.labels["method"], one.labels["code"]): one.value
        for family in read_text(answer.text)
        for one in family.samples
        if one.name == "normalcy_http_requests_total"
    }


def names(families):
    """Of the samples: the forms differ in what they call a family of them."""
    return {one.name for family in families for one in family.samples}


class TestForms:
    def test_text_and_openmetrics_tell_the_same(self, client):
        client.get("/metrics")  # what it is asked first, it counts
        text = client.get("/metrics")
        assert text.content_type.startswith("text/plain; version=0.0.4")
        new = client.get("/metrics", headers={"Accept": OPENMETRICS})
        assert new.content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert new.text.endswith("# EOF\n")
        assert names(read_openmetrics(new.text)) == names(read_text(text.text))

    def test_it_is_not_kept_by_anybody_on_the_way(self, client):
        assert client.get("/metrics").headers["Cache-Control"] == "no-store"

    def test_a_detector_is_one_line_however_many_series_it_has(self, world):
        world.records.set_watermarks("gas-room", {f"room=R{n}": NOW for n in range(500)})
        text = world.client().get("/metrics").text
        assert 'normalcy_detector_series{detector="gas-room"} 500.0' in text
        assert "R499" not in text


class TestRights:
    def test_whoever_shows_nothing_is_asked_who_it_is(self):
        answer = make_world(TOKEN).client().get("/metrics")
        assert answer.status_code == 401
        assert "token" in answer.json["message"]

    def test_a_viewer_reads_it(self):
        world = make_world(TOKEN)
        _, secret = world.access.add_token(TokenDraft("prometheus", Role.VIEWER), by="anna")
        shown = {"Authorization": f"Bearer {secret}"}
        assert world.client().get("/metrics", headers=shown).status_code == 200

    def test_a_token_for_one_detector_does_not(self):
        world = make_world(TOKEN)
        _, secret = world.access.add_token(TokenDraft("x", Role.VIEWER, ["pump"]), by="anna")
        shown = {"Authorization": f"Bearer {secret}"}
        answer = world.client().get("/metrics", headers=shown)
        assert answer.status_code == 403
        assert "gas-room" not in answer.text


class TestWithoutRecords:
    def away(self, *_given, **_named):
        raise StoreUnavailable("The record store is away.")

    @pytest.mark.parametrize("accept", ["", OPENMETRICS])
    def test_that_they_are_away_is_told_though_nobody_knows_whose_token_it_is(self, accept):
        """Else the alert that names them would never come."""
        world = make_world(TOKEN)
        world.records.token_by_digest = world.records.users = self.away
        shown = {"Authorization": "Bearer made-by-normalcy-access", "Accept": accept}
        answer = world.client().get("/metrics", headers=shown)
        assert answer.status_code == 200
        read = read_openmetrics if accept else read_text
        (family,) = read(answer.text)
        (sample,) = family.samples
        assert (sample.name, sample.labels, sample.value) == ("normalcy_records_up", {}, 0)

    def test_the_token_of_the_configuration_is_told_what_the_process_itself_counts(self):
        world = make_world(TOKEN)
        world.records.report_process = world.records.open_requests = self.away
        shown = {"Authorization": f"Bearer {TOKEN}"}
        text = world.client().get("/metrics", headers=shown).text
        assert "normalcy_records_up 0.0" in text
        assert "normalcy_build_info" in text
        assert "normalcy_detectors" not in text


class TestRequests:
    def test_they_are_counted_by_the_rule_of_their_address(self, client):
        client.get("/api/v1/detectors/gas-room")
        client.get("/api/v1/detectors/nobody")
        client.get("/nothing/at/all")
        client.get("/nothing/else")
        found = counted(client)
        assert found["/api/v1/detectors/<string:name>", "GET", "200"] == 1
        assert found["/api/v1/detectors/<string:name>", "GET", "404"] == 1
        assert found["(none)", "GET", "404"] == 2

    def test_a_method_of_nobodys_is_one_of_others(self, client):
        for method in ("BREW", "WHEN"):
            client.open("/healthz", method=method)
        assert sum(n for (_, method, _), n in counted(client).items() if method == "other") == 2
        assert not any("BREW" in key for key in counted(client))

    def test_what_is_refused_before_anything_is_looked_at_counts(self):
        client = make_world(TOKEN).client()
        client.get("/api/v1/detectors")
        shown = {"Authorization": f"Bearer {TOKEN}"}
        assert counted(client, **shown)["/api/v1/detectors", "GET", "401"] == 1


class TestRequestId:
    def test_each_answer_has_its_own(self, client):
        ids = [client.get("/healthz").headers["X-Request-Id"] for _ in range(2)]
        assert all(re.fullmatch(r"[0-9a-f]{12}", one) for one in ids)
        assert len(set(ids)) == 2

    def test_that_of_a_caller_is_kept(self, client):
        answer = client.get("/healthz", headers={"X-Request-Id": "proxy-7:A.1"})
        assert answer.headers["X-Request-Id"] == "proxy-7:A.1"

    @pytest.mark.parametrize(
        "given", ["", "a b", "x" * 65, "a=b", "é", '"', "-a", "level=ERROR", "<b>"]
    )
    def test_one_that_could_pretend_to_be_something_else_is_not(self, client, given):
        answer = client.get("/healthz", headers={"X-Request-Id": given})
        assert re.fullmatch(r"[0-9a-f]{12}", answer.headers["X-Request-Id"])

    def test_what_was_refused_stands_in_the_log_with_it(self, client, caplog):
        caplog.set_level(logging.INFO, "backend.web.tracing")
        client.get("/api/v1/detectors/nobody")
        (line,) = [one for one in caplog.records if one.name == "backend.web.tracing"]
        expected = "answered status=404 method=GET route=/api/v1/detectors/<string:name> took_s="
        assert line.getMessage().startswith(expected)
        assert line.levelno == logging.INFO

    def test_what_failed_is_a_warning(self, world, caplog):
        def away():
            raise StoreUnavailable("The record store is away.")

        client = world.client()
        world.records.users = away
        world.records.detectors = away
        client.get("/api/v1/detectors")
        (line,) = [one for one in caplog.records if one.name == "backend.web.tracing"]
        assert "status=503" in line.getMessage()
        assert line.levelno == logging.WARNING

    def test_what_went_well_leaves_no_line(self, client, caplog):
        caplog.set_level(logging.INFO, "backend.web.tracing")
        assert client.get("/api/v1/detectors").status_code == 200
        assert not [one for one in caplog.records if one.name == "backend.web.tracing"]
