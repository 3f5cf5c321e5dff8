"""The verbs as their owner meets them, on a real host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.conftest import Push
from tests.lab.host import LabHost
from tests.lab.images import ImageConfig
from tests.lab.stage import Stage

UNITS = "/var/lib/rendered"
WEB = "registry.example:5000/me/web"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})
DATA = ImageConfig(
    labels={"io.beacon.update.settle": "1s"},
    volumes=("/var/lib/data",),
    env={"FROM": "image"},
    stop_signal="SIGINT",
)


@pytest.fixture
def web(host: LabHost, push: Push) -> str:
    """Return the reference of a service web that runs."""
    image = push(WEB, version="1", config=DATA)
    said = host.run(
        "beacon",
        "add",
        "web",
        image.tagged,
        "--port",
        "127.0.0.1:8080:8080",
        "--env",
        "GREETING=hello 100% $HOME",
    )
    assert "release 1" in said.stdout
    return image.tagged


def answer(host: LabHost) -> str:
    """Return the version that web answers with."""
    return host.run(
        "curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/version", check=False
    ).stdout.strip()


def ask(host: LabHost, *words: str, status: int = 0) -> dict[str, Any]:
    """Return a JSON answer."""
    done = host.run("beacon", *words, "--json", check=False)
    assert done.returncode == status, done.stderr
    body: dict[str, Any] = json.loads(done.stdout)
    assert body["version"] == 1
    return body


def test_status_show_and_render_tell_the_truth(host: LabHost, web: str) -> None:
    assert answer(host) == "1"
    assert (
        host.run("podman", "exec", "beacon-web", "sh", "-c", "echo $GREETING").stdout == "hello 100% $HOME\n"
    )

    # status tells the truth, to people and to programs
    overview = host.run("beacon", "status").stdout
    assert overview.splitlines()[0].split() == ["SERVICE", "STATE", "RELEASE", "UP", "IMAGE", "AT", "NOTES"]
    assert web in overview
    assert "127.0.0.1:8080→8080" in overview
    (service,) = ask(host, "status")["services"]
    assert (service["active"], service["release"]["number"], service["release"]["state"]) == (
        "active",
        1,
        "live",
    )
    (alone,) = ask(host, "status", "web")["services"]
    counted = host.run("systemctl", "show", "-P", "MemoryCurrent", "-P", "CPUUsageNSec", "beacon-web").stdout
    logged = [alone["usage"]["memory"], alone["usage"]["cpu"]]
    assert [value is None for value in logged] == [text == "[not set]" for text in counted.split("\n")[:2]]
    assert [one["volume"] for one in alone["usage"]["volumes"]] == ["beacon-web-var-lib-data"]
    assert alone["usage"]["volumes"][0]["bytes"] >= 0
    host.run("systemctl", "start", "beacon-update.timer")
    all_of_them = ask(host, "status")
    assert all_of_them["next_run"] == all_of_them["services"][0]["next_check"] > "2026"
    host.run("systemctl", "stop", "beacon-update.timer")
    host.run("beacon", "hold", "web", "--reason", "a holiday")
    assert "web is held by its owner: a holiday" in host.run("beacon", "logs", "web").stdout
    host.run("beacon", "unhold", "web")
    watched = "timeout --preserve-status -s INT 1 beacon status --watch"
    at_terminal = f"stty cols 80; beacon status; beacon status web; {watched}"
    shown = host.run("script", "-qec", at_terminal, "/dev/null").stdout
    assert "127.0.0.1:8080→8080" in shown
    lines = [line.rstrip() for line in shown.splitlines() if "\x1b" not in line and "Runs:" not in line]
    assert max(map(len, lines)) <= 80
    assert host.run("systemctl", "is-active", "beacon-web").stdout == "active\n"
    assert "Documentation" in host.run("systemctl", "cat", "beacon-web").stdout

    # show: the definition, and the sum of it and the image
    assert 'GREETING = "hello 100% $HOME"' in host.run("beacon", "show", "web").stdout
    effective = {
        row["key"]: (row["value"], row["source"]) for row in ask(host, "show", "web", "--effective")["values"]
    }
    assert effective["stop.signal"][1] == "image"
    assert effective["update.settle"][1] == "label"
    assert any(value[1] == "image" for key, value in effective.items() if key.startswith("volume"))

    # render is what is installed, and Podman and systemd accept it
    rendered = ask(host, "render", "web")["files"]
    names = {"beacon-web.container", "beacon-web.container.1.env", "beacon-web-var-lib-data.volume"}
    assert set(rendered) == names
    for name, text in rendered.items():
        assert host.read(f"/etc/containers/systemd/{name}") == text
    assert host.run("beacon", "render", "--check").returncode == 0
    host.run("beacon", "render", "web", "--output", UNITS)
    assert host.read(f"{UNITS}/beacon-web.container") == rendered["beacon-web.container"]
    older = ask(host, "render", "web", "--podman-version", "4.6.0")["files"]
    assert older["beacon-web.container"] != rendered["beacon-web.container"]


def test_data_history_and_removal(host: LabHost, push: Push, web: str) -> None:
    # the data of a volume that the image declares survives an update
    host.run("podman", "exec", "beacon-web", "sh", "-c", "echo kept > /var/lib/data/file")
    push(WEB, version="2", config=DATA)
    check = ask(host, "update", "--check")["services"]
    assert [one["outcome"] for one in check] == ["available"]
    assert host.run("beacon", "update", "--check", "--exit-code", check=False).returncode == 10
    assert answer(host) == "1"
    host.run("beacon", "update")
    assert answer(host) == "2"
    assert host.run("podman", "exec", "beacon-web", "cat", "/var/lib/data/file").stdout == "kept\n"

    # history and rollback
    releases = ask(host, "history", "web")["releases"]
    assert [(one["number"], one["state"]) for one in releases] == [(2, "live"), (1, "superseded")]
    host.run("beacon", "rollback", "web")
    assert answer(host) == "1"
    assert [one["outcome"] for one in ask(host, "update")["services"]] == ["quarantined"]
    assert answer(host) == "1"

    # stop and start are systemd's; status says so with its exit status
    host.run("beacon", "stop", "web")
    assert host.run("beacon", "status", "web", check=False).returncode == 3
    host.run("beacon", "start", "beacon-web.service")
    host.run("beacon", "restart", "web")
    assert host.run("beacon", "status", "web").returncode == 0
    assert "Started beacon-web.service" in host.run("beacon", "logs", "web").stdout

    # rm leaves the data, rm --purge does not
    host.run("beacon", "rm", "web")
    assert host.run("podman", "ps", "--all", "--quiet").stdout == ""
    assert host.run("podman", "volume", "ls", "--quiet").stdout == "beacon-web-var-lib-data\n"
    assert not host.exists("/etc/beacon/services/web.toml")
    assert host.run("podman", "images", "--quiet").stdout == ""
    host.run("beacon", "add", "web", web)
    assert host.run("podman", "exec", "beacon-web", "cat", "/var/lib/data/file").stdout == "kept\n"
    refused = host.run("beacon", "rm", "web", "--purge", check=False)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    host.run("beacon", "rm", "web", "--purge", "--yes")
    assert host.run("podman", "volume", "ls", "--quiet").stdout == ""


def test_a_changed_definition_goes_through_plan_and_apply(host: LabHost, web: str) -> None:
    del web
    assert host.run("beacon", "plan").stdout == "nothing to do\n"
    editor = {"EDITOR": "sed -i s/hello/goodbye/"}
    host.run("beacon", "edit", "web", env=editor)
    assert "definition changed, not applied" in host.run("beacon", "status").stdout
    steps = [step["action"] for step in ask(host, "plan")["steps"]]
    assert steps == ["write-file", "write-file", "daemon-reload", "remove-file", "restart-unit"]
    shown = host.run("beacon", "plan").stdout
    assert "env GREETING changed" in shown
    assert "goodbye" not in shown, "only its owner may read the definition"
    host.run("beacon", "apply")
    assert "goodbye" in host.run("podman", "exec", "beacon-web", "sh", "-c", "echo $GREETING").stdout
    assert host.run("beacon", "plan").stdout == "nothing to do\n"
    assert [one["trigger"] for one in ask(host, "history", "web")["releases"]] == ["apply", "add"]


def test_a_changed_definition_that_is_bad_is_put_back(host: LabHost, web: str) -> None:
    del web
    text = host.read("/etc/beacon/services/web.toml")
    host.write("/etc/beacon/services/web.toml", 'command = ["false"]\n' + text, 0o600)
    done = host.run("beacon", "apply", check=False)
    assert done.returncode == 20
    assert answer(host) == "1"
    again = host.run("beacon", "apply", check=False)
    assert again.returncode == 0
    assert "not tried again" in again.stdout
    host.write("/etc/beacon/services/web.toml", text, 0o600)
    assert host.run("beacon", "plan").stdout == "nothing to do\n"


def test_an_editor_s_fault_is_not_saved(host: LabHost, web: str) -> None:
    del web
    before = host.read("/etc/beacon/services/web.toml")
    done = host.run("beacon", "edit", "web", env={"EDITOR": "sed -i s/^image/imagee/"}, check=False)
    assert done.returncode == 65
    assert "did you mean 'image'?" in done.stderr
    assert host.read("/etc/beacon/services/web.toml") == before


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        pytest.param('vim "', "cannot run the editor 'vim \"': No closing quotation", id="quotes"),
        pytest.param("/etc/passwd", "cannot run the editor '/etc/passwd': Permission denied", id="data"),
        pytest.param("/nowhere", "cannot run the editor '/nowhere': No such file", id="not there"),
        pytest.param(r"sed -i '1s/^/#\xe9\n/'", "must be UTF-8; the editor saved", id="Latin-1"),
    ],
)
def test_an_editor_that_fails_saves_nothing(host: LabHost, web: str, editor: str, said: str) -> None:
    del web
    before = host.read("/etc/beacon/services/web.toml")
    done = host.run("beacon", "edit", "web", env={"EDITOR": editor}, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert host.read("/etc/beacon/services/web.toml") == before


def test_a_definition_may_be_a_link_into_a_repository(host: LabHost, web: str) -> None:
    """An edit keeps link and mode; a link to nothing is no removal, and hinders no other service."""
    del web
    place, target = "/etc/beacon/services/web.toml", "/srv/services/web.toml"
    host.run(
        "sh", "-ec", f"mkdir /srv/services; mv {place} {target}; chmod 600 {target}; ln -s {target} {place}"
    )
    host.run("beacon", "edit", "web", "--apply", env={"EDITOR": "sed -i s/hello/goodbye/"})
    assert "goodbye" in host.read(target)
    assert host.run("stat", "--format=%F %a", target).stdout == "regular file 600\n"
    assert host.run("readlink", place).stdout == f"{target}\n"

    host.run("mv", "/srv/services", "/srv/not-mounted")
    host.run("cp", target.replace("services", "not-mounted"), "/etc/beacon/services/other.toml")
    for names in ([], ["web"]):
        done = host.run("beacon", "apply", *names, check=False)
        assert done.returncode == 65
        assert f"{place}: is a link to {target}, which is not there" in done.stderr
    shown = host.run("beacon", "show", "other")
    assert "goodbye" in shown.stdout
    assert f"warning: {place} is a link to" in shown.stderr
    assert answer(host) == "1"
    host.run("mv", "/srv/not-mounted", "/srv/services")
    host.run("rm", "/etc/beacon/services/other.toml")
    assert host.run("beacon", "plan").stdout == "nothing to do\n"


def test_services_reach_each_other_on_a_network(host: LabHost, push: Push) -> None:
    image = push(WEB, version="1", config=QUICK)
    host.write("/etc/beacon/services/db.toml", f'image = "{image.tagged}"\nnetworks = ["backend"]\n')
    host.write(
        "/etc/beacon/services/web.toml", f'image = "{image.tagged}"\nnetworks = ["backend"]\nneeds = ["db"]\n'
    )
    host.run("beacon", "apply")
    said = host.run("podman", "exec", "beacon-web", "wget", "-qO-", "http://db:8080/version").stdout
    assert said.strip() == "1"
    refused = host.run("beacon", "rm", "db", check=False)
    assert refused.returncode == 2
    assert "web needs db" in refused.stderr
    host.run("beacon", "rm", "--all")
    assert "beacon-backend" not in host.run("podman", "network", "ls").stdout


def test_a_service_added_without_a_start_is_installed(host: LabHost, push: Push) -> None:
    image = push(WEB, config=QUICK)
    host.run("beacon", "add", "web", image.tagged, "--no-start")
    assert host.run("systemctl", "is-active", "beacon-web", check=False).stdout == "inactive\n"
    assert host.run("beacon", "plan").stdout == "nothing to do\n"
    host.run("beacon", "start", "web")
    assert host.run("systemctl", "is-active", "beacon-web").stdout == "active\n"


def test_the_example_and_the_schema_need_no_service(host: LabHost) -> None:
    assert "image =" in host.run("beacon", "show", "--example").stdout
    assert json.loads(host.run("beacon", "schema").stdout)["type"] == "object"
    assert host.run("beacon", "--version").stdout.startswith("beacon ")
    nothing = host.run("beacon", "status", check=False)
    assert nothing.returncode == 0
    assert host.run("beacon", "status", "nobody", check=False).returncode == 4


def test_who_forgets_sudo_is_told_of_it(stage: Stage) -> None:
    """A name that the machine has and the user has not: the same command, with sudo."""
    stage.deploy("web")
    user = stage.host.add_user("forgetful")
    for words in ("show web", "history web", "status beacon-web", "update --check web", "show --user web"):
        done = user.run("beacon", *words.split(), check=False)
        typed = " ".join(word for word in words.split() if word != "--user")
        assert (done.returncode, done.stdout) == (4, "")
        assert "you have no service 'web', but the machine has one" in done.stderr
        assert f"(sudo beacon {typed})" in done.stderr
    assert "no services of your own; the machine's: sudo beacon status" in user.run("beacon", "status").stderr
    typed_wrong = user.run("beacon", "show", "wbe", check=False)
    assert "sudo" not in typed_wrong.stderr
    # And the other way round.
    user.write(f"{user.home}/.config/beacon/services/blog.toml", 'image = "registry.example:5000/me/blog"\n')
    done = stage.host.run("beacon", "show", "blog", check=False, env={"SUDO_UID": str(user.uid)})
    assert done.returncode == 4
    assert "the machine has no service 'blog', but you have one" in done.stderr
    assert "beacon show blog, without sudo" in done.stderr
