"""Redis as a store of endpoints: keys that expire, written in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from beacon.definition.settings import RedisSettings
from beacon.endpoints.publisher import Change
from beacon.errors import ConfigError, HostError, StoreError

if TYPE_CHECKING:
    import redis

_PATIENCE = 5.0
"""Seconds for a connection, and for each answer."""


class RedisPublisher:
    """Publishes to the Redis of *settings* as *machine*, whose name is in each key."""

    def __init__(self, settings: RedisSettings, machine: str) -> None:
        self._settings = settings
        self._machine = machine

    @property
    def where(self) -> str:
        """The store as a URL without user and password."""
        settings = self._settings
        if settings.socket is not None:
            return f"unix://{settings.socket}?db={settings.db}"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{'rediss' if settings.tls else 'redis'}://{host}:{settings.port}/{settings.db}"

    def key(self, service: str) -> str:
        """Return the prefix, the machine and the service: two machines never write one key."""
        return f"{self._settings.prefix}{self._machine}:{service}"

    def write(self, change: Change) -> None:
        """Make all of *change* in one transaction."""
        if not change.put and not change.delete:
            return
        with self._explained(), contextlib.closing(self._client()) as client:
            transaction = client.pipeline(transaction=True)
            for key, value in change.put.items():
                if self._settings.expire:
                    # As beachhead-companion wrote it, which some watch for; the library's own method warns.
                    transaction.execute_command(  # type: ignore[no-untyped-call]
                        "SETEX", key, self._settings.expire, value
                    )
                else:
                    transaction.set(key, value)
            if change.delete:
                transaction.delete(*change.delete)
            transaction.execute()

    def _client(self) -> redis.Redis:
        import redis  # noqa: PLC0415 -- only where it is wanted, and it need not be there
        from redis.backoff import NoBackoff  # noqa: PLC0415 -- the same
        from redis.retry import Retry  # noqa: PLC0415 -- the same

        settings = self._settings
        return redis.Redis(
            host=settings.host,
            port=settings.port,
            unix_socket_path=settings.socket,
            db=settings.db,
            username=settings.user,
            password=self._password(),
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            ssl=settings.tls,
            ssl_ca_certs=settings.ca_file,
            ssl_check_hostname=True,
        )

    def _password(self) -> str | None:
        file = self._settings.password_file
        if file is None:
            return self._settings.password
        try:
            return Path(file).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"cannot read publish.redis.password_file {file}: {reason}") from error

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Have errors of the library say what happened, and what to do."""
        try:
            from redis import exceptions  # noqa: PLC0415 -- as above
        except ImportError as error:
            raise HostError(
                "publishing to Redis needs Python's library for it",
                hint="apt install python3-redis, or in install.sh's venv: /opt/beacon/bin/pip install redis",
            ) from error
        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise ConfigError(
                f"{self.where} refuses the user or the password: {error}",
                hint="publish.redis.user and publish.redis.password in beacon.toml say both",
            ) from error
        except exceptions.NoPermissionError as error:
            raise ConfigError(
                f"{self.where} does not let the user write below {self._settings.prefix}: {_said(error)}",
                hint=f"ACL SETUSER {self._settings.user or 'default'} ~{self._settings.prefix}* +@all",
            ) from error
        except exceptions.OutOfMemoryError as error:
            raise StoreError(
                f"{self.where} is full: nothing was published",
                hint="raise maxmemory in redis.conf, or have it evict keys (maxmemory-policy)",
            ) from error
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            raise StoreError(
                f"cannot reach {self.where}: {error}",
                hint="systemctl status redis-server; [publish.redis] in beacon.toml says where it is",
            ) from error
        except exceptions.RedisError as error:
            raise StoreError(f"{self.where} refuses to be written: {_said(error)}") from error


def _said(error: Exception) -> str:
    """Return what Redis said, without the command that the library puts in front."""
    return str(error).rpartition("of pipeline caused error: ")[2]
