"""Real children, an imagined clock: nothing here waits for time to pass."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from backend.cli.listening import Ear
from backend.cli.processes import Child, Supervisor, module, stop_on_signals
from backend.executors.pulse import Watcher

WAIT_S = 60


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


def ready_file(path: Path) -> str:
    """A named pipe: opening it to read waits until the child opened it to write."""
    os.mkfifo(path)
    return str(path)


def wait_until_ready(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


TALKER = """
import faulthandler, os, pathlib, signal, sys
from backend.executors.pulse import BEAT, READY, Watcher
faulthandler.enable()
watcher = Watcher(os.environ)
watcher.tell(*sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text('said')
signal.pause()
"""
SLEEPER = "import pathlib, sys, signal; pathlib.Path(sys.argv[1]).write_text('up'); signal.pause()"
STUBBORN = (
    "import pathlib, sys, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "pathlib.Path(sys.argv[1]).write_text('up'); signal.pause()"
)
READER = "import pathlib, sys; pathlib.Path(sys.argv[1]).read_text(); raise SystemExit(2)"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lives(supervisor: Supervisor, child: Child) -> None:
    """Let a child start and end once."""
    supervisor.tend()
    assert child.process is not None
    child.process.wait(WAIT_S)


def test_a_child_that_dies_young_is_started_again_later_each_time(clock: Clock) -> None:
    told: list[str] = []
    child = Child("jobs", python("raise SystemExit(3)"))
    supervisor = Supervisor([child], tell=told.append, clock=clock)

    waits = []
    for _ in range(8):
        lives(supervisor, child)
        supervisor.tend()
        assert child.process is None
        waits.append(child.restart_at - clock.now)
        clock.now = child.restart_at

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert told[0] == "jobs ended with exit code 3; starting it again in 1 s"


def test_a_child_that_lived_long_starts_again_at_once(clock: Clock) -> None:
    child = Child("jobs", python("pass"), failures=5)
    supervisor = Supervisor([child], tell=lambda text: None, clock=clock)
    lives(supervisor, child)

    clock.now = 3600
    supervisor.tend()

    assert child.failures == 1
    assert child.restart_at == 3601


def test_a_child_is_not_started_before_its_time(clock: Clock) -> None:
    child = Child("jobs", python("pass"), restart_at=5)
    supervisor = Supervisor([child], clock=clock)

    supervisor.tend()

    assert child.process is None


def test_a_fatal_exit_code_ends_everything(tmp_path: Path) -> None:
    ready = ready_file(tmp_path / "ready")
    sleeper = Child("web", python(SLEEPER, ready))
    wrong = Child("jobs", python(READER, ready))

    code = Supervisor([sleeper, wrong], fatal=frozenset({2})).run(threading.Event())

    assert code == 2
    assert sleeper.process is not None
    assert sleeper.process.returncode == -signal.SIGTERM


def test_an_exit_code_that_was_fatal_at_the_start_is_not_once_a_child_has_run(
    tmp_path: Path, clock: Clock
) -> None:
    """As of pages whose token's file is away for a moment: the scoring beside them goes on."""
    told: list[str] = []
    child, said = talking(tmp_path, "READY=1")
    supervisor = Supervisor([child], frozenset({2}), tell=told.append, clock=clock)
    supervisor.tend()
    wait_until_ready(said)
    supervisor.tend()
    assert child.process is not None
    child.process.kill()
    child.process.wait(WAIT_S)
    child.command = python("raise SystemExit(2)")
    supervisor.tend()
    clock.now = 1
    lives(supervisor, child)

    assert supervisor.tend() == 0
    assert told[-1] == "jobs ended with exit code 2; starting it again in 2 s"
    supervisor.end_all()


def test_a_child_that_dies_for_days_is_still_started_again(clock: Clock) -> None:
    child = Child("jobs", python("raise SystemExit(1)"), failures=2000)
    supervisor = Supervisor([child], tell=lambda text: None, clock=clock)
    lives(supervisor, child)

    supervisor.tend()

    assert (child.failures, child.restart_at) == (2001, 60)


def test_a_child_that_cannot_be_started_is_tried_again(clock: Clock) -> None:
    told: list[str] = []
    child = Child("jobs", ["/nowhere/normalcy"])
    supervisor = Supervisor([child], tell=told.append, clock=clock)

    supervisor.tend()
    clock.now = 1
    supervisor.tend()

    assert told == [
        f"jobs cannot be started (No such file or directory); starting it again in {wait} s"
        for wait in (1, 2)
    ]


def test_to_stop_ends_all_children(tmp_path: Path) -> None:
    children = []
    pipes = [ready_file(tmp_path / name) for name in ("a", "b")]
    children = [Child(name, python(SLEEPER, name)) for name in pipes]
    stop = threading.Event()
    waiting = threading.Thread(target=lambda: ([wait_until_ready(p) for p in pipes], stop.set()))
    waiting.start()

    code = Supervisor(children).run(stop)
    waiting.join(WAIT_S)

    assert code == 0
    assert [child.process and child.process.returncode for child in children] == [-15, -15]


def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    told: list[str] = []
    ready = ready_file(tmp_path / "ready")
    child = Child("jobs", python(STUBBORN, ready))
    supervisor = Supervisor([child], tell=told.append, grace_s=0)
    supervisor.tend()
    wait_until_ready(ready)

    supervisor.end_all()

    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL
    assert told == ["jobs did not end within 0 s: killed"]


def test_what_a_dead_child_left_behind_is_ended(tmp_path: Path, clock: Clock) -> None:
    ready, held = ready_file(tmp_path / "ready"), tmp_path / "held"
    # The grandchild holds a pipe open for writing: reading it ends when the grandchild does.
    program = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]])"
    grandchild = (
        "import pathlib, signal, sys; pipe = open(sys.argv[2], 'w'); "
        "pathlib.Path(sys.argv[1]).write_text('up'); signal.pause()"
    )
    child = Child("jobs", python(program, grandchild, ready, ready_file(held)))
    supervisor = Supervisor([child], tell=lambda text: None, clock=clock)
    lives(supervisor, child)
    with held.open(encoding="utf-8") as pipe:
        wait_until_ready(ready)

        supervisor.tend()

        assert pipe.read() == ""


