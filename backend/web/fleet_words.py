"""What a group of deviating series says, in a sentence; its share decides which."""

from backend.detection.together import Cause
from backend.records import SeriesKey
from backend.services.fleet_view import Share, Together
from backend.web.texts import text


def sentence(group: Together) -> str:
    """How many of how many, and where to look first."""
    detector, series = group.series[0]
    total = sum(share.present for share in group.shares)
    counted = _counted(group.shares)
    if group.cause is Cause.ALONE:
        return text("fleet-alone", series=named(series), detector=detector)
    if group.cause is Cause.SINGLE:
        return text("fleet-single", series=named(series), detector=detector, present=total)
    if group.cause is Cause.PART and group.part is not None:
        part = group.part
        return text(
            "fleet-part",
            deviating=part.deviating,
            present=part.present,
            which=part.name,
            counted=counted,
        )
    return text(f"fleet-{group.cause}", counted=counted)


def named(series: SeriesKey) -> str:
    """A series as it is called where its detector stands beside it."""
    return series or text("overview-only-series")


def _counted(shares: tuple[Share, ...]) -> str:
    said = [
        text("fleet-share", deviating=one.deviating, present=one.present, detector=one.detector)
        for one in shares
    ]
    if len(said) == 1:
        return said[0]
    return text("fleet-and", first=", ".join(said[:-1]), last=said[-1])
