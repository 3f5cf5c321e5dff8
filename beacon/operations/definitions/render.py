"""Unit files of services, and what a definition comes to with what its image adds."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.effective import describe, effective
from beacon.definition.endpoints.memorable import with_domain
from beacon.engine.quadlet import accept
from beacon.model.machine import Engine, EngineVersion
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions.rendering import intended, rendered
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.rendering import Renderer
from beacon.wire.definition import EffectiveDefinition, EffectiveValue
from beacon.wire.plan import Rendered


class RenderRequest(Struct, frozen=True):
    """Whose unit files, for which engine (of this machine if that is None), and whether they are judged."""

    services: tuple[str, ...] = ()
    engine: Engine | None = None
    podman: EngineVersion | None = None
    judge: bool = False


class ShowEffectiveRequest(Struct, frozen=True):
    """Of which service."""

    service: str


def render(machine: Machine, request: RenderRequest, listener: Listener) -> Rendered:
    """Return the unit files of the releases that run, or that would run; changes nothing.

    Raises MachineError with all findings if Podman's generator or systemd does not accept them.
    """
    facts = machine.facts_for(request.engine, request.podman)
    chosen = machine.select(request.services)
    renderer = Renderer(lambda: facts, machine.templates, machine.allotment.allot)
    planner = Proposer(machine.tools_for(listener), machine.registry_on_demand, renderer, machine.platform)
    found = rendered(machine, planner, renderer, chosen)
    files = {file.name: file for file in sorted(found)}
    judged_by = accept(tuple(files.values()), facts) if request.judge else ""
    return Rendered(files={name: file.text for name, file in files.items()}, judged_by=judged_by)


def show_effective(
    machine: Machine, request: ShowEffectiveRequest, listener: Listener
) -> EffectiveDefinition:
    """Return what a service runs with, and where each value comes from."""
    (name,) = machine.select([request.service])
    release = intended(machine, machine.proposer_for(listener), name)
    filled = effective(release.service, release.image)
    filled = replace(filled, service=with_domain(filled.service, release.domain))
    values = (EffectiveValue(key=key, value=value, source=source) for key, value, source in describe(filled))
    return EffectiveDefinition(name=name, values=tuple(values), notes=tuple(filled.notes))
