"""Apps follow their manifests with every update; a change that is cut off is ended by the next one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.image import ResolvedImage, Wish
from beacon.model.outcome import OutcomeKind
from beacon.model.reference import ImageReference
from beacon.model.release import Hold
from beacon.model.rollout.apps import AppChange
from beacon.operations.apps.changing import version_of
from beacon.operations.apps.foreseeing import plan_change, plan_install
from beacon.operations.apps.installing import (
    ChangeRequest,
    InstallRequest,
    RemoveAppRequest,
    change,
    install,
    remove_app,
)
from beacon.operations.apps.reading import load
from beacon.operations.apps.records import changes, has_news
from beacon.operations.apps.showing import list_installed
from beacon.operations.definitions.remove import RemoveRequest, remove
from beacon.operations.update import UpdateRequest, update
from beacon.registry.results import CheckResult, Found, Resolution
from beacon.wire.outcome import Outcomes
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import Behaviour, FakeMachine, KilledError
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stage import push

PAIR = """schema = "beacon-app/1"
[app]
id = "pair"
name = "Pair"
version = "1.0"
revision = 1
summary = "Two that go together"
license = "MIT"
[[option]]
name = "password"
type = "secret"
label = "Password"
[[option]]
name = "greeting"
label = "Greeting"
default = "hello"
[service.main]
image = "registry.example/me/web:latest"
needs = ["{{ service.db }}"]
env = { GREETING = "{{ option.greeting }}" }
secret = [{ name = "{{ secret.password }}", env = "PASSWORD" }]
[service.db]
image = "registry.example/me/web:latest"
"""
SERVICES = ("pair", "pair-db")
SECOND = PAIR.replace("revision = 1", "revision = 2").replace('"1.0"', '"2.0"').replace(":latest", ":2")
NOTE = '[[upgrade]]\nrevision = 2\nnote = "Its database is moved."\n'


class Tags:
    """A registry with an image for the tag 2, and one for all else."""

    def __init__(self, first: ResolvedImage, second: ResolvedImage | None = None) -> None:
        self._first = first
        self._second = second

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        return {one: Found(self._of(one).tag_digest) for one in references}

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        return {one: self._of(one.reference) for one in wishes}

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        raise NotImplementedError(tuple(references))  # none follows a range

    def _of(self, reference: ImageReference) -> ResolvedImage:
        return self._second if self._second is not None and str(reference).endswith(":2") else self._first


class Here(StagedMachine):
    """A machine with the catalog of its owner."""

    def __init__(self, fake: FakeMachine, folder: Path, secrets: FakeSecrets | None = None) -> None:
        super().__init__(fake, folder)
        vars(self).update(registry=Tags(push(fake, "1")))
        self.paths.definitions.mkdir(parents=True, exist_ok=True)
        kept = self.keep_secrets()
        kept.values |= secrets.values if secrets is not None else {}

    def write(self, manifest: str) -> None:
        path = self.paths.config / "catalog" / "pair.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(manifest)

    def push(self, image: str, behaviour: Behaviour = "good") -> None:
        vars(self).update(registry=Tags(push(self.machine, "1"), push(self.machine, image, behaviour)))

    def after_the_kill(self) -> Here:
        assert isinstance(self.secrets, FakeSecrets)
        after = Here(self.machine.copy(), self.paths.config.parent, self.secrets)
        vars(after).update(registry=self.registry)
        return after

    @property
    def revision(self) -> int | None:
        found = list_installed(self, Recorder()).installed
        return found[0].revision if found else None

    @property
    def images(self) -> set[str]:
        """The tags that the definitions name."""
        texts = [self.definition_path(name) for name in SERVICES if self.definition_path(name).exists()]
        return {line for path in texts for line in path.read_text().splitlines() if line.startswith("image")}

    @property
    def running(self) -> int:
        return [self.machine.units[f"beacon-{name}.service"].active for name in SERVICES].count("active")


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Return a machine on which the app is installed."""
    made = Here(FakeMachine(), tmp_path)
    made.write(PAIR)
    install(made, InstallRequest("pair"), Recorder())
    assert made.running == 2
    return made


def ends(answer: Outcomes) -> dict[str, OutcomeKind]:
    return {one.service: one.kind for one in answer.services}


