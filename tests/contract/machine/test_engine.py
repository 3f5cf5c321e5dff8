"""What rollouts rely on of an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import BeaconError
from tests.contract.machine.rigs import Rig
from tests.fakes.stage import digest


def test_a_pulled_image_is_there_under_its_digest(rig: Rig) -> None:
    image = rig.push("1")
    assert image.image_id not in rig.engine.images().values()
    assert rig.engine.pull(image.reference, lambda _: None) == image.image_id
    assert image.image_id in rig.engine.images().values()
    assert rig.engine.images()[str(image.reference)] == image.image_id


def test_a_pulled_image_can_be_flushed(rig: Rig) -> None:
    image = rig.push("1")
    rig.engine.pull(image.reference, lambda _: None)
    rig.engine.flush(rig.engine.image_folder(image.reference))
    assert image.image_id in rig.engine.images().values()


def test_an_image_that_the_registry_does_not_have_cannot_be_pulled(rig: Rig) -> None:
    image = rig.push("1")
    with pytest.raises(BeaconError, match="cannot pull"):
        rig.engine.pull(image.reference.with_digest(digest("never pushed")), lambda _: None)


def test_marks_are_kept_and_let_go(rig: Rig) -> None:
    image = rig.push("1")
    rig.engine.pull(image.reference, lambda _: None)
    rig.engine.keep(image.image_id, "one", 3)
    rig.engine.keep(image.image_id, "two", 1)
    assert rig.engine.kept() == {"one": {3: image.image_id}, "two": {1: image.image_id}}
    rig.engine.untag("one", 3)
    assert rig.engine.kept() == {"two": {1: image.image_id}}


def test_letting_go_of_what_is_not_marked_is_no_error(rig: Rig) -> None:
    rig.engine.untag("one", 7)
    assert rig.engine.kept() == {}


def test_an_image_goes_with_its_last_name(rig: Rig) -> None:
    image = rig.push("1")
    rig.engine.pull(image.reference, lambda _: None)
    rig.engine.keep(image.image_id, "one", 1)
    rig.engine.remove_image(image.reference)
    assert image.image_id in rig.engine.images().values()
    rig.engine.untag("one", 1)
    assert image.image_id not in rig.engine.images().values()


def test_nothing_runs_at_first(rig: Rig) -> None:
    assert rig.engine.containers() == {}


def test_a_volume_holds_data_when_there_is_a_file_in_it(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("data")
    assert not rig.engine.holds_data("contract-volume")
    rig.engine.make_volume("contract-volume", {})
    assert not rig.engine.holds_data("contract-volume")
    rig.engine.remove_volume("contract-volume")
    rig.engine.make_volume("contract-volume", {}, str(tmp_path))
    try:
        assert rig.engine.holds_data("contract-volume")
        assert not rig.engine.holds_data("contract-volume", "other")
    finally:
        rig.engine.remove_volume("contract-volume")


def test_an_image_on_disk_tells_what_it_is(rig: Rig) -> None:
    image = rig.push("1")
    assert rig.engine.image_config(image.reference) is None
    rig.engine.pull(image.reference, lambda _: None)
    config = rig.engine.image_config(image.reference)
    assert config is not None
    assert (config.image_id, config.platform.os) == (image.image_id, "linux")
