"""A service whose first release failed is added again, with other options or at the image of by now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from beacon.errors import UsageError
from beacon.model.image import ResolvedImage
from beacon.model.outcome import OutcomeKind
from beacon.model.release import ReleaseState
from beacon.model.runtime import UnitState
from beacon.operations.definitions.add import AddRequest, add
from beacon.wire.definition import Added
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import push, running

IMAGE = "registry.example/me/web:latest"


@pytest.fixture
def fake() -> FakeMachine:
    return FakeMachine()


def asked(
    fake: FakeMachine,
    folder: Path,
    image: ResolvedImage,
    **options: Any,  # noqa: ANN401 (as AddRequest)
) -> Added:
    """Add the service to a machine whose registry has *image*."""
    here = StagedMachine(fake, folder, image)
    return add(here, AddRequest("web", IMAGE, **options), Recorder())


def kinds(answer: Added) -> list[OutcomeKind]:
    return [one.kind for one in answer.services]


def text(folder: Path) -> str:
    return (folder / "etc/services/web.toml").read_text()


def test_the_same_command_takes_the_image_that_is_there_by_now(fake: FakeMachine, tmp_path: Path) -> None:
    assert kinds(asked(fake, tmp_path, push(fake, "1", "exits"))) == [OutcomeKind.FAILED]
    mended = push(fake, "2")
    assert kinds(asked(fake, tmp_path, mended)) == [OutcomeKind.UPDATED]
    assert running(fake) == mended.config.image_id
    state = fake.load("web")
    assert [one.state for one in state.releases] == [ReleaseState.FAILED, ReleaseState.LIVE]


class Blinking(FakeMachine):
    """A machine whose unit fails again and again, and is down at the moment when it is first listed."""

    looks = 0

    def listed(self, pattern: str) -> Mapping[str, UnitState]:
        """Return it as down, once."""
        self.looks += 1
        found = dict(super().listed(pattern))
        blink = self.looks == 1 and "beacon-web.service" in found
        return {
            name: replace(one, active="inactive", sub="dead") if blink else one for name, one in found.items()
        }


def test_what_is_down_for_a_moment_while_it_fails_again_and_again_is_added_again(tmp_path: Path) -> None:
    fake = Blinking()
    asked(fake, tmp_path, push(fake, "1", "exits"))
    fake.units["beacon-web.service"].active = "active"
    fake.looks = 0
    assert kinds(asked(fake, tmp_path, push(fake, "2"))) == [OutcomeKind.UPDATED]


def test_the_same_image_is_tried_again(fake: FakeMachine, tmp_path: Path) -> None:
    image = push(fake, "1", "exits")
    asked(fake, tmp_path, image)
    fake.registry[image.digest].behaviour = "good"  # its database is up by now, say
    assert kinds(asked(fake, tmp_path, image)) == [OutcomeKind.UPDATED]


def test_other_options_are_taken_and_the_former_definition_is_kept(fake: FakeMachine, tmp_path: Path) -> None:
    image = push(fake, "1", "exits")
    asked(fake, tmp_path, image)
    before = text(tmp_path)
    for number in range(2, 4):  # it may fail more than once
        answer = asked(fake, tmp_path, image, env={"TRY": str(number)})
        assert kinds(answer) == [OutcomeKind.FAILED]
        assert f'TRY = "{number}"' in text(tmp_path)
    kept = [path.read_text() for path in (tmp_path / "state/removed").glob("*/web.toml")]
    assert before in kept
    fake.registry[image.digest].behaviour = "good"
    assert kinds(asked(fake, tmp_path, image, env={"TRY": "4"})) == [OutcomeKind.UPDATED]


def test_what_a_kill_cut_off_is_added_again(fake: FakeMachine, tmp_path: Path) -> None:
    fake.kill_at = len(fake.effects) + 4
    with pytest.raises(KilledError):
        asked(fake, tmp_path, push(fake, "1"))
    again = fake.copy()
    assert kinds(asked(again, tmp_path, push(again, "2")))[0] in {OutcomeKind.INSTALLED, OutcomeKind.UPDATED}
    assert running(again) == push(again, "2").config.image_id


@pytest.mark.parametrize("behaviour", ["good", "exits"])
def test_what_runs_or_was_edited_since_is_no_failed_add(
    fake: FakeMachine, tmp_path: Path, behaviour: str
) -> None:
    image = push(fake, "1", behaviour)
    asked(fake, tmp_path, image)
    if behaviour == "exits":
        path = tmp_path / "etc/services/web.toml"
        path.write_text(path.read_text() + "# mine\n")
    with pytest.raises(UsageError, match="there is a service 'web' already"):
        asked(fake, tmp_path, image)


def test_what_a_start_lacks_is_said_before_anything_is_done(fake: FakeMachine, tmp_path: Path) -> None:
    fake.gone = {"/srv/photos"}
    options: dict[str, Any] = {"secrets": ("tok",), "volumes": ("/srv/photos:/photos",)}
    (outcome,) = asked(fake, tmp_path, push(fake, "1"), **options).services
    assert outcome.kind is OutcomeKind.FAILED
    for said in ("web could not start: there is no secret 'tok'", "/srv/photos is not there"):
        assert said in outcome.detail
    assert outcome.hint == "beacon secret set tok; mkdir -p /srv/photos"
    assert (fake.saved, fake.local) == ({}, {})
    assert not (tmp_path / "etc/services/web.toml").exists()
    assert kinds(asked(fake, tmp_path, push(fake, "1"), start=False, **options)) == [OutcomeKind.INSTALLED]
