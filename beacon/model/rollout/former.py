"""How older Beacons wrote a rollout down: within the state of its service."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from beacon.model.rollout.record import VolumeCopy


class Phase(StrEnum):
    """How far a rollout had come; written to disk before the phase began."""

    PULLING = "pulling"
    COPYING = "copying"
    TRYING = "trying"
    SWITCHING = "switching"
    RESTARTING = "restarting"
    GATING = "gating"
    RESTORING = "restoring"


class FormerRollout(Struct, frozen=True):
    """A rollout under way, as older Beacons wrote it down."""

    release: int
    previous: int | None
    phase: Phase
    started: str
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
    reason: str = ""
    """Why the previous release is being restored."""
    untried: bool = False
    """Whether the candidate was given up before it proved anything: nothing is known against its image."""
    stopped: bool = False
    """Whether that is since somebody stopped the service, which is to stay down."""
    hindered: bool = False
    """Whether that is since the host refused something, which says little of the image the first times."""
    hook_stopped: bool = False
    """Whether before_update stopped the service, or may have: *was* and *dependents* are from before it."""
    engine: str = ""
    """What is to run the candidate; empty in journals of older Beacons: the machine's engine."""
    former: str = ""
    """What ran the previous release, where the service moves to another engine."""
    copied: tuple[str, ...] = ()
    """Volumes that the rollout has made as copies, or was about to make."""
    adopted: tuple[VolumeCopy, ...] = ()
    """What the service gets of the data of a container that it takes the place of."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Files of the helper that runs the candidate beside the live release; none without a swap."""
    wait: bool = field(default=False, name="hold")  # as journals of older Beacons have it
    """Whether the proxy has requests wait while the unit is restarted."""

    @property
    def doing(self) -> str:
        """What it is at, in one word."""
        return self.phase.value
