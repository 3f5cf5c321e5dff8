"""Apps come, change and go: one command each, with all of their services or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import DefinitionError, UsageError
from beacon.operations.apps.installing import (
    ChangeRequest,
    InstallRequest,
    RemoveAppRequest,
    change,
    install,
    remove_app,
)
from beacon.operations.apps.listing import SearchRequest, list_apps
from beacon.operations.apps.showing import AppRequest, lint, list_installed, show_app
from beacon.operations.listener import Note
from beacon.wire.apps import AppChanged
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stage import push

SHOP = """schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "1"
revision = 1
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
default = "hello"
[service.main]
image = "registry.example/me/web:latest"
networks = ["{{ instance }}"]
needs = ["{{ service.db }}"]
env = { GREETING = "{{ option.greeting }}" }
secret = [{ name = "{{ secret.password }}", env = "PASSWORD" }]
[service.db]
image = "registry.example/me/web:latest"
networks = ["{{ instance }}"]
[[file]]
path = "/etc/shop.conf"
content = "greeting={{ option.greeting }}"
[result]
login = "admin"
password = "password"
text = "Welcome"
"""


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine whose owner has a manifest."""
    fake = FakeMachine()
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    staged.paths.definitions.mkdir(parents=True)
    write(staged, SHOP)
    staged.keep_secrets()
    return staged


def write(here: StagedMachine, text: str) -> None:
    path = here.paths.config / "catalog" / "shop.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def installed(here: StagedMachine, **answers: str) -> AppChanged:
    return install(here, InstallRequest("shop", answers=answers), Recorder())


def definition(here: StagedMachine, name: str = "shop") -> str:
    return here.definition_path(name).read_text()


def values(here: StagedMachine) -> list[bytes]:
    assert isinstance(here.secrets, FakeSecrets)
    return [value for _, value in sorted(here.secrets.values.items())]


def test_one_command_installs_an_app_and_says_how_to_log_in(here: StagedMachine) -> None:
    answer = installed(here, port="18080")
    assert sorted(one.service for one in answer.outcomes) == ["shop", "shop-db"]
    assert all(
        here.machine.units[f"beacon-{name}.service"].active == "active" for name in ("shop", "shop-db")
    )
    (secret,) = values(here)
    assert (answer.login, answer.password, answer.text) == ("admin", secret.decode(), "Welcome")
    assert len(secret) == 32
    assert answer.installation is not None
    assert answer.installation.url.endswith(":18080/")
    assert secret.decode() not in definition(here)
    (found,) = list_installed(here, Recorder()).installed
    assert (found.name, found.revision, found.newest, found.answers["port"]) == ("shop", 1, 1, "18080")
    with pytest.raises(UsageError, match="is installed"):
        installed(here)


def test_a_port_that_is_another_s_is_passed_over(here: StagedMachine) -> None:
    here.definition_path("other").write_text(
        'image = "registry.example/me/web:latest"\n[[port]]\nhost = 8080\ncontainer = 80\n'
    )
    answer = installed(here)
    assert answer.installation is not None
    port = int(answer.installation.answers["port"])
    assert port > 8080
    assert f"host = {port}" in definition(here)
    change(here, ChangeRequest("shop", {"greeting": "hi"}), Recorder())
    assert f"host = {port}" in definition(here), "it keeps its port"


def test_a_second_one_has_another_name(here: StagedMachine) -> None:
    installed(here, port="18080")
    install(here, InstallRequest("shop", "second", {"port": "18081"}), Recorder())
    assert {one.name for one in list_installed(here, Recorder()).installed} == {"shop", "second"}
    assert 'needs = [\n    "second-db",\n]' in definition(here, "second")
    (app,) = [one for one in list_apps(here, SearchRequest(("sells",)), Recorder()).apps if one.id == "shop"]
    assert (app.instances, app.is_own) == (("second", "shop"), True)


def test_a_manifest_that_cannot_be_read_keeps_no_other_from_the_list(here: StagedMachine) -> None:
    folder = here.paths.config / "catalog"
    folder.joinpath("latin.toml").write_bytes(b'[app]\nname = "\xe4"')
    folder.joinpath("folder.toml").mkdir()
    answer = list_apps(here, SearchRequest(), Recorder())
    assert "shop" in {one.id for one in answer.apps}
    assert [one.text.split(" is ")[0] for one in answer.warnings] == [
        "the manifest of folder",
        "the manifest of latin",
    ]


def test_a_name_that_is_taken_is_refused_before_anything_is_done(here: StagedMachine) -> None:
    here.definition_path("shop-db").write_text('image = "registry.example/me/web:latest"\n')
    with pytest.raises(UsageError, match="shop-db"):
        installed(here)
    assert values(here) == []
    assert not here.definition_path("shop").exists()


def test_what_does_not_come_up_leaves_nothing_but_its_secrets(here: StagedMachine) -> None:
    vars(here).update(registry=OneImage(push(FakeMachine(), "away")))  # nobody has such an image
    answer = installed(here, port="18080")
    assert answer.installation is None
    assert not here.definition_path("shop").exists()
    assert list_installed(here, Recorder()).installed == ()
    assert len(values(here)) == 1
    vars(here).update(registry=OneImage(push(here.machine, "good")))
    assert installed(here, port="18080").password == values(here)[0].decode(), "it finds its secret again"


