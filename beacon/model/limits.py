"""Limits of services, and the controllers (cgroups(7)) that hold them: without one, a limit is idle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from beacon.model.machine import Scope
from beacon.model.service import Resources, Service

CONTROLLERS: Mapping[str, str] = {"memory": "memory", "cpu": "cpus", "pids": "pids", "io": "io_weight"}
"""Controller → the key of [resources] that needs it (systemd.resource-control(5))."""


def needed_controllers(resources: Resources) -> Iterator[str]:
    """Yield the controllers that limits need."""
    for controller, key in CONTROLLERS.items():
        if getattr(resources, key) is not None:
            yield controller


_FEW = 5


def idle_limits(services: Collection[Service], controllers: Collection[str], scope: Scope) -> str | None:
    """Say in a sentence which limits of *services* have no effect where there are only *controllers*."""
    idle: dict[str, list[str]] = {}
    for service in services:
        for controller in needed_controllers(service.resources):
            if controller not in controllers:
                idle.setdefault(controller, []).append(service.name)
    if not idle:
        return None
    limits = (
        f"resources.{CONTROLLERS[controller]} of {_listed(names)}" for controller, names in idle.items()
    )
    verb = "has" if len(idle) == 1 else "have"
    giver = "this user is" if scope is Scope.USER else "this machine is"
    remedy = missing_remedy(idle, scope)
    return f"{'; '.join(limits)} {verb} no effect: {giver} not given control of {', '.join(idle)}; {remedy}"


def _listed(names: list[str]) -> str:
    """Return the names with commas between them; of many, how many more there are."""
    more = len(names) - _FEW
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_FEW])} and {more} more"


def missing_remedy(missing: Collection[str], scope: Scope) -> str:
    """Say what gives a machine, or a user, the controllers that are *missing*."""
    if scope is Scope.USER:
        return (
            "sudo systemctl edit user@.service, with [Service] Delegate=cpu io memory pids; then log in again"
        )
    if tuple(missing) == ("memory",):
        return "add cgroup_enable=memory to the kernel's command line, and reboot"
    return (
        "cat /sys/fs/cgroup/cgroup.controllers shows what the kernel, or the machine around this one, gives"
    )
