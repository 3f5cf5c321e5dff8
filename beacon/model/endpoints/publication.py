"""Stores that endpoints are published to: how to get in, and what each gets (``[publish.*]``)."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.sensitive import Sensitive

REDIS_PORT = 6379
ETCD_PORT = 2379
PLACE = "{}"
"""Where a check command gets the name of the file that it is to look at."""


class RedisAccess(Struct, frozen=True):
    """A Redis, and how to get in."""

    host: str = "localhost"
    port: int = REDIS_PORT
    socket: str | None = None
    """A unix socket, instead of host and port."""
    db: int = 0
    user: str | None = None
    password: Sensitive | None = None
    password_file: str | None = None
    tls: bool = False
    ca_file: str | None = None

    @property
    def where(self) -> str:
        """The store as a URL without the password."""
        user = f"{self.user}@" if self.user else ""
        if self.socket is not None:
            return f"unix://{user}{self.socket}?db={self.db}"
        return f"{'rediss' if self.tls else 'redis'}://{user}{_bracketed(self.host)}:{self.port}/{self.db}"


class EtcdAccess(Struct, frozen=True):
    """An etcd (version 3), and how to get in."""

    host: str = "localhost"
    port: int = ETCD_PORT
    tls: bool = False
    user: str | None = None
    password: Sensitive | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def url(self) -> str:
        """Where its gateway for HTTP and JSON is."""
        return f"{'https' if self.tls else 'http'}://{_bracketed(self.host)}:{self.port}"

    @property
    def where(self) -> str:
        """The store as a URL without the password."""
        user = f"{self.user}@" if self.user else ""
        return self.url.replace("://", f"://{user}", 1)


class FileAccess(Struct, frozen=True):
    """A file, the command that looks at a new one first, and the one that has it read."""

    path: str
    mode: int = 0o644
    check: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Its path."""
        return self.path


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Publication(Struct, frozen=True):
    """One table: what is published to one store, in one form."""

    table: str
    """``publish.redis``, or ``publish.redis[1]`` where there are several."""
    access: RedisAccess | EtcdAccess | FileAccess
    form: str = "beachhead"
    """``beachhead``, ``traefik``, and of a file ``json``, ``yaml`` or ``template``."""
    prefix: str = ""
    expire: int = 0
    """Seconds; 0 is never."""
    refresh: float = 0.0
    """Seconds after which keys that did not change are renewed."""
    address: str = "127.0.0.1"
    """What is published for ports that are published at every address of the machine."""
    key: str | None = None
    value: str | None = None
    """Templates of key and value; None is the form's own."""
    each: str = "service"
    """What has a key of its own: ``service`` or ``endpoint``."""
    template: str | None = None
    entrypoints: tuple[str, ...] = ()
    certresolver: str | None = None
