"""What several verbs do with definitions: read, judge, propose, apply."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from beacon.cli.needing import refuse_needed
from beacon.definition.conflicts import Standing
from beacon.definition.decode import decode, decode_all
from beacon.definition.names import validate_new_name
from beacon.errors import DefinitionError, Fault, HostError, RegistryError, UsageError
from beacon.model.host import Scope
from beacon.model.limits import idle_limits
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Release, Trigger, text_digest
from beacon.model.service import Resources, Service
from beacon.model.unit import service_of_file
from beacon.rollout.apply import Definition, Proposal, Proposer, Wanted, execute
from beacon.rollout.candidates import Renderer
from beacon.rollout.deploy import resume
from beacon.rollout.images import forget
from beacon.rollout.readings import earlier_readings, live_releases, running
from beacon.state.files import remove, rewrite

if TYPE_CHECKING:
    from beacon.cli.host import Host
    from beacon.model.host import HostFacts
    from beacon.model.unit import UnitFile


def read_definitions(
    host: Host, names: Iterable[str], texts: Mapping[str, str], *, leaving: Iterable[str] = ()
) -> tuple[dict[str, Definition], tuple[str, ...]]:
    """Return the definitions of *names*, and the names of other services whose definitions are faulty.

    What the services *leaving* have is free. Raises DefinitionError with all faults where one of *names* is
    concerned.
    """
    chosen = [name for name in names if name in texts]
    files = {str(host.definition_path(name)): text for name, text in texts.items()}
    faulty: tuple[str, ...] = ()
    try:
        lives = live_releases(host.store, texts)
        asked = frozenset((*chosen, *leaving))
        standing = Standing(running(lives), asked, None if lives is None else _applied(host, texts))
        found = decode_all(files, earlier_readings(lives, texts), standing)
        services = {service.name: service for service in found}
    except DefinitionError as error:
        wrong = {fault.file for fault in error.faults}
        if any(str(host.definition_path(name)) in wrong for name in chosen):
            raise
        faulty = tuple(sorted(name for name in texts if str(host.definition_path(name)) in wrong))
        services = {name: _decode_one(host, name, texts[name]) for name in chosen}
    return {name: Definition(services[name], text_digest(texts[name])) for name in chosen}, faulty


def _applied(host: Host, texts: Iterable[str]) -> frozenset[str]:
    """Return the services that were applied before, as far as their names may be none for new ones."""
    remembered = frozenset(host.store.names())
    if all(name in remembered or validate_new_name(name) is None for name in texts):
        return remembered
    return remembered | {service for file in host.units.read_all() if (service := service_of_file(file))}


def _check_rootless(host: Host, definitions: Mapping[str, Definition]) -> None:
    """Refuse what an ordinary user's services cannot have, before anything is begun."""
    if host.scope is not Scope.USER or not definitions:
        return
    from beacon.cli.user import subordinate_faults, warn_without_linger
    from beacon.systemd.account import lowest_port

    missing = subordinate_faults()
    if missing:
        hint = "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"
        raise HostError(f"containers of this user cannot run: {'; '.join(missing)}", hint=hint)
    lowest = lowest_port()
    faults = [
        Fault(
            str(host.definition_path(name)),
            f"port[{index}].host",
            f"must be {lowest} or above for an ordinary user, not {port.host_port}",
        )
        for name, definition in definitions.items()
        for index, port in enumerate(definition.service.ports)
        if port.host_port is not None and port.host_port < lowest
    ]
    if faults:
        raise DefinitionError(
            faults, hint=f"sudo sysctl net.ipv4.ip_unprivileged_port_start={_lowest(definitions)}"
        )
    warn_without_linger(host.output)


