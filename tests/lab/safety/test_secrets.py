"""What a definition that only its owner can read says stays the owner's, whatever becomes of the service."""

from __future__ import annotations

import json
import signal

import pytest

from tests.lab.eavesdropper import Eavesdropper
from tests.lab.stage import QUICK, REGISTRY, Stage

SECRETS = {
    "PLAIN": "correct-horse-battery",
    "QUOTED": "staple \"double-quoted\" 'single' `back` C:\\temp\\ $HOME ${PATH} 100% %n #x ;y",
    "EDGES": "  between-two-spaces  ",
    "dotted.name": "dotted-value-of-mine",
    "EMPTY": "",
    "LINES": '-----BEGIN-OF-MINE-----\nkey "quoted" $HOME `x` \\ end\n\n-----END-OF-MINE-----\n',
    "RETURNS": "carriage-one\r\ncarriage-two\r",
}
ENV = "[env]\n" + "".join(f"{json.dumps(name)} = {json.dumps(value)}\n" for name, value in SECRETS.items())
LOGIN = "anna:$2a$14$5WX2/sRTO6cWb2Io75rH9elwy1gcBGLwszPjrtcY59g1cEU3Y.0IC"
LOUD = "a-secret-of-nobody"


def define(stage: Stage, name: str = "web", env: str = ENV) -> None:
    """Write a definition that is its owner's alone."""
    stage.define(name, more=env)
    stage.run("chmod", "600", stage.definition(name))


def files(stage: Stage, name: str = "web") -> dict[str, str]:
    """Return the mode of every file that Beacon made for a service, by its name."""
    folders = sorted({stage.units, stage.systemd_units})
    wanted = ("-name", f"beacon-{name}*", "-type", "f", "-printf", "%f %m\n")
    listed = stage.host.run("find", *folders, *wanted, check=False)  # a user may have but one of them
    return dict(line.split() for line in listed.stdout.splitlines())


def environments(stage: Stage, name: str = "web") -> set[str]:
    """Return the files that hold a service's environment."""
    return {file for file in files(stage, name) if file.endswith(".env")}


def wanted(stage: Stage, release: int, name: str = "web") -> set[str]:
    """Return the files that are to hold the environment of a release, and no other one's."""
    stem = f"beacon-{name}.{'container' if stage.kind.quadlet else 'service'}.{release}"
    return {f"{stem}.env", f"{stem}.lines.env"}


def has_its_environment(stage: Stage, name: str = "web", env: dict[str, str] | None = None) -> bool:
    """Say whether the container was given every value exactly as it was defined."""
    given = dict(one.split("=", 1) for one in stage.running(name)["Config"]["Env"])
    return (env or SECRETS).items() <= given.items()


@pytest.mark.every_kind
def test_no_other_user_reads_a_private_definition(stage: Stage) -> None:
    """Installed, updated, rolled back by itself and by its owner, restarted, and removed."""
    host = stage.host
    others = Eavesdropper(host, [value for value in (*SECRETS.values(), LOUD) if value])
    host.run("sh", "-c", f"sleep 1; : {LOUD}")

    stage.push()
    define(stage)
    stage.apply()
    assert stage.agrees() == "1"
    assert has_its_environment(stage)
    assert environments(stage) == wanted(stage, 1)
    assert set(files(stage).values()) == {"600"}

    stage.push(version="2")
    assert stage.update() == {"web": "updated"}
    assert environments(stage) == wanted(stage, 2)
    stage.push(version="3", broken="exit")
    assert stage.update(status=20) == {"web": "rolled_back"}
    assert stage.agrees() == "2"
    assert environments(stage) == wanted(stage, 2)
    stage.beacon("rollback", "web")
    assert stage.agrees() == "1"
    assert environments(stage) == wanted(stage, 1)
    stage.beacon("restart", "web")
    stage.systemctl("restart", "beacon-web")
    assert stage.agrees() == "1"
    assert has_its_environment(stage)
    assert set(files(stage).values()) == {"600"}
    assert stage.beacon("plan").stdout == "nothing to do\n"
    assert "accept" in stage.beacon("render", "--check", "web").stderr
    folder = f"{stage.config}/rendered"
    stage.beacon("render", "--output", folder, "web")
    written = host.run("find", folder, "-type", "f", "-not", "-perm", "600").stdout
    assert written == ""

    places = others.found()
    assert places.pop(LOUD)
    assert places == {}

    stage.beacon("rm", "web")
    assert files(stage) == {}


