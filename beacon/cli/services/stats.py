"""beacon stats: what services take of the machine."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from beacon.cli.arguments import Json, Names, Watch
from beacon.cli.output import ago, in_bytes
from beacon.cli.session import session
from beacon.cli.watching import watch
from beacon.operations.services.stats import StatsRequest, since
from beacon.operations.services.stats import stats as ask
from beacon.wire.stats import ServiceStats, Stats

_HEADINGS = ("SERVICE", "CPU", "CPU TIME", "MEMORY", "TASKS", "DISK R/W", "NET IN/OUT")
_FIGURES = len(_HEADINGS) - 2
_MINUTE = 60
_UP = {"active", "activating", "reloading", "deactivating"}


def stats(context: typer.Context, names: Names = None, watched: Watch = False, as_json: Json = False) -> None:
    """Show what services take of CPU, memory, disk and network, as systemd counts it.

    A dash stands for what is not counted. The CPU is a share of one, over the last second.
    """
    here = session(context)
    machine, services = here.machine(), tuple(names or ())
    last: list[Stats] = []

    def show(request: StatsRequest) -> None:
        answer = ask(machine, request, here.listener)
        answer = since(last.pop(), answer) if last else answer
        last.append(answer)
        if as_json:
            here.output.data(answer)
        else:
            here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.services])

    if watched:
        watch(here.output, lambda: show(StatsRequest(services, seconds=0.0)), as_json=as_json)
    show(StatsRequest(services))


def _row(one: ServiceStats) -> Iterator[str]:
    yield one.name
    if one.active not in _UP:
        yield from ("not installed" if one.load == "not-found" else one.active, *["-"] * _FIGURES)
        return
    yield "-" if one.cpu_percent is None else f"{one.cpu_percent:.1f}%"
    yield "-" if one.cpu is None else f"{one.cpu:.1f}s" if one.cpu < _MINUTE else ago(one.cpu)
    yield "-" if one.memory is None else _sizes(one.memory, one.memory_limit)
    yield "-" if one.tasks is None else str(one.tasks)
    yield _sizes(one.read, one.written)
    yield _sizes(one.received, one.sent)


def _sizes(*counts: int | None) -> str:
    return "/".join(in_bytes(count) for count in counts if count is not None) or "-"
