"""What a demo says, in plain words."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from backend.cli.output import number
from backend.demo.comparison import Comparison
from backend.demo.live import News
from backend.demo.loop import Told
from backend.demo.scenario import Fault, Scenario
from backend.services.events import Event


def print_told(told: Told) -> None:
    """Say what was found against what was injected, and where the pictures lie."""
    comparison = told.comparison
    click.echo(_sum(comparison))
    for fault, event in comparison.found:
        click.echo(f"  found   {_fault(fault)}, {_after(fault, event)}")
    for fault in comparison.missed:
        click.echo(f"  missed  {_fault(fault)}")
    for event in comparison.false:
        click.echo(f"  false   {_event(event)}")
    click.echo(f"Trained {told.version} and told the story in {told.seconds:.1f} s.")
    if told.pictures:
        click.echo(f"Pictures: {told.pictures[0].parent}")
    for picture in told.pictures:
        click.echo(f"  {picture.name}")


def print_live(address: str, speed: float) -> None:
    """Say that it goes on, how fast, and where to look."""
    click.echo(f"\nThe sensors go on reporting, {speed / 3600:g} h in a second until they have")
    click.echo("caught up with the present, then in real time. Ctrl-C ends it.")
    click.echo(f"The pages are at {address}")


def print_caught_up(scenario: Scenario) -> None:
    """Say that time is real from here on."""
    every = number(scenario.spec.every.total_seconds() / 60)
    click.echo(f"The story has caught up with the present: a point every {every} min from now on.")


def print_news(news: Sequence[News]) -> None:
    """Say what stood out, and what was behind it."""
    for one in news:
        reason = f"injected: {one.fault.kind} in {one.fault.channel}" if one.fault else "false"
        click.echo(f"  {_event(one.event)} ({reason})")


def _sum(comparison: Comparison) -> str:
    false = len(comparison.false)
    return (
        f"{len(comparison.found)} of {comparison.injected} injected faults found, "
        f"{false or 'no'} false {'event' if false == 1 else 'events'}."
    )


def _fault(fault: Fault) -> str:
    return f"{_moment(fault.start)}  {fault.kind} in {fault.channel}"


def _after(fault: Fault, event: Event) -> str:
    minutes = max(event.start - fault.start, 0) // 60_000_000_000
    took = f"after {minutes} min" if minutes < 120 else f"after {minutes / 60:.1f} h"
    return f"{took}, score {number(event.peak_score)}, blames {_blamed(event)}"


def _event(event: Event) -> str:
    return f"{_moment(event.start)}  score {number(event.peak_score)}, blames {_blamed(event)}"


def _blamed(event: Event) -> str:
    return event.channels[0] if event.channels else "nobody"


def _moment(time: int) -> str:
    return f"{datetime.fromtimestamp(time // 1_000_000_000, UTC):%a %d %b %H:%M}"
