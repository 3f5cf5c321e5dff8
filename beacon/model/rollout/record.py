"""A rollout as it is written down: what it was planned from, its list of steps, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.model.runtime import UnitState

ROLLOUT_VERSION = 1
"""Of the form in which rollouts are written down; one that is higher is not understood."""

UP = frozenset({"active", "activating", "reloading", "refreshing", "failed"})
"""States of a unit (ActiveState=) that a rollout brings back; one that had failed is tried again."""


class StepKind(StrEnum):
    """One thing that a rollout does."""

    HOOK = "hook"
    STOP = "stop"
    COPY = "copy"
    BESIDE = "beside"
    AHEAD = "ahead"
    FILES = "files"
    WAIT = "wait"
    RESTART = "restart"
    GATE = "gate"
    RETURN = "return"
    DEPENDENTS = "dependents"
    FORMER_FILES = "former-files"
    FORMER_START = "former-start"
    FORMER_STOP = "former-stop"
    DROP_COPIES = "drop-copies"

    @property
    def sentence(self) -> str:
        """What is done, for those who read a plan or watch a rollout."""
        return _SENTENCES[self]


_SENTENCES = {
    StepKind.HOOK: "run hooks.before_update",
    StepKind.STOP: "stop the service",
    StepKind.COPY: "copy its volumes",
    StepKind.BESIDE: "start the new release beside the live one, and wait until it is healthy",
    StepKind.AHEAD: "send requests to the new release, and drain the live one",
    StepKind.FILES: "write unit files and reload systemd",
    StepKind.WAIT: "have requests wait in the proxy",
    StepKind.RESTART: "restart the service",
    StepKind.GATE: "wait until it is healthy",
    StepKind.RETURN: "send requests to the service's own unit again",
    StepKind.DEPENDENTS: "start again what went down with it",
    StepKind.FORMER_FILES: "put the former unit files back and reload systemd",
    StepKind.FORMER_START: "start the former release, and wait until it is healthy",
    StepKind.FORMER_STOP: "leave the service stopped, as it was",
    StepKind.DROP_COPIES: "delete the copies of its volumes",
}


class Decision(StrEnum):
    """What a rollout is to end with."""

    FORTH = "forth"
    """The candidate, if all steps succeed."""
    LIVE = "live"
    """The candidate: all steps have succeeded."""
    BACK = "back"
    """The release before it."""


class Cause(StrEnum):
    """Why a rollout turned back."""

    IMAGE = "image"
    """The candidate is at fault: its image is quarantined."""
    MACHINE = "machine"
    """The machine hindered it: nothing is known against the image."""
    OWNER = "owner"
    """It is not wanted any more."""
    STOPPED = "stopped"
    """The service was stopped meanwhile, and is to stay so."""
    HOOK = "hook"
    """hooks.before_update said no."""


class VolumeCopy(Struct, frozen=True):
    """A volume *target* that is made with all that *source* holds; both are the engines' names."""

    source: str
    target: str
    engine: str = ""
    """Which engine has the source; empty: the one that gets the target."""
    name: str = ""
    """What the definition calls the target; empty for one that is not Beacon's own."""


class RolloutFacts(Struct, frozen=True):
    """What a rollout is planned from; none of it changes while it is carried out."""

    service: str
    release: int
    previous: int | None
    started: str
    """RFC 3339, in UTC."""
    before: Mapping[str, str | None] = field(default_factory=dict)
    """Files as they were; None where there was none."""
    after: Mapping[str, str | None] = field(default_factory=dict)
    """Files of the candidate; None where one is to be removed."""
    dependents: tuple[str, ...] = ()
    """Units that were up and that a failed start of this one would take down."""
    start: bool = True
    """Whether the service is to run; not where its owner had stopped it."""
    was: str = "inactive"
    """ActiveState of the unit before."""
    engine: str = ""
    """What is to run the candidate."""
    former: str = ""
    """What ran the previous release, where the service moves to another engine."""
    copies: tuple[VolumeCopy, ...] = ()
    """The volumes that the candidate gets copies of."""
    adopted: tuple[VolumeCopy, ...] = ()
    """Those of them that are of a container whose place the service takes."""
    targets: tuple[str, ...] = ()
    """The volumes that the rollout makes, and deletes again if it goes back."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Files of the helper that runs the candidate beside the live release; none without a swap."""
    wait: bool = False
    """Whether the proxy has requests wait while the unit is restarted."""
    addresses: tuple[tuple[str, int], ...] = field(default=(), name="places")
    """Addresses and ports of the machine at which the candidate has to accept connections."""
    hook: bool = False
    """Whether before_update is to be asked."""

    @property
    def has_way_back(self) -> bool:
        """Whether there is another release to go back to."""
        return self.previous is not None and self.previous != self.release

    @property
    def was_up(self) -> bool:
        """Whether the service is to be up again if the rollout goes back."""
        return self.was in UP

    @property
    def is_copying(self) -> bool:
        """Whether the service is stopped for copies of its data."""
        return bool(self.former or self.copies)


