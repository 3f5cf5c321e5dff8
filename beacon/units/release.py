"""What is rendered."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from beacon.model.reference import Digest, ImageReference
from beacon.model.service import Service


class ReleaseInput(Struct, frozen=True, kw_only=True):
    """A service at one digest.

    The engine applies what the image says by itself, so command, entrypoint, environment, user, working
    folder and labels are written as *declared*; what Beacon must know or change (volumes, health, init, how
    to stop) comes from the *service* in effect.
    """

    service: Service
    """In effect: with the image's defaults, init settled, and the image's VOLUMEs as named volumes."""
    declared: Service
    """The definition alone."""
    digest: Digest
    """Of the manifest that is run."""
    number: int | None = None
    """Of the release, where there is one."""
    followed: ImageReference | None = None
    """The reference that the digest was found at, where that is not the definition's: a range's best tag."""
    own_check: bool = False
    """Whether the health check is the image's own, which engines find in it by themselves."""
    beside: bool = False
    """Whether this runs beside the live release for a while, and not from the next boot on."""
    secrets: Mapping[str, int] = field(default_factory=dict)
    """The versions of Beacon's own secrets; those that are not named here are the engine's."""
    private: bool = False
    """Whether other users must read nothing of the definition: its environment goes by files of its own."""
    file: str | None = None
    """What faults call the definition; NAME.toml by default."""

    @property
    def fault_file(self) -> str:
        """The name of the definition in faults."""
        return self.file if self.file is not None else f"{self.service.name}.toml"
