"""What a rollout is planned from: looked up before anything changes, for a plan and the rollout alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.model.image import Layer
from beacon.model.release import Basis, Release, ServiceState
from beacon.model.rollout.record import RolloutFacts, VolumeCopy
from beacon.model.runtime import UnitState
from beacon.model.unit import environment_files, unit_name
from beacon.rollout.handling import move
from beacon.rollout.handling.handover import plan_handover
from beacon.rollout.tools import Tools
from beacon.units.mark import read_mark


class PlannedRollout(Struct, frozen=True):
    """One service to bring to *candidate*: files to put (None removes), and whether it is to run.

    All this was worked out while release *live* was live; it holds only as long as that still is.
    """

    candidate: Release
    files: dict[str, str | None]
    live: int | None
    start: bool = True
    beside: dict[str, str] = field(default_factory=dict)
    """Files of the helper that can run the candidate beside the live release."""
    runs: bool = False
    """Whether the service was up when this was planned; stopped since then, it is left alone."""
    basis: Basis | None = None
    """The state that this was worked out on; None: whichever has that live release."""
    adopted: tuple[VolumeCopy, ...] = ()
    """What it gets of the data of a container that it takes the place of."""
    overwrite: bool = False
    """Whether its owner said that files which were edited by hand may go."""
    layers: tuple[Layer, ...] = ()
    """Of its image, as far as they are known."""
    first_seen: datetime | None = None
    """When its image was, where its window and the minimum age count."""

    @property
    def name(self) -> str:
        """The service."""
        return self.candidate.service.name


def rollout_facts(tools: Tools, state: ServiceState, planned: PlannedRollout, now: UnitState) -> RolloutFacts:
    """Return the facts of a *planned* rollout; *now* is its unit. Nothing is changed or refused."""
    candidate, live = planned.candidate, state.live_release
    former = left_engine(tools, planned.name)
    copies = (*planned.adopted, *move.volume_copies(live, candidate, former))
    files = {**_outdated(tools, state, candidate), **planned.files}
    facts = RolloutFacts(
        service=planned.name,
        release=candidate.number,
        previous=state.live,
        started=tools.timestamp(),
        before={name: tools.files.read(name) for name in files if _is_own(tools, name, files, planned.name)},
        after=files,
        dependents=tools.systemd.dependents(unit_name(planned.name)) if now.load != "not-found" else (),
        start=planned.start,
        was=_standing(now),
        engine=tools.engine_kind(),
        former=former,
        copies=copies,
        adopted=planned.adopted,
        targets=move.targets(tools, copies) if copies else (),
        hook=bool(candidate.service.hooks.before_update) and live is not None,
    )
    if not planned.start or facts.is_copying:
        return facts
    beside, wait = plan_handover(tools, candidate, live, now, planned.beside)
    return replace(facts, beside=beside, wait=wait)


def left_engine(tools: Tools, name: str) -> str:
    """Return the engine that a service leaves with this rollout; nothing if it stays on the machine's."""
    former = move.installed_engine(tools, name)
    return former if former is not None and former is not tools.engine_kind() else ""


def _standing(unit: UnitState) -> str:
    """Return the state to come back to; between a crash and the next start that is no stop by the owner."""
    between = unit.load != "not-found" and not unit.is_up and not unit.is_stopped
    return "failed" if between else unit.active


def _is_own(tools: Tools, name: str, files: Mapping[str, str | None], service: str) -> bool:
    """Say whether a file is this service's alone; one of a shared network is not put back with it."""
    text = files[name] or tools.files.read(name)
    mark = read_mark(text) if text is not None else None
    return mark is not None and mark.service == service


def _outdated(tools: Tools, state: ServiceState, candidate: Release) -> dict[str, None]:
    """Return the files of the live release's environment, which goes when another takes its place."""
    if state.live is None or state.live == candidate.number:
        return {}
    names = environment_files(state.name, state.live)
    return {name: None for name in names if tools.files.read(name) is not None}
