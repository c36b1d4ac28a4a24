"""normalcy.yaml is edited while the service runs: taken up when right, else the former goes on."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from backend.bootstrap import run_task
from backend.exceptions import ConfigurationError, StoreUnavailable
from backend.records import LabelKind
from backend.settings import load
from backend.settings.rereading import KEPT, ConfigFile, keep, load_to_run
from backend.web import create_app
from jobs.__main__ import _detectors
from tests.faults.site import Site
from tests.faults.tally import Facts, Outcome

pytestmark = pytest.mark.fault("configuration broken by an edit")

LATER = 1_000.0
"""Seconds since the edit, so that it is over."""


def edited(site: Site, text: str | None = None, **changes: Any) -> None:
    """Save the file as an editor does, a while ago."""
    stated = {**site.stated, **changes}
    site.write(yaml.safe_dump(stated) if text is None else text)
    settle(site)


def settle(site: Site) -> None:
    moment = site.config.stat().st_mtime - LATER
    os.utime(site.config, (moment, moment))


def with_other(site: Site) -> dict[str, Any]:
    rooms = site.stated["detectors"]["rooms"]
    return {**site.stated["detectors"], "halls": {**rooms, "measurement": "halls"}}


def names(site: Site) -> list[str]:
    return [spec.name for spec in site.app.detectors.all()]


def without_quote(site: Site) -> None:
    edited(site, site.config.read_text().replace("measurement: air", "measurement: 'air"))


def wrong_value(site: Site) -> None:
    edited(site, site.config.read_text().replace("every: 10m", "every: ten minutes"))


def unknown_key(site: Site) -> None:
    edited(site, detektors={})


def gone(site: Site) -> None:
    site.config.unlink()
    moment = LATER
    os.utime(site.home, (moment, moment))


def binary(site: Site) -> None:
    site.config.write_bytes(b"\xff\xfe\x00\x01")
    settle(site)


def future_label(site: Site) -> None:
    rooms = site.stated["detectors"]["rooms"]
    label = {"kind": "normal", "from": "2200-01-01 00:00", "to": "2200-01-02 00:00"}
    edited(site, detectors={"rooms": {**rooms, "labels": [label]}})


def another_store(site: Site) -> None:
    edited(site, store=f"embedded://{site.home}/elsewhere", detectors=with_other(site))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (without_quote, "is not valid YAML"),
        (wrong_value, "every"),
        (unknown_key, "detektors"),
        (gone, "is gone: put it back"),
        (binary, "is not text in UTF-8"),
        (future_label, "ends in the future"),
        (another_store, "changes store, which is read at the start only: restart"),
    ],
)
def test_a_wrong_edit_changes_nothing_and_is_said_until_it_is_mended(
    site: Site,
    undisturbed: Facts,
    outcome: Outcome,
    caplog: pytest.LogCaptureFixture,
    edit: Callable[[Site], None],
    said: str,
) -> None:
    page = create_app(site.app).test_client()
    edit(site)

    assert page.get("/").status_code == 200
    assert said in site.app.reconfiguring.problem
    assert "normalcy.yaml is not in force as it stands" in page.get("/").text
    assert page.get("/readyz").status_code == 200
    (record,) = [r for r in caplog.records if r.name.endswith("reconfiguring")]
    assert record.levelname == "ERROR"
    assert said in record.message
    assert "\n" not in record.message
    assert names(site) == ["rooms"]
    site.tick(1000)
    outcome.compare(site.facts(), undisturbed)

    edited(site, detectors=with_other(site))
    assert "is not in force" not in page.get("/").text
    assert site.app.reconfiguring.problem == ""
    assert names(site) == ["halls", "rooms"]


def test_check_names_the_processes_that_go_on_with_the_former_one(
    site: Site, outcome: Outcome
) -> None:
    before = site.facts()
    telling = site.app.reporter("jobs")
    another_store(site)
    site.app.reconfiguring.look()
    telling.tell()
    (line,) = [one for one in site.app.checking.lines() if one.what == "running configuration"]
    assert not line.ok
    assert line.detail.startswith("jobs: normalcy.yaml as it stands is not in force")

    edited(site)
    site.app.reconfiguring.look()
    telling.tell()
    assert not [one for one in site.app.checking.lines() if one.what == "running configuration"]
    outcome.compare(site.facts(), before)


def test_a_file_that_is_being_written_is_left_alone(
    site: Site, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.facts()
    site.app.reconfiguring.look()
    site.write("")  # an editor has emptied it and is to go on
    with monkeypatch.context() as patch:
        just_now = site.config.stat().st_mtime + 0.5
        patch.setattr(site.app.reconfiguring._file, "_now", lambda: just_now)
        site.app.reconfiguring.look()
    assert site.app.reconfiguring.problem == ""
    assert names(site) == ["rooms"]
    outcome.compare(site.facts(), before)

    edited(site, detectors=with_other(site))
    site.app.reconfiguring.look()
    assert names(site) == ["halls", "rooms"]


def without_detectors(site: Site) -> None:
    edited(site, detectors={})


@pytest.mark.parametrize("part", [without_detectors, without_quote])
def test_a_file_that_is_written_while_it_is_read_is_read_again(
    site: Site, outcome: Outcome, monkeypatch: pytest.MonkeyPatch, part: Callable[[Site], None]
) -> None:
    """What was read of it may be any part, and a valid one, too."""
    before = site.facts()
    part(site)
    read = ConfigFile.read

    def slowly(file: ConfigFile) -> Any:
        try:
            return read(file)
        finally:
            edited(site, detectors=with_other(site))

    with monkeypatch.context() as patch:
        patch.setattr(ConfigFile, "read", slowly)
        site.app.reconfiguring.look()
    assert names(site) == ["rooms"]
    assert site.app.reconfiguring.problem == ""
    assert site.app.settings.kept.exists() is False
    outcome.compare(site.facts(), before)

    edited(site, detectors=with_other(site))
    site.app.reconfiguring.look()
    assert names(site) == ["halls", "rooms"]


def test_only_what_was_taken_up_is_kept(site: Site, outcome: Outcome) -> None:
    before = site.facts()
    keep(site.app.settings, dict(site.environ))
    first = site.app.settings.kept.read_text()
    future_label(site)
    site.app.reconfiguring.look()
    assert site.app.settings.kept.read_text() == first
    outcome.compare(site.facts(), before)


def test_the_timetable_takes_it_up(site: Site, outcome: Outcome) -> None:
    before = site.facts()
    edited(site, detectors=with_other(site))
    assert [spec.name for spec in _detectors(site.app)] == ["halls", "rooms"]
    wrong_value(site)
    assert [spec.name for spec in _detectors(site.app)] == ["halls", "rooms"]
    assert site.app.reconfiguring.problem
    outcome.compare(site.facts(), before)


def test_labels_in_it_come_and_go(site: Site, outcome: Outcome) -> None:
    before = site.facts()
    rooms = site.stated["detectors"]["rooms"]
    label = {"kind": "exclude", "from": "2023-11-15 00:00", "to": "2023-11-15 06:00"}
    edited(site, detectors={"rooms": {**rooms, "labels": [label]}})
    site.app.reconfiguring.look()
    kinds = [one.kind for one in site.app.labelling.list("rooms")]
    assert sorted(kinds) == [LabelKind.EXCLUDE, LabelKind.NORMAL]

    edited(site)
    site.app.reconfiguring.look()
    outcome.compare(site.facts(), before)


def test_while_the_records_are_away_all_waits(
    site: Site, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.facts()
    rooms = site.stated["detectors"]["rooms"]
    label = {"kind": "exclude", "from": "2023-11-15 00:00", "to": "2023-11-15 06:00"}
    edited(site, detectors={**with_other(site), "rooms": {**rooms, "labels": [label]}})

    def away(*_: object, **__: object) -> Any:
        raise StoreUnavailable("the records are away")

    monkeypatch.setattr(site.app.records, "add_labels", away)
    for _ in range(2):
        site.app.reconfiguring.look()
        assert names(site) == ["rooms"]
    outcome.compare(site.facts(), before)

    monkeypatch.undo()
    site.app.reconfiguring.look()
    assert names(site) == ["halls", "rooms"]
    assert len(site.app.labelling.list("rooms")) == 2


def test_it_is_read_once_for_each_change(site: Site, outcome: Outcome) -> None:
    reads: list[int] = []
    settings = load(site.environ)

    def read() -> Any:
        reads.append(1)
        return load(site.environ)

    file = ConfigFile(settings, read)
    settle(site)
    first = file.mark()
    assert first is not None
    assert file.mark() == first
    edited(site, detectors=with_other(site))
    assert file.mark() != first
    assert len(file.read().detectors) == 2
    assert len(reads) == 1
    outcome.compare({("detector", name): () for name in names(site)}, {("detector", "rooms"): ()})


def test_a_process_that_is_started_in_the_middle_goes_on_as_those_beside_it(
    site: Site, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = dict(site.environ)
    keep(load(environ), environ)
    assert environ[KEPT].startswith(str(site.home))
    before = site.facts()

    wrong_value(site)
    with pytest.raises(ConfigurationError):
        load_to_run(site.environ)  # nobody beside it
    settings = load_to_run(environ)
    assert settings.detectors.keys() == {"rooms"}
    assert settings.home == site.home

    # a worker that takes the place of a lost one
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("backend.bootstrap.build", lambda *told: pytest.fail("no model is made"))
    with pytest.raises(Exception, match="no detector 'halls'"):
        run_task("score", {"detector": "halls"})
    outcome.compare(site.facts(), before)


def test_a_copy_that_is_wrong_too_does_not_hide_the_mistake(site: Site, outcome: Outcome) -> None:
    before = site.facts()
    environ = dict(site.environ)
    keep(load(environ), environ)
    site.write("store: 1")
    site.app.settings.kept.write_text("store: 2", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=str(site.config)):
        load_to_run(environ)
    outcome.compare(site.facts(), before)