def said(answer: Outcomes, service: str = "pair") -> str:
    return next(one.detail for one in answer.services if one.service == service)


def test_an_update_brings_all_services_of_an_app_to_its_new_revision(here: Here) -> None:
    assert not has_news(here)
    here.write(SECOND)
    here.push("2")
    foreseen = update(here, UpdateRequest(check=True), Recorder())
    assert ends(foreseen)["pair"] is OutcomeKind.AVAILABLE
    assert said(foreseen) == "revision 2 of the app, 2.0, is in the catalog"
    assert here.revision == 1
    assert set(ends(update(here, UpdateRequest(), Recorder())).values()) == {OutcomeKind.UPDATED}
    assert (here.revision, here.images, here.running) == (
        2,
        {'image = "registry.example/me/web:2"'},
        2,
    )
    assert set(ends(update(here, UpdateRequest(), Recorder())).values()) == {OutcomeKind.UP_TO_DATE}


def test_what_its_owner_has_to_know_first_keeps_a_revision_waiting(here: Here) -> None:
    here.write(f"{SECOND}{NOTE}wait = true\n")
    here.push("2")
    for named in ((), SERVICES):
        answer = update(here, UpdateRequest(named), Recorder())
        assert ends(answer)["pair"] is OutcomeKind.WAITING
        assert said(answer) == "revision 2 of the app, 2.0, waits: Its database is moved."
    listener = Recorder()
    change(here, ChangeRequest("pair", update=True), listener)
    assert here.revision == 2
    assert "revision 2: Its database is moved." in [getattr(one, "text", "") for one in listener.heard]


def test_a_note_alone_keeps_nothing_waiting(here: Here) -> None:
    here.write(f"{SECOND}{NOTE}")
    here.push("2")
    update(here, UpdateRequest(), Recorder())
    assert here.revision == 2


def test_a_revision_that_failed_goes_back_whole_and_is_not_tried_again(here: Here) -> None:
    here.write(SECOND)
    here.push("bad", "exits")
    assert OutcomeKind.ROLLED_BACK in ends(update(here, UpdateRequest(), Recorder())).values()
    assert (here.revision, here.images, here.running) == (
        1,
        {'image = "registry.example/me/web:latest"'},
        2,
    )
    again = update(here, UpdateRequest(), Recorder())
    assert ends(again)["pair"] is OutcomeKind.QUARANTINED
    here.write(SECOND.replace('"2.0"', '"2.0.1"'))
    here.push("3")
    update(here, UpdateRequest(), Recorder())
    assert here.revision == 2, "it is another manifest"


def _hold(here: Here) -> None:
    state = here.machine.load("pair-db")
    here.machine.save(replace(state, hold=Hold("2026-11-21T12:00:00Z")))


def _ask(here: Here) -> None:
    vars(here).update(tools=dataclasses.replace(here.tools, asks=lambda: True))


@pytest.mark.parametrize(("stays", "why"), [(_hold, "pair-db is held"), (_ask, "its owner is to be asked")])
def test_its_owner_s_word_keeps_a_revision_waiting(
    here: Here, stays: Callable[[Here], None], why: str
) -> None:
    stays(here)
    here.write(SECOND)
    here.push("2")
    answer = update(here, UpdateRequest(), Recorder())
    assert said(answer) == f"revision 2 of the app, 2.0, waits: {why}"
    assert here.revision == 1


def test_a_window_keeps_a_revision_from_the_timer_and_not_from_its_owner(here: Here) -> None:
    record = here.paths.config / "apps" / "pair.toml"
    record.write_text(record.read_text() + '\n[service.db.update]\nwindow = ["03:00-04:00"]\n')
    change(here, ChangeRequest("pair"), Recorder())
    here.write(SECOND)
    here.push("2")
    assert ends(update(here, UpdateRequest(), Recorder()))["pair"] is OutcomeKind.DEFERRED
    assert here.revision == 1
    update(here, UpdateRequest(("pair",)), Recorder())
    assert here.revision == 2


