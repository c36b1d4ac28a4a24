"""A trial: what would have happened had the product watched a detector's past.

At each retrain moment it learns from the labels that were known by then, as if the operator had
marked each when its range ended; the version scores until the next moment, and alarms turn on as
those of the service would. A label `exclude` speaks of maintenance, which is announced: it is known
from its start. Nothing is written.
"""

from backend.detection.grid import ceil_to, last_closed
from backend.exceptions import InputError, NoData
from backend.ports import Clock, ModelFactory, Progress, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling
from backend.services.reading import first_bucket
from backend.services.stores import Stores
from backend.services.trial_course import Course
from backend.services.trial_failures import check_failures
from backend.services.trial_moments import moments
from backend.services.trial_results import Plan, TrialReport
from backend.services.trial_tally import Span
from backend.specs import DetectorSpec, nanoseconds


class Trials:
    """Replays the past of detectors; reads only."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        make_model: ModelFactory,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._detectors = detectors
        self._labelling = labelling
        self._make_model = make_model
        self._clock = clock

    def run(self, plan: Plan, progress: Progress = lambda share, words: None) -> TrialReport:
        """Replay a detector's past.

        Raises:
            NotFound: there is no such detector.
            NoData: nothing is stored in the time of the trial.
            InputError: the time is empty, or a failure names a series that is not there.
        """
        spec = self._detectors.get(plan.detector)
        labels = tuple(self._labelling.list(plan.detector))
        span = self._span(spec, plan)
        keys = _keys(self._stores.source, spec, span)
        check_failures(plan.failures, keys)
        run = Course(self._stores, spec, self._make_model, labels, plan, span)
        run.go(moments(spec.schedule, plan.retrain_every, span), progress)
        return run.report(keys)

    def _span(self, spec: DetectorSpec, plan: Plan) -> Span:
        stop = last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))
        start = ceil_to(plan.start, spec.step)
        if start >= stop:
            raise InputError("The trial holds no closed bucket: expected a start in the past.")
        first = first_bucket(self._stores.source, spec, start, stop)
        if first is None:
            raise NoData(
                f"The time of the trial holds no data of {spec.name!r}: measurement "
                f"{spec.measurement!r} with channels {', '.join(spec.inputs)} was expected there. "
                "Check the names, or choose an earlier start."
            )
        return Span(first, stop, spec.step)


def _keys(source: SeriesStore, spec: DetectorSpec, span: Span) -> list[SeriesKey]:
    query = Query(
        spec.measurement, spec.inputs, span.start, span.stop, spec.where, spec.group_by, newest=1
    )
    return sorted(series_key(points.tags) for points in source.read(query))
