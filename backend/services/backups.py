"""All that is done with backups, wired."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from backend.exceptions import ConfigurationError
from backend.services.backing_up import BackingUp
from backend.services.restoring import CopiedStore, Restoring
from backend.services.verifying import Verifying


@dataclass(frozen=True)
class Backups:
    """The use cases, and the embedded stores that can go with a backup."""

    backing_up: BackingUp
    restoring: Restoring
    verifying: Verifying
    embedded: Mapping[str, CopiedStore]

    def stores(self, *, required: bool) -> dict[str, Callable[[], Iterator[bytes]]]:
        """The embedded stores by name.

        Raises:
            ConfigurationError: one is required, and there is none.
        """
        if required and not self.embedded:
            raise ConfigurationError(
                "The sensors and the results are not in embedded stores, so --with-store has "
                "nothing to take: back InfluxDB up by its own means."
            )
        return {name: store.copied_out for name, store in self.embedded.items()}
