"""Since when an image has had its service have a domain."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.endpoints.routing.applied import applied
from beacon.model.endpoints.sources import LABEL
from beacon.model.image import ImageConfig, Platform
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.model.service import Service

WEB = Service("web", ImageReference.parse("ghcr.io/me/web:1"))
DIGEST = Digest("sha256:" + "a" * 64)


def release(
    number: int, domains: str, state: ReleaseState = ReleaseState.SUPERSEDED, service: Service = WEB
) -> Release:
    """Return a release of that day in January, whose image has *domains*."""
    image = ImageConfig(DIGEST, Platform("linux", "amd64"), labels={LABEL: domains})
    return Release(
        number=number,
        service=service,
        reference=service.image,
        tag_digest=DIGEST,
        digest=DIGEST,
        image=image,
        state=state,
        trigger=Trigger.UPDATE,
        created=f"2026-01-{number:02}T00:00:00Z",
    )


def since(live: int, *releases: Release) -> dict[str, int]:
    """Return the day since when each domain is there."""
    state = ServiceState("web", releases, live=live)
    found = state.live_release
    assert found is not None
    return {domain: int(day[8:10]) for domain, day in applied(state, found).since.items()}


def test_it_is_since_the_first_of_the_releases_in_a_row_that_had_it() -> None:
    live = release(4, "a.org:http=1 b.org:http=1", ReleaseState.LIVE)
    before = [release(1, "a.org:http=1"), release(2, "b.org:http=1"), release(3, "a.org:http=1 b.org:http=2")]
    assert since(4, *before, live) == {"a.org": 3, "b.org": 2}


def test_releases_that_failed_or_came_later_say_nothing() -> None:
    live = release(3, "a.org:http=1", ReleaseState.LIVE)
    others = [
        release(1, "a.org:http=1"),
        release(2, "b.org:http=1", ReleaseState.FAILED),
        release(4, "c.org:http=1"),
    ]
    assert since(3, *others, live) == {"a.org": 1}


def test_what_an_owner_wrote_needs_no_time() -> None:
    owned = replace(WEB, domain="a.org:http=1", given=("domain",))
    live = release(1, "b.org:http=1", ReleaseState.LIVE, owned)
    assert since(1, live) == {}
    assert applied(ServiceState("web", (live,), live=1), live).own


def test_endpoints_that_cannot_be_read_any_more_are_since_then() -> None:
    live = release(2, "a.org:http=1", ReleaseState.LIVE)
    assert since(2, release(1, "a.org:nonsense"), live) == {"a.org": 2}
