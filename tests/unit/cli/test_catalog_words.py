"""What the verbs of sources, drafts and prune say at the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from beacon.errors import UsageError
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import digest, push
from tests.fakes.terminal import Said, call

SHOP = """schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "1"
summary = "Sells things"
license = "MIT"
[service.main]
image = "registry.example/me/web:1"
"""


class Engine:
    """The machine in memory, with no volumes of Beacon's."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)

    def volumes(self) -> Mapping[str, str]:
        return {}


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    fake = FakeMachine()
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    for folder in (staged.paths.definitions, staged.paths.runtime, tmp_path / "mine"):
        folder.mkdir(parents=True)
    staged.keep_secrets()
    vars(staged).update(engine=Engine(fake))
    (tmp_path / "mine" / "shop.toml").write_text(SHOP)
    return staged


def said(here: StagedMachine, module: str, words: str) -> str:
    done: Said = call(here, module, words)
    assert done.exit_code == 0, done.exception
    return done.output


def test_sources_come_are_listed_and_go(here: StagedMachine, tmp_path: Path) -> None:
    verb = "apps.sources"
    assert "no sources but Beacon's" in said(here, verb, "source list")
    added = said(here, verb, f"source add friends {tmp_path}/mine")
    assert ["friends", "1", f"{tmp_path}/mine"] in [line.split() for line in added.splitlines()]
    assert "(from friends)" in said(here, "apps.listing", "list sells")
    own = here.paths.config / "catalog" / "shop.toml"
    own.parent.mkdir()
    own.write_text(SHOP)
    assert "(your own manifest, before that of friends)" in said(here, "apps.listing", "list sells")
    assert "your own, before that of friends" in said(here, "apps.catalog", "info shop")
    (listed,) = json.loads(said(here, verb, "source list --json"))["sources"]
    assert (listed["name"], listed["apps"]) == ("friends", ["shop"])
    assert "friends" in said(here, verb, "source update")
    assert said(here, verb, "source remove friends") == "removed\n"


@pytest.mark.parametrize(
    "words",
    [
        *("source", "source fetch", "source add", "source add x", "source add x http://example.org"),
        *("source add x https://example.org/x.zip", "source remove", "source list x /srv"),
        *("source add x -- --upload-pack=evil", "source add x 'ext::sh -c evil'"),
    ],
)
def test_what_is_no_action_or_no_place_is_refused(here: StagedMachine, words: str) -> None:
    done = call(here, "apps.sources", words)
    assert done.exit_code != 0
    assert isinstance(done.exception, UsageError | SystemExit)
    assert not list(here.paths.config.rglob("*.toml"))


def test_a_draft_says_what_to_look_at(here: StagedMachine, tmp_path: Path) -> None:
    new = said(here, "apps.drafting", "new mine --from-image registry.example/me/web:1")
    assert "- app.license: nothing says what it is" in new
    assert "beacon app lint mine" in new
    old = tmp_path / "manifest.yml"
    old.write_text("name: Shop\n")
    answer = json.loads(said(here, "apps.drafting", f"import-bcd {old} -o {tmp_path}/out.toml --json"))
    assert (answer["app"], answer["file"]) == ("shop", f"{tmp_path}/out.toml")
    both = call(here, "apps.drafting", "new other --image a --from-image b")
    assert isinstance(both.exception, UsageError)


def test_prune_shows_and_asks(here: StagedMachine) -> None:
    assert "nothing that could go" in said(here, "machine.prune", "prune")
    here.machine.local["localhost/beacon/gone:4"] = digest("gone")
    shown = said(here, "machine.prune", "prune")
    assert "kept image" in shown
    assert "beacon prune --yes" in shown
    assert "localhost/beacon/gone:4" in here.machine.local
    asked = call(here, "machine.prune", "prune --volumes")
    assert isinstance(asked.exception, UsageError)
    assert "localhost/beacon/gone:4" in here.machine.local
    assert "removed" in said(here, "machine.prune", "prune --yes")
    assert "localhost/beacon/gone:4" not in here.machine.local
