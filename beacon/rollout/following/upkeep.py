"""What a run finds to do besides following images, by what is remembered and by the names of units."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from beacon.model.machine import Engine
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ReleaseState, ServiceState
from beacon.model.unit import is_unnamed, unit_name

_LEFT_ALONE = {
    OutcomeKind.UPDATED,
    OutcomeKind.ROLLED_BACK,
    OutcomeKind.ROLLBACK_FAILED,
    OutcomeKind.FAILED,
    OutcomeKind.BUSY,
}
"""Ends after which a service is not started again: a rollout has just seen to it, or goes on."""


def interrupted(states: Iterable[ServiceState]) -> list[str]:
    """Return the services whose rollouts, or the hooks after them, something may have interrupted."""
    return [state.name for state in states if state.rollout is not None or state.owed is not None]


def unhealthy_at_first(states: Iterable[ServiceState]) -> list[str]:
    """Return the services whose installed release was never healthy."""
    return [
        state.name
        for state in states
        if (live := state.live_release) is not None
        and live.state is ReleaseState.FAILED
        and state.rollout is None
    ]


def exposed(states: Iterable[ServiceState]) -> list[ServiceState]:
    """Return the states of services with volumes that never had a name: each goes with its container."""
    return [
        state
        for state in states
        if (live := state.live_release) is not None
        and any(is_unnamed(volume.external) for volume in live.service.volumes)
    ]


def fallen(names: Iterable[str], down: Collection[str], outcomes: Iterable[Outcome]) -> list[str]:
    """Return which of *names* have units that are *down* and that no rollout of this run has left so."""
    seen_to = {outcome.service for outcome in outcomes if outcome.kind in _LEFT_ALONE}
    return [name for name in names if unit_name(name) in down and name not in seen_to]


def unmoved(elsewhere: Mapping[str, Engine], names: Collection[str]) -> list[Outcome]:
    """Return what is to be said of those of *names* that still run on another engine than the chosen one."""
    return [
        Outcome(
            name,
            OutcomeKind.HELD,
            f"it still runs on {engine}; beacon apply {name} moves it",
            said="not moved",
        )
        for name, engine in elsewhere.items()
        if name in names
    ]


def orphan(name: str) -> Outcome:
    """Return what is to be said of a service that has a unit of Beacon's, and nothing else."""
    detail = "it is installed, but neither defined nor remembered: nothing updates it"
    hint = "beacon plan shows what beacon apply would remove"
    return Outcome(name, OutcomeKind.HELD, detail, hint, said="not defined")
