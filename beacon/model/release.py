"""Releases of a service, and everything that Beacon remembers of the service between two runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.model.image import ImageConfig, Platform, ResolvedImage
from beacon.model.reference import Digest, ImageReference
from beacon.model.service import Service

KEPT_RECORDS = 30
"""Releases that history remembers; images are kept for the live and the previous one only."""


def text_digest(text: str) -> str:
    """Return what a release remembers of its definition's text: the SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


class ReleaseState(StrEnum):
    """Where a release stands (docs/states.md)."""

    CANDIDATE = "candidate"
    LIVE = "live"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class Trigger(StrEnum):
    """What brought a release about."""

    ADD = "add"
    APPLY = "apply"
    UPDATE = "update"
    ROLLBACK = "rollback"
    TAKEOVER = "takeover"
    """It was there; what was remembered of it had been lost."""


class Release(Struct, frozen=True):
    """A service at one digest with one rendering.

    *service* is the definition as declared when the release was made, so that it can be rendered again,
    offline, when it is rolled back to. Times are RFC 3339 in UTC.
    """

    number: int
    service: Service
    reference: ImageReference
    """The followed reference: with its tag, without a digest unless the owner pinned one."""
    tag_digest: Digest
    digest: Digest
    image: ImageConfig
    state: ReleaseState
    trigger: Trigger
    created: str
    finished: str | None = None
    reason: str = ""
    definition: str = ""
    """SHA-256 of the definition's text, to see without parsing that the file has not changed."""
    reader: str = ""
    """The version of Beacon that read *service* out of that text; another one may read it otherwise."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports of the loopback that Beacon chose for endpoints, by the container's (``8080/tcp``).

    ``8080/tcp+`` is the second one, for a release that runs beside the live one.
    """
    domain: str = ""
    """The domain that Beacon chose, where the definition asks for one (``domain = "auto"``)."""
    platform: Platform | None = None
    """What the image was asked for; its own configuration may say something else. None of older Beacons."""

    secrets: Mapping[str, int] = field(default_factory=dict)
    """The versions of Beacon's own secrets that it runs with, by name; those of the engine have none."""
    private: bool = False
    """Whether other users could not read the definition. No of older Beacons, which made no difference."""

    @property
    def pinned(self) -> ImageReference:
        """What the unit runs: the repository at the manifest's digest."""
        return self.reference.with_digest(self.digest)

    @property
    def image_ids(self) -> frozenset[Digest]:
        """What engines call the image: by its configuration, or (containerd's store) by its manifest."""
        return frozenset({self.image.image_id, self.digest})


def _is_begin(text: str, *digests: Digest) -> bool:
    bare = text.removeprefix("sha256:")
    return any(one.partition(":")[2].startswith(bare) for one in digests)


class Quarantine(Struct, frozen=True):
    """A digest that failed with a definition (*fingerprint*); not tried again until either changes."""

    digest: Digest
    tag_digest: Digest
    fingerprint: str
    since: str
    reason: str
    until: str = ""
    """When it is tried again all the same, since its blame was not certain; empty where it was."""
    tag: str = ""
    """The tag that named it. None of older Beacons."""
    acknowledged: str = ""
    """When its owner said that he knows; empty where that is not yet so."""

    def is_called(self, digest: str) -> bool:
        """Say whether *digest* is how its digest, or that of its tag, begins."""
        return _is_begin(digest, self.digest, self.tag_digest)


class Hold(Struct, frozen=True):
    """The owner said ``beacon hold``: updates are not followed."""

    since: str
    reason: str = ""


class Pending(Struct, frozen=True):
    """An image that was found and not rolled out yet; kept so that it is looked up only once."""

    reference: ImageReference
    image: ResolvedImage
    first_seen: str
    """A minimum age counts from here."""
    hindered: int = 0
    """How often the host hindered its rollout."""


class Displaced(Struct, frozen=True, order=True):
    """Data of the live release that another one would not see."""

    volume: str
    """What the engine calls the volume; a folder of the host where it is one."""
    path: str
    """Where the live release has it."""
    inside: str = ""
    """The folder within the volume that would be hidden; empty for all of it."""
    instead: tuple[str, ...] = ()
    """Where the other release has volumes that the live one has not."""


class AwaitingApproval(Struct, frozen=True):
    """A release that does not start by itself, but waits for its owner's word (``beacon approve``)."""

    reference: ImageReference
    digest: Digest
    tag_digest: Digest
    trigger: Trigger
    """What would bring it about: an update, or the definition that asks for it."""
    reason: str
    since: str
    displaced: tuple[Displaced, ...] = ()
    approved: str = ""
    """When its owner approved it; empty where that is not yet so."""

    @property
    def is_update(self) -> bool:
        """Whether its tag names it; otherwise the definition asks for it."""
        return self.trigger is Trigger.UPDATE

    def is_called(self, digest: str) -> bool:
        """Say whether *digest* is how its digest, or that of its tag, begins."""
        return _is_begin(digest, self.digest, self.tag_digest)


