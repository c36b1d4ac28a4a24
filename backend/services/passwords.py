"""Passwords are kept as scrypt digests, which are slow to guess even for who has stolen them."""

import hashlib
import hmac
import secrets

_BLOCK, _PARALLEL = 8, 1
_SALT = 16


class Passwords:
    """Makes digests of passwords and compares with them."""

    def __init__(self, cost: int = 1 << 15) -> None:
        """Nothing is computed yet.

        Args:
            cost: of scrypt, a power of 2; a digest takes `1024 * cost` bytes of memory.
        """
        self._cost = cost
        self._of_nobody = ""

    def digest(self, password: str) -> str:
        """What is kept of a password: the method, a salt of its own, and the digest."""
        salt = secrets.token_hex(_SALT)
        settings = f"{self._cost}:{_BLOCK}:{_PARALLEL}"
        return f"scrypt:{settings}${salt}${_scrypt(password, salt, settings).hex()}"

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one that was kept; without one it takes as long to say no."""
        if not self._of_nobody:
            self._of_nobody = self.digest(secrets.token_hex(_SALT))
        method, salt, digest = (kept or self._of_nobody).split("$")
        found = _scrypt(password, salt, method.removeprefix("scrypt:"))
        return hmac.compare_digest(found, bytes.fromhex(digest)) and kept is not None


def _scrypt(password: str, salt: str, settings: str) -> bytes:
    cost, block, parallel = map(int, settings.split(":"))
    return hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=salt.encode(),
        n=cost,
        r=block,
        p=parallel,
        maxmem=132 * block * (cost + parallel + 2),
    )