class Rollout(Struct, frozen=True):
    """A rollout under way. What is needed to finish or undo it after a kill at any instant."""

    facts: RolloutFacts
    steps: tuple[StepKind, ...]
    index: int = 0
    """The step that is being done; it may lag behind, and is never ahead."""
    decision: Decision = Decision.FORTH
    boot: str = ""
    """The boot in which this was written: what is in /run has gone with any other."""
    cause: Cause | None = None
    reason: str = ""
    """Why it turned back, in words."""
    certain: bool = True
    """Whether that cause is certain."""
    turned: StepKind | None = None
    """The step that it turned back at."""
    met: UnitState | None = None
    """The service's unit as it was then. None of older Beacons."""
    version: int = ROLLOUT_VERSION

    @property
    def step(self) -> StepKind | None:
        """The step that is being done; None once all are."""
        return self.steps[self.index] if self.index < len(self.steps) else None

    @property
    def doing(self) -> str:
        """What it is at, in one word."""
        return self.step.value if self.step is not None else "commit"

    @property
    def started(self) -> str:
        """When it began: RFC 3339, in UTC."""
        return self.facts.started

    def has_come_to(self, kind: StepKind) -> bool:
        """Say whether the step *kind* has begun, as far as the index tells."""
        return kind in self.steps[: self.index + 1]


def begun(facts: RolloutFacts, boot: str) -> Rollout:
    """Return a rollout that is about to begin."""
    return Rollout(facts, way_forth(facts), boot=boot)


def way_forth(facts: RolloutFacts) -> tuple[StepKind, ...]:
    """Return the steps that bring the candidate about."""
    steps = [StepKind.HOOK] if facts.hook else []
    if facts.is_copying:
        steps += [StepKind.STOP, StepKind.COPY]
    elif facts.beside:
        steps += [StepKind.BESIDE, StepKind.AHEAD]
    steps.append(StepKind.FILES)
    if facts.start:
        steps += [StepKind.WAIT, StepKind.RESTART] if facts.wait else [StepKind.RESTART]
        steps.append(StepKind.GATE)
    if facts.beside or facts.wait:
        steps.append(StepKind.RETURN)
    if facts.dependents:
        steps.append(StepKind.DEPENDENTS)
    return tuple(steps)


def turned_back(
    rollout: Rollout, cause: Cause, reason: str, *, certain: bool = True, met: UnitState | None = None
) -> Rollout:
    """Return the rollout with its way back; the index is where that begins. *met* is its unit now."""
    return replace(
        rollout,
        steps=way_back(rollout, cause),
        index=0,
        decision=Decision.BACK,
        cause=cause,
        reason=reason,
        certain=certain,
        turned=rollout.step,
        met=met,
    )


def started_since(rollout: Rollout, how: str) -> Rollout:
    """Return the rollout on a way back that was to leave its service down, though that was started since.

    *how* says by whom.
    """
    steps = [StepKind.FORMER_START if one is StepKind.FORMER_STOP else one for one in rollout.steps]
    if rollout.facts.dependents and StepKind.DEPENDENTS not in steps:
        steps.append(StepKind.DEPENDENTS)
    cause = Cause.OWNER if rollout.cause is Cause.STOPPED else rollout.cause
    reason = f"{rollout.reason}, and {how}"
    return replace(rollout, steps=tuple(steps), index=0, cause=cause, reason=reason)


def way_back(rollout: Rollout, cause: Cause) -> tuple[StepKind, ...]:
    """Return the steps that bring back the release before; nothing is undone step by step.

    A first release has none: it stays installed, for its owner to look at.
    """
    facts, steps = rollout.facts, []
    if facts.has_way_back:
        if rollout.has_come_to(StepKind.FILES):
            steps.append(StepKind.FORMER_FILES)
        stays_down = cause is Cause.STOPPED or not facts.was_up
        if not stays_down:
            steps.append(StepKind.FORMER_START)
        elif facts.start and rollout.has_come_to(StepKind.FILES):
            steps.append(StepKind.FORMER_STOP)
    # What an index that lags behind does not show may have been done all the same.
    if facts.wait or facts.beside:
        steps.append(StepKind.RETURN)
    if not facts.has_way_back:
        return tuple(steps)
    if facts.targets:
        steps.append(StepKind.DROP_COPIES)
    if facts.dependents and cause is not Cause.STOPPED:  # they may need it, and would start it
        steps.append(StepKind.DEPENDENTS)
    return tuple(steps)


def way_back_of(facts: RolloutFacts) -> tuple[StepKind, ...]:
    """Return the steps that undo a rollout all of whose steps were done, but whose candidate is at fault."""
    steps = way_forth(facts)
    return way_back(Rollout(facts, steps, index=len(steps)), Cause.IMAGE)


def resumed(rollout: Rollout, boot: str) -> Rollout:
    """Return a rollout that was cut off, as it goes on in *boot*.

    After a boot it goes on from the files: helpers and routes have gone, what was stopped for a copy is up
    again, and what the boot took down has not failed.
    """
    if rollout.boot == boot:
        return rollout
    index = rollout.index
    if rollout.decision is Decision.BACK:
        index = 0
    elif rollout.decision is Decision.FORTH:
        copying = rollout.step in {StepKind.STOP, StepKind.COPY}
        from_here = StepKind.STOP if copying else StepKind.FILES
        is_before = rollout.step is StepKind.HOOK
        index = index if is_before else rollout.steps.index(from_here)
    return replace(rollout, index=index, boot=boot)
