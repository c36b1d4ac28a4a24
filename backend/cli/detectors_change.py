"""What `normalcy detectors add`, `edit` and `remove` do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from backend.cli.output import print_json
from backend.cli.session import Session
from backend.exceptions import ConfigurationError
from backend.services.definition_changes import Body, without
from backend.services.detector_yaml import as_yaml, body_of
from backend.settings.detector_file import detectors_in
from backend.specs import DetectorSpec


@dataclass(frozen=True)
class Asked:
    """What stands on the command line of `add` or `edit`."""

    name: str | None
    file: Path | None
    settings: Sequence[str]
    unseen: bool
    as_json: bool
    measurement: str | None = None
    unset: Sequence[str] = ()


def add(session: Session, asked: Asked) -> None:
    """Store new detectors, all or none."""
    if (asked.measurement is None) == (asked.file is None):
        raise click.UsageError("name either --from-measurement or --file")
    if asked.file is None:
        setting_up = session.application.setting_up
        proposal = setting_up.propose(asked.measurement or "")
        bodies = {asked.name or proposal.name: setting_up.changed(proposal.body, asked.settings)}
    elif asked.settings:
        raise click.UsageError("--set goes with --from-measurement: change the file instead")
    else:
        bodies = _of_file(asked.file, asked.name)
    _save(session, bodies, asked, new=True)


def edit(session: Session, asked: Asked) -> None:
    """Change one stored detector."""
    if asked.file is None and not asked.settings and not asked.unset:
        raise click.UsageError("say what to change: --set KEY=VALUE, --unset KEY or --file")
    name = asked.name or ""
    spec = session.application.detectors.get(name)
    body = body_of(spec) if asked.file is None else _of_file(asked.file, name)[name]
    body = session.application.setting_up.changed(without(body, asked.unset), asked.settings)
    _save(session, {name: body}, asked, new=False)


def remove(session: Session, name: str, *, as_json: bool) -> None:
    """Remove one stored detector."""
    spec = session.application.detectors.get(name)
    session.application.detectors.delete(name)
    if as_json:
        print_json({"removed": spec.plain()})
        return
    click.echo(f"removed {name}; its labels, versions and results stay. It was:")
    click.echo(as_yaml([spec]), nl=False)


def _of_file(file: Path, name: str | None) -> dict[str, Body]:
    found = {own: body_of(spec) for own, spec in detectors_in(file).items()}
    if name is None:
        return found
    if name in found:
        return {name: found[name]}
    raise ConfigurationError(f"{file} has no detector {name!r}; it has {', '.join(found)}")


def _save(session: Session, bodies: Mapping[str, Body], asked: Asked, *, new: bool) -> None:
    made = session.application.setting_up.save_all(
        bodies, by=session.user, new=new, seen=not asked.unseen
    )
    if asked.as_json:
        print_json([spec.plain() for spec in made])
        return
    for spec in made:
        click.echo(f"{'added' if new else 'changed'} {spec.name}; {_next(spec, new)}")
    click.echo(as_yaml(made), nl=False)


def _next(spec: DetectorSpec, new: bool) -> str:
    if new:
        return f"mark what was normal: normalcy label add {spec.name} normal --from … --to …"
    return f"a training takes it up: normalcy retrain {spec.name}"
