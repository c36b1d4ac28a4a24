"""Where one is, and where a form may lead back to."""

from urllib.parse import urlsplit

from flask import request


def this_path() -> str:
    """The path of the current request, with its query if it has one."""
    return request.full_path if request.query_string else request.path


def own_path(address: str) -> str:
    """The address if it is a path of this service, else that of the overview."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as //[
        return "/"
    is_own = not parts.scheme and not parts.netloc and address.startswith("/")
    strange = address.startswith(("//", "/\\")) or not address.isprintable()
    return address if is_own and not strange else "/"


def came_from() -> str:
    """The path of the page that sent the request, as far as the browser tells."""
    try:
        came = urlsplit(request.referrer or "")
    except ValueError:
        return "/"
    return own_path(f"{came.path}?{came.query}" if came.query else came.path)
