"""Fixtures for faults: what became of one, and what would have been without it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.outcomes import TALLY
from tests.faults.site import Site
from tests.faults.tally import Facts, Outcome
from tests.services.plant import NORMAL


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Iterator[Outcome]:
    """What becomes of the fault that the test is marked with."""
    mark = request.node.get_closest_marker("fault")
    assert mark is not None
    made = Outcome(str(mark.args[0]))
    assert made.fault in FAULTS
    yield made
    request.node.stash[TALLY] = made.tally


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a plant that was measured, labelled, trained, and scored to point 700."""
    with Site(tmp_path_factory.mktemp("trained") / "site") as made:
        made.ready().tick(NORMAL)
        return made.home


@pytest.fixture
def site(trained: Path, tmp_path: Path) -> Iterator[Site]:
    """A plant that was measured, labelled, trained and scored, over stores of its own."""
    shutil.copytree(trained, tmp_path / "site")
    with Site(tmp_path / "site") as made:
        yield made


@pytest.fixture(scope="session")
def undisturbed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What the plant holds at point 1000 where nothing went wrong."""
    home = tmp_path_factory.mktemp("undisturbed") / "site"
    shutil.copytree(trained, home)
    with Site(home) as made:
        made.tick(1000)
        return made.facts()
