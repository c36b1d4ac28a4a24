"""What parts the generations of InfluxDB: 1.x, 2.x and 3 Core.

All three answer InfluxQL at `/query` and take line protocol; how they want to be addressed, what
they can encode and what they cannot do differs, and stands here.
"""

import base64
from dataclasses import dataclass

from backend.exceptions import StoreRefused
from backend.ports import Credentials
from backend.stores.influx.address import Address

JSON = "application/json"
MESSAGE_PACK = "application/x-msgpack"

_HOUR = 3_600 * 10**9


@dataclass(frozen=True)
class Generation:
    """A generation of InfluxDB.

    Attributes:
        major: 1, 2 or 3.
        version: as the server says, such as `1.6.7`.
        media: what `/query` is asked to answer in. InfluxDB 3 leaves the names out of its
            MessagePack, so that an error cannot be told from data; it is asked for JSON.
        silent_when_empty: whether an answer without rows has no body at all.
        window: longest range of one query in nanoseconds; None is any.
        deletes: whether rows can be deleted.
    """

    major: int
    version: str
    media: str
    silent_when_empty: bool = False
    window: int | None = None
    deletes: bool = True


def recognise(version: str, build: str = "", told: int | None = None) -> Generation:
    """Tell the generation by what `/ping` says in its headers.

    Args:
        version: X-Influxdb-Version.
        build: X-Influxdb-Build; a build of one's own has a version without a number.
        told: the configured generation; it wins.

    Raises:
        StoreRefused: it is none of those known.
    """
    version = version.removeprefix("v")
    leading = version.split(".", 1)[0]
    major = told or (int(leading) if leading.isdigit() else _of_build(build))
    if major == 1:
        return Generation(1, version, MESSAGE_PACK)
    if major == 2:
        return Generation(2, version, MESSAGE_PACK)
    if major == 3:
        return Generation(3, version, JSON, True, 48 * _HOUR, False)
    raise StoreRefused(
        f"the server says that it is InfluxDB {version}; expected 1, 2 or 3: if it is compatible "
        "with one of them, say so by ?version= in the store's URL"
    )


def _of_build(build: str) -> int:
    return 3 if build.lower() in ("core", "enterprise") else 2 if build.lower() == "oss" else 0


def authorization(credentials: Credentials, major: int | None) -> str | None:
    """The Authorization header; None where there is nothing to say.

    Args:
        credentials: of the caller.
        major: the generation; None while it is not known: `/ping` of all of them takes this form.
    """
    if credentials.token:
        # 1.x takes a JWT as Bearer; 2.x takes only Token; 3 takes both
        scheme = "Token" if major == 2 else "Bearer"
        return f"{scheme} {credentials.token}"
    if credentials.username:
        pair = f"{credentials.username}:{credentials.password or ''}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return None


def names(address: Address) -> dict[str, str]:
    """Database and policy as parameters of `/query`."""
    policy = {"rp": address.policy} if address.policy else {}
    return {"db": address.database, **policy}


def write_target(address: Address, generation: Generation) -> tuple[str, dict[str, str]]:
    """Path and parameters for line protocol in nanoseconds."""
    if generation.major == 3:
        # its own path says which lines were refused and why
        options = {"precision": "nanosecond", "accept_partial": "true"}
        return "/api/v3/write_lp", {"db": address.bucket, **options}
    return "/write", {**names(address), "precision": "ns"}
