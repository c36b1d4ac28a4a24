"""normalcy: anomaly detection learned from what the operator calls normal."""

__version__ = "0.1.0"
