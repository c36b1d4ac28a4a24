"""What every executor promises, whatever it runs work in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.exceptions import (
    ConfigurationError,
    NotEnoughNormalData,
    PartialWrite,
    StoreUnavailable,
    TaskError,
    TrainingFailed,
)
from backend.executors import InProcess, LocalProcesses
from backend.ports import Executor
from tests.executors.conftest import to
from tests.executors.task_functions import run_task


@pytest.fixture(params=["in process", "local processes", "dask"], scope="module")
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made = make(request)
    yield made
    made.close()


def make(request: pytest.FixtureRequest) -> Executor:
    if request.param == "in process":
        return InProcess(run_task)
    if request.param == "dask":
        return to(request.getfixturevalue("cluster").scheduler_address)
    entry = "tests.executors.task_functions:run_task"
    return LocalProcesses(entry, {"one": 1}, lambda task, arguments: "one")


def test_a_result_comes_back_as_json_would_carry_it(executor: Executor) -> None:
    arguments = {"detector": "gas-room", "start": 1_700_000_000_000_000_000, "kinds": ("a", "b")}

    assert executor.run("echo", arguments, 30) == {**arguments, "kinds": ["a", "b"]}


def test_an_error_of_ours_keeps_its_class_and_text(executor: Executor) -> None:
    with pytest.raises(NotEnoughNormalData, match=r"^Too little is marked normal\.$") as caught:
        executor.run("raise", {"error": "too little"}, 30)
    assert type(caught.value) is NotEnoughNormalData
    assert not caught.value.retry


def test_an_error_keeps_what_it_carries(executor: Executor) -> None:
    with pytest.raises(PartialWrite) as caught:
        executor.run("raise", {"error": "partial"}, 30)
    assert caught.value.dropped == 3


def test_an_error_keeps_whom_it_is_about(executor: Executor) -> None:
    with pytest.raises(TrainingFailed) as caught:
        executor.run("raise", {"error": "training"}, 30)
    assert caught.value.members == (1, 4)


def test_an_error_class_unknown_here_arrives_as_its_base(executor: Executor) -> None:
    with pytest.raises(StoreUnavailable, match="annex") as caught:
        executor.run("raise", {"error": "foreign"}, 30)
    assert caught.value.retry


def test_a_configuration_error_arrives_with_its_text(executor: Executor) -> None:
    with pytest.raises(ConfigurationError, match=r"^The configuration is wrong\.$"):
        executor.run("raise", {"error": "configuration"}, 30)


def test_an_unforeseen_error_becomes_one_sentence(executor: Executor) -> None:
    with pytest.raises(TaskError, match=r"^The task fail failed with KeyError: [^\n]+\.$"):
        executor.run("fail", {}, 30)


def test_a_result_that_json_cannot_hold_is_an_error(executor: Executor) -> None:
    with pytest.raises(TaskError, match="not json"):
        executor.run("not json", {}, 30)


def test_an_argument_that_json_cannot_hold_is_refused(executor: Executor) -> None:
    with pytest.raises(TypeError):
        executor.run("echo", {"value": object()}, 30)


def test_it_goes_on_after_an_error(executor: Executor) -> None:
    with pytest.raises(TaskError):
        executor.run("fail", {}, 30)
    assert executor.run("echo", {"still": "here"}, 30) == {"still": "here"}


def in_order(heard: list[int]) -> list[int]:
    """What was told of calls that were done; while none is, it is told again now and then."""
    assert heard == sorted(heard)
    return sorted(set(heard) - {0})


def test_many_calls_are_answered_in_their_order(executor: Executor) -> None:
    calls = [{"detector": "gas-room", "number": number} for number in range(5)]
    heard: list[int] = []

    assert executor.run_all("echo", calls, 30, heard.append) == calls
    assert in_order(heard) == [1, 2, 3, 4, 5]


def test_no_calls_are_no_answers(executor: Executor) -> None:
    assert executor.run_all("echo", [], 30, lambda done: None) == []


def test_a_call_that_fails_is_an_answer_among_the_others(executor: Executor) -> None:
    calls = [{"error": "too little"}, {"error": "training"}, {"error": "foreign"}]
    heard: list[int] = []
    first, second, third = executor.run_all("raise", calls, 30, heard.append)

    assert isinstance(first, NotEnoughNormalData)
    assert isinstance(second, TrainingFailed)
    assert isinstance(third, StoreUnavailable)
    assert in_order(heard) == [1, 2, 3]


def test_an_unforeseen_error_of_a_call_is_an_answer_too(executor: Executor) -> None:
    (outcome,) = executor.run_all("fail", [{}], 30, lambda done: None)

    assert isinstance(outcome, TaskError)


def test_a_call_that_was_made_before_is_done_again(executor: Executor, tmp_path: Path) -> None:
    calls = [{"number": 7, "log": str(tmp_path / "log")}] * 2
    for _ in range(2):
        executor.run_all("note", calls, 30, lambda done: None)

    assert (tmp_path / "log").read_text().split() == ["7"] * 4


def test_calls_that_json_cannot_hold_are_refused_before_any_is_begun(
    executor: Executor, tmp_path: Path
) -> None:
    calls = [{"number": 1, "log": str(tmp_path / "log")}, {"number": object()}]
    with pytest.raises(TypeError):
        executor.run_all("note", calls, 30, lambda done: None)
    assert not (tmp_path / "log").exists()


def test_what_the_caller_raises_comes_back_to_it(executor: Executor) -> None:
    def told(done: int) -> None:
        raise BrokenPipeError("nobody reads the progress")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        executor.run_all("echo", [{}, {}], 30, told)
    assert executor.run("echo", {"still": "here"}, 30) == {"still": "here"}