def _check_loopback(host: Host, definitions: Mapping[str, Definition]) -> None:
    """Refuse ports that Beacon has given to other services."""
    from beacon.definition.loopback import published_ports

    claimed = [
        (name, key, port)
        for name, definition in definitions.items()
        for key, port in published_ports(definition.service)
        if port in host.settings.ports
    ]
    if not claimed:
        return
    given = {port: other for other, ports in host.store.ports().items() for port in ports.values()}
    faults = [
        Fault(
            str(host.definition_path(name)),
            key,
            f"must not be {port}, which {given[port]} was given for its endpoints",
        )
        for name, key, port in claimed
        if given.get(port, name) != name
    ]
    if faults:
        raise DefinitionError(faults, hint=f"choose one outside of {host.settings.ports}")


def _lowest(definitions: Mapping[str, Definition]) -> int:
    services = (definition.service for definition in definitions.values())
    return min(port.host_port for one in services for port in one.ports if port.host_port is not None)


def _decode_one(host: Host, name: str, text: str) -> Service:
    return decode(text, name=name, file=str(host.definition_path(name)))


def decode_with(host: Host, name: str, text: str) -> None:
    """Raise DefinitionError where *text* as the definition of *name* is faulty, alone or with the others."""
    read_definitions(host, [name], {**host.definition_files(), name: text})


def make_proposal(
    host: Host,
    names: Sequence[str] | None,
    *,
    texts: Mapping[str, str] | None = None,
    overwrite: bool = False,
    retry: bool = False,
    trigger: Trigger = Trigger.APPLY,
    stopped: Iterable[str] = (),
) -> Proposal:
    """Return what must be done for *names*, or for everything where there are none."""
    installed = host.units.read_all()
    host.require_movable(installed)
    if texts is None:
        texts = host.definition_files()
    chosen = host.select(list(names)) if names and not set(names) <= set(texts) else tuple(names or texts)
    everything = not names
    missing = [name for name in (host.known_names() if everything else chosen) if name not in texts]
    refuse_needed(host, missing, texts, applied=chosen)
    definitions, faulty = read_definitions(host, chosen, texts, leaving=missing)
    _check_rootless(host, definitions)
    _check_loopback(host, definitions)
    for name in faulty:
        host.output.warn(f"the definition of {name} is faulty; it is left as it is")
    host.require_readable(missing)  # one that cannot be read is defined all the same, and not to be removed
    wanted = Wanted(
        definitions=definitions,
        gone=frozenset(missing),
        everything=everything,
        overwrite=overwrite,
        retry=retry,
        stopped=frozenset(stopped),
        trigger=trigger,
    )
    proposal = proposer(host).propose(wanted, installed)
    _warn_of_idle_limits(host, proposal)
    return proposal


def _warn_of_idle_limits(host: Host, proposal: Proposal) -> None:
    """Say which limits of services that change this machine cannot hold; they run without."""
    changing = set(proposal.plan.services)
    services = [one.release.service for name, one in sorted(proposal.intents.items()) if name in changing]
    if all(service.resources == Resources() for service in services):
        return
    from beacon.systemd.controllers import given_controllers

    given = given_controllers(os.getuid() if host.scope is Scope.USER else None)
    # Control groups of version 1 limit in part; beacon doctor says so.
    idle = None if given is None else idle_limits(services, given, host.scope)
    if idle is not None:
        host.output.warn(idle)


def proposer(host: Host) -> Proposer:
    """Return what works plans out on this machine."""
    return Proposer(host.world, host.registry_on_demand, host.renderer, host.platform)


def apply_services(
    host: Host, names: Sequence[str] | None, *, overwrite: bool = False, retry: bool = False
) -> tuple[Outcome, ...]:
    """Plan, and do what the plan says. What a kill interrupted is ended first."""
    host.end_adoptions()
    resumed = resume(host.world, host.select(list(names)) if names else host.known_names())
    proposal = make_proposal(host, names, overwrite=overwrite, retry=retry)
    done = execute(host.world, proposal)
    host.follow((*resumed, *done))
    told = {outcome.service for outcome in done if outcome.kind is not OutcomeKind.UNCHANGED}
    return (*(outcome for outcome in resumed if outcome.service not in told), *done)


