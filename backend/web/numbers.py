"""Numbers of records at the door: what no store can hold is the number of nothing."""

from werkzeug.routing import IntegerConverter

LARGEST = 2**63 - 1
_DIGITS = len(str(LARGEST))


class RecordNumber(IntegerConverter):
    """`<int:…>` of an address; beyond the largest there is nothing."""

    regex = rf"[0-9]{{1,{_DIGITS}}}"

    def __init__(self, *args: object, **kwargs: object) -> None:
        """As its base, which takes the largest number too."""
        super().__init__(*args, **{"max": LARGEST, **kwargs})  # type: ignore[arg-type]


def number_in(text: str | None) -> int | None:
    """The number of a record that a field or an address names; None if it names none."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        return None
    number = int(text)
    return number if 0 < number <= LARGEST else None
