from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.importers.options import ReadingOptions
from backend.importers.points import parse_file
from backend.ports import Points
from backend.services.importing import FileReport


@dataclass(frozen=True)
class Parsed:
    """What a file held, kept after its spool is gone."""

    report: FileReport
    fields: tuple[str, ...]
    rows: int
    series: int
    points: list[Points]

    @property
    def times(self) -> list[str]:
        return [str(np.datetime64(t, "ns"))[:23] for p in self.points for t in p.times.tolist()]

    def column(self, name: str) -> list[float]:
        return [v for p in self.points if name in p.fields for v in p.fields[name].tolist()]


Parse = Callable[..., Parsed]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def written(content: str | bytes, name: str = "plant.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.fixture
def parse(write: Callable[[str | bytes], Path]) -> Parse:
    """Parse a file given by content or path."""

    def parsed(content: str | bytes | Path, **options: Any) -> Parsed:
        path = content if isinstance(content, Path) else write(content)
        with parse_file(path, ReadingOptions(**options), lambda share, words: None) as file:
            points = list(file.points(1000))
            return Parsed(file.report, file.fields, file.rows, file.series, points)

    return parsed
