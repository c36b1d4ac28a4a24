"""How a model version reads: as JSON, as a verdict, and in full."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import yaml

from backend.cli.output import iso, number, print_facts, print_table
from backend.records import Verdict, Version

_MEANING = {
    Verdict.CHAMPION: "it serves",
    Verdict.CHALLENGER: "it waits for: normalcy models promote {detector} {number}",
    Verdict.REJECTED: "it does not serve",
    Verdict.RETIRED: "it served before",
}
_COLUMNS = ("hours", "rows", "held_out_rows", "threshold", "loss", "val_loss", "epochs")
"""What is shown of each series, by its key in the training record."""
_SHOWN = 20


def plain_version(version: Version) -> dict[str, Any]:
    """A version as JSON: with its name, and times in ISO 8601."""
    return {**vars(version), "model": version.name, "created_at": iso(version.created_at)}


def print_verdict(version: Version) -> None:
    """Say in a few lines what a training made."""
    training = version.training
    meaning = _MEANING[version.verdict].format(detector=version.detector, number=version.number)
    click.echo(f"{version.name} is trained, {version.verdict}: {meaning}")
    for sentence in (*_learned(training), *_provisional(version), *_remarks(training)):
        click.echo(f"  {sentence}")
    if trimmed := training.get("trimmed"):
        shown = f"normalcy models show {version.detector} {version.number}"
        click.echo(f"  ranges left out as impure: {len(trimmed)}; see them with: {shown}")


def _learned(training: Mapping[str, Any]) -> list[str]:
    series = training.get("series", {})
    hours = sum(one.get("hours", 0.0) for one in series.values())
    took = f", in {number(training['seconds'])} s" if "seconds" in training else ""
    count = "1 series" if len(series) == 1 else f"{len(series)} series"
    if not series:
        return []
    return [f"learned {count} from {number(float(hours))} normal hours{took}", *_begun(training)]


def _begun(training: Mapping[str, Any]) -> list[str]:
    """What it saved to go on from the version that served."""
    if "begun_from" not in training:
        return []
    begun, all_of_them = training["series_begun"], training["series_trained"]
    told = f"went on from version {training['begun_from']} with {begun} of {all_of_them} series"
    if before := training["epochs_before"]:
        told += f": {training['epochs_begun']} epochs in place of {before}"
    return [f"{told}; --cold begins anew"]


def _provisional(version: Version) -> list[str]:
    if not version.provisional:
        return []
    return [
        "provisional: nothing is labelled normal, so it learned from recent data and raises no "
        f"alarm; label with: normalcy label add {version.detector} normal --from … --to …"
    ]


def _remarks(training: Mapping[str, Any]) -> list[str]:
    aside: Mapping[str, str] = training.get("set_aside") or {}
    return [
        *(f"warning: {warning}" for warning in training.get("warnings", ())),
        *(f"set aside: {key or 'the series'}: {why}" for key, why in aside.items()),
    ]


def print_version(version: Version) -> None:
    """Print everything known of a version, for people."""
    training = version.training
    print_facts({**_facts(version), **_figures(training)})
    _print_series(training.get("series", {}))
    if choice := training.get("choice"):
        _section("why this kind of model", [choice["reason"]])
    _section("detection limits, in each sensor's own unit", _limits(training))
    _section("ranges left out as impure", [_range(one) for one in training.get("trimmed", ())])
    _section("remarks", _remarks(training))
    click.echo("\ndetector as trained")
    click.echo(_indented(yaml.safe_dump(dict(version.spec), sort_keys=False, allow_unicode=True)))


def _facts(version: Version) -> dict[str, Any]:
    return {
        "model": version.name,
        "trained": iso(version.created_at),
        "verdict": version.verdict,
        "provisional": "yes, learned without labels" if version.provisional else "no",
        "labels": f"{len(version.training.get('labels', ()))}, hash {version.label_hash[:12]}",
        "data": f"hash {version.data_hash[:12]}",
    }


def _figures(training: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says of the fleet as a whole."""
    return {
        key.replace("_", " "): value
        for key, value in training.items()
        if not isinstance(value, dict | list)
    }


def _print_series(series: Mapping[str, Mapping[str, Any]]) -> None:
    if not series:
        return
    click.echo("\nseries")
    rows = [
        [key or "(all)", *(one.get(column) for column in _COLUMNS), one.get("basis", "")]
        for key, one in series.items()
    ]
    print_table(["series", *(c.replace("_", " ") for c in _COLUMNS), "basis"], rows, "")


def _limits(training: Mapping[str, Any]) -> list[str]:
    return [
        *training.get("detection_limits_notes", ()),
        *(
            f"{key} {sentence}".lstrip()
            for key, one in training.get("series", {}).items()
            for sentence in one.get("detection_limits", ())
        ),
    ]


def _section(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    click.echo(f"\n{title}")
    for line in lines[:_SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > _SHOWN:
        click.echo(f"  and {len(lines) - _SHOWN} more: --json has them all")


def _range(one: Mapping[str, Any]) -> str:
    series = f"{one['series']} " if one.get("series") else ""
    return f"{series}{iso(one['start'])} to {iso(one['stop'])}, most of all {one['channel']}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())
