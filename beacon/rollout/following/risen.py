"""Services whose first release failed, and that are healthy by now: the release is live, like any other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError
from beacon.model.event import EventKind
from beacon.model.release import Release, ReleaseState
from beacon.model.unit import unit_name
from beacon.rollout.checking.candidates import concurrently
from beacon.rollout.decisions.decide import Gate
from beacon.rollout.handling.health import watch
from beacon.rollout.handling.listening import addresses_to_answer
from beacon.rollout.tools import Tools

_LEAST = 60.0
"""Seconds that it must be up for, at the least."""
_LEAST_AFTER_RESTARTS = 600.0
"""The same if systemd had to start it again: what starts over and over is up for a while too."""

_PATIENCE = 5.0
"""Seconds beyond its settle time in which it has to pass: a run waits for no check that fails."""
_AT_ONCE = 16


def note_risen(tools: Tools, names: Iterable[str]) -> None:
    """Note which of *names* have become healthy since: an update that fails then goes back to them.

    Who cannot be looked at, or is being worked on, is looked at by the next run.
    """
    concurrently(_AT_ONCE, lambda name: _note(tools, name), list(names))


def _note(tools: Tools, name: str) -> None:
    with contextlib.suppress(BeaconError):
        live = tools.store.load(name).live_release
        if live is None or not _is_healthy(tools, live):
            return
        with tools.store.lock(name):
            state = tools.store.load(name)
            if state.live_release == live and state.rollout is None:
                risen = replace(live, state=ReleaseState.LIVE, finished=tools.timestamp(), reason="")
                message = f"Release {live.number} of {name} is live: it has become healthy"
                tools.log(EventKind.RELEASE_LIVE, message, risen, saving=state.with_release(risen))


def _is_healthy(tools: Tools, live: Release) -> bool:
    unit = tools.unit(unit_name(live.service.name))
    up = tools.clock.now().timestamp() - unit.started / 1e6
    least = _LEAST_AFTER_RESTARTS if unit.restarts else _LEAST
    if unit.active != "active" or up < least:
        return False
    deadline = tools.clock.monotonic() + in_effect(live).update.settle + _PATIENCE
    patient = tools.unless(lambda: tools.clock.monotonic() > deadline)
    # What it failed by may be that nobody listens: it passes the gate of a first release, or goes on waiting.
    return watch(patient, live, addresses_to_answer(tools, live, None, unit)).gate is Gate.PASSED
