"""The part of normalcy.yaml about what the jobs' workers may take of the machine."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from backend.settings.training import check_memory, parse_size
from backend.settings.values import WorkerSettings, WorkersSettings
from backend.specs import Spec

Memory = Annotated[int, BeforeValidator(parse_size), AfterValidator(check_memory)]


class WorkerPart(Spec):
    """What stands below `workers.score`, `workers.train` or `workers.backfill`."""

    memory: Memory | None = None
    threads: int | None = Field(None, ge=1, le=1024)
    nice: int | None = Field(None, ge=0, le=19)

    def settings(self, usual: WorkerSettings) -> WorkerSettings:
        """As the rest of the program takes it.

        Args:
            usual: for what is not said.
        """
        return WorkerSettings(
            memory=self.memory or usual.memory,
            threads=self.threads or usual.threads,
            nice=usual.nice if self.nice is None else self.nice,
        )


class WorkersPart(Spec):
    """The key `workers` of the file: one part for each place that has workers."""

    score: WorkerPart = WorkerPart()
    train: WorkerPart = WorkerPart()
    backfill: WorkerPart = WorkerPart()

    def settings(self) -> WorkersSettings:
        """As the rest of the program takes it."""
        usual = WorkersSettings()
        return WorkersSettings(
            score=self.score.settings(usual.score),
            train=self.train.settings(usual.train),
            backfill=self.backfill.settings(usual.backfill),
        )
