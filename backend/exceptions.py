"""Everything that can go wrong, by whose fault it is and whether trying again may help.

    NormalcyError
    ├── ConfigurationError      the configuration or the command line is wrong        exit 2
    │   └── WorkerRefused       a worker runs other software or names other stores
    ├── InputError              the data or the statement given is wrong              exit 1
    │   ├── ImportFileError     rows of a file cannot be read
    │   ├── LabelError          a label is empty, contradictory or in the future
    │   ├── NotEnoughNormalData too little marked normal to train on
    │   ├── MissingChannel      a channel of the detector is not in the data
    │   └── NoData              nothing there where something should be
    ├── NotFound                no such detector, series, label, version, run
    ├── Conflict                the thing exists already, or is read-only here
    ├── StoreError              a store did not do what was asked
    │   ├── StoreUnavailable    down, slow or busy                                    retry
    │   ├── StoreRefused        rights, missing database, query or value refused
    │   └── PartialWrite        some points were stored, others dropped for ever
    ├── GrafanaError            Grafana did not do what was asked
    │   ├── GrafanaUnavailable  down, slow or busy                                    retry
    │   └── GrafanaRefused      rights, an unknown dashboard, a value refused
    ├── TooManyTries            somebody tried to sign in too often, for the moment
    ├── LinkError               a signed link is damaged or was never ours
    │   └── LinkExpired         it worked once
    ├── SignInRefused           another service vouched for nobody, or for somebody unknown here
    ├── ArtifactError           a model file is damaged, foreign or of another version
    ├── TrainingFailed          members of a fleet did not learn, the others did
    ├── Cancelled               a person ended the work before it was done
    └── TaskError               work in a worker failed
        ├── TaskTimeout         it was ended at its time limit                        retry
        ├── WorkerDied          its process ended                                     retry
        ├── LeaseLost           another jobs process took it over                     retry
        ├── OutOfMemory         it was ended at its limit of memory
        └── ClusterUnavailable  the scheduler or all workers are away                 retry

Every message is one sentence (or more) for an operator: what happened, what was expected,
what to do. `retry` is read by the retry loops and by nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class NormalcyError(Exception):
    """Base of all errors whose text is meant for a person."""

    retry = False

    @property
    def in_one_line(self) -> str:
        """All that it says, for a log."""
        return "; ".join(line.strip() for line in str(self).splitlines())


@dataclass(frozen=True)
class Problem:
    """One mistake in a configuration: where it stands and what was expected."""

    where: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, {self.where}" if self.line else self.where
        return f"{place}: {self.message}"


class ConfigurationError(NormalcyError):
    """The configuration is wrong; carries every mistake found, not only the first."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  {problem}" for problem in self.problems)]))


class WorkerRefused(ConfigurationError):
    """A worker of a cluster runs other software than this process, or names other stores."""


class InputError(NormalcyError):
    """The data or the statement given by a person is wrong."""


class ImportFileError(InputError):
    """Rows of a file cannot be read."""


class LabelError(InputError):
    """A label is empty, contradictory or in the future."""


class NotEnoughNormalData(InputError):
    """Too little marked normal to train on."""


class MissingChannel(InputError):
    """A channel of the detector is not in the data."""


class NoData(InputError):
    """Nothing there where something should be."""


class NotFound(NormalcyError):
    """No such detector, series, label, version or run."""


class Conflict(NormalcyError):
    """The thing exists already, or is read-only here."""


class StoreError(NormalcyError):
    """A store did not do what was asked."""


class StoreUnavailable(StoreError):
    """The store is down, slow or busy; the same call may succeed later."""

    retry = True


class StoreRefused(StoreError):
    """The store answered and said no: rights, a missing database, a query or value it refuses."""


class PartialWrite(StoreError):
    """Some points were stored and others dropped for ever; never retried unchanged."""

    def __init__(self, message: str, dropped: int) -> None:
        self.dropped = dropped
        super().__init__(message)


class GrafanaError(NormalcyError):
    """Grafana did not do what was asked."""


class GrafanaUnavailable(GrafanaError):
    """Grafana is down, slow or busy; the same call may succeed later."""

    retry = True


class GrafanaRefused(GrafanaError):
    """Grafana answered and said no: rights, an unknown dashboard, a value it refuses."""


class TooManyTries(NormalcyError):
    """Somebody tried to sign in too often; after so many seconds the next try is let through."""

    def __init__(self, message: str, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(message)


class SignInRefused(NormalcyError):
    """Somebody came back from another service, or could not be led there, and is not let in.

    Attributes:
        why: which sentence the page says: `unreachable`, `answer`, `cancelled`, `stale`, `no_name`,
            `no_role` or `name_taken`.
        name: who it was, where that is known.
    """

    def __init__(self, message: str, why: str, name: str = "") -> None:
        super().__init__(message)
        self.why = why
        self.name = name


class LinkError(NormalcyError):
    """A signed link is damaged, or was not made by this normalcy."""


class LinkExpired(LinkError):
    """A signed link worked once, and its time is over."""


class ArtifactError(NormalcyError):
    """A model file is damaged, foreign, or was made by a version this one cannot read."""


class TrainingFailed(NormalcyError):
    """The losses of some members of a fleet are not finite; without them the rest can be fitted."""

    def __init__(self, message: str, members: Sequence[int]) -> None:
        self.members = tuple(members)
        super().__init__(message)


class Cancelled(NormalcyError):
    """A person ended the work before it was done; nobody goes on with it."""

    def __init__(self, message: str, by: str = "") -> None:
        self.by = by
        super().__init__(message)


class TaskError(NormalcyError):
    """Work in a worker failed."""


class TaskTimeout(TaskError):
    """Work was ended at its time limit."""

    retry = True


class WorkerDied(TaskError):
    """A worker's process ended before its work was done."""

    retry = True


class LeaseLost(TaskError):
    """Another jobs process took the work over while this one was held up."""

    retry = True


class OutOfMemory(TaskError):
    """Work was ended because its process used more memory than it may; it would again."""


class ClusterUnavailable(TaskError):
    """The scheduler of a cluster does not answer, or has no workers for too long."""

    retry = True
