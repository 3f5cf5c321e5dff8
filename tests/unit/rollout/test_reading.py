"""Definitions whose text is the same are known from their releases."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace

from beacon import __version__
from beacon.definition.decode import decode
from beacon.errors import AccessError
from beacon.model.image import ImageConfig, Platform
from beacon.model.reference import Digest
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger, text_digest
from beacon.rollout.definitions.machine import Machine
from beacon.rollout.definitions.reading import read_definitions

TEXT = 'image = "ghcr.io/me/web:1"\n'
DIGEST = Digest("sha256:" + "a" * 64)
KNOWN = decode(TEXT + 'description = "known"', name="web", file="web.toml")
"""What nobody would read out of that text."""
RELEASE = Release(
    number=1,
    service=KNOWN,
    reference=KNOWN.image,
    tag_digest=DIGEST,
    digest=DIGEST,
    image=ImageConfig(DIGEST, Platform("linux", "amd64")),
    state=ReleaseState.LIVE,
    trigger=Trigger.APPLY,
    created="2026-01-02T03:04:05Z",
    definition=text_digest(TEXT),
    reader=__version__,
)


class StandIn:
    """As much of a machine as reading definitions takes."""

    def __init__(self, release: Release | None) -> None:
        self.store = self
        self._release = release

    def names(self) -> tuple[str, ...]:
        """Return the services that are remembered."""
        return () if self._release is None else ("web",)

    def load(self, name: str) -> ServiceState:
        """Return the state of a service; only root may where there is none."""
        if self._release is None:
            raise AccessError("only root may read the state of the machine's services")
        return ServiceState(name, (self._release,), live=self._release.number)

    def definition_path(self, name: str) -> Path:
        """Return where a definition is."""
        return Path(f"/etc/beacon/services/{name}.toml")


def described(release: Release | None) -> str:
    """Return the description of what is read on a machine where *release* lives."""
    host = cast("Machine", StandIn(release))
    definitions, _ = read_definitions(host, ["web"], {"web": TEXT})
    assert definitions["web"].digest == text_digest(TEXT)
    return definitions["web"].service.description


def test_the_same_text_is_not_read_again() -> None:
    assert described(RELEASE) == "known"


@pytest.mark.parametrize(
    "release",
    [
        replace(RELEASE, definition=text_digest(TEXT + "# changed")),
        replace(RELEASE, reader="0.0.1"),
        replace(RELEASE, reader=""),
        None,
    ],
    ids=["another text", "another version", "a version that did not say", "no access"],
)
def test_anything_else_is_read(release: Release | None) -> None:
    assert described(release) == ""
