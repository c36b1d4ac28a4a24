from collections.abc import Callable
from pathlib import Path

import pytest

from backend.exceptions import ConfigurationError, NoData, Problem, StoreUnavailable
from tests.cli.conftest import Command

Broken = Callable[[BaseException], Command]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoData("Nothing there."), 1),
        (StoreUnavailable("The store is down."), 1),
        (ConfigurationError("The file is wrong."), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(broken: Broken, error: BaseException, code: int) -> None:
    result = broken(error)("retrain", "gas-room", code=code)

    assert result.stdout == ""
    assert result.stderr == f"normalcy: {str(error) or 'interrupted'}\n"


def test_every_mistake_of_the_configuration_is_told(normalcy: Command) -> None:
    Path("normalcy.yaml").write_text("stor: a\nweb: {port: 0}\n", encoding="utf-8")

    result = normalcy("retrain", "gas-room", code=2)

    assert "2 mistakes in the configuration" in result.stderr
    assert str(Problem("stor", "unknown key; did you mean store?", 1)) in result.stderr
    assert "line 2, web.port" in result.stderr


def test_the_traceback_of_the_unexpected_goes_to_a_file(broken: Broken, tmp_path: Path) -> None:
    result = broken(ZeroDivisionError("division\nby zero"))("retrain", "gas-room", code=1)

    (log,) = (tmp_path / "home" / "logs").iterdir()
    assert result.stderr == (
        f"normalcy: unexpected ZeroDivisionError: division by zero (details in {log})\n"
    )
    text = log.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in text
    assert "conftest.py" in text


def test_where_home_cannot_hold_the_traceback_the_temporary_directory_does(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    broken(ZeroDivisionError())("retrain", "gas-room", code=1)

    assert len(list((tmp_path / "temporary").glob("normalcy-*.log"))) == 1


def test_the_application_is_closed_whatever_happens(broken: Broken) -> None:
    closed = []
    command = broken(NoData("Nothing there."))
    command.application.close = lambda: closed.append(True)

    command("retrain", "gas-room", code=1)

    assert closed == [True]


def test_a_configuration_that_breaks_its_reading_is_told_in_one_sentence(
    normalcy: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_environ: object) -> None:
        raise ZeroDivisionError("while reading")

    monkeypatch.setattr("backend.settings.rereading.load_to_run", breaks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    result = normalcy("retrain", "gas-room", code=1)

    assert result.stderr.startswith("normalcy: unexpected ZeroDivisionError: while reading")
    assert len(result.stderr.splitlines()) == 1
