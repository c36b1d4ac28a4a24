"""What every executor promises, whatever it runs work in."""

from collections.abc import Iterator

import pytest

from backend.exceptions import (
    ConfigurationError,
    NotEnoughNormalData,
    PartialWrite,
    StoreUnavailable,
    TaskError,
)
from backend.executors import InProcess, LocalProcesses
from backend.ports import Executor
from tests.executors.task_functions import run_task


@pytest.fixture(params=["in process", "local processes"], scope="module")
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor = (
        InProcess(run_task)
        if request.param == "in process"
        else LocalProcesses(
            "tests.executors.task_functions:run_task", {"one": 1}, lambda task, arguments: "one"
        )
    )
    yield made
    made.close()


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
