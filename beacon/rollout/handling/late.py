"""Hooks that run once all is decided: after_update and after_rollback.

What a state owes is written down together with how the rollout ended, so that a kill loses no hook. One that
had begun by then is awaited, and not repeated.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.event import EventKind
from beacon.model.release import OwedHook, Release, ServiceState
from beacon.model.unit import hook_unit
from beacon.rollout.handling.running import run_hook
from beacon.rollout.tools import Tools

Key = Literal["after_update", "after_rollback"]

_POLL = 0.5
_LIMIT = 330.0
"""Seconds in which systemd has ended a hook."""


def owing(state: ServiceState, key: Key, release: Release) -> ServiceState:
    """Return the state that owes the hook *key* of *release*, if there is one."""
    owed = OwedHook(key, release)
    return replace(state, owed=owed) if owed.command else state


def pay(tools: Tools, name: str) -> None:
    """Run the hook that *name* owes; if that cannot be noted, it is left to the next run."""
    try:
        run_owed(tools, name)
    except MachineError as error:
        tools.reporter.note(name, f"the hook behind its rollout is left to the next run: {error.message}")


def run_owed(tools: Tools, name: str) -> None:
    """Run the hook that the service *name* owes, if it does; the caller holds its lock.

    It has no say any more. That it failed is logged, since nothing else comes of it.
    """
    state = tools.store.load(name)
    owed = state.owed
    if owed is None:
        return
    if owed.begun:
        await_hook(tools, name)
        tools.store.save(replace(state, owed=None))
        return
    tools.store.save(replace(state, owed=replace(owed, begun=True)))
    fault = run_hook(tools, owed.command, owed.release)
    state = replace(tools.store.load(name), owed=None)
    if fault is None:
        tools.store.save(state)
        return
    message = f"{owed.key} of {name} failed: {fault}"
    tools.log(EventKind.HOOK_FAILED, message, owed.release, saving=state)
    tools.reporter.note(name, f"{owed.key} failed: {fault}")


def await_hook(tools: Tools, service: str) -> None:
    """Wait for a hook that outlives the Beacon that began it; nobody hears what it says."""
    clock, unit = tools.clock, hook_unit(service)
    deadline = clock.monotonic() + _LIMIT
    while tools.unit(unit).is_up and clock.monotonic() < deadline:
        clock.sleep(_POLL)
