"""What a release that moves its VOLUME would not see."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.model.image import ImageConfig
from beacon.model.release import Displaced
from beacon.model.service import Service, Volume
from beacon.reconcile.displaced import Mounts, displaced, explain, mounts_of
from tests.fakes.stage import PLATFORM, digest, service

HIDING = {"io.beacon.tmpfs": "/var/lib/db/data"}


def mounts(*paths: str, of: Service | None = None, labels: dict[str, str] | None = None) -> Mounts:
    """Return what the release of an image with VOLUMEs at *paths* mounts."""
    image = ImageConfig(digest("image"), PLATFORM, volumes=paths, labels=labels or {})
    return mounts_of(effective(of or service(), image))


def own(*volumes: Volume) -> Service:
    return replace(service(), volumes=volumes)


NAMED = "beacon-web-var-lib-db-data"
DB = Volume("/var/lib/db", name="db")


@pytest.mark.parametrize(
    ("live", "candidate", "found"),
    [
        pytest.param(mounts("/var/lib/db"), mounts("/var/lib/db"), [], id="as it was"),
        pytest.param(
            mounts("/var/lib/db/data"),
            mounts("/var/lib/db"),
            [Displaced(NAMED, "/var/lib/db/data", instead=("/var/lib/db",))],
            id="to the parent",
        ),
        pytest.param(
            mounts("/var/lib/db"),
            mounts("/var/lib/db/data"),
            [Displaced("beacon-web-var-lib-db", "/var/lib/db", instead=("/var/lib/db/data",))],
            id="to a child",
        ),
        pytest.param(mounts("/data"), mounts(), [Displaced("beacon-web-data", "/data")], id="gone"),
        pytest.param(
            mounts("/a", "/b"),
            mounts("/b", "/c"),
            [Displaced("beacon-web-a", "/a", instead=("/c",))],
            id="one of two",
        ),
        pytest.param(
            mounts("/a", "/b"),
            mounts("/c"),
            [Displaced(f"beacon-web-{name}", f"/{name}", instead=("/c",)) for name in "ab"],
            id="both of two",
        ),
        pytest.param(mounts("/a"), mounts("/a", "/b"), [], id="one more"),
        pytest.param(mounts("/data/"), mounts("data"), [], id="spelled otherwise"),
        pytest.param(
            mounts("/var/lib"),
            mounts("/var-lib"),
            [Displaced("beacon-web-var-lib", "/var/lib", instead=("/var-lib",))],
            id="to a path that makes the same name",
        ),
        pytest.param(
            mounts("/var/lib/db/data"),
            mounts("/var/lib/db", of=own(Volume("/var/lib/db", name="var-lib-db-data"))),
            [],
            id="where the definition says the data goes to the new path",
        ),
        pytest.param(
            mounts("/var/lib/db/data"),
            mounts("/var/lib/db", of=own(Volume("/var/lib/db/data", name="var-lib-db-data"))),
            [],
            id="where the definition keeps it at the old path",
        ),
        pytest.param(
            mounts("/var/lib/db/data"),
            mounts("/var/lib/db", of=own(Volume("/var/lib/db", external=NAMED))),
            [],
            id="where the definition names it as the engine does",
        ),
        pytest.param(
            mounts("/data"),
            mounts("/data", of=own(Volume("/data", host="/srv/new"))),
            [Displaced("beacon-web-data", "/data", instead=("/data",))],
            id="covered by another one in the definition",
        ),
        pytest.param(
            mounts(of=own(Volume("/data", name="data"))),
            mounts(),
            [],
            id="taken out of the definition by its owner",
        ),
        pytest.param(
            mounts("/data", of=own(Volume("/data", name="mine"))),
            mounts("/data"),
            [],
            id="taken out of the definition by its owner, at the image's VOLUME",
        ),
        pytest.param(
            mounts(of=own(DB)),
            mounts("/var/lib/db/data", of=own(DB)),
            [Displaced("beacon-web-db", "/var/lib/db/data", "data", ("/var/lib/db/data",))],
            id="hides a folder of the definition's volume",
        ),
        pytest.param(
            mounts(of=own(Volume("/", host="/srv/root"))),
            mounts("/a/b", of=own(Volume("/", host="/srv/root"))),
            [Displaced("/srv/root", "/a/b", "a/b", ("/a/b",))],
            id="hides a folder of the host",
        ),
        pytest.param(
            mounts(of=own(DB)),
            mounts(of=own(DB), labels=HIDING),
            [Displaced("beacon-web-db", "/var/lib/db/data", "data", ("/var/lib/db/data",))],
            id="hides it below a tmpfs of the image",
        ),
        pytest.param(
            mounts(of=own(DB, Volume("/var/lib/db/data", name="inner"))),
            mounts("/var/lib/db/data", of=own(DB, Volume("/var/lib/db/data", name="inner"))),
            [],
            id="where the definition has a volume there",
        ),
        pytest.param(
            mounts("/data", of=own(Volume("/data", name="data"))),
            mounts("/srv", of=own(Volume("/data", name="data"))),
            [Displaced("beacon-web-data", "/data", instead=("/srv",))],
            id="leaves the definition's volume behind",
        ),
        pytest.param(
            mounts("/data", of=own(Volume("/data", name="data"))),
            mounts("/srv", of=own(Volume("/srv", name="data"))),
            [],
            id="where the definition follows",
        ),
        pytest.param(
            mounts("/data", of=own(Volume("/data", name="data"))),
            mounts(of=own(Volume("/data", name="data"))),
            [],
            id="no VOLUME any more where the definition has a volume",
        ),
    ],
)
def test_what_is_displaced(live: Mounts, candidate: Mounts, found: list[Displaced]) -> None:
    assert list(displaced(live, candidate)) == found


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (
            Displaced("beacon-web-a", "/a", instead=("/b", "/c")),
            "the volume beacon-web-a, mounted at /a, holds data, and {} keeps its data at /b and /c",
        ),
        (
            Displaced("beacon-web-a", "/a"),
            "the volume beacon-web-a, mounted at /a, holds data, and {} does not mount it",
        ),
        (
            Displaced("beacon-web-a", "/a", instead=("/a",)),
            "the volume beacon-web-a, mounted at /a, holds data, and {} has another one there",
        ),
        (
            Displaced("/srv/db", "/db/data", "data", ("/db/data",)),
            "/srv/db holds data at /db/data, which {} would hide: it mounts its own there",
        ),
    ],
)
def test_the_reason_names_both_paths(one: Displaced, says: str) -> None:
    image = digest("two")
    assert explain([one], image) == says.format(image[7:19])


def test_the_reason_says_what_could_not_be_looked_at() -> None:
    one = Displaced("beacon-web-a", "/a")
    assert "may hold data (it could not be looked at)" in explain([one], digest("two"), [one])
