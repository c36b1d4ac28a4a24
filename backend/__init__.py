"""normalcy: anomaly detection learned from what the operator calls normal.

`from backend import Detector, Fleet` works without any service; both load on first use, so that
importing this package costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.detector import Detector, Fleet

__version__ = "0.1.0"
__all__ = ["Detector", "Fleet"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        import backend.detector  # noqa: PLC0415 - pandas and scikit-learn are loaded when asked for

        return getattr(backend.detector, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
