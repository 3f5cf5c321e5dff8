"""Containers that are there and are not Beacon's: found in either engine, read, and acted on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from beacon.engine.command import CommandFailedError, run
from beacon.errors import MachineError, UsageError
from beacon.formats.jsontext import read_json
from beacon.importing.layer import own_layer
from beacon.model.unit import SERVICE_LABEL, is_unnamed

_LIMIT = 120.0
_DIFF_LIMIT = 3600.0
_RETURNING = {"always", "unless-stopped"}
"""Policies by which an engine starts a container at boot."""


class ForeignContainer(Struct, frozen=True):
    """A container that is there, and how it is acted on."""

    name: str
    engine: str
    environment: Mapping[str, str]
    inspected: Mapping[str, object]

    def act(self, *arguments: str) -> str:
        """Run a command of the engine on the container."""
        # As long as the container itself may take to stop, and no less than an engine may take.
        limit = _LIMIT + _number(_section(self.inspected, "Config").get("StopTimeout"))
        return run([self.engine, *arguments, self.name], self.environment, timeout=limit)

    def let_lie(self) -> None:
        """Stop the container, and have no boot start it again."""
        if self.restart:
            self._set_restart("no")
        self.act("stop")

    def bring_back(self, restart: str, *, start: bool) -> None:
        """Undo that: give it its policy for restarts, and start it where it ran before."""
        if restart:
            self._set_restart(restart)
        if start:
            self.act("start")

    def remove(self) -> None:
        """Delete the container. Its volumes stay, those that never had a name too."""
        self.act("rm")  # without --volumes

    def _set_restart(self, policy: str) -> None:
        with suppress(CommandFailedError):  # Podman before 5.1, which starts none at boot by itself
            self.act("update", f"--restart={policy}")

    @property
    def is_running(self) -> bool:
        """Whether it ran when it was inspected."""
        return bool(_section(self.inspected, "State").get("Running"))

    @property
    def restart(self) -> str:
        """The policy by which its engine starts it at boot; empty where it does not."""
        policy = str(_section(self.inspected, "HostConfig", "RestartPolicy").get("Name") or "")
        return policy if policy in _RETURNING else ""

    @property
    def volumes(self) -> dict[str, str]:
        """Path → volume."""
        mounts = self.inspected.get("Mounts")
        rows = [row for row in mounts if isinstance(row, dict)] if isinstance(mounts, list) else []
        return {str(row["Destination"]): str(row["Name"]) for row in rows if row.get("Type") == "volume"}

    def image(self) -> Mapping[str, object]:
        """Return what its engine says of the image that it was made from; nothing where that is gone."""
        return _inspect(self.engine, "image", str(self.inspected.get("Image")), self.environment) or {}

    def layer(self) -> tuple[str, ...]:
        """Return the paths that it added, changed or deleted in a layer of its own."""
        # Of "container": an image may have the name as well.
        said = run([self.engine, "container", "diff", self.name], self.environment, timeout=_DIFF_LIMIT)
        mounts = self.inspected.get("Mounts")
        rows = [row for row in mounts if isinstance(row, dict)] if isinstance(mounts, list) else []
        mounted = {str(row.get("Destination")) for row in rows}
        mounted |= _section(self.inspected, "HostConfig", "Tmpfs").keys()
        upper = str(_section(self.inspected, "GraphDriver", "Data").get("UpperDir") or "")
        return own_layer(said.splitlines(), mounted, lambda path: bool(upper) and Path(upper + path).is_dir())


class Containers(Struct, frozen=True):
    """The containers of both engines, as they say in one *environment*."""

    environment: Mapping[str, str]

    def find(self, name: str, engine: str | None = None) -> ForeignContainer:
        """Return the container *name*, from the engine given or from the one that has it.

        Raises UsageError where neither has it, and MachineError where the engine given is not here.
        """
        if engine not in {None, "podman", "docker"}:
            raise UsageError(f"--engine must be podman or docker, not {engine!r}")
        for candidate in [engine] if engine is not None else ["podman", "docker"]:
            try:
                found = self.get(candidate, name)
            except MachineError:
                if engine is not None:
                    raise
                continue  # that engine is not here
            if found is not None:
                return found
        where = engine or "podman nor docker"
        raise UsageError(f"there is no container {name!r} in {where}", hint=f"{engine or 'podman'} ps --all")

    def get(self, engine: str, name: str) -> ForeignContainer | None:
        """Return the container *name* of an engine; None where it has none."""
        found = _inspect(engine, "container", name, self.environment)
        if found is None:
            return None
        return ForeignContainer(str(found.get("Name", name)).lstrip("/"), engine, self.environment, found)


def _inspect(
    engine: str, kind: str, name: str, environment: Mapping[str, str]
) -> Mapping[str, object] | None:
    """Return what the engine says of a container or an image; None where there is none."""
    try:
        said = run([engine, kind, "inspect", name], environment)
    except CommandFailedError as error:
        if "no such" in error.said.lower():
            return None
        raise
    try:
        rows = read_json(said or "[]")
    except ValueError as error:
        raise MachineError(f"cannot understand what {engine} {kind} inspect says: {error}") from error
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None


def refuse_what_others_run(old: ForeignContainer) -> None:
    """Raise UsageError for containers that would come back, or could not be put back."""
    labels = _section(old.inspected, "Config", "Labels")
    if SERVICE_LABEL in labels:
        raise UsageError(f"{old.name} is Beacon's already: service {labels[SERVICE_LABEL]}")
    unit = labels.get("PODMAN_SYSTEMD_UNIT")
    if unit:
        raise UsageError(
            f"{old.name} is run by {unit}, which would start it again",
            hint=f"remove that unit first: systemctl disable --now {unit}",
        )
    if _section(old.inspected, "HostConfig").get("AutoRemove"):
        lost = [volume for volume in old.volumes.values() if is_unnamed(volume)]
        first = f"save what it has in {', '.join(lost)}, which goes with it, then " if lost else ""
        raise UsageError(
            f"{old.name} was made with --rm: it is gone when it is stopped, and could not be put back",
            hint=f"{first}import it without --adopt, stop it, and beacon apply",
        )


def _section(inspected: Mapping[str, object], *path: str) -> Mapping[str, object]:
    found: object = inspected
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
