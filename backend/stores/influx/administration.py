"""What only InfluxDB 2 needs: buckets, mappings, deletes and some lists, by its own client library.

The library is loaded on first use; reading and writing do without it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import urllib3

from backend.exceptions import ConfigurationError, StoreRefused, StoreUnavailable
from backend.stores.influx.address import Address
from backend.stores.influx.patience import Patience

if TYPE_CHECKING:
    from influxdb_client import InfluxDBClient

_MANY = 100
_OWN_COLUMNS = ("_start", "_stop", "_field", "_measurement")
_BEGINNING = "1677-09-22T00:00:00Z"
_RFC3339 = "{:%Y-%m-%dT%H:%M:%S}.{:09d}Z"


class Administration:
    """Buckets of one server, and the one of an address."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address = address
        self._patience = patience

    def create(self) -> None:
        """Create the bucket, with a mapping for InfluxQL where the server makes none itself.

        Raises:
            StoreRefused: the token may not, or the organization is not clear.
            StoreUnavailable: the server does not answer.
        """
        with self._client() as client:
            organization = self._organization(client)
            bucket = client.buckets_api().find_bucket_by_name(self._address.bucket)
            if bucket is None:
                name = self._address.bucket
                bucket = client.buckets_api().create_bucket(bucket_name=name, org=organization)
            if not self._mappings(client, organization):
                self._map(client, organization, bucket.id)

    def remedy(self) -> str:
        """The command that mends a bucket, or its mapping to a database, that is missing."""
        name, organization = self._address.bucket, self._address.organization
        org = f" --org {_quoted(organization)}" if organization else ""
        create = f"influx bucket create --name {_quoted(name)} --retention 0{org}"
        try:
            with self._client() as client:
                bucket = client.buckets_api().find_bucket_by_name(name)
                near = [] if bucket else self._near(client)
        except (StoreRefused, StoreUnavailable, ConfigurationError):
            return f"create the bucket with: {create}"
        if bucket:
            return f"map the bucket to this database with: {self._mapping_command(bucket.id)}{org}"
        if near:
            return f"name one of {', '.join(near)} in the URL, or create it with: {create}"
        return f"create the bucket with: {create}"

    def delete(self, predicate: Mapping[str, str], start: int, last: int) -> None:
        """Delete the rows whose tags have these values, from `start` up to and with `last`."""
        words = " AND ".join(
            f"{_literal(key)}={_literal(value)}" for key, value in predicate.items()
        )
        with self._client() as client:
            client.delete_api().delete(
                rfc3339(start),
                rfc3339(last),
                words,
                bucket=self._address.bucket,
                org=self._organization(client),
            )

    def tag_keys(self, measurement: str) -> list[str]:
        """Tags of a measurement; InfluxQL lists them only for a database's default bucket."""
        return [
            name
            for name in self._schema("measurementTagKeys", measurement=measurement)
            if name not in _OWN_COLUMNS
        ]

    def tag_values(self, measurement: str, tag: str) -> list[str]:
        """Values of a tag, for the same reason."""
        return self._schema("measurementTagValues", measurement=measurement, tag=tag)

    def _schema(self, function: str, **arguments: str) -> list[str]:
        """Ask one of Flux's schema functions about all of the bucket's time."""
        named = {"bucket": self._address.bucket, **arguments}
        listed = ", ".join(f"{name}: {_flux(value)}" for name, value in named.items())
        text = (
            f'import "influxdata/influxdb/schema"\nschema.{function}({listed}, start: {_BEGINNING})'
        )
        with self._client() as client:
            tables = client.query_api().query(text, org=self._organization(client))
            return [str(record.get_value()) for table in tables for record in table.records]

    def _mapping_command(self, bucket: str) -> str:
        policy = self._address.policy or "autogen"
        return (
            f"influx v1 dbrp create --db {_quoted(self._address.database)} "
            f"--rp {_quoted(policy)} --bucket-id {bucket} --default"
        )

    def _near(self, client: "InfluxDBClient") -> list[str]:
        """Buckets of the same database that another policy leads to."""
        found = client.buckets_api().find_buckets(limit=_MANY).buckets
        names = [bucket.name for bucket in found]
        return [name for name in names if name.partition("/")[0] == self._address.database]

    def _mappings(self, client: "InfluxDBClient", organization: str) -> list[Any]:
        from influxdb_client import DBRPsService  # noqa: PLC0415

        policy = {"rp": self._address.policy} if self._address.policy else {}
        service = DBRPsService(client.api_client)
        found = service.get_dbr_ps(org_id=organization, db=self._address.database, **policy)
        mappings: list[Any] = found.content or []
        return mappings

    def _map(self, client: "InfluxDBClient", organization: str, bucket: str) -> None:
        from influxdb_client import DBRPCreate, DBRPsService  # noqa: PLC0415

        mapping = DBRPCreate(
            org_id=organization,
            bucket_id=bucket,
            database=self._address.database,
            retention_policy=self._address.policy or "autogen",
            default=self._address.policy is None,
        )
        DBRPsService(client.api_client).post_dbrp(mapping)

    def _organization(self, client: "InfluxDBClient") -> str:
        """The organization's id.

        Raises:
            StoreRefused: none is named and the token sees several, or none.
        """
        wanted = self._address.organization
        seen = client.organizations_api().find_organizations(limit=_MANY)
        found = [org for org in seen if wanted in (None, org.name, org.id)]
        if len(found) != 1:
            known = ", ".join(org.name for org in seen) or "none"
            raise StoreRefused(
                f"{self._address}: the organization is not clear (the token sees {known}); "
                "name it by ?org=NAME in the store's URL"
            )
        organization: str = found[0].id
        return organization

    @contextmanager
    def _client(self) -> Iterator["InfluxDBClient"]:
        from influxdb_client import InfluxDBClient  # noqa: PLC0415
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        credentials, tls = self._address.credentials, self._address.tls
        if not credentials.token:
            raise ConfigurationError(
                f"{self._address}: buckets of InfluxDB 2 are managed with a token; set it by the "
                "variable that ends in _TOKEN, or create the bucket yourself"
            )
        client = InfluxDBClient(
            url=self._address.base_url,
            token=credentials.token,
            org=self._address.organization or "",
            timeout=int(self._patience.read_s * 1000),
            ssl_ca_cert=tls.authority,
            cert_file=tls.certificate,
            cert_key_file=tls.key,
        )
        try:
            yield client
        except ApiException as error:
            said = " ".join(str(error.message or error.reason).split())
            if error.status == 429 or error.status >= 500:
                raise StoreUnavailable(
                    f"{self._address} is busy ({error.status}: {said})"
                ) from error
            raise StoreRefused(f"{self._address} refused: {error.status}: {said}") from error
        except (TypeError, AttributeError, ValueError) as error:
            # what the library makes of an answer that is not what it expects
            raise StoreRefused(
                f"{self._address} gave an answer that cannot be understood ({error}); check that "
                "the URL leads to an InfluxDB 2"
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise StoreUnavailable(
                f"{self._address} does not answer ({error}); check that it runs"
            ) from error
        finally:
            client.close()


def rfc3339(nanos: int) -> str:
    """A time with all its nanoseconds."""
    seconds, rest = divmod(nanos, 10**9)
    return _RFC3339.format(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), rest)


def _literal(text: str) -> str:
    """A tag or a value of a predicate."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _flux(text: str) -> str:
    """A string of Flux, in which nothing is put in."""
    return _literal(text).replace("${", "\\${")


def _quoted(name: str) -> str:
    """A name for a shell."""
    return "'" + name.replace("'", "'\\''") + "'" if not name.isalnum() else name
