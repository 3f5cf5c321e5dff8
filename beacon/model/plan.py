"""Plans: what apply will do, each step with the sentence saying why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from difflib import unified_diff
from enum import StrEnum
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from beacon.model.reference import ImageReference


class ReasonKind(StrEnum):
    """Why a step is there, for programs; people read the sentence."""

    ABSENT_IMAGE = "absent-image"
    NEW = "new"
    CHANGED = "changed"
    EDITED = "edited"
    UNDEFINED = "undefined"
    UNUSED = "unused"
    FILES = "files"
    FAILED = "failed"
    NOT_LOADED = "not-loaded"
    UNFINISHED = "unfinished"
    MOVED = "moved"
    NAMED = "named"
    LOST = "lost"


class Reason(Struct, frozen=True):
    """Why: *sentence* is what the operator reads."""

    kind: ReasonKind
    sentence: str

    def __str__(self) -> str:
        return self.sentence


class PullImage(Struct, frozen=True, kw_only=True):
    """Fetch *image*, named by its digest, while everything still runs."""

    action: Literal["pull-image"] = "pull-image"
    services: tuple[str, ...]
    image: ImageReference
    reason: Reason


class MoveService(Struct, frozen=True, kw_only=True):
    """Stop a service and copy its *volumes* from the engine *source*, before another engine runs it."""

    action: Literal["move-service"] = "move-service"
    services: tuple[str, ...]
    source: str
    volumes: tuple[str, ...]
    reason: Reason


class CopyVolumes(Struct, frozen=True, kw_only=True):
    """Stop a service and make its *volumes* as copies of those that never had a name."""

    action: Literal["copy-volumes"] = "copy-volumes"
    services: tuple[str, ...]
    volumes: tuple[str, ...]
    reason: Reason


class StopUnit(Struct, frozen=True, kw_only=True):
    """Stop *unit*."""

    action: Literal["stop-unit"] = "stop-unit"
    services: tuple[str, ...]
    unit: str
    reason: Reason


class RemoveFile(Struct, frozen=True, kw_only=True):
    """Remove the file *name*, whose text is *old*."""

    action: Literal["remove-file"] = "remove-file"
    services: tuple[str, ...]
    name: str
    old: str
    reason: Reason


class WriteFile(Struct, frozen=True, kw_only=True):
    """Write *text* as the file *name*, in place of *old* if there is one."""

    action: Literal["write-file"] = "write-file"
    services: tuple[str, ...]
    name: str
    text: str
    old: str | None
    reason: Reason


class DaemonReload(Struct, frozen=True, kw_only=True):
    """Have systemd read the unit files again."""

    action: Literal["daemon-reload"] = "daemon-reload"
    services: tuple[str, ...]
    reason: Reason


class StartUnit(Struct, frozen=True, kw_only=True):
    """Start *unit*."""

    action: Literal["start-unit"] = "start-unit"
    services: tuple[str, ...]
    unit: str
    reason: Reason


class RestartUnit(Struct, frozen=True, kw_only=True):
    """Restart *unit* for its changed release: through a rollout."""

    action: Literal["restart-unit"] = "restart-unit"
    services: tuple[str, ...]
    unit: str
    reason: Reason


Step = (
    PullImage
    | MoveService
    | CopyVolumes
    | StopUnit
    | RemoveFile
    | WriteFile
    | DaemonReload
    | StartUnit
    | RestartUnit
)


class LeftAlone(Struct, frozen=True, kw_only=True):
    """The file *name* of *services*, which stays as it is though it differs; *sentence* says why."""

    name: str
    services: tuple[str, ...]
    sentence: str


class Conflict(LeftAlone, Struct, frozen=True, kw_only=True):
    """A file that stands in the way of its services, which therefore get no step at all."""


class Kept(LeftAlone, Struct, frozen=True, kw_only=True):
    """A file of Beacon's that somebody changed."""


class Plan(Struct, frozen=True):
    """Steps in the order in which they are done, and what is left alone though it differs."""

    steps: tuple[Step, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def services(self) -> tuple[str, ...]:
        """The services that any step concerns, sorted."""
        return tuple(sorted({service for step in self.steps for service in step.services}))

    def without(self, names: Collection[str]) -> Plan:
        """Return the plan without the steps that concern *names* alone."""
        return replace(self, steps=tuple(step for step in self.steps if not set(step.services) <= set(names)))

    def clear_of(self, names: Iterable[str]) -> Plan:
        """Return the plan without the steps that concern any of *names*."""
        left = set(names)
        return replace(self, steps=tuple(step for step in self.steps if left.isdisjoint(step.services)))

    def for_service(self, name: str) -> Plan:
        """Return what of the plan concerns the service *name*, shared files among it."""
        return replace(
            self,
            steps=tuple(step for step in self.steps if name in step.services),
            conflicts=tuple(conflict for conflict in self.conflicts if name in conflict.services),
            kept=tuple(kept for kept in self.kept if name in kept.services),
        )


def diff(name: str, old: str | None, new: str | None) -> Iterator[str]:
    """Yield the lines of a unified diff of the file *name*; None is no file."""
    if old is None and new:
        return _whole(f"desired/{name}", new)
    before, after = (old or "").splitlines(), (new or "").splitlines()
    source = "/dev/null" if old is None else f"installed/{name}"
    target = "/dev/null" if new is None else f"desired/{name}"
    return unified_diff(before, after, source, target, lineterm="")


def _whole(target: str, text: str) -> Iterator[str]:
    """Yield the diff of a file that is new as a whole, which needs no comparison."""
    lines = text.splitlines()
    yield from (
        "--- /dev/null",
        f"+++ {target}",
        f"@@ -0,0 +{'1' if len(lines) == 1 else f'1,{len(lines)}'} @@",
    )
    yield from (f"+{line}" for line in lines)
