"""Forecasts by figures that were made up."""

from dataclasses import replace

import pytest

from backend.detection.forecast import UNBOUNDED, Line, Machine, Run, TrainingCost, ways

GB = 10**9


def test_two_sizes_tell_the_constant_and_the_part_of_each_series() -> None:
    line = Line.through([(10, 7.0), (30, 17.0)])

    assert (line.base, line.each) == (pytest.approx(2.0), pytest.approx(0.5))
    assert line.at(100) == pytest.approx(52.0)
    assert line.most(52.0) in (99, 100)


def test_one_size_counts_for_the_series_alone() -> None:
    assert Line.through([(4, 8.0), (4, 12.0)]) == Line(0.0, 2.5)


@pytest.mark.parametrize(
    ("measured", "line"),
    [
        ([(1, 5.0), (9, 3.0)], Line(4.0, 0.0)),
        ([(10, 1.0), (20, 30.0)], Line(0.0, pytest.approx(610 / 500))),
    ],
    ids=["falls with size", "begins below nothing"],
)
def test_no_part_is_negative(measured: list[tuple[int, float]], line: Line) -> None:
    assert Line.through(measured) == line


def test_how_many_stay_within_a_limit() -> None:
    assert Line(3.0, 1.0).most(3.0) == 0
    assert Line(3.0, 1.0).most(10.5) == 7
    assert Line(3.0, 0.0).most(10.0) == UNBOUNDED


def measured(series: int, epochs: float, *, warm: bool = True) -> Run:
    """A run of a made-up network: 3 s of compiling, 1 s a piece, then 0.1 and 0.05 s a series."""
    seconds = 1.0 + series * (0.1 + 0.05 * epochs) + (0.0 if warm else 3.0)
    return Run(series, epochs, seconds, 1.5 * seconds, GB, warm)


def test_the_parts_of_a_training_are_told_apart() -> None:
    runs = [measured(16, 2, warm=False), measured(16, 2), measured(32, 2), measured(16, 8)]

    cost = TrainingCost.of(runs, epochs=60)

    assert (cost.once, cost.piece) == (pytest.approx(3.0), pytest.approx(1.0))
    assert (cost.series, cost.epoch) == (pytest.approx(0.1), pytest.approx(0.05))
    assert cost.cores == pytest.approx(1.5)
    # 1,000 series in pieces of 256: four of them, and compiled once
    assert cost.seconds(1000, 256) == pytest.approx(3 + 4 * 1 + 1000 * (0.1 + 60 * 0.05))


def test_a_kind_without_epochs_has_only_sizes() -> None:
    runs = [Run(2, 0, 1.0, 1.0, GB, warm=False), Run(2, 0, 0.5, 0.5, GB), Run(10, 0, 2.1, 2.1, GB)]

    cost = TrainingCost.of(runs, epochs=0)

    assert (cost.once, cost.epoch) == (0.5, 0.0)
    assert (cost.piece, cost.series) == (pytest.approx(0.1), pytest.approx(0.2))


def test_noise_makes_no_epoch_cheaper_than_nothing_or_dearer_than_all() -> None:
    short, long = measured(16, 2), measured(16, 8)

    falling = TrainingCost.of([short, replace(long, seconds=short.seconds - 1)], epochs=60)
    rising = TrainingCost.of([short, replace(long, seconds=1000.0)], epochs=60)

    assert falling.epoch == 0.0
    assert rising.series >= 0.0


def test_longer_histories_are_scaled_up() -> None:
    cost = TrainingCost(once=3.0, piece=1.0, series=0.1, epoch=0.05, epochs=10)

    assert cost.scaled(rows=4.0, work=2.0).each == pytest.approx(0.4 + 10 * 0.1)


def test_what_is_done_once_for_a_fleet_is_not_done_for_each_piece() -> None:
    cost = TrainingCost(once=3.0, piece=1.0, series=1.0, epoch=0.0, epochs=0, fleet=50.0)

    assert cost.seconds(200, 100) == 3 + 50 + 2 + 200
    assert cost.most(3 + 50 + 2.02 * 100, 100) == 200


COST = TrainingCost(once=0.0, piece=0.0, series=10.0, epoch=0.0, epochs=0, cores=1.0)
MEMORY = Line(0.5 * GB, 0.01 * GB)


def test_processes_use_what_one_leaves_idle() -> None:
    machine = Machine(memory=64 * GB, cores=8)

    found = ways(COST, MEMORY, machine, 100, available=1000.0, series=1500)

    assert (found.alone, found.processes, found.here) == (100, 8, 800)
    assert found.workers == 2


def test_memory_bounds_how_many_processes_there_can_be() -> None:
    machine = Machine(memory=4 * GB, cores=8)

    # a piece of 100 takes 1.5 GB
    assert ways(COST, MEMORY, machine, 100, 1000.0, series=500).processes == 2


def test_more_processes_bring_nothing_where_one_keeps_all_processors_busy() -> None:
    machine, busy = Machine(memory=64 * GB, cores=8), replace(COST, cores=7.6)

    found = ways(busy, MEMORY, machine, 100, 1000.0, series=150)

    assert (found.processes, found.here - found.alone) == (1, 0)
    assert found.workers == 2


def test_what_bounds_the_processes_is_said_by_what_counted_them() -> None:
    half_busy = replace(COST, cores=2.5)
    roomy, tight = Machine(64 * GB, 4), Machine(16 * GB // 10, 4)

    by_cores, by_memory = (
        ways(half_busy, MEMORY, machine, 100, 1000.0, series=500) for machine in (roomy, tight)
    )

    assert by_cores.processes == by_memory.processes == 1
    assert (by_cores.by_memory, by_memory.by_memory) == (False, True)


def test_a_machine_that_others_keep_busy_gets_no_processes_it_has_no_processors_for() -> None:
    starved = replace(COST, cores=0.3)

    assert ways(starved, MEMORY, Machine(64 * GB, 2), 100, 1000.0, series=10).processes == 2


def test_what_takes_longer_than_there_is_time_holds_nothing() -> None:
    endless = replace(COST, once=5000.0)

    found = ways(endless, MEMORY, Machine(64 * GB, 1), 100, 1000.0, series=10)

    assert (found.alone, found.here, found.workers) == (0, 0, 0)
