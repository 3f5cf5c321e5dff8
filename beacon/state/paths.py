"""Where things are, per scope (the table of docs/architecture.md, "On disk")."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from beacon.model.machine import Scope


class Paths(Struct, frozen=True):
    """The folders and files of one scope."""

    config: Path
    state: Path
    runtime: Path
    quadlet: Path
    units: Path
    """Where plain units are: with docker, and with Podman older than 4.4."""

    @property
    def definitions(self) -> Path:
        """The folder of the owner's definitions."""
        return self.config / "services"

    @property
    def settings(self) -> Path:
        """The machine's configuration."""
        return self.config / "beacon.toml"

    @property
    def removed(self) -> Path:
        """Where definitions are kept of services that were removed."""
        return self.state / "removed"

    @property
    def secrets(self) -> Path:
        """Where the values of secrets are, encrypted."""
        return self.state / "secrets"

    @property
    def outbox(self) -> Path:
        """Where events are on their way to the journal."""
        return self.state / "outbox"

    @property
    def notifications(self) -> Path:
        """Where news are on their way to who is notified."""
        return self.state / "notifications"

    @property
    def notified(self) -> Path:
        """What is remembered of who is notified."""
        return self.state / "notified.json"

    @property
    def template_overrides(self) -> Path:
        """Unit templates of the owner, each of which takes the place of the packaged one."""
        return self.config / "unit-templates"

    @property
    def helpers(self) -> Path:
        """Where units are that systemd forgets with a boot (systemd.unit(5))."""
        return self.runtime.parent / "systemd" / ("system" if self.runtime.parent == Path("/run") else "user")

    @property
    def written(self) -> tuple[Path, ...]:
        """The folders that Beacon writes files in."""
        states = (
            self.state / name
            for name in ("", "services", "adoptions", "published", "outbox", "notifications")
        )
        return (self.definitions, *states, self.quadlet, self.units)

    @classmethod
    def of(cls, scope: Scope, environ: Mapping[str, str], home: Path, uid: int) -> Paths:
        """Return the paths of *scope*; user paths follow the XDG base directory specification."""
        if scope is Scope.SYSTEM:
            return cls(
                config=Path("/etc/beacon"),
                state=Path("/var/lib/beacon"),
                runtime=Path("/run/beacon"),
                quadlet=Path("/etc/containers/systemd"),
                units=Path("/etc/systemd/system"),
            )
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        state = Path(environ.get("XDG_STATE_HOME") or home / ".local/state")
        runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
        return cls(
            config=config / "beacon",
            state=state / "beacon",
            runtime=runtime / "beacon",
            quadlet=config / "containers/systemd",
            units=config / "systemd/user",
        )
