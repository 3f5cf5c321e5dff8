"""From definitions to a plan, with everything that keeps it from being done said before it is begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from beacon.definition.names import validate_new_name
from beacon.errors import MachineError, RegistryError, UsageError
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.plan import RestartUnit, StartUnit
from beacon.model.release import ReleaseState, ServiceState, Trigger, text_digest
from beacon.rollout.definitions.admission import idle_notices, refuse_inadmissible
from beacon.rollout.definitions.machine import Machine
from beacon.rollout.definitions.needing import refuse_needed
from beacon.rollout.definitions.reading import read_definitions
from beacon.rollout.definitions.rotated import rotated_notices
from beacon.rollout.handling.requirements import lacking_notices
from beacon.rollout.ports import Engines
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.tools import Tools


class FoundDefinitions(Protocol):
    """What the folder of definitions says."""

    @property
    def texts(self) -> Mapping[str, str]:
        """Name → text, of those that can be read."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the owner should know of the others."""


class Owner(Machine, Protocol):
    """A machine whose definitions are planned."""

    def definitions(self) -> FoundDefinitions:
        """Return the texts of all definitions."""

    def select(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the services meant by *names*. Raises NoSuchServiceError."""

    def known_names(self) -> tuple[str, ...]:
        """Return the services that are defined or remembered."""

    def require_readable(self, names: Iterable[str]) -> None:
        """Raise DefinitionError if definitions of *names* are there and cannot be read."""

    @property
    def engines(self) -> Engines:
        """The chosen engine, and what still runs on another."""


class Planned(Struct, frozen=True):
    """A proposal, and what the owner should know of it."""

    proposal: Proposal
    warnings: tuple[Notice, ...]


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be planned: *services*, or everything if there are none."""

    services: tuple[str, ...] = ()
    texts: Mapping[str, str] | None = None
    """The texts of definitions, if they are others than those of the folder."""
    overwrite: bool = False
    retry: bool = False
    anew: bool = False
    """Whether tags are looked up anew."""
    stopped: tuple[str, ...] = ()
    """Services that are not to be started."""
    trigger: Trigger = Trigger.APPLY


def make_proposal(machine: Owner, proposer: Proposer, asked: Asked) -> Planned:
    """Return what must be done; raises what keeps it from being done."""
    installed = machine.units.read_all()
    machine.engines.require_movable(installed)
    found = machine.definitions()
    texts = found.texts if asked.texts is None else asked.texts
    names = asked.services
    chosen = machine.select(names) if names and not set(names) <= set(texts) else names or tuple(texts)
    missing = [name for name in (chosen if names else machine.known_names()) if name not in texts]
    refuse_needed(machine, missing, texts, applied=chosen)
    definitions, faulty = read_definitions(machine, chosen, texts, leaving=missing)
    warnings = [*found.warnings, *refuse_inadmissible(machine, definitions)]
    warnings += (Notice(f"the definition of {name} is faulty; it is left as it is") for name in faulty)
    # One that cannot be read is defined all the same, and not to be removed.
    machine.require_readable(missing)
    request = ProposalRequest(
        definitions=definitions,
        gone=frozenset(missing),
        everything=not names,
        overwrite=asked.overwrite,
        retry=asked.retry,
        anew=asked.anew,
        stopped=frozenset(asked.stopped),
        trigger=asked.trigger,
    )
    proposal = proposer.propose(request, installed)
    changing = set(proposal.plan.services)
    services = [one.release.service for name, one in sorted(proposal.intents.items()) if name in changing]
    same = [one.release.service for name, one in proposal.intents.items() if name not in changing]
    more = (*idle_notices(machine, services), *rotated_notices(proposer.tools, same))
    return Planned(proposal, (*warnings, *more))


def what_is_lacking(tools: Tools, proposal: Proposal) -> tuple[Notice, ...]:
    """Return what keeps services from starting that the plan starts, and what mends it."""
    started = {
        name
        for step in proposal.plan.steps
        if isinstance(step, StartUnit | RestartUnit)
        for name in step.services
    }
    releases = (one.release for name, one in sorted(proposal.intents.items()) if name in started)
    return tuple(lacking_notices(tools, releases))


def refuse_name(machine: Owner, name: str, texts: Mapping[str, str]) -> None:
    """Raise UsageError if a new service cannot be called *name*; *texts* are the definitions there are.

    One that was added, never became healthy and was not edited since may be added again.
    """
    problem = validate_new_name(name)
    if problem is not None and name not in machine.known_names():
        raise UsageError(problem)
    machine.require_readable([name])
    if name in texts and not has_failed_at_first(machine.store.load(name), texts[name]):
        raise UsageError(
            f"there is a service {name!r} already", hint=f"beacon edit {name}, or choose another name"
        )


def has_failed_at_first(state: ServiceState, text: str) -> bool:
    """Say whether all that is known of a service is that adding it, by the definition *text*, failed."""
    tried = (*state.releases, *state.spare)
    ended = {ReleaseState.FAILED, ReleaseState.CANDIDATE}
    made = {release.definition for release in tried if release.trigger is Trigger.ADD}
    return text_digest(text) in made and all(release.state in ended for release in tried)


def refuse_hindered(what: str, proposal: Proposal) -> None:
    """Raise what is in the way of *what* (``add web``) by a proposal of one service."""
    for outcome in proposal.outcomes:
        fault = MachineError if outcome.kind is OutcomeKind.FAILED else RegistryError
        raise fault(f"cannot {what}: {outcome.detail}", hint=outcome.hint)
    for conflict in proposal.plan.conflicts:
        raise UsageError(f"cannot {what}: {conflict.sentence}")


def unstarted(name: str, lacks: Sequence[Notice]) -> Outcome:
    """Return that nothing was begun for a service, which *lacks* something to start."""
    detail = "; ".join(one.text for one in lacks)
    return Outcome(name, OutcomeKind.FAILED, detail, "; ".join(one.fix for one in lacks if one.fix))


def refuse_unplanned(outcomes: Sequence[Outcome]) -> None:
    """Raise what hindered services from being planned, if anything did."""
    if not outcomes:
        return
    own = any(outcome.kind is OutcomeKind.FAILED for outcome in outcomes)
    fault = MachineError if own else RegistryError
    raise fault("\n".join(f"{one.service}: {one.detail}" for one in outcomes), hint=outcomes[0].hint)
