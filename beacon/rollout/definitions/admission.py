"""What this machine cannot give to services, said before anything is begun."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from beacon.definition.endpoints.loopback import fixed_ports
from beacon.errors import DefinitionError, Fault, MachineError
from beacon.model.limits import idle_limits
from beacon.model.machine import Scope
from beacon.model.notice import Notice
from beacon.model.service import Resources, Service
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.definitions.machine import Machine
from beacon.systemd.account import SUBORDINATE, lingers, lowest_port, subordinate_ids, user_name
from beacon.systemd.controllers import given_controllers

Definitions = Mapping[str, DefinedService]


def refuse_inadmissible(machine: Machine, definitions: Definitions) -> Iterator[Notice]:
    """Raise what keeps this machine from running *definitions*; yield what they will lack."""
    if machine.scope is Scope.USER and definitions:
        yield from _check_rootless(machine, definitions)
    _check_loopback(machine, definitions)


def _check_rootless(machine: Machine, definitions: Definitions) -> Iterator[Notice]:
    """Refuse what an ordinary user's services cannot have."""
    uid = machine.caller.uid
    name = user_name(uid)
    missing = [
        f"{name} has no range in {path}" for path in SUBORDINATE if not subordinate_ids(path, name, uid)
    ]
    if missing:
        hint = "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"
        raise MachineError(f"containers of this user cannot run: {'; '.join(missing)}", hint=hint)
    lowest = lowest_port()
    faults = [
        Fault(
            str(machine.definition_path(name)),
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
    if not lingers(name):
        yield Notice(
            f"services of {name} stop at logout and do not start at boot; loginctl enable-linger {name}"
        )


def _check_loopback(machine: Machine, definitions: Definitions) -> None:
    """Refuse ports that Beacon has given to other services."""
    claimed = [
        (name, key, port)
        for name, definition in definitions.items()
        for key, port in fixed_ports(definition.service)
        if port in machine.settings.ports
    ]
    if not claimed:
        return
    given = {port: other for other, ports in machine.store.ports().items() for port in ports.values()}
    faults = [
        Fault(
            str(machine.definition_path(name)),
            key,
            f"must not be {port}, which {given[port]} was given for its endpoints",
        )
        for name, key, port in claimed
        if given.get(port, name) != name
    ]
    if faults:
        raise DefinitionError(faults, hint=f"choose one outside of {machine.settings.ports}")


def _lowest(definitions: Definitions) -> int:
    services = (definition.service for definition in definitions.values())
    return min(port.host_port for one in services for port in one.ports if port.host_port is not None)


def idle_notices(machine: Machine, services: Collection[Service]) -> Iterator[Notice]:
    """Yield which limits of *services* this machine cannot hold; they run without."""
    if all(service.resources == Resources() for service in services):
        return
    given = given_controllers(machine.caller.uid if machine.scope is Scope.USER else None)
    # Control groups of version 1 limit in part; beacon doctor says so.
    idle = None if given is None else idle_limits(services, given, machine.scope)
    if idle is not None:
        yield Notice(idle)