class UnderWay(Struct, frozen=True):
    """That a rollout of *release* is under way; its record says all else."""

    release: int


class OwedHook(Struct, frozen=True):
    """A hook that is to run after a rollout whose end is written down already."""

    key: Literal["after_update", "after_rollback"]
    release: Release
    """What was rolled out."""
    begun: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """The hook itself; empty if there is none."""
        hooks = self.release.service.hooks
        return hooks.after_update if self.key == "after_update" else hooks.after_rollback


Basis = tuple[Release | None, tuple[Quarantine, ...]]

STATE_VERSION = 2
"""Of the form in which states are kept; one that is higher is not understood, and not written over."""


class ServiceState(Struct, frozen=True):
    """All that is remembered of one service; replaced as a whole, atomically."""

    name: str
    releases: tuple[Release, ...] = ()
    """Oldest first."""
    live: int | None = None
    """The release whose files are installed. Its state is failed where none ever stood."""
    previous: int | None = None
    quarantine: tuple[Quarantine, ...] = ()
    hold: Hold | None = None
    same: tuple[Digest, ...] = ()
    """Tag digests already looked into that hold the live image: only the index around it has changed."""
    pending: Pending | None = None
    """What the tag names now, where that is not live."""
    rollout: UnderWay | None = None
    waiting: tuple[AwaitingApproval, ...] = ()
    """What waits for the owner's word: one release of an update at the most, and one of a definition."""
    spare: tuple[Release, ...] = ()
    """Candidates that were given up unblamed: their images may be on disk, for when they are tried again."""
    owed: OwedHook | None = None
    """What is still to be run after the last rollout."""
    event: str = ""
    """The id of the last event that was recorded with this state (beacon/state/outbox.py)."""
    version: int = STATE_VERSION

    def release(self, number: int | None) -> Release | None:
        """Return the release of that number, or None."""
        return next((one for one in self.releases if one.number == number), None)

    @property
    def live_release(self) -> Release | None:
        """The release whose files are installed."""
        return self.release(self.live)

    @property
    def basis(self) -> Basis:
        """What work on the service is planned from: it holds as long as this is the same."""
        return self.live_release, self.quarantine

    @property
    def next_number(self) -> int:
        """The number of the next release."""
        return max((one.number for one in self.releases), default=0) + 1

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports of the loopback that are this service's: of every release that it could go back to."""
        return {key: port for one in self.releases for key, port in one.ports.items()}

    @property
    def domain(self) -> str:
        """The domain that was chosen for this service; empty where none was."""
        return next((one.domain for one in reversed(self.releases) if one.domain), "")

    def with_release(self, release: Release) -> ServiceState:
        """Return the state with *release* added, or put in the place of the one with its number."""
        others = tuple(one for one in self.releases if one.number != release.number)
        kept = tuple(sorted((*others, release), key=lambda one: one.number))
        protected = {self.live, self.previous, release.number}
        surplus = max(len(kept) - KEPT_RECORDS, 0)
        drop = {one.number for one in kept[:surplus]} - protected
        return replace(self, releases=tuple(one for one in kept if one.number not in drop))

    def waiting_for(self, digest: Digest) -> AwaitingApproval | None:
        """Return what is known of the release at *digest* that waits, or waited until it was approved."""
        return next((one for one in self.waiting if one.digest == digest), None)

    def with_waiting(self, waiting: AwaitingApproval) -> ServiceState:
        """Return the state in which *waiting* has the place of what waited before for the same cause."""
        others = (one for one in self.waiting if one.is_update != waiting.is_update)
        return replace(self, waiting=(*(one for one in others if one.digest != waiting.digest), waiting))

    def with_update(self, digest: Digest | None) -> ServiceState:
        """Return the state in which no update waits but that to *digest*, which the tag names."""
        kept = tuple(one for one in self.waiting if one.digest == digest or not one.is_update)
        return replace(self, waiting=kept)

    def with_alias(self, image: ResolvedImage) -> ServiceState:
        """Return the state in which the quarantine of *image*, if there is one, knows what its tag names now.

        A check tells by that alone that it is not to be tried.
        """
        known = (
            replace(one, tag_digest=image.tag_digest) if one.digest == image.digest else one
            for one in self.quarantine
        )
        return replace(self, quarantine=tuple(known))

    def without_waiting(self, ended: Release) -> ServiceState:
        """Return the state in which *ended*, which is live or has failed, waits no longer.

        Nor does what a definition asked for that another one has taken the place of.
        """
        applied = ended.trigger in {Trigger.ADD, Trigger.APPLY}
        left = (one for one in self.waiting if one.digest != ended.digest)
        return replace(self, waiting=tuple(one for one in left if one.is_update or not applied))

    def with_spare(self, candidate: Release) -> ServiceState:
        """Return the state without a *candidate* that was given up; the next one has its number."""
        others = tuple(one for one in self.releases if one.number != candidate.number)
        spare = tuple(one for one in self.spare if one.pinned != candidate.pinned)
        return replace(self, releases=others, spare=(*spare, candidate))