def test_an_installation_that_was_cut_off_is_gone_on_with(here: StagedMachine) -> None:
    installed(here, port="18080", greeting="hi")
    here.definition_path("shop").unlink()
    here.machine.saved.pop("shop")
    answer = installed(here)
    assert answer.installation is not None
    assert answer.installation.answers["greeting"] == "hi"
    assert 'GREETING = "hi"' in definition(here)


def test_what_is_not_healthy_at_first_stays_to_be_looked_at_and_is_installed_again(
    here: StagedMachine,
) -> None:
    vars(here).update(registry=OneImage(push(here.machine, "bad", "exits")))
    answer = installed(here, port="18080")
    assert answer.installation is not None
    assert here.definition_path("shop").exists()
    vars(here).update(registry=OneImage(push(here.machine, "good")))
    again = installed(here)
    assert {one.outcome for one in again.outcomes} == {"updated"}, "of what was there already"
    assert again.password == answer.password


def test_other_answers_are_applied_and_a_bad_change_goes_back_as_a_whole(here: StagedMachine) -> None:
    installed(here, port="18080")
    before = definition(here)
    change(here, ChangeRequest("shop", {"greeting": "hi"}), Recorder())
    assert 'GREETING = "hi"' in definition(here)
    vars(here).update(registry=OneImage(push(here.machine, "bad", "exits")))
    write(here, SHOP.replace("revision = 1", "revision = 2").replace("web:latest", "web:2"))
    answer = change(here, ChangeRequest("shop", update=True), Recorder())
    assert answer.installation is not None
    assert (answer.installation.revision, answer.installation.newest) == (1, 2)
    assert "web:latest" in definition(here)
    assert "web:latest" in definition(here, "shop-db")
    assert before.replace("hello", "hi").splitlines()[3:8] == definition(here).splitlines()[3:8]
    assert all(
        here.machine.units[f"beacon-{name}.service"].active == "active" for name in ("shop", "shop-db")
    )
    vars(here).update(registry=OneImage(push(here.machine, "good")))
    updated = change(here, ChangeRequest("shop", update=True), Recorder())
    assert updated.installation is not None
    assert updated.installation.revision == 2
    assert 'GREETING = "hi"' in definition(here), "answers survive an update"


def test_what_its_owner_adds_survives(here: StagedMachine) -> None:
    installed(here, port="18080")
    record = here.paths.config / "apps" / "shop.toml"
    record.write_text(record.read_text() + '\n[service.main.env]\nMORE = "1"\n')
    change(here, ChangeRequest("shop"), Recorder())
    change(here, ChangeRequest("shop", {"greeting": "hi"}), Recorder())
    assert 'MORE = "1"' in definition(here)


def test_a_service_that_a_new_revision_leaves_out_goes(here: StagedMachine) -> None:
    installed(here, port="18080")
    write(
        here,
        SHOP.replace("revision = 1", "revision = 2")
        .replace('needs = ["{{ service.db }}"]\n', "")
        .replace("[service.db]", "[service.cache]"),
    )
    change(here, ChangeRequest("shop", update=True), Recorder())
    assert here.definition_path("shop-cache").exists()
    assert not here.definition_path("shop-db").exists()


def test_removed_it_leaves_its_secrets_and_is_found_again(here: StagedMachine) -> None:
    installed(here, port="18080")
    secret = values(here)
    gone = remove_app(here, RemoveAppRequest("shop"), Recorder())
    assert (gone.installation, gone.kept) == (None, ("shop.password",))
    assert not here.definition_path("shop-db").exists()
    assert not (here.paths.state / "apps" / "shop").exists()
    assert installed(here, port="18080").password == secret[0].decode()
    remove_app(here, RemoveAppRequest("shop"), Recorder())
    with pytest.raises(UsageError, match="no app 'shop' is installed"):
        remove_app(here, RemoveAppRequest("shop"), Recorder())


def test_a_typed_secret_is_kept_and_written_nowhere(here: StagedMachine) -> None:
    typed = {"port": "18080", "password": "hunter2 x"}
    assert installed(here, **typed).password == typed["password"]
    texts = [path.read_text() for path in here.paths.config.rglob("*.toml")]
    assert not [text for text in texts if "hunter2" in text]


def test_another_architecture_and_https_without_a_domain_are_refused(here: StagedMachine) -> None:
    write(here, f"{SHOP}[requires]\narch = ['riscv64']\n")
    with pytest.raises(UsageError, match="no image for this machine"):
        installed(here)
    write(here, f"{SHOP}[requires]\nhttps = true\n")
    with pytest.raises(UsageError, match="only with HTTPS"):
        installed(here)
    installed(here, domain="shop.example.org")
    assert 'domain = "shop.example.org"' in definition(here)


