"""A new service: its definition is written, and applied."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from beacon.definition.encode import new_definition
from beacon.errors import UsageError
from beacon.model.outcome import Outcome
from beacon.model.release import Trigger
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.running import watchable
from beacon.rollout.apply import execute
from beacon.rollout.checking.news import log_outcomes
from beacon.rollout.definitions.planning import (
    Asked,
    Planned,
    make_proposal,
    refuse_hindered,
    refuse_name,
    unstarted,
    what_is_lacking,
)
from beacon.rollout.driving.resuming import resume
from beacon.rollout.images import remove_images
from beacon.state.files import remove, rewrite
from beacon.state.removed import keep
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
    secrets: tuple[str, ...] = ()
    """``NAME``, ``NAME:VARIABLE`` or ``NAME:/PATH``."""
    networks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    memory: str = ""
    health: str = ""
    """``http:PORT[/PATH]``, ``tcp:PORT``, or a command."""
    start: bool = True


@watchable("add")
def add(machine: Machine, request: AddRequest, listener: Listener) -> Added:
    """Write a new definition and apply it; nothing stays behind if its image cannot be had.

    What was added before and never became healthy is added again, with its tag looked up anew; another
    definition of it is kept among those that were removed.
    Raises UsageError if the name is taken or no name, or if what is asked for cannot be written.
    """
    name, tools = request.service, machine.tools_for(listener)
    texts = machine.definitions().texts
    if name in texts:  # an earlier add may have been cut off
        resume(tools, [name])
    text = _text(machine, request, texts)
    asked = Asked(
        services=(name,),
        texts={**texts, name: text},
        stopped=() if request.start else (name,),
        trigger=Trigger.ADD,
        retry=True,
        anew=True,
    )
    planned = make_proposal(machine, machine.proposer_for(listener), asked)
    refuse_hindered(f"add {name}", planned.proposal)
    if lacks := what_is_lacking(tools, planned.proposal):
        return Added(services=outcome_infos([unstarted(name, lacks)]), domain="", warnings=planned.warnings)
    path = machine.definition_path(name)
    if name in texts and texts[name] != text:
        keep(machine.paths.removed, {name: path}, tools.timestamp())
    rewrite(path, text.encode())
    outcomes = execute_new(machine, planned, asked, listener)
    state = machine.store.load(name)
    if state.live is None and state.rollout is None:  # not even pulled: as if it had never been asked for
        remove(path)
        remove_images(tools, state)
        machine.store.remove(name)
    return Added(
        services=outcome_infos(outcomes),
        domain=machine.store.load(name).domain,
        warnings=(*planned.warnings, *machine.update_proxy(outcomes)),
    )


def execute_new(machine: Machine, planned: Planned, asked: Asked, listener: Listener) -> tuple[Outcome, ...]:
    """Do what is planned of new services, and log what came of it.

    It is planned anew if that is stale: what fails again and again is down for moments.
    """
    tools = machine.tools_for(listener)
    outcomes = execute(tools, planned.proposal)
    if any(one.stale for one in outcomes):
        planned = make_proposal(machine, machine.proposer_for(listener), asked)
        outcomes = execute(tools, planned.proposal)
    log_outcomes(tools, outcomes)
    return outcomes


def _text(machine: Machine, request: AddRequest, texts: Mapping[str, str]) -> str:
    """Return the text of the new definition."""
    name = request.service
    refuse_name(machine, name, texts)
    try:
        return new_definition(
            name,
            request.image,
            ports=request.ports,
            env=request.env,
            volumes=request.volumes,
            domains=request.domains,
            secrets=request.secrets,
            networks=request.networks,
            needs=request.needs,
            memory=request.memory,
            health=request.health,
        )
    except ValueError as error:
        raise UsageError(f"cannot add {name}: {error}") from error
