"""Every measurement, tag and field name that normalcy writes: the contract with Grafana.

Floats are always floats and never NaN; strings are strings. All fields of a row are written
every time, so that writing a row again overwrites it whole.
"""

DETECTOR_TAG = "detector"

SCORES = "normalcy_scores"
SCORE_NUMBERS = (
    "error",
    "smoothed",
    "threshold",
    "score",
    "flag",
    "alarm",
    "judged",
    "outside",
    "channels_used",
    "top1_share",
    "top2_share",
    "top3_share",
    "top1_index",
    "top2_index",
    "top3_index",
)
"""`outside` 1.0 says that the input is beyond what training saw, which is no anomaly by itself.
`top1_index` is the place of `top1` among the detector's channels, counted from 1, 0 for none: an
alert rule reads numbers only."""
SCORE_STRINGS = ("top1", "top2", "top3", "reason", "model")
SCORE_FIELDS = SCORE_NUMBERS + SCORE_STRINGS

EXPECTED = "normalcy_expected"
"""One float per channel: the reconstruction in the sensor's unit."""

CONTRIBUTIONS = "normalcy_contributions"
"""One float per channel: its share of the error; shares sum to 1, or to 0 where not judged."""

EVENTS = "normalcy_events"
"""A row at the event's start. `valid` 0.0 withdraws an event that a rescoring moved; `provisional`
1.0 says that the model behind it was learned without labels."""
EVENT_NUMBERS = ("stop_ms", "duration_s", "peak_score", "open", "valid", "provisional")
EVENT_STRINGS = ("top1", "top2", "top3", "model")
EVENT_FIELDS = EVENT_NUMBERS + EVENT_STRINGS

TRAINING = "normalcy_training"
TRAINING_NUMBERS = ("loss", "val_loss", "threshold", "rows", "seconds")
TRAINING_STRINGS = ("model", "verdict")
TRAINING_FIELDS = TRAINING_NUMBERS + TRAINING_STRINGS

COVERAGE = "normalcy_coverage"
COVERAGE_FIELDS = ("coverage", "lag_s", "series", "set_aside", "drifting")
"""`drifting` counts series whose normal error has risen for good, or further than the threshold can
follow."""

RUNS = "normalcy_runs"
"""A row for each run of a job that ended, at its end; scoring only where it failed."""
KIND_TAG = "kind"
RUN_NUMBERS = ("failed", "seconds")
RUN_STRINGS = ("message",)
RUN_FIELDS = RUN_NUMBERS + RUN_STRINGS

LABELS = "normalcy_labels"
"""A row at the start of each label, for Grafana to draw; `valid` 0.0 says that it was taken back.

Tagged by `kind` and by the tags that the label names. The record store is where labels are kept."""
LABEL_NUMBERS = ("stop_ms", "valid")
LABEL_STRINGS = ("note", "by", "source")
LABEL_FIELDS = LABEL_NUMBERS + LABEL_STRINGS

SCRATCH = "normalcy_check"
"""Where `normalcy check --write` puts its point."""
SCRATCH_FIELD = "value"

RESULT_MEASUREMENTS = (SCORES, EXPECTED, CONTRIBUTIONS, EVENTS, TRAINING, COVERAGE, RUNS, LABELS)
"""What normalcy may write, and on request delete; nothing else is ever touched."""

# Why a point was flagged (`reason`): the model's error, or a plain check beside it.
REASON_NONE = ""
REASON_MODEL = "model"
REASON_FLATLINE = "flatline"
REASON_RANGE = "range"
REASON_RATE = "rate"
REASON_CONSTANT = "constant"
REASON_DEGRADED = "without a channel"
"""No flag: the point was judged by the other channels; `channels_used` says by how many."""

# Why a point was not judged (`reason` of a row with `judged` 0).
REASON_GAP = "gap"
REASON_WARM_UP = "warm-up"
REASON_OFF = "off"
REASON_SETTLING = "settling"
REASON_EXCLUDED = "excluded"
REASON_MISSING_CHANNEL = "missing channel"

NOT_DUE = (REASON_OFF, REASON_SETTLING, REASON_EXCLUDED)
"""Reasons of points that nobody expects to be judged."""
