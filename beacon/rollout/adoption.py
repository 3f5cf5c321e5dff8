"""A service takes the place of a container, with its data: begun, and ended whatever a kill interrupted.

It is a rollout with data brought along. What it is undone by is on disk before the container is stopped; the
container goes last, and is back if the service does not become healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from beacon.errors import BeaconError, BusyError, ExitStatus, MachineError, UsageError
from beacon.importing.container import shortened
from beacon.importing.names import origin_of
from beacon.importing.result import Imported, MadeDefinition
from beacon.model.machine import Engine, Scope
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, exit_status
from beacon.model.release import ReleaseState, Trigger
from beacon.model.rollout.record import VolumeCopy
from beacon.model.service import Service
from beacon.rollout.apply import execute
from beacon.rollout.definitions.leaving import remove_defined
from beacon.rollout.definitions.planning import Asked, Owner, make_proposal
from beacon.rollout.definitions.reading import read_definitions
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import fetch
from beacon.rollout.driving.resuming import resume
from beacon.rollout.handling.move import engine_name, require_copy, undo
from beacon.rollout.ports import AdoptionRecord, OldContainer
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.sharing.pulls import PullGate
from beacon.rollout.tools import Tools
from beacon.state.files import remove, rewrite
from beacon.state.removed import keep
from beacon.state.store import Adoption

_ROLLOUT = 300.0
"""Seconds that a service which is to go waits for a rollout of its own."""


class Ground(Owner, Protocol):
    """A machine on which containers are adopted."""

    @property
    def engine_kind(self) -> Engine:
        """Which engine runs its services."""

    def update_proxy(self, outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
        """Have a proxy follow what *outcomes* changed; return what hinders it."""


class Adopting(Struct, frozen=True):
    """What is to take a container's place, how, and with which data; all of it was found possible."""

    definition: MadeDefinition
    proposal: Proposal
    copies: tuple[VolumeCopy, ...]
    discards_layer: bool
    """Whether files may go that are in no volume."""
    warnings: tuple[Notice, ...]


class Ended(Struct, frozen=True):
    """How an adoption ended: if the service does not become healthy, the container is back."""

    stands: bool
    outcomes: tuple[Outcome, ...]
    warnings: tuple[Notice, ...]