@pytest.mark.every_kind
def test_a_definition_s_mode_decides(stage: Stage) -> None:
    """Private from the next apply on, and no longer so then; a check that finds nothing restarts nothing."""
    env = '[env]\nGREETING = "good-morning"\n'
    if stage.user:
        stage.run("chmod", "755", stage.user.home)
    stage.push()
    stage.define(more=env)
    stage.apply()
    assert environments(stage) == set()
    assert set(files(stage).values()) == {"644"}
    assert "good-morning" in host_file(stage)

    stage.run("chmod", "600", stage.definition())
    began = stage.invocations("web")
    assert stage.update() == {"web": "up_to_date"}
    assert stage.invocations("web") == began
    assert stage.apply() == {"web": "updated"}
    assert set(files(stage).values()) == {"600"}
    assert "good-morning" not in host_file(stage)
    assert has_its_environment(stage, env={"GREETING": "good-morning"})

    stage.beacon("rollback", "web")  # to a release that was made when all could read it
    assert set(files(stage).values()) == {"600"}
    assert "good-morning" not in host_file(stage)

    stage.run("chmod", "644", stage.definition())
    assert stage.apply() == {"web": "updated"}
    assert environments(stage) == set()
    assert set(files(stage).values()) == {"644"}
    assert stage.agrees() == "1"


def host_file(stage: Stage) -> str:
    """Return the unit file of web."""
    return stage.host.read(stage.unit_file())


def test_what_beacon_writes_is_its_owner_s(stage: Stage) -> None:
    """New definitions are private from the start; edit keeps owner and mode, and follows a link."""
    host = stage.host
    image = stage.push(config=QUICK).tagged
    stage.beacon("add", "web", image, "--env", "PLAIN=correct-horse-battery")
    assert host.run("stat", "--format=%a", stage.definition()).stdout == "600\n"
    assert set(files(stage).values()) == {"600"}
    assert environments(stage) == {"beacon-web.container.1.env"}
    assert stage.beacon("plan").stdout == "nothing to do\n"
    assert stage.state()["live"] == 1

    host.write("/srv/shop/.env", "TOKEN=imported-token-of-mine\n", 0o600)
    host.write(
        "/srv/shop/compose.yaml", f"services:\n  shop:\n    image: {image}\n    environment: [TOKEN]\n"
    )
    others = Eavesdropper(host, ["imported-token-of-mine", "edited-in-later"])
    host.run("beacon", "import", "/srv/shop/compose.yaml", "--env-file", "/srv/shop/.env")
    stage.apply()
    assert has_its_environment(stage, "shop", {"TOKEN": "imported-token-of-mine"})
    assert host.run("stat", "--format=%a", stage.definition("shop")).stdout == "600\n"

    kept = "/srv/kept/web.toml"
    host.run("mkdir", "-p", "/srv/kept")
    host.run("mv", stage.definition(), kept)
    host.run("ln", "-s", kept, stage.definition())
    host.run("chown", "games:adm", kept)
    host.run("chmod", "640", kept)
    new = host.read(kept).replace("correct-horse-battery", "edited-in-later")
    host.write("/srv/kept/new", new, 0o600)
    host.run("beacon", "edit", "--apply", "web", env={"EDITOR": "cp /srv/kept/new"})
    assert host.run("readlink", stage.definition()).stdout == f"{kept}\n"
    assert host.run("stat", "--format=%a %U %G", kept).stdout == "640 games adm\n"
    assert has_its_environment(stage, env={"PLAIN": "edited-in-later"})
    assert others.found() == {}


