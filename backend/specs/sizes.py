"""Numbers of bytes as people read them."""


def format_size(count: float) -> str:
    """Write a number of bytes in powers of 1024, as the settings' `4GiB` and `df -h` mean them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000:  # four digits are one unit too low
            return _in(unit, count)
        count /= 1024
    return _in("TiB", count)


def _in(unit: str, count: float) -> str:
    decimals = 1 if count < 10 and unit != "B" else 0
    return f"{count:.{decimals}f} {unit}"
