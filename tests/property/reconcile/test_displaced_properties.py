"""What is displaced, of any two releases."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.model.image import ImageConfig
from beacon.model.service import Volume
from beacon.reconcile.displaced import Mounts, displaced, mounts_of
from beacon.units.mounts import volume_name
from tests.fakes.stage import PLATFORM, digest, service

NAMES = ("a", "b", "a-b", "var")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
VOLUMES = st.builds(Volume, path=PATHS, name=st.sampled_from(NAMES)) | st.builds(
    Volume, path=PATHS, host=PATHS.map(lambda path: f"/srv{path}")
)
OWN = st.lists(VOLUMES, max_size=2, unique_by=lambda volume: volume.path).map(tuple)
DECLARED = st.lists(PATHS, max_size=3, unique=True).map(tuple)


def mounts(own: tuple[Volume, ...], declared: tuple[str, ...]) -> Mounts:
    image = ImageConfig(digest("image"), PLATFORM, volumes=declared)
    return mounts_of(effective(replace(service(), volumes=own), image))


MOUNTS = st.builds(mounts, OWN, DECLARED)


@given(MOUNTS)
def test_a_release_displaces_nothing_of_itself(release: Mounts) -> None:
    assert displaced(release, release) == ()


@given(MOUNTS, MOUNTS)
def test_no_volume_of_the_image_is_lost_in_silence(live: Mounts, candidate: Mounts) -> None:
    """It is mounted where it was, or the definition speaks of it, or it is displaced."""
    found = {(one.volume, one.path) for one in displaced(live, candidate)}
    spoken = {volume.name for volume in candidate.own}
    for volume in live.of_image:
        stays = volume in candidate.every or volume.name in spoken
        assert stays or (volume_name("web", volume.name or ""), volume.path) in found


@given(OWN, DECLARED, DECLARED)
def test_what_is_displaced_was_mounted_and_both_paths_are_known(
    own: tuple[Volume, ...], before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    live, candidate = mounts(own, before), mounts(own, after)
    for one in displaced(live, candidate):
        assert one.path in live.paths or one.inside
        assert set(one.instead) <= {volume.path for volume in candidate.every}


@given(OWN, OWN)
def test_the_owner_s_own_changes_are_his_word(one: tuple[Volume, ...], other: tuple[Volume, ...]) -> None:
    assert displaced(mounts(one, ()), mounts(other, ())) == ()
