"""A secret's versions: what a release runs with, what is kept of them, and what nobody is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import UsageError
from beacon.model.release import Release, Trigger
from beacon.model.sensitive import LARGEST, SecretVersion
from beacon.operations.apply import ApplyRequest, apply, plan
from beacon.operations.definitions.secrets import KeepRequest, RemoveSecretRequest, keep, list_secrets, remove
from beacon.rollout.back import roll_back
from beacon.wire.answer import to_json
from beacon.wire.definition import SecretsKept
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stage import candidate, push, service

WEB = 'image = "registry.example/me/web:latest"\n[[secret]]\nname = "tok"\nenv = "TOK"\n'


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine on which web is defined to get a secret."""
    fake = FakeMachine()
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    staged.paths.definitions.mkdir(parents=True)
    staged.definition_path("web").write_text(WEB)
    staged.keep_secrets()
    return staged


@pytest.fixture
def secrets(here: StagedMachine) -> FakeSecrets:
    """Return what Beacon keeps: nothing yet."""
    assert isinstance(here.secrets, FakeSecrets)
    return here.secrets


def give(here: StagedMachine, value: bytes, name: str = "tok", *, at_once: bool = False) -> SecretsKept:
    return keep(here, KeepRequest({name: value}, at_once), Recorder())


def live(here: StagedMachine) -> Release:
    found = here.machine.load("web").live_release
    assert found is not None
    return found


def test_what_nobody_has_set_is_reported_and_begins_nothing(here: StagedMachine) -> None:
    planned = plan(here, ApplyRequest(), Recorder())
    assert [(one.text, one.fix) for one in planned.warnings] == [
        ("web could not start: there is no secret 'tok'", "beacon secret set tok")
    ]
    (missing,) = list_secrets(here, Recorder()).secrets
    assert (missing.name, missing.version, missing.services) == ("tok", None, ("web",))


def test_a_release_keeps_its_version_until_its_owner_applies_it(
    here: StagedMachine, secrets: FakeSecrets
) -> None:
    give(here, b"one")
    apply(here, ApplyRequest(), Recorder())
    assert live(here).secrets == {"tok": 1}
    assert "Secret=beacon-tok.1,type=env,target=TOK" in here.machine.files["beacon-web.container"]
    assert secrets.provided == {SecretVersion("tok", 1)}
    given = give(here, b"two")
    assert given.kept[0].behind == ("web",)
    update = replace(
        candidate(here.machine, push(here.machine, "2"), live(here).service), trigger=Trigger.UPDATE
    )
    assert here.renderer.allot(update).secrets == {"tok": 1}, "an update changes the image alone"
    planned = plan(here, ApplyRequest(), Recorder())
    assert [one.changes for one in planned.changes] == [("secret tok: version 1 → version 2",)]
    apply(here, ApplyRequest(), Recorder())
    assert live(here).secrets == {"tok": 2}
    roll_back(here.tools, here.renderer, "web", None)
    assert live(here).secrets == {"tok": 1}


def test_a_new_value_is_given_at_once_if_that_is_asked_for(here: StagedMachine) -> None:
    give(here, b"one")
    apply(here, ApplyRequest(), Recorder())
    given = give(here, b"two", at_once=True)
    assert [one.service for one in given.outcomes] == ["web"]
    assert given.kept[0].behind == ()
    assert live(here).secrets == {"tok": 2}


def test_only_versions_that_a_release_knows_are_kept(here: StagedMachine, secrets: FakeSecrets) -> None:
    give(here, b"one")
    apply(here, ApplyRequest(), Recorder())
    for value in (b"two", b"three", b"four"):
        give(here, value)
    assert {one.number for one in secrets.values} == {1, 4}
    assert give(here, b"four").unchanged == ("tok",)
    assert {one.number for one in secrets.values} == {1, 4}


def test_a_number_is_never_used_again(here: StagedMachine, secrets: FakeSecrets) -> None:
    give(here, b"one")
    apply(here, ApplyRequest(), Recorder())
    secrets.values.clear()
    give(here, b"another")
    assert set(secrets.values) == {SecretVersion("tok", 2)}


def test_what_a_service_uses_is_not_removed(here: StagedMachine, secrets: FakeSecrets) -> None:
    give(here, b"one")
    give(here, b"x", "spare")
    with pytest.raises(UsageError, match="used by web"):
        remove(here, RemoveSecretRequest("tok"), Recorder())
    remove(here, RemoveSecretRequest("spare"), Recorder())
    assert set(secrets.values) == {SecretVersion("tok", 1)}
    with pytest.raises(UsageError, match="keeps no secret"):
        remove(here, RemoveSecretRequest("spare"), Recorder())


@pytest.mark.parametrize(
    ("name", "value"), [("a b", b"x"), ("../up", b"x"), ("", b"x"), ("b", b""), ("b", b"x" * (LARGEST + 1))]
)
def test_nothing_is_kept_if_one_is_refused(
    here: StagedMachine, secrets: FakeSecrets, name: str, value: bytes
) -> None:
    with pytest.raises(UsageError) as refused:
        keep(here, KeepRequest({"fine": b"hunter2", name: value}), Recorder())
    assert secrets.values == {}
    assert "hunter2" not in str(refused.value)


def test_no_answer_and_no_request_shows_a_value(here: StagedMachine) -> None:
    request = KeepRequest({"tok": b"hunter2"})
    answer = keep(here, request, Recorder())
    assert "hunter2" not in repr(request) + to_json(answer) + to_json(list_secrets(here, Recorder()))


def test_what_a_service_prints_of_its_secrets_is_left_out_of_reasons(here: StagedMachine) -> None:
    give(here, b"out of coffee")  # as the fake machine's services say when they fail
    vars(here).update(registry=OneImage(push(here.machine, "2", "unstartable")))
    (outcome,) = apply(here, ApplyRequest(), Recorder()).services
    assert outcome.detail.endswith("Error: <redacted>")


def test_a_definition_may_still_name_a_secret_of_podman_s_own(here: StagedMachine) -> None:
    here.machine.secret_names = {"tok"}
    apply(here, ApplyRequest(), Recorder())
    assert live(here).secrets == {}
    assert "Secret=tok,type=env,target=TOK" in here.machine.files["beacon-web.container"]
    assert service().secrets == ()
