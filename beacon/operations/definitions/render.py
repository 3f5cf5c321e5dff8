"""Unit files of services, and what a definition comes to with what its image adds."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.effective import describe, effective
from beacon.definition.naming import with_domain
from beacon.engine.quadlet import judge, judge_plain
from beacon.errors import HostError, UsageError
from beacon.model.host import Engine, EngineVersion, HostFacts
from beacon.model.release import Release
from beacon.model.unit import UnitFile
from beacon.operations.definitions.planning import proposer, refuse_unplanned
from beacon.operations.definitions.reading import read_definitions
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import Proposer, Wanted
from beacon.rollout.candidates import Renderer
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

    Raises HostError with all findings if Podman's generator or systemd does not accept them.
    """
    facts = machine.facts_for(request.engine, request.podman)
    found = _files(machine, machine.select(request.services), facts, listener)
    files = {file.name: file for file in sorted(found)}
    judged_by = _judge(machine, tuple(files.values()), facts) if request.judge else ""
    return Rendered(files={name: file.text for name, file in files.items()}, judged_by=judged_by)


def show_effective(
    machine: Machine, request: ShowEffectiveRequest, listener: Listener
) -> EffectiveDefinition:
    """Return what a service runs with, and where each value comes from."""
    (name,) = machine.select([request.service])
    release = _intended(machine, name, listener)
    filled = effective(release.service, release.image)
    filled = replace(filled, service=with_domain(filled.service, release.domain))
    values = (EffectiveValue(key=key, value=value, source=source) for key, value, source in describe(filled))
    return EffectiveDefinition(name=name, values=tuple(values), notes=tuple(filled.notes))


def _intended(machine: Machine, name: str, listener: Listener) -> Release:
    """Return the release that *name* runs, or would run with its definition as it is now."""
    definitions, _ = read_definitions(machine, [name], machine.definitions().texts)
    if name not in definitions:
        machine.require_readable([name])
        raise UsageError(f"{name} has no definition", hint=f"beacon add {name} IMAGE")
    wanted = Wanted(definitions=definitions, overwrite=True, retry=True)
    states = {name: machine.store.load(name)}
    intents, outcomes = proposer(machine, listener).intents(wanted, states, machine.units.read_all())
    refuse_unplanned(outcomes)
    return intents[name].release


def _files(machine: Machine, names: Sequence[str], facts: HostFacts, listener: Listener) -> list[UnitFile]:
    """Return the unit files of *names*, for a machine with *facts*.

    Services whose definition is gone are rendered as they were applied.
    """
    definitions, _ = read_definitions(machine, names, machine.definitions().texts)
    wanted = Wanted(definitions=definitions, retry=True)
    states = {name: machine.store.load(name) for name in definitions}
    renderer = Renderer(lambda: facts, machine.templates, machine.allot)
    planner = Proposer(machine.world_for(listener), machine.registry_on_demand, renderer, machine.platform)
    intents, outcomes = planner.intents(wanted, states, {})
    refuse_unplanned(outcomes)
    files = [file for intent in intents.values() for file in intent.files]
    for name in names:
        if name not in definitions and (live := machine.store.load(name).live_release) is not None:
            files += renderer.files(live)
    return files


def _judge(machine: Machine, files: Sequence[UnitFile], facts: HostFacts) -> str:
    """Return who accepts the files."""
    if facts.has_quadlet:
        findings = judge(files, facts.engine_version, machine.scope)
        judges = f"Podman {facts.engine_version} and systemd {facts.systemd_version} accept"
    else:
        findings = judge_plain(files, machine.scope)
        judges = f"systemd {facts.systemd_version} accepts"
    if findings:
        raise HostError("\n".join(str(finding) for finding in findings))
    return judges
