"""What the owner says in the words of an engine and of systemd, passed through untouched."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

Directives = Mapping[str, tuple[str, ...]]
"""Raw directives of one section: key to its values, one line each, passed through untouched."""


class RawPodman(Struct, frozen=True):
    """``[podman]``: *args* for podman run, and directives for the sections of the Quadlet file."""

    args: tuple[str, ...] = ()
    container: Directives = field(default_factory=dict)
    unit: Directives = field(default_factory=dict)
    service: Directives = field(default_factory=dict)


class RawDocker(Struct, frozen=True):
    """``[docker]``: *args* for docker run, and directives for the sections of the unit file."""

    args: tuple[str, ...] = ()
    unit: Directives = field(default_factory=dict)
    service: Directives = field(default_factory=dict)
