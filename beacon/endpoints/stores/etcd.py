"""etcd (version 3) as a store of endpoints: keys on a lease, through its gateway for HTTP and JSON.

By Python's own client: requests would take a fourth of the memory of a process that is resident.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.endpoints.stores.password import password_of, without
from beacon.errors import BeaconError, ConfigError, StoreError
from beacon.formats.jsontext import read_json
from beacon.model.endpoints.publication import EtcdAccess

_PATIENCE = 5.0
"""Seconds for a connection, and for each answer."""
_AT_ONCE = 100
"""Operations of one transaction; etcd takes 128 (--max-txn-ops)."""
_FAILED = 400
_NO_LEASE = "0"
_SHORT = 5
"""Seconds of the longest lease that etcd may give to somebody who asked for less."""

# Codes of google.rpc, as the gateway gives them.
_INVALID, _NOT_FOUND, _DENIED, _EXHAUSTED, _UNAUTHENTICATED = 3, 5, 7, 8, 16
_OUTDATED = ("revision of auth store is old", "user name is empty")
"""What etcd says, with the code of what makes no sense, of a token from before a change of users or roles."""

_NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading an answer raises that is none of etcd's."""

_Operation = Mapping[str, Mapping[str, object]]


class _Refusal(Exception):  # noqa: N818  # not an error yet: some are mended
    """etcd said no."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class EtcdPublisher:
    """Publishes to one etcd. Keys that expire after the same time share a lease."""

    def __init__(self, access: EtcdAccess) -> None:
        self._access = access
        self._token: str | None = None
        self._leases: dict[int, str] = {}
        """Seconds → the lease that new keys are put on."""
        self._lease_of: dict[str, str] = {}
        """Key → its lease, as it was last read."""

    @property
    def where(self) -> str:
        """The store as a URL without the password."""
        return self._access.where

    def read(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return what etcd says at *keys*, and note which lease each is on."""
        found: dict[str, str] = {}
        self._lease_of = {}
        try:
            for part in _parts(sorted(keys)):
                answer = self._call(
                    "kv/txn", {"success": [{"request_range": {"key": _coded(key)}} for key in part]}
                )
                with self._understood():
                    for key, value, lease in _rows(answer):
                        found[key], self._lease_of[key] = value, lease
        except _Refusal as refusal:
            raise self._explained(refusal) from refusal
        return found

    def write(self, change: Change) -> None:
        """Make all of *change*; of a full etcd, all but what needs room."""
        deletes = [{"request_delete_range": {"key": _coded(key)}} for key in change.delete]
        try:
            put = {**change.put, **self._keep(change.renew)}
            try:
                # In one transaction where it has room for that: a domain that moves is never without a key.
                self._transact([*self._puts(put), *deletes])
            except _Refusal as refusal:
                if refusal.code == _NOT_FOUND:  # a lease ended in between
                    self._leases.clear()
                    self._transact([*self._puts(put), *deletes])
                elif refusal.code == _EXHAUSTED:
                    self._transact(deletes)
                    raise
                else:
                    raise
        except _Refusal as refusal:
            raise self._explained(refusal) from refusal

    def _keep(self, renewed: Mapping[str, Entry]) -> Mapping[str, Entry]:
        """Keep the leases of keys alive; return the keys that must be put again, on another lease."""
        again: dict[str, Entry] = {}
        lives: dict[str, int] = {_NO_LEASE: 0}
        for key, entry in renewed.items():
            lease = self._lease_of.get(key, _NO_LEASE)
            if lease not in lives:
                lives[lease] = self._keep_alive(lease) if entry.expire else -1
            if not _fits(lives[lease], entry.expire):
                again[key] = entry
            elif entry.expire:
                self._leases.setdefault(entry.expire, lease)
        return again

    def _keep_alive(self, lease: str) -> int:
        """Renew a lease; return its seconds, 0 where it has ended."""
        try:
            answer = self._call("lease/keepalive", {"ID": lease})
        except _Refusal as refusal:
            if refusal.code == _NOT_FOUND:
                return 0
            raise
        with self._understood():
            return int(answer.get("result", {}).get("TTL", 0))

    def _lease(self, expire: int) -> str:
        """Return a lease of *expire* seconds that lives, a new one where there is none."""
        if not expire:
            return _NO_LEASE
        known = self._leases.get(expire)
        if known is None or not _fits(self._keep_alive(known), expire):
            answer = self._call("lease/grant", {"TTL": str(expire)})
            with self._understood():
                known = self._leases[expire] = str(answer["ID"])
        return known

    def _puts(self, put: Mapping[str, Entry]) -> list[_Operation]:
        leases = {expire: self._lease(expire) for expire in {entry.expire for entry in put.values()}}
        return [
            {
                "request_put": {
                    "key": _coded(key),
                    "value": _coded(entry.value),
                    "lease": leases[entry.expire],
                }
            }
            for key, entry in put.items()
        ]

    def _transact(self, operations: Iterable[_Operation]) -> None:
        for part in _parts(list(operations)):
            self._call("kv/txn", {"success": part})

    # HTTP

    def _call(self, method: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask the gateway; once more with a new token where the old one has ended."""
        try:
            return self._ask(method, body)
        except _Refusal as refusal:
            if self._access.user is None or not _is_of_token(refusal):
                raise
        return self._ask(method, body)

    def _ask(self, method: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask with a token; whatever is refused, the next question has a new one."""
        if self._access.user is not None and self._token is None:
            self._log_in()
        try:
            return self._post(method, body)
        except _Refusal:
            self._token = None
            raise

    def _log_in(self) -> None:
        who = {"name": self._access.user, "password": password_of(self._access) or ""}
        answer = self._post("auth/authenticate", who)
        with self._understood():
            self._token = _token(answer["token"])

    def _connection(self) -> http.client.HTTPConnection:
        access = self._access
        if not access.tls:
            return http.client.HTTPConnection(access.host, access.port, timeout=_PATIENCE)
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.cert_file is not None:
            context.load_cert_chain(access.cert_file, access.key_file)
        return http.client.HTTPSConnection(access.host, access.port, timeout=_PATIENCE, context=context)

    def _post(self, method: str, body: Mapping[str, object]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = self._token
        try:
            with contextlib.closing(self._connection()) as connection:
                connection.request("POST", f"/v3/{method}", json.dumps(body), headers)
                answer = connection.getresponse()
                text = answer.read()
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            raise StoreError(
                f"cannot reach {self.where}: {_reason(error)}",
                hint="systemctl status etcd; beacon.toml says where it is",
            ) from error
        with self._understood():
            said = dict[str, Any](read_json(text).items())
        # A stream, as the answers to keepalive are, has its error inside.
        inner = said.get("error")
        fault: dict[str, Any] = inner if isinstance(inner, dict) else said
        if answer.status >= _FAILED or fault is inner:
            code = _code(fault.get("code", fault.get("grpc_code")))
            words = str(fault.get("message") or fault.get("error") or answer.reason)
            raise _Refusal(code, without(words, str(body.get("password", ""))))
        return said

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """Read an answer; one that makes no sense is told as the store's fault, whatever is wrong with it."""
        try:
            yield
        except _NONSENSE as error:
            raise StoreError(f"{self.where} does not answer as etcd 3.4 and newer do") from error

    def _explained(self, refusal: _Refusal) -> BeaconError:
        words = str(refusal).removeprefix("etcdserver: ")
        if refusal.code == _EXHAUSTED:
            return StoreError(
                f"{self.where} is full: nothing new was published ({words})",
                hint="etcdctl compact, defrag and alarm disarm make room; --quota-backend-bytes is its limit",
            )
        if refusal.code == _DENIED:
            return ConfigError(
                f"{self.where} does not let the user in to its keys: {words}",
                hint="etcdctl role grant-permission gives a role keys: readwrite PREFIX --prefix",
            )
        if refusal.code in {_INVALID, _UNAUTHENTICATED}:
            return ConfigError(
                f"{self.where} refuses the user or the password: {words}",
                hint="user and password of its table in beacon.toml say both",
            )
        return StoreError(f"{self.where} refuses: {words}")


def _is_of_token(refusal: _Refusal) -> bool:
    """Say whether etcd refused the token, rather than what was asked or the login."""
    return refusal.code == _UNAUTHENTICATED or any(words in str(refusal) for words in _OUTDATED)


def _fits(lease: int, expire: int) -> bool:
    """Say whether a lease has the seconds that were asked for; etcd makes very short ones longer."""
    return lease == expire or (expire > 0 and expire < lease <= _SHORT)


def _rows(answer: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield key, value and lease of what was found."""
    for response in answer.get("responses", ()):
        for row in response.get("response_range", {}).get("kvs", ()):
            yield _decoded(row["key"]), _decoded(row.get("value", "")), str(row.get("lease", _NO_LEASE))


def _token(said: object) -> str:
    """Return a token as it was said; ValueError where no header can hold it."""
    if not isinstance(said, str) or not said or not (said.isascii() and said.isprintable()):
        raise ValueError("no token")
    return said


def _code(said: object) -> int:
    """Return the code of a refusal; 0, which explains nothing, where there is none."""
    return said if isinstance(said, int) else 0


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "no host has such a name"
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or str(error) or type(error).__name__


def _parts(whole: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")
