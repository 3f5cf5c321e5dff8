"""Run every check beside the others: none waits for, or hides, another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from beacon.doctor.collect import (
    engine,
    leftovers,
    machine,
    notifying,
    proxy,
    published,
    publishing,
    registry,
    services,
)
from beacon.doctor.collect.survey import Survey
from beacon.doctor.judge import engine as judge_engine
from beacon.doctor.judge import leftovers as judge_leftovers
from beacon.doctor.judge import machine as judge_machine
from beacon.doctor.judge import notifying as judge_notifying
from beacon.doctor.judge import proxy as judge_proxy
from beacon.doctor.judge import publishing as judge_publishing
from beacon.doctor.judge import reach as judge_reach
from beacon.doctor.judge import registry as judge_registry
from beacon.doctor.judge import services as judge_services
from beacon.doctor.judge.facts import SettingsFacts
from beacon.doctor.judge.finding import Commands, Finding, Report, Severity, info
from beacon.errors import BeaconError

F = TypeVar("F")
Check = Callable[[Survey, Commands], list[Finding]]

LIMIT = 20.0
"""Seconds after which what has not answered is told of as such."""


def _check(collect: Callable[[Survey], F], judge: Callable[[F, Commands], list[Finding]]) -> Check:
    return lambda survey, commands: judge(collect(survey), commands)


CHECKS: Mapping[str, Check] = {
    "engine": _check(engine.engine, judge_engine.engine),
    "quadlet": _check(engine.quadlet, judge_engine.quadlet),
    "docker": _check(engine.docker, judge_engine.docker),
    "init": _check(engine.init, judge_engine.init),
    "auto-update": _check(engine.auto_update, judge_engine.auto_update),
    "systemd": _check(machine.manager, judge_machine.manager),
    "cgroups": _check(machine.cgroups, judge_machine.cgroups),
    "account": _check(machine.account, judge_machine.account),
    "ports": _check(machine.ports, judge_machine.ports),
    "clock": _check(machine.clock, judge_machine.clock),
    "disk": _check(machine.disks, judge_machine.disks),
    "command": _check(machine.command, judge_machine.command),
    "registry": _check(registry.registries, judge_registry.registries),
    "login": _check(registry.logins, judge_registry.logins),
    "timer": _check(services.timer, judge_services.timer),
    "definition": _check(services.definitions, judge_services.definitions),
    "unit-file": _check(services.files, judge_services.edited),
    "service": _check(services.services, judge_services.services),
    "start": _check(services.starts, judge_reach.starts),
    "published": _check(published.dead_ports, judge_reach.published),
    "endpoint": _check(services.endpoints, judge_services.endpoints),
    "following": _check(services.following, judge_services.following),
    "image": _check(services.releases, judge_services.releases),
    "volume": _check(services.volumes, judge_services.volumes),
    "proxy": _check(proxy.proxy, judge_proxy.proxy),
    "publishing": _check(publishing.publishing, judge_publishing.publishing),
    "notifying": _check(notifying.notifying, judge_notifying.notifying),
    "rollout": _check(leftovers.rollouts, judge_leftovers.rollouts),
    "leftover": _check(leftovers.files, judge_leftovers.files),
    "container": _check(leftovers.in_engine, judge_leftovers.in_engine),
}
"""By the names that findings are told under."""


def examine(
    survey: Survey,
    commands: Commands,
    settings: SettingsFacts,
    *,
    checks: Mapping[str, Check] = CHECKS,
    limit: float = LIMIT,
) -> tuple[Report, ...]:
    """Return what every check found, in their order; those that do not concern the machine are left out.

    A check that cannot be made says so, and why.
    """
    found: dict[str, list[Finding]] = {}

    def make(name: str, check: Check) -> None:
        found[name] = attempt(lambda: check(survey, commands))

    # A thread that hangs is left behind: it must not keep the process.
    threads = [
        threading.Thread(target=make, args=item, name=f"doctor-{item[0]}", daemon=True)
        for item in checks.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    late = Finding(
        Severity.WARNING,
        f"no answer within {limit:g} s",
        "what is asked (the engine, systemd, a file system) hangs or is very slow",
        "try again; see dmesg(1) for errors of the disk",
    )
    reports = [Report("settings", tuple(judge_engine.settings(settings, commands)))]
    reports += [Report(name, tuple(found.get(name, [late]))) for name in checks]
    return tuple(report for report in reports if report.findings)


def attempt(check: Callable[[], list[Finding]]) -> list[Finding]:
    """Return what *check* finds, or why it could not be made: a finding too, and never an exception."""
    try:
        return check()
    except BeaconError as error:
        return [info("could not be looked at", error.message.replace("\n", "; "), error.hint or "")]
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return [info("could not be looked at", f"{place}{error.strerror or error}")]
    except Exception as error:  # noqa: BLE001  # one check must not hide the others, whatever is wrong with it
        words = f"{type(error).__name__}: {error}"
        return [info("could not be looked at", f"a fault of Beacon's own, which is worth a report: {words}")]