def test_signals_set_an_event_and_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with stop_on_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(WAIT_S)

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_is_heard_also_while_the_event_is_just_being_waited_for() -> None:
    """A handler that waited for what the thread holds which it interrupts would wait for ever."""
    with stop_on_signals() as stop:
        with stop._cond:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(WAIT_S)


def test_a_module_runs_in_this_interpreter() -> None:
    assert module("jobs", "-x") == [sys.executable, "-m", "jobs", "-x"]


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 3, "signal 37")]
)
def test_how_a_child_was_ended_is_named(clock: Clock, number: int, name: str) -> None:
    told: list[str] = []
    child = Child("web", python(f"import os; os.kill(os.getpid(), {int(number)})"))
    supervisor = Supervisor([child], tell=told.append, clock=clock)
    lives(supervisor, child)

    supervisor.tend()

    assert told == [f"web was ended by {name}; starting it again in 1 s"]


# -- children that live and do not get on ----------------------------------------------------------


def talking(tmp_path: Path, *words: str) -> tuple[Child, str]:
    """A child that says some words once and then hangs; and how to wait until it has."""
    said = ready_file(tmp_path / "said")
    return Child("jobs", python(TALKER, said, *words), patience_s=10), said


def let_pass(supervisor: Supervisor, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        supervisor.tend()


def test_a_child_that_hangs_is_ended_and_started_again(
    tmp_path: Path, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    child, said = talking(tmp_path, "READY=1", "WATCHDOG=1")
    supervisor = Supervisor([child], tell=told.append, clock=clock)
    supervisor.tend()
    wait_until_ready(said)

    let_pass(supervisor, clock, 11)
    before = list(told)
    let_pass(supervisor, clock, 1)
    hung = child.process
    let_pass(supervisor, clock, 1)

    assert before == []
    assert told == [
        "jobs has given no sign of life for 11 s: ended",
        "jobs was ended by SIGABRT; starting it again in 1 s",
    ]
    assert hung is not None
    assert hung.returncode == -signal.SIGABRT
    assert "most recent call first" in capfd.readouterr().err  # where it hung
    let_pass(supervisor, clock, 1)
    wait_until_ready(said)
    assert child.process is not None
    assert child.process.poll() is None
    supervisor.end_all()


def test_a_child_that_goes_on_talking_is_left_alone(tmp_path: Path, clock: Clock) -> None:
    told: list[str] = []
    child, said = talking(tmp_path, "READY=1")
    supervisor = Supervisor([child], tell=told.append, clock=clock)
    supervisor.tend()
    wait_until_ready(said)
    assert child._ear is not None
    watcher = Watcher({"NOTIFY_SOCKET": child._ear.address})

    for _ in range(5):
        watcher.tell("WATCHDOG=1")
        let_pass(supervisor, clock, 8)

    assert told == []
    supervisor.end_all()


def test_a_child_may_take_long_to_be_ready(tmp_path: Path, clock: Clock) -> None:
    """A large record store may have to be changed; but not for ever."""
    told: list[str] = []
    child, said = talking(tmp_path)
    supervisor = Supervisor([child], tell=told.append, clock=clock)
    supervisor.tend()
    wait_until_ready(said)

    let_pass(supervisor, clock, 300)
    before = list(told)
    let_pass(supervisor, clock, 2)

    assert before == []
    assert told[0] == "jobs has given no sign of life for 301 s: ended"
    supervisor.end_all()


def test_a_child_that_the_machine_does_not_let_run_is_killed(tmp_path: Path, clock: Clock) -> None:
    child, said = talking(tmp_path, "READY=1")
    supervisor = Supervisor([child], tell=lambda text: None, clock=clock)
    supervisor.tend()
    wait_until_ready(said)
    stopped = child.process
    assert stopped is not None
    stopped.send_signal(signal.SIGSTOP)

    let_pass(supervisor, clock, 12)

    assert stopped.returncode == -signal.SIGKILL
    supervisor.end_all()


def test_a_supervisor_that_was_held_up_itself_holds_it_against_nobody(
    tmp_path: Path, clock: Clock
) -> None:
    told: list[str] = []
    child, said = talking(tmp_path, "READY=1")
    supervisor = Supervisor([child], tell=told.append, clock=clock)
    supervisor.tend()
    wait_until_ready(said)

    clock.now += 3600
    supervisor.tend()

    assert told == []
    supervisor.end_all()


def test_whoever_watches_is_told_when_all_are_ready_and_that_it_gets_on(
    tmp_path: Path, clock: Clock
) -> None:
    systemd = Ear()
    child, said = talking(tmp_path, "READY=1")
    watcher = Watcher({"NOTIFY_SOCKET": systemd.address})
    supervisor = Supervisor([child], tell=lambda text: None, clock=clock, watcher=watcher)
    supervisor.tend()
    first = systemd.heard()
    wait_until_ready(said)

    let_pass(supervisor, clock, 2)
    soon = systemd.heard()
    let_pass(supervisor, clock, 4)
    later = systemd.heard()
    supervisor.end_all()

    assert first == {"WATCHDOG=1", "STATUS=at work"}
    assert soon == frozenset()
    assert later == {"WATCHDOG=1", "STATUS=at work", "READY=1"}
    assert systemd.heard() == {"STOPPING=1"}
    systemd.close()


def test_a_child_that_died_already_holds_up_the_start_of_the_whole_no_longer(
    tmp_path: Path, clock: Clock
) -> None:
    """While the records are away the pages are there; systemd would end them with the rest."""
    systemd = Ear()
    child, said = talking(tmp_path, "READY=1")
    dies = Child("web", python("raise SystemExit(1)"), patience_s=10)
    watcher = Watcher({"NOTIFY_SOCKET": systemd.address})
    supervisor = Supervisor([child, dies], tell=lambda text: None, clock=clock, watcher=watcher)
    lives(supervisor, dies)
    wait_until_ready(said)
    systemd.heard()

    let_pass(supervisor, clock, 6)

    assert "READY=1" in systemd.heard()
    supervisor.end_all()
    systemd.close()


def test_a_child_that_cannot_be_heard_runs_all_the_same(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("deep" * 25)  # too long a name for a socket
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    told: list[str] = []
    child = Child("jobs", python("import os; raise SystemExit('NOTIFY_SOCKET' in os.environ)"), 10)
    supervisor = Supervisor([child], tell=told.append, clock=clock, watcher=Watcher({}))
    lives(supervisor, child)

    assert child.ended() == 0
    assert told == ["jobs is not watched for signs of life: AF_UNIX path too long"]
    assert list(deep.iterdir()) == []


def test_a_child_hears_of_its_own_supervisor_only(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is meant for the one above it, not for systemd above that."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    program = "import os; raise SystemExit('NOTIFY_SOCKET' in os.environ)"
    child = Child("jobs", python(program))
    supervisor = Supervisor([child], tell=lambda text: None, clock=clock, watcher=Watcher({}))
    lives(supervisor, child)

    assert child.ended() == 0
