"""Moving what people said, and the detectors they made, from one record store to another."""

from dataclasses import dataclass

from backend.ports import RecordStore
from backend.services.labelling import statement_of


@dataclass(frozen=True)
class CopiedRecords:
    """How much was copied, was there already, or stands in normalcy.yaml and comes with that."""

    labels: int
    labels_there: int
    labels_of_configuration: int
    detectors: int
    detectors_there: int


def copy_labels(source: RecordStore, target: RecordStore) -> CopiedRecords:
    """Copy labels in force and detectors, all or none of each; what is there already stays.

    Who said it and when is kept; the numbers of labels are those of the target.
    """
    found = source.labels()
    known = {statement_of(label) for label in target.labels()}
    told = [label for label in found if label.source != "yaml"]
    new = [label for label in told if statement_of(label) not in known]
    names = {detector.name for detector in target.detectors()}
    detectors = source.detectors()
    for detector in detectors:
        if detector.name not in names:
            target.save_detector(detector)
    target.add_labels(new)
    return CopiedRecords(
        labels=len(new),
        labels_there=len(told) - len(new),
        labels_of_configuration=len(found) - len(told),
        detectors=sum(detector.name not in names for detector in detectors),
        detectors_there=sum(detector.name in names for detector in detectors),
    )
