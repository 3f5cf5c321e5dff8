"""Following images: what is new is rolled out, and a service goes back to a release that it had."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.notice import Notice
from beacon.operations.apps.records import due_sources, has_news
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.running import watchable
from beacon.rollout.checking.check import Check
from beacon.rollout.checking.news import log_outcomes
from beacon.rollout.following.run import Run
from beacon.rollout.readings import readable
from beacon.wire.outcome import Outcomes, outcome_infos


class UpdateRequest(Struct, frozen=True):
    """Which services (all if there are none): those that are named are updated outside of their windows too.

    With *check* nothing is changed; with *retry* quarantined images are tried again.
    """

    services: tuple[str, ...] = ()
    check: bool = False
    retry: bool = False


class RollbackRequest(Struct, frozen=True):
    """Which service, and to which release: the one before the live one by default."""

    service: str
    release: int | None = None


def update(machine: Machine, request: UpdateRequest, listener: Listener) -> Outcomes:
    """Ask the registries what is new, and roll it out.

    What a kill interrupted is ended first; what is down though nobody stopped it is started again last.
    Raises NoSuchServiceError, and AccessError if this user may not change services. What becomes of one
    service hinders no other.
    """
    if request.check:
        return _check(machine, request, listener)
    return _update(machine, request, listener)


@watchable("update")
def _update(machine: Machine, request: UpdateRequest, listener: Listener) -> Outcomes:
    names, tools = machine.select(request.services), machine.tools_for(listener)
    apps = None
    fetched: tuple[Notice, ...] = ()
    if not request.services and due_sources(machine):
        from beacon.operations.apps.sources import fetch_due  # noqa: PLC0415  # as below

        fetched = fetch_due(machine, listener)
    if has_news(machine):
        from beacon.operations.apps.following import follow  # noqa: PLC0415  # pydantic; mostly there is none

        apps = follow(machine, names, listener, named=bool(request.services))
        there = set(machine.known_names()) - apps.services
        names = tuple(name for name in names if name in there)
    run = Run(machine, tools, named=bool(request.services), retry=request.retry)
    outcomes = run.see_to(names)
    warnings = machine.update_proxy(outcomes)
    if apps is None:
        run.remember(outcomes)
        return Outcomes(services=outcome_infos(outcomes), warnings=(*fetched, *run.warnings, *warnings))
    outcomes = apps.said(outcomes)
    run.remember(outcomes)
    return Outcomes(
        services=(*apps.outcomes, *outcome_infos(outcomes)),
        warnings=(*fetched, *apps.warnings, *run.warnings, *warnings),
    )


@watchable("rollback")
def rollback(machine: Machine, request: RollbackRequest, listener: Listener) -> Outcomes:
    """Go back to a release, from the image on disk; the release left is quarantined.

    What a kill interrupted is ended first, of which the listener hears; where it cannot be, that is the
    outcome. Raises UsageError if there is no such release, MachineError if its image is not to be had,
    BusyError if a rollout is under way, EditedError if a file that would change was edited by hand.
    """
    (name,) = machine.select([request.service])
    tools = machine.tools_for(listener)
    rollouts = machine.rollouts_for(tools)
    resumed = rollouts.resume([name])
    log_outcomes(tools, resumed)
    barred = rollouts.unended(resumed)
    if barred:
        return Outcomes(services=outcome_infos(barred), warnings=machine.update_proxy(barred))
    for ended in resumed:
        tools.reporter.note(name, f"{ended.kind.word}: {ended.detail}")
    machine.engines.require_here(name)
    outcome = rollouts.go_back(name, request.release)
    log_outcomes(tools, [outcome])
    return Outcomes(services=outcome_infos([outcome]), warnings=machine.update_proxy([outcome]))


def _check(machine: Machine, request: UpdateRequest, listener: Listener) -> Outcomes:
    names = machine.select(request.services)
    states, damaged = readable(machine.store, names)
    tools = machine.tools_for(listener)
    check = Check(tools, machine.registry_on_demand, states, retry=request.retry)
    found = check.run({})
    is_news = any(checked.candidate is not None for checked in found)
    outcomes = machine.rollouts_for(tools).foresee(found) if is_news else [one.outcome for one in found]
    if has_news(machine):
        from beacon.operations.apps.following import foresee  # noqa: PLC0415  # as above

        outcomes = foresee(machine, names).said(outcomes)
    return Outcomes(services=outcome_infos((*damaged, *outcomes)))
