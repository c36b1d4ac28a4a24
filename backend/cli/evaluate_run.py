"""What `normalcy evaluate` does: read, train, score, report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from backend.cli.edge import Failure
from backend.cli.evaluate_options import Asked
from backend.cli.evaluate_outcome import Gallery, Outcome
from backend.cli.evaluate_reading import Reading, read
from backend.cli.evaluate_report import document
from backend.cli.output import print_facts, print_json, print_table, progress
from backend.cli.report_file import write_report
from backend.detector import Detector
from backend.exceptions import NormalcyError
from backend.ports import Progress
from backend.services.evaluation import Report, evaluate
from backend.services.exams import Exam

_COLUMNS = ("auroc", "aupr", "vus_pr", "f1", "precision", "recall", "far", "mar", "fc1")
_SECONDS = ("fit_seconds", "score_seconds")


def run(asked: Asked) -> None:
    """Evaluate what was asked for and print the report.

    Raises:
        Failure: none of several models could be evaluated.
        NormalcyError: the only one could not.
    """
    reading = read(asked)
    alone = len(reading.kinds) == 1
    with progress(f"Evaluating {reading.kinds[0] if alone else 'models'}") as report_progress:
        outcomes = list(_outcomes(asked, reading, report_progress, alone=alone))
    if all(one.report is None for one in outcomes):
        reasons = "\n".join(f"  {one.kind}: {one.failed}" for one in outcomes)
        raise Failure(f"None of the models could be evaluated:\n{reasons}")
    written = _write(asked, reading, outcomes)
    if alone:
        _print_one(asked, outcomes[0], {"notes": list(reading.notes), **written})
    else:
        _print_all(asked, outcomes, {"notes": list(reading.notes), **written})


def _outcomes(
    asked: Asked, reading: Reading, report_progress: Progress, *, alone: bool
) -> Iterator[Outcome]:
    count = len(reading.specs)
    for index, kind in enumerate(reading.specs):
        part = _part(report_progress, kind, index, count)
        try:
            outcome = _outcome(asked, reading, kind, part)
        except NormalcyError as error:
            if alone:
                raise
            outcome = Outcome(kind, failed=str(error))
        except Exception as error:  # what others have learned is not thrown away for one
            if alone:
                raise
            outcome = Outcome(kind, failed=f"unexpected {type(error).__name__}: {error}")
        yield outcome
    yield from (Outcome(kind, failed=why) for kind, why in reading.refused.items())


def _outcome(asked: Asked, reading: Reading, kind: str, report_progress: Progress) -> Outcome:
    spec, exam = reading.specs[kind], reading.exam
    detector = Detector(spec)
    report = evaluate(detector, exam, spec.step, asked.buffer, report_progress)
    drawn = _drawn(detector, exam, report) if asked.plots or asked.report else Gallery()
    training = detector.training
    warnings = (*report.remarks, *training["warnings"])
    choice = training.get("choice")
    return Outcome(kind, report, warnings=warnings, gallery=drawn, choice=choice)


def _drawn(detector: Detector, exam: Exam, report: Report) -> Gallery:
    # matplotlib is loaded only where something is drawn
    from backend.cli.evaluate_pictures import gallery  # noqa: PLC0415

    return gallery(detector, exam, report)


def _part(report_progress: Progress, kind: str, index: int, count: int) -> Progress:
    return lambda share, words: report_progress((index + share) / count, f"{kind}: {words}")


# -- files -----------------------------------------------------------------------------------------


def _write(asked: Asked, reading: Reading, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Write pictures and report where asked; says where they lie."""
    written: dict[str, Any] = {"pictures": []}
    if asked.plots:
        written["pictures"] = [str(path) for path in _plots(asked.plots, reading, outcomes)]
    if asked.report:
        _report(asked, asked.report, reading, outcomes)
        written["report"] = str(asked.report)
    return written


def _plots(directory: Path, reading: Reading, outcomes: Sequence[Outcome]) -> Iterator[Path]:
    """The pictures of one model in the directory, those of several in one of their own each."""
    for one in outcomes:
        folder = directory / one.kind if len(outcomes) > 1 else directory
        for picture in one.gallery.pictures:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{picture.name}.png"
            path.write_bytes(picture.png)
            yield path


def _report(asked: Asked, path: Path, reading: Reading, outcomes: Sequence[Outcome]) -> None:
    from backend.cli.evaluate_pictures import comparison  # noqa: PLC0415

    reports = {one.kind: one.report for one in outcomes if one.report is not None}
    compared = comparison(reports, reading.exam.labels)
    title = f"Evaluation of {asked.file.name}"
    write_report(document(title, outcomes, reading.notes, compared), path)


# -- what is printed -------------------------------------------------------------------------------


def _print_one(asked: Asked, outcome: Outcome, more: Mapping[str, Any]) -> None:
    facts = {**outcome.plain(), **more}
    if asked.as_json:
        print_json(facts)
        return
    classes = facts.pop("classes")
    del facts["choice"]  # told in a sentence
    print_facts({name: _text(value) for name, value in facts.items()})
    click.echo()
    rows = [[kind, *classes[kind].values()] for kind in ("normal", "anomalous")]
    print_table(["class", *classes["normal"]], rows, "")
    _print_chosen([outcome])


def _print_all(asked: Asked, outcomes: Sequence[Outcome], more: Mapping[str, Any]) -> None:
    models = {one.kind: one.plain() for one in outcomes}
    if asked.as_json:
        print_json({"models": models, **more})
        return
    names = (*_COLUMNS, *_SECONDS, "best_f1")
    worked = [one.kind for one in outcomes if one.report is not None]
    rows = [[kind, *(models[kind][name] for name in names)] for kind in worked]
    print_table(["model", *names], rows, "")
    _print_chosen(outcomes)
    click.echo("\nbest_f1 is with hindsight, for orientation only.")
    for remark, kinds in _by_remark(outcomes).items():
        said_of = "all" if len(kinds) == len(outcomes) else ", ".join(kinds)
        click.echo(f"{said_of}: {remark}")
    print_facts({name: _text(value) for name, value in more.items() if value})


def _print_chosen(outcomes: Sequence[Outcome]) -> None:
    for sentence in (sentence for one in outcomes for sentence in one.chosen):
        click.echo(f"\n{sentence}")


def _by_remark(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """What is said, and the models it is said of."""
    said: dict[str, list[str]] = {}
    for one in outcomes:
        for remark in [one.failed] if one.report is None else one.warnings:
            said.setdefault(remark, []).append(one.kind)
    return said


def _text(value: Any) -> Any:
    return "\n".join(value) or "none" if isinstance(value, list) else value
