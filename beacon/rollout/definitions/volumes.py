"""Definitions whose volumes never had a name, and what gives them one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon.definition.effective import in_effect
from beacon.errors import MachineError
from beacon.model.notice import Notice
from beacon.model.release import Release
from beacon.model.unit import container_name, is_unnamed
from beacon.rollout.decisions.renaming import names_for, rewritten
from beacon.rollout.definitions.planning import Asked, Owner, Planned, make_proposal
from beacon.rollout.definitions.reading import read_definitions
from beacon.rollout.handling.move import require_copy, unnamed, volume_copies
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.tools import Tools
from beacon.units.mounts import volume_name


def definitions_with_names(
    ground: Owner, tools: Tools, names: Iterable[str], texts: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Notice, ...]]:
    """Return the definitions of *names* that change, each with its new text, and why others do not.

    Raises UsageError if a text cannot be changed, and MachineError for a service of another engine.
    """
    definitions, _ = read_definitions(ground, names, texts)
    changed: dict[str, str] = {}
    warnings: list[Notice] = []
    for name, definition in definitions.items():
        without = {one.path: one.external for one in definition.service.volumes if is_unnamed(one.external)}
        live = tools.store.load(name).live_release
        if live is not None and without and without.items() <= unnamed(live).items():
            ground.engines.require_here(name)
            changed[name] = rewritten(texts[name], definition.service, _names(tools, live))
        elif without:
            warnings.append(Notice(f"{name} does not run as its definition says; beacon apply {name} first"))
    return changed, tuple(warnings)


def _names(tools: Tools, live: Release) -> dict[str, str]:
    """Return volume → the name that it gets."""
    service = live.service.name
    taken = {volume.name for volume in in_effect(live).volumes if volume.name is not None}
    return names_for(
        unnamed(live), taken, lambda name: tools.engine.volume(volume_name(service, name)) is not None
    )


def plan_copies(
    ground: Owner, tools: Tools, proposer: Proposer, texts: Mapping[str, str], names: Iterable[str]
) -> Planned:
    """Return what gives *names* their volumes by the new *texts*. Raises MachineError if it is hindered."""
    planned = make_proposal(ground, proposer, Asked(services=tuple(names), texts=texts))
    proposal = planned.proposal
    for outcome in proposal.outcomes:
        raise MachineError(f"the volumes of {outcome.service} stay: {outcome.detail}", hint=outcome.hint)
    for hindrance in (*proposal.plan.conflicts, *proposal.plan.kept):
        raise MachineError(f"the volumes of {', '.join(hindrance.services)} stay: {hindrance.sentence}")
    for name, intent in proposal.intents.items():
        for copied in volume_copies(tools.store.load(name).live_release, intent.release):
            require_copy(tools, copied, (container_name(name),))
    return planned
