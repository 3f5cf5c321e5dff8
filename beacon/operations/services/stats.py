"""What services take of the machine, by systemd's accounts."""

from __future__ import annotations

import time

from msgspec import Struct
from msgspec.structs import replace

from beacon.model.machine import Engine
from beacon.model.unit import slice_name, unit_name
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.wire.stats import ServiceStats, Stats


class StatsRequest(Struct, frozen=True):
    """Of which services, all if there are none; the share of the CPU is taken over so many *seconds*.

    With 0 it is left out: who asks again and again has :func:`since` work it out.
    """

    services: tuple[str, ...] = ()
    seconds: float = 1.0


def stats(machine: Machine, request: StatsRequest, listener: Listener) -> Stats:
    """Return what services take. Raises NoSuchServiceError."""
    del listener  # it takes as long as was asked for
    names = machine.select(request.services)
    first = _read(machine, names)
    if not request.seconds:
        return first
    time.sleep(request.seconds)
    return since(first, _read(machine, names))


def since(before: Stats, now: Stats) -> Stats:
    """Return *now* with the share of the CPU that each service has had since *before*."""
    seconds = now.taken - before.taken
    cpu = {one.name: one.cpu for one in before.services}
    shares = {one.name: _share(cpu.get(one.name), one.cpu, seconds) for one in now.services}
    return replace(now, services=tuple(replace(one, cpu_percent=shares[one.name]) for one in now.services))


def _share(before: float | None, now: float | None, seconds: float) -> float | None:
    """Return the percentage of one CPU; None if it is not counted, or from the start of the service anew."""
    if before is None or now is None or now < before or seconds <= 0:
        return None
    return round(100 * (now - before) / seconds, 1)


def _read(machine: Machine, names: tuple[str, ...]) -> Stats:
    elsewhere = machine.engines.elsewhere()
    states = machine.systemd.states([unit_name(name) for name in names])
    services = []
    for name in names:
        is_docker = elsewhere.get(name, machine.engine_kind) is Engine.DOCKER
        unit, state = slice_name(name) if is_docker else unit_name(name), states[unit_name(name)]
        used = machine.systemd.usage(unit)
        services.append(
            ServiceStats(
                name=name,
                unit=unit,
                load=state.load,
                active=state.active,
                memory=used.memory,
                memory_limit=used.memory_limit,
                cpu=None if used.cpu is None else used.cpu / 1e9,
                cpu_percent=None,
                tasks=used.tasks,
                read=used.read,
                written=used.written,
                received=used.received,
                sent=used.sent,
            )
        )
    return Stats(scope=machine.scope.value, taken=time.monotonic(), services=tuple(services))
