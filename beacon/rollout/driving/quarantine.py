"""Images that are not tried again, or not for a day."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.formats.moments import stamp
from beacon.model.release import Quarantine, Release, ServiceState
from beacon.rollout.decisions.decide import second_try
from beacon.rollout.tools import Tools


def quarantined(
    tools: Tools, state: ServiceState, release: Release, reason: str, until: str = ""
) -> ServiceState:
    """Return the state in which the image of *release* is not tried again with its definition.

    Empty, *until* is for good.
    """
    known = _entry(tools, state, release)
    entry = Quarantine(
        digest=release.digest,
        tag_digest=release.tag_digest,
        fingerprint=tools.fingerprint(release.service),
        since=tools.timestamp(),
        reason=reason,
        until=until,
        tag=release.reference.tag or "",
    )
    others = (one for one in state.quarantine if one != known)
    return replace(state.without_waiting(release), quarantine=(*others, entry))


def second_try_of(
    tools: Tools, state: ServiceState, release: Release, *, certain: bool = False, hindered: bool = False
) -> str:
    """Return when the image of *release*, which failed, is tried again by itself; empty for never."""
    known = _entry(tools, state, release)
    when = second_try(known, tools.clock.now(), certain=certain, hindered=hindered)
    return stamp(when) if when is not None else ""


def _entry(tools: Tools, state: ServiceState, release: Release) -> Quarantine | None:
    key = (release.digest, tools.fingerprint(release.service))
    return next((one for one in state.quarantine if (one.digest, one.fingerprint) == key), None)
