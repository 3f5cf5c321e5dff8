"""An image is fetched for a release, and who watches is reported how far that has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from beacon.errors import BeaconError
from beacon.model.image import Layer
from beacon.model.reference import Digest
from beacon.model.release import Release
from beacon.rollout.tools import Tools

_SOON = 1.0
"""Seconds in which a pull may end before it is worth asking the engine what is left to fetch."""
_SLACK = 1.02
_STALLED = 60.0
"""Seconds without a byte after which a pull gives way; by itself it goes on for much longer."""


class GaveWayError(BeaconError):
    """A pull to which nothing came was given up, for one that another registry may do better."""


def pull(
    tools: Tools,
    release: Release,
    layers: Sequence[Layer],
    holds_up_others: Callable[[], bool] = lambda: False,
) -> Digest:
    """Fetch the image under the very name that the unit uses: Podman does not find it by another one's.

    Raises GaveWayError where nothing comes, and that *holds_up_others*.
    """
    clock = tools.clock
    with (
        ThreadPoolExecutor(1) as hand,
        tools.reporter.pulling(release.service.name, release.pinned) as report,
    ):
        began = clock.monotonic()
        asked: Future[int] | None = None
        come, since = 0, began

        def hear(done: int | None) -> None:
            nonlocal asked, come, since
            tools.require_wanted()
            if asked is None and layers and clock.monotonic() - began >= _SOON:
                asked = hand.submit(tools.engine.missing, layers)
            done, total = _tally(done, asked)
            report(done, total)
            if (done or 0) > come or (total and done == total):  # what has come is unpacked then
                come, since = done or 0, clock.monotonic()
            elif clock.monotonic() - since >= _STALLED and holds_up_others():
                raise _gave_way(release)

        return tools.pull(release.pinned, hear)


def _gave_way(release: Release) -> GaveWayError:
    registry = release.reference.registry
    return GaveWayError(
        f"nothing came from {registry} for {_STALLED:.0f} s, and another registry has the same image",
        hint="the next update tries again",
    )


def _tally(done: int | None, asked: Future[int] | None) -> tuple[int | None, int | None]:
    """Return the bytes that have come and all that have to; of an engine that does not say, nothing."""
    if asked is None or not asked.done() or asked.exception() is not None:
        return done, None
    total = asked.result()
    if done is None or done <= total:
        return done, total
    # The image's configuration is fetched too. Where it is more, what is on disk was not used.
    return (total, total) if done <= total * _SLACK else (done, None)
