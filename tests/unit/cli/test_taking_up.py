"""The resident part of publishing, while its beacon.toml is written anew; with a store in memory."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beacon.cli import resident, stores
from beacon.cli.host import Host
from beacon.cli.output import Output
from beacon.cli.resident import Resident, Watched
from beacon.endpoints.publisher import Entry
from beacon.endpoints.resident import View
from beacon.model.host import Scope
from beacon.systemd import watch
from tests.fakes.store import MemoryStore

WHOLE = 0.3
"""Seconds that a file counts as whole after, here."""

Step = Callable[[], object]


class Rig:
    """A resident that takes a step of its script at each look at the files, and ends after the last."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "beacon/beacon.toml"
        self.file.parent.mkdir()
        self.file.write_text("[publish.redis]\n", encoding="utf-8")
        self.store = MemoryStore()
        self.resident = Resident(self._host)
        self.before_it_is_read: list[Step] = []
        self._steps: Iterator[Step] = iter(())

    def run(self, *steps: Step) -> None:
        self._steps = iter(steps)
        self.resident.run()

    def _host(self) -> Host:
        if self.before_it_is_read:
            self.before_it_is_read.pop(0)()
        return Host(Scope.USER, Output())

    def write(self, text: str) -> Step:
        return lambda: self.file.write_text(text, encoding="utf-8")

    def wait(self, seconds: float) -> bool:
        if not self.store.values:
            time.sleep(min(seconds, 0.01))
            return False
        if (step := next(self._steps, None)) is not None:
            step()
        else:
            self.resident._end()  # noqa: SLF001 -- as a signal does
        return False

    def subscribe(self) -> None:
        pass


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    made = Rig(tmp_path)
    view = View({"memory": {"web": Entry("1")}}, 1, 1)
    monkeypatch.setattr(resident, "_WHOLE", WHOLE)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(watch, "UnitWatch", lambda _: made)
    monkeypatch.setattr(stores, "publisher_of", lambda _: made.store)
    monkeypatch.setattr(Resident, "_looker", lambda *_: (lambda: view, lambda: None))
    return made


def pause() -> None:
    time.sleep(WHOLE + 0.1)


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_is_empty_or_away_for_a_moment_takes_nothing_back(
    rig: Rig, *, gone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    first: Step = rig.file.unlink if gone else rig.write("")
    rig.run(first, lambda: None, rig.write("[publish.redis]\nexpire = '90s'\n"), pause, lambda: None)
    assert rig.store.values == {"web": "1"}
    said = capsys.readouterr().err
    assert "nothing to publish to" not in said
    assert said.count("beacon.toml is new") == 1


def test_a_file_that_is_emptied_while_it_is_read_takes_nothing_back(rig: Rig) -> None:
    rig.before_it_is_read = [lambda: None, rig.write("")]
    again = "[publish.redis]\nexpire = '90s'\n"
    rig.run(rig.write("\n[publish.redis]\n"), lambda: None, pause, rig.write(again), pause, lambda: None)
    assert (rig.store.values, rig.before_it_is_read) == ({"web": "1"}, [])


def test_a_file_that_stays_without_stores_ends_it_and_takes_all_back(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.run(rig.write(""), lambda: None, pause, lambda: pytest.fail("it goes on"))
    assert rig.store.values == {}
    assert "has nothing to publish to any more" in capsys.readouterr().err


def test_a_file_that_is_still_being_written_is_not_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "beacon.toml"
    path.touch()
    file = Watched(path)
    for _ in range(3):
        with path.open("a", encoding="utf-8") as stream:
            stream.write("# a line\n")
        assert not file.is_replaced()
