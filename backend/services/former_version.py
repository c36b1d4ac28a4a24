"""The version that serves, as what the training after it begins from."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from backend.detection.former import FoldMemory, Former
from backend.exceptions import ArtifactError, NotFound
from backend.ports import ArtifactStore, ModelFactory
from backend.records import SeriesKey, Version
from backend.services.joining import selected
from backend.services.versions import read_fitted, unpack

log = logging.getLogger(__name__)


def former_of(
    artifacts: ArtifactStore, name: str, keys: Sequence[SeriesKey], make_model: ModelFactory
) -> Former | None:
    """What some series may begin from; None where the version has nothing for any of them.

    A version that cannot be read must not keep a new one from being made: then all begin anew, and
    the log says so.

    Args:
        artifacts: where versions lie.
        name: of the version's artifact.
        keys: of the series.
        make_model: builds an untrained model.
    """
    try:
        files = artifacts.load(name, "folds")
        if not files:
            return None  # learned in one go, not step by step
        files |= artifacts.load(name, "version")
        if set(keys).isdisjoint(json.loads(files["version.json"])["series"]):
            return None
        files |= artifacts.load(name, "weights")  # archives are left where they are
        some = selected(files, keys)
        folds = FoldMemory.from_arrays(unpack(some["folds.npz"]))
        return Former(read_fitted(some, make_model), folds)
    except (ArtifactError, NotFound, KeyError, TypeError, ValueError, ValidationError) as error:
        log.warning("Training begins anew: %s cannot be begun from: %s", name, error)
        return None


def saved(
    record: Mapping[str, Any], former: Version | None, trained: Collection[SeriesKey]
) -> dict[str, Any]:
    """What it saved to begin from the version that serves, for the record of the new one.

    Args:
        record: of the new version.
        former: the version that serves; None where it was not begun from.
        trained: series that were trained for it, and not taken over.
    """
    series = {key: own for key, own in record["series"].items() if key in trained}
    begun = [key for key, own in series.items() if own["begun"] or own["folds_begun"]]
    if former is None or not begun:
        return {}
    before = former.training["series"]
    known = [key for key in begun if "fold_epochs" in before.get(key, {})]
    return {
        "begun_from": former.number,
        "series_begun": len(begun),
        "series_trained": len(series),
        "epochs_begun": sum(_epochs(series[key]) for key in known),
        "epochs_before": sum(_epochs(before[key]) for key in known),
    }


def _epochs(own: Mapping[str, Any]) -> int:
    """All epochs that were taken for a series."""
    return int(own["epochs"]) + int(own["fold_epochs"])