def test_a_plan_says_what_would_be_done_and_does_nothing(here: Here) -> None:
    here.write(SECOND.replace("[service.db]", "[service.cache]").replace("service.db", "service.cache"))
    here.push("2")
    before = {path: path.read_bytes() for path in here.paths.config.rglob("*.toml")}
    answer = plan_change(here, ChangeRequest("pair", update=True), Recorder())
    started = [getattr(one, "unit", "") for one in answer.steps]
    assert {"beacon-pair.service", "beacon-pair-cache.service"} <= set(started)
    assert [one.text for one in answer.warnings] == ["pair-db is removed; its data stays"]
    answer = plan_install(here, InstallRequest("pair", "other"), Recorder())
    assert "beacon-other-cache.service" in [getattr(one, "unit", "") for one in answer.steps]
    assert {path: path.read_bytes() for path in here.paths.config.rglob("*.toml")} == before
    assert (here.revision, changes(here).names()) == (1, [])


def test_a_secret_that_was_typed_goes_back_with_the_rest(here: Here) -> None:
    assert isinstance(here.secrets, FakeSecrets)
    before = dict(here.secrets.values)
    here.write(SECOND)
    here.push("bad", "exits")
    change(here, ChangeRequest("pair", {"password": "another one"}, update=True), Recorder())
    assert here.secrets.values == before


def test_what_hinders_a_change_undoes_it(here: Here) -> None:
    refuses = Refuses(here)
    with pytest.raises(MachineError, match="no room"):
        change(refuses, ChangeRequest("pair", {"greeting": "hi"}), Recorder())
    assert "hello" in here.definition_path("pair").read_text()
    assert (changes(here).names(), here.running) == ([], 2)


class Refuses(Here):
    """A machine that has no room for the first thing that is applied."""

    def __init__(self, before: Here) -> None:
        vars(self).update(vars(before))
        self.asked = 0

    def update_proxy(self, outcomes: object) -> tuple[()]:
        del outcomes
        self.asked += 1
        if self.asked == 1:
            raise MachineError("there is no room")
        return ()


KILLED: dict[str, Callable[[Here], object]] = {
    "installed": lambda here: install(here, InstallRequest("pair"), Recorder()),
    "updated": lambda here: update(here, UpdateRequest(), Recorder()),
    "undone": lambda here: change(here, ChangeRequest("pair", update=True), Recorder()),
    "removed": lambda here: remove_app(here, RemoveAppRequest("pair"), Recorder()),
}


STRIDES = {"updated": 2, "undone": 3}
"""Every so many effects there is a kill; these have many."""


@pytest.mark.parametrize("what", KILLED)
def test_killed_at_any_instant_the_next_update_ends_it(what: str, tmp_path: Path) -> None:
    kill, ended = 0, set()
    while True:
        here = Here(FakeMachine(), tmp_path / str(kill))
        here.write(PAIR)
        if what != "installed":
            install(here, InstallRequest("pair"), Recorder())
            here.write(SECOND)
            here.push("2", "exits" if what == "undone" else "good")
        here.machine.effects.clear()
        here.machine.kill_at = kill
        try:
            KILLED[what](here)
        except KilledError:
            pass
        else:
            break
        after = here.after_the_kill()
        update(after, UpdateRequest(), Recorder())
        assert changes(after).names() == [], kill
        ended.add(after.revision)
        if after.revision is None:
            assert not after.images, kill
            assert not any(unit.active == "active" for unit in after.machine.units.values()), kill
        else:
            assert after.running == 2, kill
            assert after.images == {f'image = "registry.example/me/web:{_tag(after.revision)}"'}, kill
        kill += STRIDES.get(what, 1)
    assert kill > 8
    assert ended == {"installed": {1}, "removed": {None}, "undone": {1}}.get(what, {2})


def test_what_was_cut_off_before_or_after_its_services_were_there_is_ended(here: Here) -> None:
    app = load(here, "pair")
    remove_app(here, RemoveAppRequest("pair"), Recorder())
    changes(here).save(AppChange("pair", None, version_of(app)))  # and no more was done
    update(here, UpdateRequest(), Recorder())
    assert (changes(here).names(), here.revision, here.running) == ([], 1, 2)
    remove(here, RemoveRequest(SERVICES), Recorder())
    changes(here).save(AppChange("pair", version_of(app), None))  # and all but the app itself is gone
    update(here, UpdateRequest(), Recorder())
    assert (changes(here).names(), here.revision) == ([], None)


def _tag(revision: int) -> str:
    return "latest" if revision == 1 else "2"
