"""The health gate: watch a started release until it stands or has failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.definition.endpoints.handover import is_web
from beacon.errors import MachineError
from beacon.model.release import Release
from beacon.model.runtime import Container, UnitState
from beacon.model.service import RestartPolicy, Service
from beacon.model.unit import unit_name
from beacon.rollout.decisions.decide import (
    CANCELED,
    PASSED,
    PENDING,
    PROBE_INTERVAL,
    PROBE_TIMEOUT,
    STOPPED,
    Gate,
    Verdict,
    failed,
    health_limit,
    is_handled,
    is_restarted,
    is_stopped,
    judge_done,
    judge_end,
    judge_health,
    judge_probe,
    judge_settled,
    judge_unit,
)
from beacon.rollout.decisions.down import ends_well
from beacon.rollout.handling.handover import Address
from beacon.rollout.handling.listening import LOOPBACK, refusal
from beacon.rollout.tools import Tools

_SETTLE_POLL = 0.25
_LEAST_PAUSE = 0.01
_LAG = 10.0
_LISTEN_LIMIT = 30.0
"""Seconds after which a release that is healthy otherwise has to accept connections."""
_REFUSALS = 3
"""So many looks in a row may fail before that is the end of the watch."""
_JOURNAL_LOOKS = 8
"""So often the journal is asked for an entry that takes a moment to be in it."""


def watch(
    tools: Tools, release: Release, addresses: Sequence[Address] = (), *, runs_on: bool = False
) -> Verdict:
    """Return whether the started *release* is healthy: health check, READY=1, or settled, in this order.

    READY=1 has no case of its own here: the start job of a Type=notify unit ends with it, and the release
    then only has to stay as it is for the settle time. A job is healthy once it has ended well; so is what is
    started again where it fails, unless there is anything to ask it, or it *runs_on* if it is well. It has to
    accept connections at *addresses*. That somebody else stops or restarts it says nothing of it.
    """
    release = replace(release, service=in_effect(release))
    service, subject = release.service, _Subject(tools, release, addresses, runs_on)
    unit = unit_name(service.name)
    before: UnitState | None = None
    began = elapsed = 0.0
    handled, refused = False, 0
    while not tools.is_canceled():
        now = tools.unit(unit)
        if before is not None and now.restarts > before.restarts:
            now = with_last_exit(tools, now)
        if is_handled(before, now):
            handled = True
        else:
            if before is None or is_restarted(before, now):
                before, began, handled = now, tools.clock.monotonic(), False
            elapsed = tools.clock.monotonic() - began
            try:
                ends = not handled and subject.may_end and ends_well(service, now)
                verdict = judge_end(now) if ends else subject.judge(before, now, elapsed)
                refused = 0
            except MachineError:  # an engine that is busy, say; that says nothing of a release that is up
                verdict, refused = judge_unit(before, now), refused + 1
                if verdict is PENDING and refused > _REFUSALS:
                    raise
            if verdict.gate is Gate.FAILED and is_stopped(service, now, handled=handled):
                return STOPPED
            if verdict.gate is not Gate.PENDING:
                return verdict
        tools.clock.sleep(_pause(service, elapsed))
    return CANCELED


class _Subject(NamedTuple):
    """A release that is watched."""

    tools: Tools
    release: Release
    addresses: Sequence[Address]
    runs_on: bool

    @property
    def may_end(self) -> bool:
        """Whether it may be as its owner wants it once it has ended."""
        service = self.release.service
        asked = self.runs_on or bool(self.addresses or service.endpoints) or has_check(service)
        return service.restart.policy is RestartPolicy.NO or not asked

    def judge(self, before: UnitState, now: UnitState, elapsed: float) -> Verdict:
        """Return what is to be said of it after *elapsed* seconds."""
        service, verdict = self.release.service, self._judge(before, now, elapsed)
        what, limit = _awaited(service)
        if verdict is PASSED and self.addresses:
            limit += _LISTEN_LIMIT
            verdict = judge_probe(refusal(self.tools, self.addresses), now, elapsed, limit)
            what = "waiting until it accepts connections"
        if verdict is PENDING:
            self.tools.reporter.waiting(service.name, what, elapsed, limit)
        return verdict

    def _judge(self, before: UnitState, now: UnitState, elapsed: float) -> Verdict:
        service, health = self.release.service, self.release.service.health
        if service.restart.policy is RestartPolicy.ONESHOT:
            return judge_done(before, now)
        if health.command is not None:
            container = self.tools.engine.containers().get(service.name)
            return judge_health(container.health if container else "", now, elapsed, health_limit(service))
        if health.http is not None or health.tcp is not None:
            verdict = judge_probe(probe_port(self.tools, service), now, elapsed, health_limit(service))
            return judge_unit(before, now) if verdict is PENDING else verdict
        verdict = judge_settled(before, now, elapsed, service.update.settle)
        if verdict.gate is Gate.PASSED:
            return self._confirm(elapsed - service.update.settle)
        return verdict

    def _confirm(self, late: float) -> Verdict:
        """Judge a release that seems to have settled by its container.

        On a busy machine the process that watches a container lives on for seconds after it has ended.
        """
        container = self.tools.engine.containers().get(self.release.service.name)
        if container is not None and container.release == self.release.number:
            return PASSED
        return PENDING if late < _LAG else failed("its container has ended")


def _awaited(service: Service) -> tuple[str, float]:
    """Return what a release has to do to be healthy, and in how many seconds."""
    health = service.health
    if health.command is not None:
        return "waiting for its health check", health_limit(service)
    if health.http is not None:
        return f"waiting for GET {health.http.path} to be answered", health_limit(service)
    if health.tcp is not None:
        return f"waiting for port {health.tcp} to accept connections", health_limit(service)
    return "watching it settle", service.update.settle


def is_sick(tools: Tools, release: Release) -> bool:
    """Say whether the engine has found *release* unhealthy while systemd still waits for it to be ready.

    The start job itself would wait for the whole of TimeoutStartSec, with the service down.
    """
    service = in_effect(release)
    unit = unit_name(service.name)
    if service.health.command is None or tools.unit(unit).active != "activating":
        return False
    container = tools.engine.containers().get(service.name)
    return container is not None and (container.release, container.health) == (release.number, "unhealthy")


def with_last_exit(tools: Tools, now: UnitState) -> UnitState:
    """Add to a unit that failed, and runs again by now, how its process ended; it says so no more itself."""
    if not now.is_up or now.exit_status:
        return now
    for _ in range(_JOURNAL_LOOKS):
        last = tools.systemd.last_exit(now.name)
        if last is not None:
            return replace(now, result=last.result, exit_status=last.status)
        tools.clock.sleep(_SETTLE_POLL)
    return now


def has_check(service: Service) -> bool:
    """Say whether there is anything to ask a release beside that it runs."""
    return any(one is not None for one in (service.health.command, service.health.http, service.health.tcp))


def _pause(service: Service, elapsed: float) -> float:
    """Return the seconds to the next probe; one that only has to settle stands once that is over."""
    if has_check(service):
        return PROBE_INTERVAL
    left = service.update.settle - elapsed
    return min(_SETTLE_POLL, max(left, _LEAST_PAUSE)) if left > 0 else _SETTLE_POLL


def probe_port(tools: Tools, service: Service) -> str | None:
    """Probe the port of *service* that its definition names for health; return what is wrong with it.

    Raises MachineError where the engine does not say where that is.
    """
    health = service.health
    port = health.http.port if health.http is not None else health.tcp or 0
    address = _reach(tools, service, port)
    if address is None:
        return f"port {port} cannot be reached from outside: it is not published"
    timeout = health.timeout or PROBE_TIMEOUT
    if (http := health.http) is None:
        fault = tools.probe.tcp(*address, timeout)
        return f"port {port} {fault}" if fault else None
    host = http.host or _domain_at(service, port)
    fault = tools.probe.http(*address, http.path, timeout, host)
    return f"GET {http.path}{f' of {host}' if host else ''} on port {port} {fault}" if fault else None


def _domain_at(service: Service, port: int) -> str | None:
    """Return the domain of an endpoint at *port*: applications may answer to their own names alone."""
    endpoints = (one for one in service.endpoints if one.redirect is None and one.port == port)
    return next((one.domain for one in endpoints if is_web(one) and not one.domain.startswith("*")), None)


def _reach(tools: Tools, service: Service, port: int) -> tuple[str, int] | None:
    """Return where the host reaches *port* of the container, or None."""
    if "host" in service.networks:
        return ("127.0.0.1", port)
    container: Container | None = tools.engine.containers().get(service.name)
    if container is None:
        return None
    published = container.ports.get(f"{port}/tcp")
    if published is not None:
        host, host_port = published
        return (LOOPBACK.get(host, host), host_port)
    address = tools.engine.address(service.name)
    return (address, port) if address else None
