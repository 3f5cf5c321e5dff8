"""beacon endpoint publish as a face, on a machine with one store in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.endpoints.routing.publisher import Publisher
from beacon.endpoints.routing.stores import Store
from beacon.errors import ConfigError, ExitStatus, UsageError
from beacon.model.release import ServiceState
from beacon.model.service import Endpoint
from beacon.state.store import StateStore
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service
from tests.fakes.store import MemoryStore
from tests.fakes.terminal import Said, call


class Publishing(StagedMachine):
    """A machine on which a service with an endpoint is up, and one without a port of its own."""

    def __init__(self, folder: Path) -> None:
        fake, self.reported = FakeMachine(), MemoryStore()
        ends = (Endpoint("a.org", 80), Endpoint("b.org", 81))
        roll_out(fake, push(fake, "1"), service(endpoints=ends))
        super().__init__(fake, folder)
        store = StateStore(folder / "state", folder / "run")
        live = replace(fake.load("web").releases[0], ports={"80/tcp": 20000})
        store.save(ServiceState("web", (live,), live=1))
        vars(self)["store"] = store
        self.paths.settings.parent.mkdir()
        self.paths.settings.write_text("[publish.redis]\n")

    def publisher_of(self, store: Store) -> Publisher:  # type: ignore[override]  # which needs no self
        self.reported.where = store.where
        return self.reported


@pytest.fixture
def machine(tmp_path: Path) -> Publishing:
    return Publishing(tmp_path)


def run(machine: Publishing, *words: str) -> Said:
    return call(machine, "endpoint.publish", " ".join(("publish", *words)))


def test_a_dry_run_shows_keys_and_writes_none(machine: Publishing) -> None:
    done = run(machine, "--dry-run")
    assert done.exit_code == 0
    assert "20000" in done.output
    assert "b.org" in done.output
    assert machine.reported.values == {}


def test_a_pass_is_told_in_a_line_for_each_store(machine: Publishing) -> None:
    done = run(machine, "--once")
    assert "redis://localhost:6379/0: 1 key, 1 written, 0 deleted" in done.output
    assert len(machine.reported.values) == 1


def test_json_has_what_was_written(machine: Publishing) -> None:
    body = json.loads(run(machine, "--once", "--json").output)
    assert list(body) == ["version", "warnings", "stores", "left_out"]
    (store,) = body["stores"]
    assert (store["done"], store["deleted"], store["problem"], store["status"]) == (True, [], None, 0)
    assert store["written"] == list(store["published"])


def test_a_store_that_fails_gives_the_status(machine: Publishing) -> None:
    machine.reported.away = True
    done = run(machine, "--once")
    assert done.exit_code == ExitStatus.UNAVAILABLE
    assert "error: cannot reach memory" in done.output


def test_what_is_left_out_is_an_error_if_that_is_asked_for(machine: Publishing) -> None:
    assert run(machine, "--once", "--strict").exit_code == ExitStatus.DATAERR


def test_what_is_published_to_no_more_is_warned_of_once(machine: Publishing) -> None:
    run(machine, "--once")
    machine.paths.settings.write_text('[publish.redis]\nhost = "other"\n')
    del vars(machine)["settings"]
    gone = "warning: what was published to redis://localhost:6379/0 stays there"
    assert gone in run(machine, "--once").output
    assert gone not in run(machine, "--once").output


@pytest.mark.parametrize(
    "words", [("--once", "--dry-run"), ("--enable", "--disable"), ("--strict",), ("--json", "--enable")]
)
def test_options_that_make_no_sense_together_are_refused(machine: Publishing, words: tuple[str, ...]) -> None:
    assert isinstance(run(machine, *words).exception, UsageError)


def test_without_a_store_there_is_nothing_to_publish_to(machine: Publishing) -> None:
    machine.paths.settings.write_text("")
    assert isinstance(run(machine, "--once").exception, ConfigError)
