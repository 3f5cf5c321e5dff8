"""beacon update and rollback: follow the registry, and go back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Json, Name, Names
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from beacon.cli.host import Host
    from beacon.model.outcome import Outcome
    from beacon.model.release import ServiceState


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(update)
    app.command()(rollback)


def update(
    context: typer.Context,
    names: Names = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is new; change nothing.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --check: exit with 10 where an update is there.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try quarantined images again.")] = False,
    as_json: Json = False,
) -> None:
    """Check the registry, and roll out what is new, now.

    Services that are named are updated outside of their windows too, and however young the image is.
    """
    from beacon.cli.outcomes import show
    from beacon.cli.proxy import follow
    from beacon.errors import ExitStatus
    from beacon.model.outcome import OutcomeKind
    from beacon.rollout.ahead import Ahead
    from beacon.rollout.check import Check

    host = session(context).host()
    if not check:
        host.require_write("update")
        host.end_adoptions()
    chosen = host.select(names)
    outcomes: list[Outcome] = []
    if not check:
        outcomes += _resume(host, chosen)
        outcomes += _elsewhere(host, set(chosen) - {outcome.service for outcome in outcomes})
    told = {outcome.service for outcome in outcomes}
    states, damaged = _states(host, [name for name in chosen if name not in told])
    outcomes += damaged
    last = {} if names or check else _last_checks(host)
    images = Ahead(lambda: host.world.engine.images())  # noqa: PLW0108  # most checks need no engine
    on_news = images.begin if not check else lambda: None
    findings = Check(host.world, host.registry, states, retry=retry, on_news=on_news).run(last)
    if check or all(finding.candidate is None for finding in findings):
        outcomes += [finding.outcome for finding in findings]
    else:
        from beacon.rollout.update import update as roll_out

        outcomes += roll_out(host.world, host.renderer, findings, images.result, insist=bool(names))
    if not check:
        follow(host, outcomes)
        _remember(host, outcomes)
    status = show(host.output, outcomes, every=check or bool(names), as_json=as_json)
    if check and exit_code and any(outcome.kind is OutcomeKind.AVAILABLE for outcome in outcomes):
        status = ExitStatus.UPDATES_AVAILABLE
    raise typer.Exit(status)


def rollback(
    context: typer.Context,
    name: Name,
    release: Annotated[
        int | None, typer.Argument(help="The release to go back to; the previous one by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Go back to a release, from the image on disk.

    Its registry is not needed. The release left is quarantined: the service follows its image
    again with the next push.
    """
    from beacon.cli.outcomes import show
    from beacon.cli.proxy import follow
    from beacon.rollout.back import roll_back

    host = session(context).host()
    host.require_write("rollback")
    (chosen,) = host.select([name])
    interrupted = _resume(host, [chosen])
    if interrupted:
        show(host.output, interrupted, every=True, as_json=False)
    host.require_here(chosen)
    outcome = roll_back(host.world, host.renderer, chosen, release)
    follow(host, [outcome])
    raise typer.Exit(show(host.output, [outcome], every=True, as_json=as_json))


def _elsewhere(host: Host, names: Collection[str]) -> list[Outcome]:
    """Return what is to be said of the services that have not been moved yet to the chosen engine."""
    from beacon.model.outcome import Outcome, OutcomeKind

    return [
        Outcome(name, OutcomeKind.HELD, f"it still runs on {engine}; beacon apply {name} moves it")
        for name, engine in host.elsewhere().items()
        if name in names
    ]


def _resume(host: Host, names: Sequence[str]) -> list[Outcome]:
    states, _ = _states(host, names)
    interrupted = [name for name, state in states.items() if state.rollout]
    if not interrupted:
        return []
    from beacon.rollout.deploy import resume

    return list(resume(host.world, interrupted))


def _states(host: Host, names: Sequence[str]) -> tuple[dict[str, ServiceState], list[Outcome]]:
    """Return the states of services, and what is to be said of those whose state is damaged."""
    from beacon.errors import HostError
    from beacon.model.outcome import Outcome, OutcomeKind

    states: dict[str, ServiceState] = {}
    damaged = []
    for name in names:
        try:
            states[name] = host.store.load(name)
        except HostError as error:
            damaged.append(Outcome(name, OutcomeKind.FAILED, error.message, error.hint))
    return states, damaged


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
