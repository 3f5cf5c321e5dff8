"""Releases, as answers have them."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.release import Release
from beacon.wire.answer import Answer
from beacon.wire.held import Held


class ReleaseInfo(Struct, frozen=True, kw_only=True):
    """One release; times are RFC 3339 in UTC."""

    number: int
    state: str
    """candidate, live, superseded or failed."""
    trigger: str
    """add, apply, update or rollback."""
    image: str
    """The reference that is followed."""
    digest: str
    tag_digest: str
    image_id: str
    created: str | None
    finished: str | None
    reason: str
    runs: str
    """The reference that the unit names: the repository at the manifest's digest."""


class History(Answer, frozen=True, kw_only=True):
    """The releases of one service, the newest first."""

    service: str
    releases: tuple[ReleaseInfo, ...]
    hold: Held | None = None


def release_info(release: Release) -> ReleaseInfo:
    """Return what answers say of *release*."""
    return ReleaseInfo(
        number=release.number,
        state=release.state.value,
        trigger=release.trigger.value,
        image=str(release.reference),
        digest=release.digest,
        tag_digest=release.tag_digest,
        image_id=release.image.image_id,
        created=release.created or None,
        finished=release.finished,
        reason=release.reason,
        runs=str(release.pinned),
    )