@dataclass(frozen=True)
class Adoptions:
    """The adoptions of one machine."""

    ground: Ground
    tools: Tools
    proposer: Proposer
    record: AdoptionRecord
    find: Callable[[str, str], OldContainer | None]
    """Return the container of an engine that is called so."""
    removed: Path
    """The folder in which definitions are kept of services that are gone."""

    def refuse(self, old: OldContainer, imported: Imported) -> None:
        """Raise UsageError or MachineError for what cannot be carried over."""
        for obstacle in imported.obstacles:
            raise UsageError(
                f"cannot adopt {old.name}: {obstacle}", hint="import it without --adopt, and go on by hand"
            )
        (definition,) = imported.definitions
        there = self.ground.definition_files().get(definition.name)
        if there is not None and origin_of(there) != definition.origin:
            raise UsageError(
                f"there is a service {definition.name!r} already", hint="choose another name with --name"
            )
        if old.engine == self.ground.engine_kind:
            return
        if self.ground.scope is Scope.USER:
            raise UsageError(
                f"cannot adopt {old.name}: the owners of {old.engine}'s data are not this user's containers",
                hint="adopt it as root",
            )
        if old.engine == Engine.DOCKER:
            self.ground.engines.require_reachable()

    def prepare(self, old: OldContainer, definition: MadeDefinition, *, discards_layer: bool) -> Adopting:
        """Return what is to be done, with the image on disk; raises what would be lost, or is in the way."""
        if not discards_layer:
            _require_no_layer(old)
        name = definition.name
        texts = {**self.ground.definition_files(), name: definition.text}
        found, _ = read_definitions(self.ground, [name], texts)
        copies = _brought_along(self.tools, old, found[name].service)
        asked = Asked(services=(name,), texts=texts, trigger=Trigger.ADD)
        planned = make_proposal(self.ground, self.proposer, asked)
        for outcome in planned.proposal.outcomes:
            raise MachineError(f"cannot adopt {old.name}: {outcome.detail}", hint=outcome.hint)
        for conflict in planned.proposal.plan.conflicts:
            raise UsageError(f"cannot adopt {old.name}: {conflict.sentence}")
        _fetch(self.tools, planned.proposal)
        return Adopting(definition, planned.proposal, copies, discards_layer, planned.warnings)

    def adopt(self, old: OldContainer, asked: Adopting) -> Ended:
        """Have the service take the place of *old*, which is put back if it does not become healthy.

        Raises what kept the rollout from being begun, once the container is back.
        """
        definition, tools = asked.definition, self.tools
        noted = Adoption(definition.name, old.name, old.engine, old.is_running, asked.copies, old.restart)
        with self._lock(noted):
            self.record.save_adoption(noted)
            rewrite(self.ground.definition_path(definition.name), definition.text.encode())
            try:
                tools.reporter.note(definition.name, f"stopping the container {old.name}")
                old.let_lie()
                if not asked.discards_layer:
                    _require_no_layer(old)  # what it wrote when it ended
                outcomes = execute(tools, asked.proposal, adopted={definition.name: asked.copies})
                warnings = self.ground.update_proxy(outcomes)
            except BeaconError:
                self._put_back(old, noted)
                tools.reporter.note(definition.name, f"the container {old.name} is as it was")
                raise
            stands = exit_status(outcomes) is ExitStatus.OK and self._settle(old, noted)
            if not stands:
                warnings += self._put_back(old, noted)
        return Ended(stands, outcomes, (*asked.warnings, *warnings))

    def finish(self) -> tuple[Notice, ...]:
        """End the adoptions that a kill interrupted: the service is healthy, or the container is back.

        One that cannot be ended now is ended by the next run, and keeps nothing else from being done.
        """
        warnings: list[Notice] = []
        for noted in self.record.adoptions():
            try:
                with self._lock(noted):
                    if noted in self.record.adoptions():  # nobody else has ended it meanwhile
                        warnings += self._finish(noted)
            except BusyError:
                continue  # it is under way
            except BeaconError as error:
                text = f"the adoption of {noted.container} is not ended: {error.message}"
                warnings.append(Notice(text, error.hint))
        return tuple(warnings)

    def _finish(self, noted: Adoption) -> tuple[Notice, ...]:
        old = self.find(noted.engine, noted.container)
        if self._is_under_way(noted) and old is not None:
            old.let_lie()  # a boot may have started it: nothing is copied while it writes
        warnings = self.ground.update_proxy(resume(self.tools, [noted.service]))
        # Neither the one nor the other yet: the machine is going down, say.
        if self._is_under_way(noted) or self._settle(old, noted):
            return warnings
        return (*warnings, *self._put_back(old, noted))

    def _is_under_way(self, noted: Adoption) -> bool:
        return self.tools.store.load(noted.service).rollout is not None

    def _lock(self, noted: Adoption) -> AbstractContextManager[None]:
        # No service's own lock: names have no full stops.
        return self.tools.store.lock(f"{noted.service}.adoption")

    def _settle(self, old: OldContainer | None, noted: Adoption) -> bool:
        """Remove the container if its service is healthy; say whether it is."""
        live = self.tools.store.load(noted.service).live_release
        if live is None or live.state is not ReleaseState.LIVE:  # a first one that failed stays installed
            return False
        if old is not None:
            old.remove()
        self.record.remove_adoption(noted)
        note = self.tools.reporter.note
        note(noted.service, f"the container {noted.container} is removed; its data is the service's now")
        if noted.copies:
            sources = ", ".join(copied.source for copied in noted.copies)
            note(noted.service, f"{noted.engine} keeps what it had in {sources}")
        return True

    def _put_back(self, old: OldContainer | None, noted: Adoption) -> tuple[Notice, ...]:
        """Take the service away, and start the container again if it ran before."""
        path = self.ground.definition_path(noted.service)
        warnings: tuple[Notice, ...] = ()
        if self.tools.store.load(noted.service).live is not None or path.exists():
            end = self._remove(noted.service)
            if end.kind.status:  # two at once on the same data must not be
                raise MachineError(f"{noted.service} cannot be taken away: {end.detail}", hint=end.hint)
            warnings = self.ground.update_proxy([end])
        remove(path)
        if old is not None:
            undo(self.tools, noted.copies)
            old.bring_back(noted.restart, start=noted.was_running)
        self.record.remove_adoption(noted)
        what = "as it was" if old is not None else "gone"
        does_not = Notice(f"{noted.service} is not healthy; the container {noted.container} is {what}")
        return (*warnings, does_not)

    def _remove(self, name: str) -> Outcome:
        """Remove the service; its definition is kept as that of any other that goes."""
        resumed = resume(self.tools, [name])
        with self.tools.store.lock(name, wait=_ROLLOUT):
            keep(self.removed, {name: self.ground.definition_path(name)}, self.tools.timestamp())
            request = ProposalRequest(definitions={}, gone=frozenset([name]), overwrite=True)
            proposal = self.proposer.propose(request, self.ground.units.read_all())
            (end,) = remove_defined(self.tools, proposal, [name], resumed)
        return end


def _require_no_layer(old: OldContainer) -> None:
    """Raise UsageError if files go with the container that are in no volume."""
    paths = old.layer()
    if paths:
        raise UsageError(
            f"cannot adopt {old.name}: what is in no volume would go with it: {shortened(paths)}",
            hint=f"save what is needed ({old.engine} cp {old.name}:{paths[0]} .), then add --discard-layer",
        )


def _brought_along(tools: Tools, old: OldContainer, service: Service) -> tuple[VolumeCopy, ...]:
    """Return the volumes that *service* gets as copies of the container's.

    Raises MachineError if one cannot be copied.
    """
    other = "" if old.engine == tools.engine_kind() else old.engine
    found: dict[str, VolumeCopy] = {}
    for volume in service.volumes:
        source, target = old.volumes.get(volume.path), engine_name(service.name, volume)
        if source is None or target is None or (source == target and not other):
            continue
        copied = VolumeCopy(source, target, other, volume.name or "")
        require_copy(tools, copied, [old.name])
        if tools.engine.volume(target) is None:
            found[target] = copied
    return tuple(found.values())


def _fetch(tools: Tools, proposal: Proposal) -> None:
    """Have the images of what is new on disk as a rollout has them, while the container still runs."""
    present, gate = dict(tools.engine.images()), PullGate()
    for intent in proposal.intents.values():
        fetch(tools, PlannedRollout(intent.release, {}, intent.live, layers=intent.layers), present, gate)
