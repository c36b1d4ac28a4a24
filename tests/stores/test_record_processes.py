"""Several processes on one record store: nothing is lost, given twice, or migrated twice."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from backend.records import LabelKind
from backend.stores.records import SqlRecordStore

# One interpreter loads the libraries; its children start together, each with a store of its own.
TOGETHER = """
import json, multiprocessing, sys
from backend.records import Label, LabelKind
from backend.stores.records import SqlRecordStore

processes = multiprocessing.get_context("fork")
gate = processes.Barrier(4)

def add_labels(store, me):
    for start in range(100):
        label = Label(0, f"d{me}", LabelKind.NORMAL, start, start + 1)
        yield store.add_labels([label])[0].id

def claim_and_number(store, me):
    while claim := store.claim_request(worker=str(me), at=1, deadline=2):
        yield claim.id
        yield -store.next_number("gas-room")

def work(me):
    gate.wait(60)
    return list(globals()[sys.argv[2]](SqlRecordStore(sys.argv[1]), me))

with processes.Pool(4) as pool:
    print(json.dumps(pool.map(work, range(4), chunksize=1)))
"""
ADD_FOR_EVER = """
import sys
from itertools import count
from backend.records import Label, LabelKind
from backend.stores.records import SqlRecordStore

store = SqlRecordStore(sys.argv[1])
for start in count():
    label = Label(0, "d0", LabelKind.NORMAL, start, start + 1)
    print(store.add_labels([label])[0].id, flush=True)
"""


@pytest.fixture
def store(url: str) -> Iterator[SqlRecordStore]:
    opened = SqlRecordStore(url)
    yield opened
    opened.close()


def run_together(url: str, work: str) -> list[list[int]]:
    """What four children told; a child that fails fails the test with its traceback."""
    command = [sys.executable, "-c", TOGETHER, url, work]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    told: list[list[int]] = json.loads(done.stdout)
    return told


def test_four_open_an_empty_database_at_once_and_all_their_labels_arrive(
    url: str, store: SqlRecordStore
) -> None:
    told = run_together(url, "add_labels")
    ids = [number for some in told for number in some]
    assert len(set(ids)) == 400
    assert {label.id for label in store.labels()} == set(ids)
    for number in range(4):
        assert [label.start for label in store.labels(f"d{number}")] == list(range(100))


def test_no_two_get_the_same_request_or_number(url: str, store: SqlRecordStore) -> None:
    asked = [store.add_request("backfill", "a", {"n": n}, by="", at=0).id for n in range(60)]
    told = [number for some in run_together(url, "claim_and_number") for number in some]
    assert sorted(number for number in told if number > 0) == asked
    assert sorted(-number for number in told if number < 0) == list(range(1, 61))


@pytest.mark.parametrize("acknowledged", [1, 150])
def test_a_killed_writer_loses_nothing_acknowledged(
    url: str, store: SqlRecordStore, acknowledged: int
) -> None:
    command = [sys.executable, "-c", ADD_FOR_EVER, url]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(acknowledged)]
    child.kill()
    rest, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    told += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]

    kept = store.labels()
    assert set(told) <= {label.id for label in kept}
    assert all(label.kind is LabelKind.NORMAL for label in kept)
    assert len(kept) <= len(told) + 2  # one stored and not told, one told in half a line
    assert store.add_labels(kept[:1])[0].id > max(told)
