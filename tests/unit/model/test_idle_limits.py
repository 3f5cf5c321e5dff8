"""Limits that a machine cannot hold are told in one sentence, with what gives it the controllers."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.model.limits import CONTROLLERS, idle_limits, needed_controllers
from beacon.model.machine import Scope
from beacon.model.service import Resources, Service

ALL = frozenset(CONTROLLERS)
EVERY_LIMIT = Resources(memory=2**26, cpus=0.5, pids=10, io_weight=200)


def service(name: str, resources: Resources) -> Service:
    return replace(decode('image = "example.org/me/web"', name=name, file="web.toml"), resources=resources)


def test_each_limit_needs_a_controller() -> None:
    assert list(needed_controllers(EVERY_LIMIT)) == ["memory", "cpu", "pids", "io"]
    assert list(needed_controllers(Resources(cpus=1.0))) == ["cpu"]
    assert not list(needed_controllers(Resources()))


def test_limits_that_hold_are_not_told() -> None:
    assert idle_limits([service("web", EVERY_LIMIT)], ALL, Scope.SYSTEM) is None
    assert idle_limits([service("web", Resources())], (), Scope.SYSTEM) is None


def test_a_machine_without_the_memory_controller() -> None:
    services = [service("db", EVERY_LIMIT), service("web", Resources(memory=2**26))]
    assert idle_limits(services, ALL - {"memory"}, Scope.SYSTEM) == (
        "resources.memory of db, web has no effect: this machine is not given control of memory; "
        "add cgroup_enable=memory to the kernel's command line, and reboot"
    )


def test_a_user_without_delegation() -> None:
    said = idle_limits([service("web", EVERY_LIMIT)], {"memory", "pids"}, Scope.USER)
    assert said is not None
    assert said.startswith("resources.cpus of web; resources.io_weight of web have no effect: this user is ")
    assert "Delegate=cpu io memory pids" in said


def test_of_many_services_some_are_named() -> None:
    many = [service(f"app-{number:02}", EVERY_LIMIT) for number in range(20)]
    said = idle_limits(many, ALL - {"memory"}, Scope.SYSTEM)
    assert said is not None
    assert "app-04 and 15 more has no effect" in said
