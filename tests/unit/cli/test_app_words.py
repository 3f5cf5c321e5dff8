"""beacon app start, stop, restart, open and search as faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beacon.errors import MachineError, NotActiveError, UsageError
from beacon.model.runtime import JobResult
from beacon.operations.apps.acting import ActRequest, act
from beacon.operations.apps.installing import InstallRequest, install
from beacon.programs import relay
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.stage import push
from tests.fakes.terminal import call

SHOP = """schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "1"
summary = "Sells things"
license = "MIT"
[web]
port = 8080
[[option]]
name = "password"
type = "secret"
label = "Password"
[[option]]
name = "greeting"
label = "Greeting"
default = "good day"
[[action]]
id = "greet"
label = "Say it"
command = ["say", "{{ option.greeting }}"]
user = "www-data"
takes = "NAME"
[[action]]
id = "wipe"
label = "Forget all"
service = "db"
command = ["wipe"]
confirm = "All is lost then. Really?"
[[action]]
id = "shout"
label = "Only if it is loud"
command = ["shout"]
when = "option.greeting == 'HEY'"
[service.main]
image = "registry.example/me/web:latest"
secret = [{ name = "{{ secret.password }}", env = "PASSWORD" }]
needs = ["{{ service.queue }}"]
[service.db]
image = "registry.example/me/web:latest"
[service.queue]
image = "registry.example/me/web:latest"
needs = ["{{ service.db }}"]
"""


class Journal(FakeMachine):
    """A machine that remembers which units were started and stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[str] = []

    def start(self, unit: str, limit: float) -> JobResult:
        self.jobs.append(f"start {unit}")
        return super().start(unit, limit)

    def stop(self, unit: str, limit: float) -> JobResult:
        self.jobs.append(f"stop {unit}")
        return super().stop(unit, limit)


@pytest.fixture
def fake() -> Journal:
    return Journal()


@pytest.fixture
def here(tmp_path: Path, fake: Journal) -> StagedMachine:
    """Return a machine with an app of three services."""
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    staged.paths.definitions.mkdir(parents=True)
    staged.keep_secrets()
    path = staged.paths.config / "catalog" / "shop.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SHOP)
    install(staged, InstallRequest("shop", answers={"port": 18080}), Recorder())
    fake.jobs.clear()
    return staged


def test_all_services_stop_and_start_in_the_order_of_their_needs(here: StagedMachine, fake: Journal) -> None:
    units = [f"beacon-{name}.service" for name in ("shop-db", "shop-queue", "shop")]
    assert call(here, "apps.running", "stop shop").exit_code == 0
    assert fake.jobs == [f"stop {unit}" for unit in reversed(units)]
    fake.jobs.clear()
    assert call(here, "apps.running", "start shop").exit_code == 0
    assert fake.jobs == [f"start {unit}" for unit in units]


def test_an_app_is_opened_where_it_is_reached(here: StagedMachine) -> None:
    said = call(here, "apps.running", "open shop")
    assert said.stdout.strip().endswith(":18080/")
    answered = json.loads(call(here, "apps.running", "open shop --json").stdout)
    assert answered["url"] == said.stdout.strip()


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "open"])
def test_a_name_that_is_near_is_told(here: StagedMachine, verb: str) -> None:
    said = call(here, "apps.running", f"{verb} shpo")
    assert isinstance(said.exception, UsageError)
    assert "did you mean 'shop'" in str(said.exception)


def test_the_catalog_is_searched(here: StagedMachine) -> None:
    said = call(here, "apps.listing", "search sells things")
    assert said.stdout.splitlines()[1].split()[0] == "shop"
    assert call(here, "apps.listing", "search").exit_code == 2


def test_a_failed_installation_says_what_is_next(here: StagedMachine) -> None:
    vars(here).update(registry=OneImage(push(here.machine, "bad", "exits")))
    said = call(here, "apps.installing", "install shop --name other --set port=18081")
    assert said.exit_code
    assert "beacon logs other" in said.stderr
    assert "beacon app remove other takes it away" in said.stderr
    vars(here).update(registry=OneImage(push(FakeMachine(), "away")))
    said = call(here, "apps.installing", "install shop --name third --set port=18082")
    assert "nothing but its secrets is left of it; the same command tries again" in said.stderr


def test_actions_are_shown(here: StagedMachine) -> None:
    said = call(here, "apps.acting", "do shop")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["ACTION", "greet", "wipe"]
    listed = json.loads(call(here, "apps.acting", "do shop --json").stdout)
    assert listed["actions"][0] == {"id": "greet", "label": "Say it", "takes": "NAME", "confirm": ""}


def test_an_action_is_a_command_in_a_container_and_its_words_are_filled_in(here: StagedMachine) -> None:
    done = act(here, ActRequest("shop", "greet", ("--loud", "Bob; rm -rf /")), Recorder())
    assert done.argv == (
        *("podman", "exec", "--interactive", "--user=www-data", "beacon-shop"),
        *("say", "good day", "--loud", "Bob; rm -rf /"),
    )
    (secret,) = done.hidden
    assert len(secret) == 32
    assert act(here, ActRequest("shop", "wipe"), Recorder()).argv[-2:] == ("beacon-shop-db", "wipe")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("shop gret", "has no action 'gret'; did you mean 'greet'"),
        ("shop shout", "has no action 'shout'"),
        ("shop wipe all", "wipe takes nothing, and not 'all'"),
        ("shop wipe", "Nobody can be asked here"),
    ],
)
def test_what_is_no_action_is_refused(here: StagedMachine, words: str, problem: str) -> None:
    said = call(here, "apps.acting", f"do {words}")
    assert isinstance(said.exception, UsageError)
    assert problem in str(said.exception)


def test_a_service_that_is_down_does_nothing(here: StagedMachine) -> None:
    call(here, "apps.running", "stop shop")
    assert isinstance(call(here, "apps.acting", "do shop greet").exception, NotActiveError)


def test_a_command_is_handed_on_line_by_line_with_its_status() -> None:
    out: list[str] = []
    err: list[str] = []
    status = relay(("sh", "-c", "echo one; echo two >&2; echo three; exit 7"), out.append, err.append)
    assert (out, err, status) == (["one\n", "three\n"], ["two\n"], 7)
    assert relay(("sh", "-c", "kill -TERM $$"), out.append, err.append) == 143
    with pytest.raises(MachineError, match="cannot run"):
        relay(("/does/not/exist",), out.append, err.append)
