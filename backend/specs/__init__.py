"""What a detector is: frozen, validated, and the only place where defaults stand.

How to read this room: `detector.py` is the whole, the other files are its parts.
"""

from backend.specs.base import (
    Duration,
    ForeignName,
    Spec,
    format_duration,
    nanoseconds,
    parse_duration,
)
from backend.specs.detector import (
    NAME,
    AlarmSpec,
    ChecksSpec,
    DetectorSpec,
    ErrorSpec,
    ScheduleSpec,
    SmoothingSpec,
)
from backend.specs.models import ModelSpec
from backend.specs.networks import DenseAutoencoderSpec, LstmAutoencoderSpec, NetworkSpec
from backend.specs.thresholds import (
    BudgetThreshold,
    FixedThreshold,
    QuantileThreshold,
    SigmaThreshold,
    ThresholdSpec,
)

__all__ = [
    "NAME",
    "AlarmSpec",
    "BudgetThreshold",
    "ChecksSpec",
    "DenseAutoencoderSpec",
    "DetectorSpec",
    "Duration",
    "ErrorSpec",
    "FixedThreshold",
    "ForeignName",
    "LstmAutoencoderSpec",
    "ModelSpec",
    "NetworkSpec",
    "QuantileThreshold",
    "ScheduleSpec",
    "SigmaThreshold",
    "SmoothingSpec",
    "Spec",
    "ThresholdSpec",
    "format_duration",
    "nanoseconds",
    "parse_duration",
]
