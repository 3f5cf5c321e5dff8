"""An image is fetched for a release, and who watches is told how far that has come."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from beacon.model.image import Layer
from beacon.model.reference import Digest
from beacon.model.release import Release
from beacon.rollout.tools import Tools

_SOON = 1.0
"""Seconds in which a pull may end before it is worth asking the engine what is left to fetch."""
_SLACK = 1.02


def pull(tools: Tools, release: Release, layers: Sequence[Layer]) -> Digest:
    """Fetch the image under the very name that the unit uses: Podman does not find it by another one's."""
    clock = tools.clock
    with (
        ThreadPoolExecutor(1) as hand,
        tools.reporter.pulling(release.service.name, release.pinned) as tell,
    ):
        began = clock.monotonic()
        asked: Future[int] | None = None

        def hear(done: int | None) -> None:
            nonlocal asked
            tools.require_wanted()
            if asked is None and layers and clock.monotonic() - began >= _SOON:
                asked = hand.submit(tools.engine.missing, layers)
            tell(*_tally(done, asked))

        return tools.pull(release.pinned, hear)


def _tally(done: int | None, asked: Future[int] | None) -> tuple[int | None, int | None]:
    """Return the bytes that have come and all that have to; of an engine that does not say, nothing."""
    if asked is None or not asked.done() or asked.exception() is not None:
        return done, None
    total = asked.result()
    if done is None or done <= total:
        return done, total
    # The image's configuration is fetched too. Where it is more, what is on disk was not used.
    return (total, total) if done <= total * _SLACK else (done, None)
