"""What this version of Beacon has read out of definitions before: most are not read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from beacon import __version__
from beacon.errors import AccessError, HostError
from beacon.model.release import Release, ReleaseState, text_digest
from beacon.model.service import Service
from beacon.rollout.ports import Store


def live_releases(store: Store, names: Iterable[str]) -> dict[str, Release] | None:
    """Return the live releases of *names*, and of all other services whose state can be understood.

    None for somebody who may not read the states.
    """
    asked = set(names)
    try:
        lives = {name: store.load(name).live_release for name in sorted(asked)}
        for name in store.names():
            if name not in asked:
                with suppress(HostError):  # told when it is asked for
                    lives[name] = store.load(name).live_release
    except AccessError:
        return None
    return {name: live for name, live in lives.items() if live is not None}


def earlier_readings(lives: Mapping[str, Release] | None, texts: Mapping[str, str]) -> dict[str, Service]:
    """Return those services of *texts* (name → text) whose live releases were made of the very same text.

    They are in order, since they were applied.
    """
    return {
        name: live.service
        for name, live in (lives or {}).items()
        if name in texts and (live.definition, live.reader) == (text_digest(texts[name]), __version__)
    }


def running(lives: Mapping[str, Release] | None) -> dict[str, Service]:
    """Return the services that run, as they were applied: a release that never stood holds nothing."""
    return {name: one.service for name, one in (lives or {}).items() if one.state is ReleaseState.LIVE}
