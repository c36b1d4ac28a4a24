"""What `normalcy embed` does: read, train where nothing is trained yet, embed, write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from backend.cli.evaluate_options import Asked
from backend.cli.evaluate_reading import build_specs, exam_of
from backend.cli.moments import Moment
from backend.cli.output import iso, print_facts, print_json, progress
from backend.cli.session import Session
from backend.detection.embedding import Codes
from backend.detector import Detector, codes_frame
from backend.exceptions import InputError
from backend.importers.frames import read_frame
from backend.services.exams import Columns

_KIND = "dense_autoencoder"
_UNLABELLED = "\0label"
"""Stands in for the column of labels where a file has none: all its rows are given label 0."""


def of_file(path: Path, options: Mapping[str, Any], out: Path, as_json: bool) -> None:
    """Train on the rows given as normal, embed all rows of a file, write them."""
    named = options["label_column"] or _UNLABELLED
    asked = Asked(
        file=path,
        models=(options["model"] or _KIND,),
        buffer=0,
        plots=None,
        report=None,
        as_json=as_json,
        **{k: v for k, v in options.items() if k not in {"model", "label_column"}},
        label_column=named,
    )
    frame = _labelled(asked, path)
    (spec,) = build_specs(asked, frame)[0].values()
    train = None if asked.train is None else _labelled(asked, asked.train)
    exam = exam_of(asked, frame, Columns(named, spec.inputs), train)
    detector = Detector(spec)
    with progress(f"Learning with {spec.model.kind}") as bar:
        detector.fit(exam.train, exam.normal, bar)
    facts = _write(detector.embed(exam.asked), out)
    _tell({"model": spec.model.kind, **facts}, as_json)


def of_detector(
    session: Session,
    detector: str,
    span: tuple[Moment, Moment | None],
    out: Path,
    as_json: bool,
) -> None:
    """Embed a time of a detector with the version that serves, write it."""
    now = session.now()
    first, end = span[0].at(now), (span[1] or Moment(None)).at(now)
    if first >= end:
        raise click.UsageError(f"the range is empty: {iso(first)} is not before {iso(end)}")
    with progress(f"Embedding {detector}") as bar:
        found = session.application.embedding.codes(detector, first, end, bar)
    facts = _write(_long(found), out)
    _tell({"detector": detector, "series": len(found.keys), **facts}, as_json)


def _labelled(asked: Asked, path: Path) -> pd.DataFrame:
    frame = read_frame(path, asked.time_column)
    return frame.assign(**{_UNLABELLED: 0.0}) if asked.label_column == _UNLABELLED else frame


def _long(codes: Codes) -> pd.DataFrame:
    """All series below each other, each row with its series' key."""
    frames = []
    for s, key in enumerate(codes.keys):
        frame = codes_frame(codes, s)
        frame.insert(0, "series", key)
        frames.append(frame)
    return pd.concat(frames)


def _write(codes: pd.DataFrame, out: Path) -> dict[str, Any]:
    """Write the rows that have a code, and tell of it.

    Raises:
        InputError: there is none, or the file cannot be written.
    """
    known = codes.dropna()
    if known.empty:
        raise InputError(
            "No window is complete, so that there is nothing to write: choose a shorter window, or "
            "look for gaps in the data."
        )
    try:
        if out.suffix.lower() == ".parquet":
            known.reset_index().to_parquet(out, index=False)
        else:
            known.to_csv(out, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}.") from error
    return {
        "rows": len(known),
        "left_out": len(codes) - len(known),
        "numbers": len(known.columns.drop("series", errors="ignore")),
        "file": str(out),
    }


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
