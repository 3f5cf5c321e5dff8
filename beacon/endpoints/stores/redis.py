"""Redis as a store of endpoints: keys that expire, written in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.endpoints.stores.password import password_of, without
from beacon.endpoints.stores.resp import Connect, Connection, RefusalError, connected, plain
from beacon.errors import BeaconError, ConfigError, StoreError
from beacon.model.endpoints.publication import RedisAccess

_FULL = "OOM"
_LOGIN = {"NOAUTH", "WRONGPASS"}
_DENIED = "NOPERM"


class RedisPublisher:
    """Publishes to one Redis."""

    def __init__(self, access: RedisAccess, connect: Connect = plain) -> None:
        self._access = access
        self._connect = connect

    @property
    def where(self) -> str:
        """The store as a URL without the password."""
        return self._access.where

    def read(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return what Redis says at *keys*; what is no string, or no text, is as good as nothing."""
        order = list(keys)
        if not order:
            return {}
        with self._connected() as connection:
            values = connection.ask("MGET", *order)
        pairs = zip(order, values, strict=True) if isinstance(values, list) else ()
        found = {key: _text(value) for key, value in pairs}
        return {key: value for key, value in found.items() if value is not None}

    def write(self, change: Change) -> None:
        """Make all of *change* in one transaction; of a full Redis, all but what needs room."""
        if not change:
            return
        with self._connected() as connection:
            try:
                gone = _transact(connection, change)
            except RefusalError as refusal:
                if refusal.code == _FULL:
                    _transact(connection, Change({}, change.renew, change.delete))
                raise
            if gone:
                again = {key: entry for key, entry in change.renew.items() if key in gone}
                _transact(connection, Change(again, {}))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Connect, and have errors say what happened, and what to do."""
        password = password_of(self._access)
        try:
            with connected(self._access, password, self._connect) as connection:
                yield connection
        except RefusalError as refusal:
            raise self._explained(refusal.code, without(str(refusal), password)) from None
        except (OSError, UnicodeError) as error:
            reason = error.strerror or error if isinstance(error, OSError) else "no host has such a name"
            raise StoreError(
                f"cannot reach {self.where}: {reason}",
                hint="systemctl status redis-server; beacon.toml says where it is",
            ) from error

    def _explained(self, code: str, refusal: str) -> BeaconError:
        if code in _LOGIN or "password" in refusal.lower():
            return ConfigError(
                f"{self.where} refuses the user or the password: {refusal}",
                hint="user and password of its table in beacon.toml say both",
            )
        if code == _DENIED:
            return ConfigError(
                f"{self.where} does not let the user in to its keys: {refusal}",
                hint="ACL SETUSER gives a user commands and keys: ~PREFIX* +@all",
            )
        if code == _FULL:
            return StoreError(
                f"{self.where} is full: nothing new was published",
                hint="raise maxmemory in redis.conf, or have it evict keys (maxmemory-policy)",
            )
        return StoreError(f"{self.where} refuses: {refusal}")


def _transact(connection: Connection, change: Change) -> frozenset[str]:
    """Make *change* in one transaction; return the keys that were to be renewed and are gone."""
    if not change:
        return frozenset()
    commands = [_renewed(key, entry) for key, entry in change.renew.items()]
    commands += [_put(key, entry) for key, entry in change.put.items()]
    if change.delete:
        commands.append(("DEL", *change.delete))
    answers = connection.transact(commands)
    # PERSIST says 0 of a key without expiry too, so that it tells nothing.
    return frozenset(
        key
        for (key, entry), done in zip(change.renew.items(), answers, strict=False)
        if entry.expire and done == 0
    )


def _renewed(key: str, entry: Entry) -> tuple[str | int, ...]:
    return ("EXPIRE", key, entry.expire) if entry.expire else ("PERSIST", key)


def _put(key: str, entry: Entry) -> tuple[str | int, ...]:
    """Return the command that beachhead-companion wrote with, which some watch for."""
    return ("SETEX", key, entry.expire, entry.value) if entry.expire else ("SET", key, entry.value)


def _text(value: object) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None
