"""Redis as a store of endpoints: keys that expire, written in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from beacon.definition.publishing import RedisAccess
from beacon.endpoints.password import password_of
from beacon.endpoints.publisher import Change, Entry
from beacon.errors import ConfigError, HostError, StoreError

if TYPE_CHECKING:
    import redis

_PATIENCE = 5.0
"""Seconds for a connection, and for each answer."""


class RedisPublisher:
    """Publishes to one Redis."""

    def __init__(self, access: RedisAccess) -> None:
        self._access = access

    @property
    def where(self) -> str:
        """The store as a URL without the password."""
        return self._access.where

    def read(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return what Redis says at *keys*; what is no string, or no text, is as good as nothing."""
        order = list(keys)
        if not order:
            return {}
        with self._connected() as client:
            values = client.mget(order)
        found = {key: _text(value) for key, value in zip(order, values, strict=True)}
        return {key: value for key, value in found.items() if value is not None}

    def write(self, change: Change) -> None:
        """Make all of *change* in one transaction; of a full Redis, all but what needs room."""
        from redis.exceptions import OutOfMemoryError  # noqa: PLC0415  # see _connected

        with self._connected() as client:
            try:
                gone = _transact(client, change)
            except OutOfMemoryError:
                _transact(client, Change({}, change.renew, change.delete))
                raise
            if gone:
                again = {key: entry for key, entry in change.renew.items() if key in gone}
                _transact(client, Change(again, {}))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[redis.Redis]:
        """Connect, and have errors of the library say what happened, and what to do."""
        try:
            import redis  # noqa: PLC0415  # only where it is wanted, and it need not be there
        except ImportError as error:
            raise HostError(
                "publishing to Redis needs Python's library for it",
                hint="apt install python3-redis, or in install.sh's venv: /opt/beacon/bin/pip install redis",
            ) from error
        with self._explained(), contextlib.closing(self._client(redis)) as client:
            yield client

    def _client(self, library: object) -> redis.Redis:
        from redis import Redis  # noqa: PLC0415  # as above
        from redis.backoff import NoBackoff  # noqa: PLC0415  # as above
        from redis.retry import Retry  # noqa: PLC0415  # as above

        del library
        access = self._access
        return Redis(
            host=access.host,
            port=access.port,
            unix_socket_path=access.socket,
            db=access.db,
            username=access.user,
            password=password_of(access),
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            ssl=access.tls,
            ssl_ca_certs=access.ca_file,
            ssl_check_hostname=True,
        )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        from redis import exceptions  # noqa: PLC0415  # as above

        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise ConfigError(
                f"{self.where} refuses the user or the password: {error}",
                hint="user and password of its table in beacon.toml say both",
            ) from error
        except exceptions.NoPermissionError as error:
            raise ConfigError(
                f"{self.where} does not let the user in to its keys: {_said(error)}",
                hint="ACL SETUSER gives a user commands and keys: ~PREFIX* +@all",
            ) from error
        except exceptions.OutOfMemoryError as error:
            raise StoreError(
                f"{self.where} is full: nothing new was published",
                hint="raise maxmemory in redis.conf, or have it evict keys (maxmemory-policy)",
            ) from error
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            raise StoreError(
                f"cannot reach {self.where}: {error}",
                hint="systemctl status redis-server; beacon.toml says where it is",
            ) from error
        except exceptions.RedisError as error:
            raise StoreError(f"{self.where} refuses: {_said(error)}") from error


def _transact(client: redis.Redis, change: Change) -> frozenset[str]:
    """Make *change* in one transaction; return the keys that were to be renewed and are gone."""
    if not change:
        return frozenset()
    transaction = client.pipeline(transaction=True)
    renewed = list(change.renew.items())
    for key, entry in renewed:
        if entry.expire:
            transaction.expire(key, entry.expire)
        else:
            transaction.persist(key)
    for key, entry in change.put.items():
        _set(transaction, key, entry)
    if change.delete:
        transaction.delete(*change.delete)
    answers = transaction.execute()[: len(renewed)]
    # PERSIST says 0 of a key without expiry too, so that it tells nothing.
    return frozenset(
        key for (key, entry), done in zip(renewed, answers, strict=True) if entry.expire and not done
    )


def _set(transaction: redis.client.Pipeline, key: str, entry: Entry) -> None:
    if entry.expire:
        # As beachhead-companion wrote it, which some watch for; the library's own method warns.
        transaction.execute_command(  # type: ignore[no-untyped-call]
            "SETEX", key, entry.expire, entry.value
        )
    else:
        transaction.set(key, entry.value)


def _text(value: object) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def _said(error: Exception) -> str:
    """Return what Redis said, without the command that the library puts in front."""
    return str(error).rpartition("of pipeline caused error: ")[2]