def test_lint_says_what_is_unwise(here: StagedMachine) -> None:
    with pytest.raises(DefinitionError) as refused:
        lint(here, AppRequest("shop"), Recorder())
    keys = {fault.key for fault in refused.value.faults}
    assert keys == {"service.main.image", "service.main.health", "service.db.image", "service.db.health"}
    assert show_app(here, AppRequest("shop"), Recorder()).services["db"] == "registry.example/me/web:latest"
    with pytest.raises(UsageError, match="did you mean 'shop'"):
        show_app(here, AppRequest("shpo"), Recorder())


def test_a_faulty_manifest_hides_no_others(here: StagedMachine) -> None:
    write(here, "nonsense")
    answer = list_apps(here, SearchRequest(), Recorder())
    assert [one.text.startswith("the manifest of shop is faulty") for one in answer.warnings] == [True]
    assert "deluge" in {one.id for one in answer.apps}


def test_a_definition_that_was_edited_by_hand_is_not_lost(here: StagedMachine) -> None:
    installed(here, port="18080")
    path = here.definition_path("shop")
    path.write_text(f"{path.read_text()}\n[labels]\nmine = 'yes'\n")
    with pytest.raises(UsageError, match="was edited by hand"):
        change(here, ChangeRequest("shop", {"greeting": "hi"}), Recorder())
    assert "mine" in definition(here)
    change(here, ChangeRequest("shop", {"greeting": "hi"}, overwrite=True), Recorder())
    assert "mine" not in definition(here)
    (copy,) = here.paths.removed.rglob("shop.toml")
    assert "mine" in copy.read_text()


def test_what_its_owner_adds_is_judged_before_anything_is_written(here: StagedMachine) -> None:
    installed(here, port="18080")
    record = here.paths.config / "apps" / "shop.toml"
    record.write_text(record.read_text() + "\n[service.db]\nimagee = 1\n")
    before = {path: path.read_text() for path in here.paths.config.rglob("*.toml")}
    with pytest.raises(DefinitionError, match="did you mean 'image'"):
        change(here, ChangeRequest("shop", {"greeting": "hi"}), Recorder())
    assert {path: path.read_text() for path in here.paths.config.rglob("*.toml")} == before


def test_a_port_that_an_update_brings_is_passed_over_if_it_is_another_s(here: StagedMachine) -> None:
    installed(here, port="18080")
    here.definition_path("other").write_text(
        'image = "registry.example/me/web:latest"\n[[port]]\nhost = 8080\ncontainer = 80\n'
    )
    option = '[[option]]\nname = "more"\ntype = "port"\nlabel = "More"\ndefault = 8080\n'
    write(
        here,
        SHOP.replace("revision = 1", "revision = 2").replace("[service.main]", f"{option}[service.main]"),
    )
    updated = change(here, ChangeRequest("shop", update=True), Recorder())
    assert updated.installation is not None
    assert int(updated.installation.answers["more"]) > 8080


def test_what_an_apply_warns_of_is_in_the_answer(here: StagedMachine) -> None:
    here.definition_path("faulty").write_text("imagee = 1\n")
    expected = "the definition of faulty is faulty; it is left as it is"
    assert expected in [one.text for one in installed(here, port="18080").warnings]
    changed = change(here, ChangeRequest("shop", {"greeting": "hi"}), Recorder())
    assert expected in [one.text for one in changed.warnings]


def test_a_typed_secret_is_judged_and_not_said(here: StagedMachine) -> None:
    write(here, SHOP.replace('label = "Password"', 'label = "Password"\nmin = 8'))
    typed = {"port": "18080", "password": "hunter2"}
    with pytest.raises(UsageError) as refused:
        installed(here, **typed)
    assert refused.value.message == "password must be at least 8 characters"
    assert values(here) == []


def test_a_note_is_told_when_the_app_is_installed(here: StagedMachine) -> None:
    note = '[[option]]\nname = "first"\ntype = "note"\nlabel = "Read this."\n'
    write(here, SHOP.replace("[service.main]", f"{note}[service.main]"))
    heard = Recorder()
    install(here, InstallRequest("shop", answers={"port": "18080"}), heard)
    assert Note("shop", "Read this.") in heard.heard


def test_too_little_room_is_refused_and_too_little_memory_is_told(here: StagedMachine) -> None:
    write(here, f'{SHOP}[requires]\ndisk = "2G"\nmemory = "6G"\n')
    here.machine.free = 3 << 29
    with pytest.raises(UsageError, match=r"Shop takes 2G of the disk, and 1\.5G are free"):
        installed(here, port="18080")
    assert values(here) == []
    assert not here.definition_path("shop").exists()
    forced = install(here, InstallRequest("shop", answers={"port": "18080"}, force=True), Recorder())
    assert forced.installation is not None
    assert [one.text for one in forced.warnings] == ["Shop wants 6G of memory, and this machine has 4G"]


def test_with_enough_of_both_nothing_is_said(here: StagedMachine) -> None:
    write(here, f'{SHOP}[requires]\ndisk = "1G"\nmemory = "4G"\n')
    assert installed(here, port="18080").warnings == ()
