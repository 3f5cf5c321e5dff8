"""What this version of Beacon has read out of definitions before: most are not read again."""

from __future__ import annotations

from collections.abc import Mapping

from beacon import __version__
from beacon.errors import AccessError
from beacon.model.release import text_digest
from beacon.model.service import Service
from beacon.rollout.ports import Store


def earlier_readings(store: Store, texts: Mapping[str, str]) -> dict[str, Service]:
    """Return those services of *texts* (name → text) whose live releases were made of the very same text.

    They are in order, since they were applied. None are known to somebody who may not read the states.
    """
    try:
        lives = {name: store.load(name).live_release for name in texts}
    except AccessError:
        return {}
    return {
        name: live.service
        for name, live in lives.items()
        if live is not None and (live.definition, live.reader) == (text_digest(texts[name]), __version__)
    }
