"""What kind of volumes a service has is no part of what makes a release anew."""

from __future__ import annotations

from pathlib import Path

from beacon.definition.decode import decode
from beacon.definition.encode import encode
from beacon.model.service import Service, VolumeKind
from beacon.operations.apply import ApplyRequest, apply
from beacon.state.store import fingerprint
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, candidate, push

TEXT = 'image = "registry.example/me/web:latest"\n[[volume]]\nname = "files"\npath = "/data"\n'


def read(more: str = "") -> Service:
    return decode(TEXT + more, name="web", file="web.toml")


def test_a_kind_changes_neither_files_nor_fingerprint() -> None:
    plain, kept = read(), read('kind = "database"\n')
    assert [one.kind for one in kept.volumes] == [VolumeKind.DATABASE]
    assert fingerprint(plain) == fingerprint(kept)
    machine = FakeMachine()
    image = push(machine, "1")
    plain_files, kept_files = (RENDERER.files(candidate(machine, image, one)) for one in (plain, kept))
    assert plain_files == kept_files


def test_it_is_written_and_read() -> None:
    assert 'kind = "cache"' in encode(read('kind = "cache"\n'))
    assert "kind" not in encode(read('kind = "data"\n'))


def test_a_definition_that_says_it_later_needs_no_restart(tmp_path: Path) -> None:
    fake = FakeMachine()
    here = StagedMachine(fake, tmp_path, push(fake, "1"))
    here.paths.definitions.mkdir(parents=True)
    here.definition_path("web").write_text(TEXT)
    apply(here, ApplyRequest(), Recorder())
    here.definition_path("web").write_text(f'{TEXT}kind = "database"\n')
    (outcome,) = apply(here, ApplyRequest(), Recorder()).services
    assert (outcome.outcome, outcome.release) == ("unchanged", 1)
    live = fake.saved["web"].live_release
    assert live is not None
    assert [one.kind for one in live.service.volumes] == [VolumeKind.DATABASE]
