"""Secrets: texts that no message, no log and no representation of a value may show, and their versions.

Each value of a secret that Beacon keeps has a version, and a release names those that it runs with.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from beacon.model.unit import PREFIX

_SHORTEST = 4
"""Characters of a value; what is shorter is in every second text."""


class Sensitive:
    """A text that must not be shown; only :meth:`reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<redacted>"


def redacted(text: str, values: Iterable[bytes]) -> str:
    """Return *text* without *values*, as they are or in base64; of one of several lines, without each."""
    found: set[str] = set()
    for value in values:
        whole = value.decode(errors="ignore")
        found |= {whole.strip(), base64.b64encode(value).decode(), *map(str.strip, whole.splitlines())}
    for one in sorted(found, key=len, reverse=True):
        if len(one) >= _SHORTEST:
            text = text.replace(one, repr(Sensitive("")))
    return text


LARGEST: Final = 500_000
"""Bytes of a value: Podman takes 512,000 (podman-secret-create(1))."""
FOLDER: Final = "/var/lib/beacon/secrets"
"""Where the machine's values are, encrypted; units of docker read them there."""
_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*"
_CREDENTIAL = re.compile(rf"(?P<name>{_NAME})\.(?P<number>[1-9][0-9]*)")


class SecretVersion(NamedTuple):
    """One value of the secret *name*; numbers begin at 1 and are never used again."""

    name: str
    number: int

    @property
    def credential(self) -> str:
        """What systemd knows it by (systemd.exec(5), LoadCredentialEncrypted=)."""
        return f"{self.name}.{self.number}"

    @property
    def file(self) -> str:
        """The name of the file that has it, encrypted."""
        return f"{self.credential}.cred"

    @property
    def in_engine(self) -> str:
        """What Podman knows it by."""
        return f"{PREFIX}{self.credential}"


def parse_credential(text: str) -> SecretVersion | None:
    """Read what :attr:`SecretVersion.credential` gives; None for anything else."""
    match = _CREDENTIAL.fullmatch(text)
    return SecretVersion(match["name"], int(match["number"])) if match else None


def is_secret_name(text: str) -> bool:
    """Say whether a secret may be called *text*."""
    return re.fullmatch(_NAME, text) is not None


def newest(versions: Iterable[SecretVersion]) -> dict[str, int]:
    """Return the number of the newest version of each secret."""
    return {one.name: one.number for one in sorted(versions)}


def named(numbers: Mapping[str, int]) -> frozenset[SecretVersion]:
    """Return the versions that a release names."""
    return frozenset(SecretVersion(name, number) for name, number in numbers.items())
