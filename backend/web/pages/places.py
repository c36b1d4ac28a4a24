"""Where a form may lead back to."""

from urllib.parse import urlsplit


def own_path(address: str) -> str:
    """The address if it is a path of this service, else that of the overview."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as //[
        return "/"
    is_own = not parts.scheme and not parts.netloc and address.startswith("/")
    strange = address.startswith(("//", "/\\")) or not address.isprintable()
    return address if is_own and not strange else "/"
