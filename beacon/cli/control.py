"""beacon start, stop, restart, hold and unhold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from beacon.cli.arguments import Name
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Callable

    from beacon.cli.host import Host
    from beacon.model.release import ServiceState
    from beacon.model.runtime import JobResult

_LIMIT = 600.0


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(start)
    app.command()(stop)
    app.command()(restart)
    app.command()(hold)
    app.command()(unhold)


def start(context: typer.Context, name: Name) -> None:
    """Start a service, as systemctl start beacon-NAME does."""
    host = session(context).host()
    _job(host, "start", name, host.systemd.start)


def stop(context: typer.Context, name: Name) -> None:
    """Stop a service; updates leave it stopped."""
    host = session(context).host()
    _job(host, "stop", name, host.systemd.stop)


def restart(context: typer.Context, name: Name) -> None:
    """Restart a service, at the release that it is at."""
    host = session(context).host()
    _job(host, "restart", name, host.systemd.restart)


def hold(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why, for whoever reads it later.")] = "",
) -> None:
    """Stop following the image; the service stays at its release."""
    from beacon.model.release import Hold

    host = session(context).host()
    host.require_write("hold")
    _change(host, name, lambda state: replace(state, hold=Hold(host.world.timestamp(), reason)))
    host.output.say(f"{name} is held; beacon unhold {name} follows its image again")


def unhold(context: typer.Context, name: Name) -> None:
    """Follow the image again."""
    host = session(context).host()
    host.require_write("unhold")
    _change(host, name, lambda state: replace(state, hold=None))
    host.output.say(f"{name} follows its image again")


def _job(host: Host, verb: str, name: str, action: Callable[[str, float], JobResult]) -> None:
    from beacon.errors import HostError
    from beacon.model.runtime import JobResult
    from beacon.model.unit import unit_name
    from beacon.rollout.move import secure

    host.require_write(verb)
    (chosen,) = host.select([name])
    unit = unit_name(chosen)
    with host.alone([chosen]):
        secure(host.world, [host.store.load(chosen)])
        if verb != "stop":
            host.systemd.reset_failed(unit)
        result = action(unit, _LIMIT)
    if result is not JobResult.DONE:
        from beacon.rollout.decide import judge_job

        state = host.systemd.states([unit])[unit]
        if state.load == "not-found":
            raise HostError(
                f"cannot {verb} {chosen}: it is not installed", hint=f"beacon apply {chosen} installs it"
            )
        reason = judge_job(result, state, _LIMIT).reason
        raise HostError(f"cannot {verb} {chosen}: {reason}", hint=f"beacon logs {chosen}")


def _change(host: Host, name: str, change: Callable[[ServiceState], ServiceState]) -> None:
    (chosen,) = host.select([name])
    with host.alone([chosen]):
        host.store.save(change(host.store.load(chosen)))
