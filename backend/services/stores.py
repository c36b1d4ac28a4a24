"""The four places where things are kept, handed to the use cases together."""

from dataclasses import dataclass

from backend.ports import ArtifactStore, RecordStore, SeriesStore


@dataclass(frozen=True)
class Stores:
    """`source` is only ever read; `results` is the only series store that is written."""

    source: SeriesStore
    results: SeriesStore
    records: RecordStore
    artifacts: ArtifactStore
