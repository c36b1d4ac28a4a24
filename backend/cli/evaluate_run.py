"""What `normalcy evaluate` does: read, train, score, report."""

from pathlib import Path
from typing import Any

from backend.cli.evaluate_options import Asked
from backend.cli.evaluate_reading import read
from backend.cli.output import print_facts, print_json, progress
from backend.detector import Detector
from backend.services.evaluation import Report, evaluate
from backend.services.exams import Exam


def run(asked: Asked) -> None:
    """Evaluate what was asked for and print the report."""
    spec, exam, notes = read(asked)
    detector = Detector(spec)
    with progress(f"Evaluating {spec.model.kind}") as report_progress:
        report = evaluate(detector, exam, spec.step, asked.buffer, report_progress)
    facts = {
        **report.plain(),
        "model": spec.model.kind,
        "warnings": list(detector.training["warnings"]),
        "notes": list(dict.fromkeys(notes)),
        "pictures": _draw(asked.plots, detector, exam, report) if asked.plots else [],
    }
    if asked.as_json:
        print_json(facts)
    else:
        print_facts({name: _text(value) for name, value in facts.items()})


def _draw(directory: Path, detector: Detector, exam: Exam, report: Report) -> list[str]:
    # matplotlib is loaded only where something is drawn
    from backend.cli.evaluate_pictures import draw  # noqa: PLC0415

    return [str(path) for path in draw(detector, exam, report, directory)]


def _text(value: Any) -> Any:
    return "\n".join(value) or "none" if isinstance(value, list) else value
