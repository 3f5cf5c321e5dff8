"""What `beacon update` does, apart from its command line, which a run of the timer need not load."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import Struct

from beacon.cli.ending import told
from beacon.cli.output import Output
from beacon.cli.session import Session, chosen_scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from beacon.cli.host import Host
    from beacon.model.outcome import Outcome
    from beacon.model.release import ServiceState


class Asked(Struct, frozen=True):
    """What an update is to do; *names* are as they were typed, all services where there are none."""

    names: tuple[str, ...] = ()
    check: bool = False
    exit_code: bool = False
    retry: bool = False
    as_json: bool = False


def update(host: Host, asked: Asked) -> int:
    """Check the registry, roll out what is new, say what came of it, and return the exit status."""
    from beacon.cli.outcomes import show
    from beacon.errors import ExitStatus
    from beacon.model.outcome import OutcomeKind
    from beacon.rollout.readings import readable

    if not asked.check:
        host.require_write("update")
        host.end_adoptions()
    chosen = host.select(asked.names)
    outcomes: list[Outcome] = []
    if not asked.check:
        outcomes += resume(host, chosen)
        outcomes += _elsewhere(host, set(chosen) - {outcome.service for outcome in outcomes})
    ended = {outcome.service for outcome in outcomes}
    states, damaged = readable(host.store, [name for name in chosen if name not in ended])
    outcomes += damaged
    outcomes += _unfollowed(host, states, asked)
    if not asked.check:
        _secure_volumes(host, states)
    outcomes += _followed(host, asked, states)
    if not asked.check:
        host.follow(outcomes)
        _remember(host, outcomes)
    status = show(host.output, outcomes, every=asked.check or bool(asked.names), as_json=asked.as_json)
    if asked.check and asked.exit_code and any(outcome.kind is OutcomeKind.AVAILABLE for outcome in outcomes):
        status = ExitStatus.UPDATES_AVAILABLE
    return status


def _followed(host: Host, asked: Asked, states: Mapping[str, ServiceState]) -> list[Outcome]:
    """Return what came of the services that *states* are of: their images, and those that are down."""
    from beacon.rollout.ahead import Ahead
    from beacon.rollout.check import Check
    from beacon.systemd.listing import down

    resting = Ahead(lambda: down(host.scope))
    if not asked.check:
        resting.begin()
    last = {} if asked.names or asked.check else _last_checks(host)
    world = host.world
    images = Ahead(lambda: world.engine.images())  # noqa: PLW0108  # most checks need no engine
    on_news = images.begin if not asked.check else lambda: None
    if asked.names and not asked.check:  # by somebody who has just pushed, most likely, and waits
        images.begin()
        Ahead(lambda: (images.result(), host.facts)).begin()
    findings = Check(world, host.registry, states, retry=asked.retry, on_news=on_news).run(last)
    if asked.check:
        return [finding.outcome for finding in findings]
    if all(finding.candidate is None for finding in findings):
        outcomes = [finding.outcome for finding in findings]
    else:
        from beacon.rollout.update import update as roll_out

        outcomes = list(roll_out(world, host.renderer, findings, images.result, insist=bool(asked.names)))
    return _revived(host, states, resting.result(), outcomes)


def _revived(
    host: Host, names: Iterable[str], resting: Collection[str], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Start again which of *names* are down though nobody stopped them; return all outcomes."""
    from beacon.model.outcome import OutcomeKind
    from beacon.model.unit import unit_name

    busy = {OutcomeKind.UPDATED, OutcomeKind.ROLLED_BACK, OutcomeKind.ROLLBACK_FAILED}
    busy |= {OutcomeKind.FAILED, OutcomeKind.BUSY}
    before = {outcome.service: outcome for outcome in outcomes}
    down = [
        name
        for name in names
        if unit_name(name) in resting and not (name in before and before[name].kind in busy)
    ]
    if not down:
        return list(outcomes)
    from beacon.rollout.revive import revive

    for later in revive(host.world, down):
        earlier = before.get(later.service)
        before[later.service] = later if earlier is None else earlier.and_then(later)
    return [before[name] for name in sorted(before)]


def main(options: Collection[str], names: Sequence[str]) -> None:
    """Run `beacon OPTIONS update NAMES`, of which --user, --system and --check may be options."""
    output = Output()
    with told(output):
        host = Session(chosen_scope("--user" in options, "--system" in options), output).host()
        sys.exit(update(host, Asked(tuple(names), check="--check" in options)))


def _elsewhere(host: Host, names: Collection[str]) -> list[Outcome]:
    """Return what is to be said of the services that have not been moved yet to the chosen engine."""
    from beacon.model.outcome import Outcome, OutcomeKind

    return [
        Outcome(name, OutcomeKind.HELD, f"it still runs on {engine}; beacon apply {name} moves it")
        for name, engine in host.elsewhere().items()
        if name in names
    ]


def resume(host: Host, names: Sequence[str]) -> list[Outcome]:
    """Finish or undo the rollouts of services that something interrupted."""
    from beacon.rollout.readings import readable

    states, _ = readable(host.store, names)
    interrupted = [name for name, state in states.items() if state.rollout]
    if not interrupted:
        return []
    from beacon.rollout import deploy

    return list(deploy.resume(host.world, interrupted))


def _unfollowed(host: Host, states: dict[str, ServiceState], asked: Asked) -> list[Outcome]:
    """Have services followed that are installed though nothing is remembered of them, and name the others.

    *states* gets what is remembered from now on.
    """
    bare = {name: state for name, state in states.items() if state.live is None and state.rollout is None}
    orphans = [] if asked.names else sorted(host.units.strangers(host.known_names()))
    if asked.check or not (bare or orphans):
        return []
    from beacon.operations.unfollowed import follow_again, orphan
    from beacon.rollout.readings import readable

    outcomes = [*(follow_again(host, bare, host.listener) if bare else ()), *map(orphan, orphans)]
    ended = {outcome.service for outcome in outcomes}
    for name in bare:
        del states[name]
    states |= readable(host.store, bare.keys() - ended)[0]
    return outcomes


def _secure_volumes(host: Host, states: Mapping[str, ServiceState]) -> None:
    """See that no volume without a name goes with its container, whoever stops that."""
    from beacon.errors import BeaconError
    from beacon.model.unit import is_unnamed

    services = {name: live.service for name, one in states.items() if (live := one.live_release) is not None}
    found = [
        states[name]
        for name, service in services.items()
        if any(is_unnamed(volume.external) for volume in service.volumes)
    ]
    if not found:
        return
    from beacon.rollout.move import secure

    try:
        secure(host.world, found)
    except BeaconError as error:  # beacon doctor tells of them too
        host.output.warn(f"volumes without a name are not secured: {error.message}")


def _last_checks(host: Host) -> dict[str, datetime]:
    from beacon.rollout.world import moment

    return {name: moment(check.at) for name, check in host.store.load_checks().services.items()}


def _remember(host: Host, outcomes: Sequence[Outcome]) -> None:
    """Note what came of each service, and tell the journal what it has not been told before."""
    from beacon.errors import BeaconError
    from beacon.rollout.news import remember

    try:
        remember(host.world, host.store, outcomes)
    except BeaconError as error:  # what became of the services is worth more
        host.output.warn(f"what this check found is not remembered: {error.message}")
