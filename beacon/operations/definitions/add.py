"""A new service: its definition is written, and applied."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from beacon.definition.encode import new_definition
from beacon.definition.names import validate_new_name
from beacon.errors import HostError, RegistryError, UsageError
from beacon.model.outcome import OutcomeKind
from beacon.model.release import Trigger
from beacon.operations.definitions.planning import Asked, make_proposal
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import Proposal, execute
from beacon.rollout.images import forget
from beacon.state.files import remove, rewrite
from beacon.wire.definition import Added
from beacon.wire.outcome import outcome_infos


class AddRequest(Struct, frozen=True):
    """A service, with the keys of its definition as the command line writes them."""

    service: str
    image: str
    ports: tuple[str, ...] = ()
    """``[IP:]HOST:CONTAINER[/udp]``."""
    env: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    """``NAME:PATH`` or ``/HOST:PATH``, with ``:ro`` behind it or not."""
    domains: tuple[str, ...] = ()
    start: bool = True


def add(machine: Machine, request: AddRequest, listener: Listener) -> Added:
    """Write a new definition and apply it; nothing stays behind if its image cannot be had.

    Raises UsageError if the name is taken or no name, or if what is asked for cannot be written.
    """
    machine.require_write("add")
    name, world = request.service, machine.world_for(listener)
    texts = machine.definitions().texts
    text = _text(machine, request, texts)
    asked = Asked(
        services=(name,),
        texts={**texts, name: text},
        stopped=() if request.start else (name,),
        trigger=Trigger.ADD,
    )
    planned = make_proposal(machine, asked, listener)
    _refuse_hindered(name, planned.proposal)
    path = machine.definition_path(name)
    rewrite(path, text.encode())
    outcomes = execute(world, planned.proposal)
    state = machine.store.load(name)
    if state.live is None and state.rollout is None:  # not even pulled: as if it had never been asked for
        remove(path)
        forget(world, state)
        machine.store.remove(name)
    return Added(
        services=outcome_infos(outcomes),
        domain=machine.store.load(name).domain,
        warnings=(*planned.warnings, *machine.tell_proxy(outcomes)),
    )


def _text(machine: Machine, request: AddRequest, texts: Mapping[str, str]) -> str:
    """Return the text of the new definition."""
    name = request.service
    problem = validate_new_name(name)
    if problem is not None and name not in machine.known_names():
        raise UsageError(problem)
    machine.require_readable([name])
    if name in texts:
        raise UsageError(
            f"there is a service {name!r} already", hint=f"beacon edit {name}, or choose another name"
        )
    try:
        return new_definition(
            name,
            request.image,
            ports=request.ports,
            env=request.env,
            volumes=request.volumes,
            domains=request.domains,
        )
    except ValueError as error:
        raise UsageError(f"cannot add {name}: {error}") from error


def _refuse_hindered(name: str, proposal: Proposal) -> None:
    for outcome in proposal.outcomes:
        fault = HostError if outcome.kind is OutcomeKind.FAILED else RegistryError
        raise fault(f"cannot add {name}: {outcome.detail}", hint=outcome.hint)
    for conflict in proposal.plan.conflicts:
        raise UsageError(f"cannot add {name}: {conflict.sentence}")
