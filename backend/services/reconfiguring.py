"""normalcy.yaml is edited while the service runs: taken up when it is right, else left alone."""

import logging
import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

from backend.exceptions import ConfigurationError, InputError, StoreError
from backend.records import LabelDraft
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling
from backend.services.meters import Meters
from backend.specs import DetectorSpec

log = logging.getLogger(__name__)


class Stated(Protocol):
    """What of a configuration a running process can take up."""

    @property
    def detectors(self) -> Mapping[str, DetectorSpec]:
        """By name."""
        ...

    @property
    def labels(self) -> Sequence[LabelDraft]:
        """Of these detectors."""
        ...


class File(Protocol):
    """Where it stands."""

    def mark(self) -> Hashable | None:
        """Tells one state of the file from another; None while it is being written."""
        ...

    def read(self) -> Stated:
        """What it says now.

        Raises:
            ConfigurationError: it cannot be taken up; nothing of it is then.
        """
        ...

    def is_in_force(self) -> None:
        """Note that what was read last has been taken up."""
        ...


class Reconfiguring:
    """A configuration is taken up as a whole or not at all; until then the one before goes on."""

    def __init__(
        self,
        detectors: Detectors,
        labelling: Labelling,
        file: File | None,
        meters: Meters | None = None,
    ) -> None:
        """Look after a file; without one there is nothing to look at."""
        self._detectors = detectors
        self._labelling = labelling
        self._file = file
        self._meters = meters or Meters()
        self._mark: Hashable = None
        self._looking = threading.Lock()
        self.problem = ""
        """Why the file as it stands is not in force; empty where it is."""

    def look(self) -> None:
        """Take the file up if it changed; costs one look at its date where it did not."""
        if self._file is None or not self._looking.acquire(blocking=False):
            return
        try:
            mark = self._file.mark()
            if mark is not None and mark != self._mark and self._take_up(self._file, mark):
                self._meters.configured(outdated=bool(self.problem))
                self._mark = mark
        except StoreError as error:  # the labels in it could not be brought in: looked at again
            log.warning("the configuration is not taken up yet: %s", error)
        finally:
            self._looking.release()

    def _take_up(self, file: File, mark: Hashable) -> bool:
        """Whether the file was read as it was marked; else it is just being written."""
        try:
            stated = file.read()
            if file.mark() != mark:
                return False
            changed = self._replace(stated)
            file.is_in_force()
        except (ConfigurationError, InputError) as error:
            if file.mark() != mark:
                return False
            self.problem = f"The configuration of before goes on: {error}"
            log.error("The configuration of before goes on: %s", error.in_one_line)
            return True
        if changed or self.problem:
            log.info("configuration detectors=%d taken up", len(stated.detectors))
        self.problem = ""
        return True

    def _replace(self, stated: Stated) -> bool:
        """Whether anything in force is another now.

        Raises:
            InputError: a label cannot be; all stays as it was.
        """
        before = self._detectors.configured
        self._detectors.configure(stated.detectors)
        try:
            labels = self._labelling.configure(stated.labels)
        except BaseException:
            self._detectors.configure(before)
            raise
        return labels or dict(before) != dict(stated.detectors)