def test_no_other_user_learns_a_password(stage: Stage) -> None:
    """Of a store, a registry, or a visitor of a domain; not even the owner is told those that are wrong."""
    host = stage.host
    secrets = ["store-password-of-mine", "registry-password-of-mine", LOGIN.partition(":")[2]]
    others = Eavesdropper(host, secrets)
    stage.push()
    shut = f'[[endpoint]]\ndomain = "shut.internal"\nport = 8080\nbasic_auth = ["{LOGIN}"]\n'
    stage.define(port=False, top='domain = "open.internal:http=8080"', more=shut)
    stage.run("chmod", "600", stage.definition())
    stage.apply()
    host.run("systemctl", "start", "network-online.target")
    stage.beacon("endpoint", "setup")
    log_in = ("beacon", "login", "--username=me", "--password-stdin", REGISTRY)
    host.run(*log_in, input=secrets[1], check=False)
    said = ""
    store = '[publish.redis]\nhost = "127.0.0.1"\nport = 1\npassword = {}\n'
    for value in (f'"{secrets[0]}"', f'["{secrets[0]}"]', f'"{secrets[0]}\\n"'):
        host.write("/etc/beacon/beacon.toml", store.format(value), 0o600)
        done = stage.beacon("endpoint", "publish", "--once", status=None)
        assert done.returncode, done.stderr
        said += done.stdout + done.stderr
    host.write("/etc/beacon/beacon.toml", f'[publish]\nredis = "redis://:{secrets[0]}@127.0.0.1"\n', 0o600)
    said += stage.beacon("update", status=78).stderr
    assert "publish.redis" in said
    assert secrets[0] not in said
    host.run("rm", "/etc/beacon/beacon.toml")
    assert others.found() == {}


def test_a_release_beside_the_live_one_has_its_environment(stage: Stage) -> None:
    """In a swap the helper is a unit of its own for a while; nobody else reads what it is given either."""
    host = stage.host
    host.run("systemctl", "start", "network-online.target")
    others = Eavesdropper(host, filter(None, SECRETS.values()))
    stage.push(config=QUICK)
    stage.define(port=False, top='domain = "web.internal"', more=ENV)
    stage.run("chmod", "600", stage.definition())
    stage.apply()
    stage.beacon("endpoint", "setup")
    stage.push(version="2", config=QUICK)
    done = stage.beacon("update")
    assert "gets the requests" in done.stdout + done.stderr
    assert has_its_environment(stage)
    assert environments(stage) == wanted(stage, 2)
    assert host.run("find", "/run/systemd/system", "-name", "beacon-*").stdout == ""
    assert others.found() == {}


def test_an_environment_that_was_edited_by_hand_is_kept(stage: Stage) -> None:
    stage.push()
    define(stage)
    stage.apply()
    name = f"{stage.units}/beacon-web.container.1.env"
    stage.host.write(name, stage.host.read(name) + "MINE=too\n", 0o600)
    define(stage, env=ENV + 'MORE = "1"\n')
    assert stage.apply() == {"web": "held"}
    stage.push(version="2")
    assert stage.update() == {"web": "held"}
    assert stage.host.read(name).endswith("MINE=too\n")
    assert stage.apply("--overwrite") == {"web": "updated"}
    assert environments(stage) == wanted(stage, stage.state()["live"])


POINTS = [("fsync", number) for number in range(3, 34)]
"""Every write of an update, from its journal on, and one more: see test_kill.py."""


def test_a_start_at_any_instant_has_its_environment(stage: Stage) -> None:
    """Killed before and after every write, a service starts from what systemd knows, and from the disk."""
    names = {f"s{number:02}": (call, number) for call, number in POINTS}
    for name in names:
        stage.push(name)
        define(stage, name)
    stage.apply()
    for name in names:
        stage.push(name, "2")
    runs = {name: stage.host.start_doomed(*point, "beacon", "update", name) for name, point in names.items()}
    for run in runs.values():
        run.communicate(timeout=240)
    killed = [name for name, run in runs.items() if run.returncode == -signal.SIGKILL]
    assert killed == list(names)[: len(killed)], "in the order of the writes"
    assert 15 < len(killed) < len(names), killed
    for prepare in ("is-system-running", "daemon-reload"):
        stage.host.run("systemctl", prepare, check=False)
        stage.systemctl("restart", *(f"beacon-{name}.service" for name in names))
        for name, point in names.items():
            assert has_its_environment(stage, name), f"{name} killed at {point}"
    stage.beacon("update", status=None)
    stage.beacon("update", status=None)
    for name, point in names.items():
        assert stage.agrees(name) == "2", f"{name} killed at {point}: {stage.state(name)}"
        assert has_its_environment(stage, name)
        assert environments(stage, name) == wanted(stage, stage.state(name)["live"], name)
