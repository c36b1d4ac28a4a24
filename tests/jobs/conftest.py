from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.workplaces import Bench, bench


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Bench]:
    made = bench(tmp_path)
    yield made
    made.records.close()
