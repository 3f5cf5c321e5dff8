"""Data in volumes that never had a name goes on in volumes of its service."""

from __future__ import annotations

from msgspec import Struct

from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import execute
from beacon.rollout.checking.news import log_outcomes
from beacon.rollout.definitions.volumes import definitions_with_names, plan_copies
from beacon.rollout.driving.resuming import resume
from beacon.state.files import rewrite
from beacon.wire.outcome import Outcomes, outcome_infos


class AdoptVolumesRequest(Struct, frozen=True):
    """Of which services; of all if there are none."""

    services: tuple[str, ...] = ()


def adopt_volumes(machine: Machine, request: AdoptVolumesRequest, listener: Listener) -> Outcomes:
    """Give names to volumes that never had one, in definitions, and copy their data there.

    A service is stopped while its data is copied; the engine keeps what it had. Raises MachineError if
    anything is in the way, before it is begun.
    """
    machine.require_write("adopt-volumes")
    tools, chosen = machine.tools_for(listener), machine.select(request.services)
    outcomes = resume(tools, chosen)
    found = machine.definitions()
    changed, left = definitions_with_names(machine, tools, chosen, found.texts)
    warnings = found.warnings
    if changed:
        texts = {**found.texts, **changed}
        planned = plan_copies(machine, tools, machine.proposer_for(listener), texts, changed)
        # What a kill interrupts from here on, beacon apply ends: it copies what gets a name.
        for name, text in changed.items():
            rewrite(machine.definition_path(name), text.encode())
        outcomes = (*outcomes, *execute(tools, planned.proposal))
        warnings = planned.warnings
    log_outcomes(tools, outcomes)
    warnings = (*warnings, *left, *machine.update_proxy(outcomes))
    return Outcomes(services=outcome_infos(outcomes), warnings=warnings)