def add_service(
    host: Host,
    name: str,
    image: str,
    *,
    ports: Sequence[str],
    env: Sequence[str],
    volumes: Sequence[str],
    domains: Sequence[str] = (),
    start: bool,
) -> tuple[Outcome, ...]:
    """Write a new definition and apply it; nothing stays behind where its image cannot be had."""
    from beacon.definition.encode import new_definition

    problem = validate_new_name(name)
    if problem is not None and name not in host.known_names():
        raise UsageError(problem)
    texts = host.definition_files()
    host.require_readable([name])
    if name in texts:
        raise UsageError(
            f"there is a service {name!r} already", hint=f"beacon edit {name}, or choose another name"
        )
    try:
        text = new_definition(name, image, ports=ports, env=_pairs(env), volumes=volumes, domains=domains)
    except ValueError as error:
        raise UsageError(f"cannot add {name}: {error}") from error
    proposal = make_proposal(
        host, [name], texts={**texts, name: text}, trigger=Trigger.ADD, stopped=() if start else (name,)
    )
    for outcome in proposal.outcomes:
        fault = HostError if outcome.kind is OutcomeKind.FAILED else RegistryError
        raise fault(f"cannot add {name}: {outcome.detail}", hint=outcome.hint)
    for conflict in proposal.plan.conflicts:
        raise UsageError(f"cannot add {name}: {conflict.sentence}")
    path = host.definition_path(name)
    rewrite(path, text.encode())
    outcomes = execute(host.world, proposal)
    state = host.store.load(name)
    if state.live is None and state.rollout is None:  # not even pulled: as if it had never been asked for
        remove(path)
        forget(host.world, state)
        host.store.remove(name)
    host.follow(outcomes)
    return outcomes


def _pairs(env: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for entry in env:
        key, equals, value = entry.partition("=")
        if not equals:
            raise UsageError(f"--env {entry} has no value", hint=f"--env {entry}=VALUE")
        pairs[key] = value
    return pairs


def intended(host: Host, name: str) -> Release:
    """Return the release that *name* runs, or would run with its definition as it is now."""
    definitions, _ = read_definitions(host, [name], host.definition_files())
    if name not in definitions:
        host.require_readable([name])
        raise UsageError(f"{name} has no definition", hint=f"beacon add {name} IMAGE")
    wanted = Wanted(definitions=definitions, overwrite=True, retry=True)
    states = {name: host.store.load(name)}
    intents, outcomes = proposer(host).intents(wanted, states, host.units.read_all())
    _refuse_unplanned(outcomes)
    return intents[name].release


def render_services(host: Host, names: Sequence[str], facts: HostFacts) -> list[UnitFile]:
    """Return the unit files of *names*, for a machine with *facts*.

    Services whose definition is gone are rendered as they were applied.
    """
    definitions, _ = read_definitions(host, names, host.definition_files())
    wanted = Wanted(definitions=definitions, retry=True)
    states = {name: host.store.load(name) for name in definitions}
    renderer = Renderer(lambda: facts, host.templates, host.allot)
    planner = Proposer(host.world, host.registry_on_demand, renderer, host.platform)
    intents, outcomes = planner.intents(wanted, states, {})
    _refuse_unplanned(outcomes)
    files = [file for intent in intents.values() for file in intent.files]
    for name in names:
        if name not in definitions and (live := host.store.load(name).live_release) is not None:
            files += renderer.files(live)
    return files


def _refuse_unplanned(outcomes: Sequence[Outcome]) -> None:
    """Raise what hindered services from being planned, if anything did."""
    if not outcomes:
        return
    own = any(outcome.kind is OutcomeKind.FAILED for outcome in outcomes)
    fault = HostError if own else RegistryError
    raise fault("\n".join(f"{one.service}: {one.detail}" for one in outcomes), hint=outcomes[0].hint)
