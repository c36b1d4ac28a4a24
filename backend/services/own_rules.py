"""When Prometheus should alert because normalcy itself is not well: a file of rules.

What is told here nobody else tells: Grafana's rules watch the scores, and where nothing is scored
any more they watch nothing. The rules name no detector, so that one file serves every installation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml

COVERAGE = "normalcy:detector_coverage:ratio30m"
"""What is recorded for each detector: the share of due points that were judged."""

_HEAD = """\
# When Prometheus should alert because normalcy itself is not well.
# Made by: normalcy prometheus
# Name this file under rule_files of prometheus.yml; docs/observing.md says how to scrape.
"""
_LOST = "failed|timed_out|out_of_memory|lost"
"""How work ends that nobody wanted to end."""


@dataclass(frozen=True)
class OwnRule:
    """One rule.

    Attributes:
        name: of the alert.
        expr: what is wrong, in PromQL.
        lasts: for how long it has to be so.
        severity: `critical` where nobody watches any more, `warning` where somebody should look.
        summary: what is wrong, in a few words.
        remedy: what to do.
    """

    name: str
    expr: str
    lasts: str
    severity: Literal["critical", "warning"]
    summary: str
    remedy: str

    def plain(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.remedy},
        }


def rules_file() -> str:
    """The file of rules, as YAML."""
    share = "sum by (detector) (rate(normalcy_{}_points_total[30m]))"
    coverage = {"record": COVERAGE, "expr": f"{share.format('judged')} / {share.format('due')}"}
    rules = [coverage, *(rule.plain() for rule in own_rules())]
    document = {"groups": [{"name": "normalcy", "interval": "1m", "rules": rules}]}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100_000)
    return _HEAD + text


def own_rules() -> list[OwnRule]:
    """Every rule."""
    return [*_processes(), *_detectors(), *_work(), *_stores()]


def _grew(counter: str, within: str) -> str:
    """Whether a counter grew, or came to be, within a time: a first count has none before it.

    That nothing was scraped for a moment back then does not make it new.
    """
    before = f"max_over_time({counter}[10m] offset {within})"
    return f"increase({counter}[{within}]) > 0 or ({counter} unless {before}) > 0"


def _processes() -> Iterator[OwnRule]:
    yield OwnRule(
        "NormalcyNotScraped",
        "absent(normalcy_records_up)",
        "5m",
        "critical",
        "normalcy tells Prometheus nothing",
        "See whether normalcy web runs, and whether the scrape's token and address are right.",
    )
    yield OwnRule(
        "NormalcyRecordsDown",
        "normalcy_records_up == 0",
        "2m",
        "critical",
        "The record store does not answer, or cannot be written",
        "Nothing is trained or scored meanwhile. normalcy check says what is wrong with it.",
    )
    yield OwnRule(
        "NormalcyNoTimetable",
        "normalcy_jobs_processes == 0",
        "2m",
        "critical",
        "No process runs the timetable",
        "Nothing is scored. Start normalcy up (or normalcy jobs), and see its log.",
    )
    yield OwnRule(
        "NormalcyProcessSilent",
        "normalcy_process_up == 0",
        "2m",
        "warning",
        "The process {{ $labels.process }} on {{ $labels.host }} fell silent",
        "It ended, hangs, or its clock is wrong: normalcy check tells. See its log as well.",
    )
    yield OwnRule(
        "NormalcyOutOfFiles",
        "normalcy_process_open_fds / normalcy_process_max_fds > 0.9",
        "5m",
        "warning",
        "The process {{ $labels.process }} on {{ $labels.host }} has nearly no file left to open",
        "Raise its limit of open files (LimitNOFILE of systemd).",
    )
    yield OwnRule(
        "NormalcyConfigurationOutdated",
        "max(normalcy_configuration_outdated) > 0",
        "10m",
        "warning",
        "normalcy.yaml as it stands is not in force",
        "It has a mistake, or changes what needs a restart: the overview and the log tell which.",
    )
    failed = 'sum(rate(normalcy_http_requests_total{code=~"5.."}[5m]))'
    answers = "sum(rate(normalcy_http_requests_total[5m]))"
    yield OwnRule(
        "NormalcyAnswersFail",
        f"{failed} / {answers} > 0.05",
        "10m",
        "warning",
        "More than one in twenty answers of the pages and the API fails",
        "The log of normalcy web tells each with status and route.",
    )


def _detectors() -> Iterator[OwnRule]:
    late = "normalcy_detector_{} > normalcy_detector_blind_after_seconds"
    never = f"({late.format('model_age_seconds')} unless normalcy_detector_lag_seconds)"
    yield OwnRule(
        "NormalcyBlind",
        f"{late.format('lag_seconds')} or {never}",
        "5m",
        "critical",
        "{{ $labels.detector }} is blind: its newest data are not scored",
        "No alarm can come from it. Its page says whether data are missing or scoring fails.",
    )
    yield OwnRule(
        "NormalcyCoverageLow",
        f"{COVERAGE} < 0.5",
        "15m",
        "warning",
        "Less than half of what {{ $labels.detector }} should judge can be judged",
        "Channels may be missing, or series set aside; its page tells which.",
    )
    yield OwnRule(
        "NormalcyNoModel",
        "normalcy_detector_has_model == 0",
        "1h",
        "warning",
        "No model of {{ $labels.detector }} serves",
        "Its page says why none was trained, or what waits for a promotion.",
    )
    yield OwnRule(
        "NormalcySeriesSetAside",
        "normalcy_detector_series_set_aside > 0",
        "30m",
        "warning",
        "{{ $value }} series of {{ $labels.detector }} are set aside",
        "They are neither trained nor scored; its page gives the reason of each.",
    )
    yield OwnRule(
        "NormalcyTrainingFails",
        _grew(f'normalcy_trainings_total{{outcome=~"{_LOST}"}}', "1h"),
        "0m",
        "warning",
        "A training of {{ $labels.detector }} failed",
        "What served before goes on. The page Work tells why, and what to do.",
    )
    yield OwnRule(
        "NormalcyDrift",
        "normalcy_detector_drifted > 0",
        "0m",
        "warning",
        "What is normal for {{ $labels.detector }} seems to have changed",
        "Its page proposes a training, with the reason; accept it, or say that this is usual now.",
    )


def _work() -> Iterator[OwnRule]:
    yield OwnRule(
        "NormalcyTimesMissed",
        _grew("normalcy_jobs_misfired_total", "1h"),
        "0m",
        "warning",
        "Scheduled times of {{ $labels.kind }} were not served in time",
        "The machine may be too small, or was asleep; what was missed is made up for by itself.",
    )
    yield OwnRule(
        "NormalcyTimedOut",
        _grew("normalcy_jobs_timed_out_total", "1h"),
        "0m",
        "warning",
        "Work of kind {{ $labels.kind }} was ended at its time limit",
        "A store may hang. Else give it more time (schedule.score_timeout, retrain_timeout).",
    )
    yield OwnRule(
        "NormalcyStuck",
        # its process tells of it and leaves: nobody counts on from there
        "max_over_time(normalcy_jobs_stuck_total[1h]) > 0",
        "0m",
        "warning",
        "A process left because work of kind {{ $labels.kind }} in it would not end",
        "It was started again. If this comes again, send a support bundle.",
    )
    going = '{__name__=~"normalcy_runs_open|normalcy_requests_running"}'
    yield OwnRule(
        "NormalcyQueueStandsStill",
        f"normalcy_requests_oldest_seconds > 900 unless on() (sum({going}) > 0)",
        "5m",
        "warning",
        "What was asked for has waited for a quarter of an hour, and nothing goes on",
        "See the log of normalcy jobs, and the page Work.",
    )
    yield OwnRule(
        "NormalcyRunSilent",
        "normalcy_runs_silent_seconds > 7200",
        "5m",
        "warning",
        "A run has told nothing of itself for two hours",
        "Look at it on the page Work, and end it there if it hangs.",
    )


def _stores() -> Iterator[OwnRule]:
    failed = 'sum by (store) (rate(normalcy_store_requests_total{outcome!="ok"}[5m]))'
    yield OwnRule(
        "NormalcyStoreFails",
        f"{failed} / sum by (store) (rate(normalcy_store_requests_total[5m])) > 0.1",
        "10m",
        "warning",
        "More than one in ten calls of the store {{ $labels.store }} fails",
        "normalcy check says what is wrong with it.",
    )
    yield OwnRule(
        "NormalcyBackupOld",
        'normalcy_upkeep_age_seconds{name="backup"} > 30 * 86400',
        "1h",
        "warning",
        "The last backup is older than a month",
        "See why no newer one was made; normalcy backup makes one while everything goes on.",
    )
    buckets = "sum by (store, le) (rate(normalcy_store_seconds_bucket[10m]))"
    yield OwnRule(
        "NormalcyStoreSlow",
        f"histogram_quantile(0.95, {buckets}) > 10",
        "15m",
        "warning",
        "One in twenty calls of the store {{ $labels.store }} takes longer than 10 s",
        "See how busy it is; scoring comes late where reading takes long.",
    )
