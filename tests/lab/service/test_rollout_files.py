"""What apply does to the files of a machine, and what it leaves alone."""

from __future__ import annotations

import json

from tests.lab.images import ImageConfig
from tests.lab.stage import Stage, outcomes

FOLDER = "/etc/containers/systemd"
WEB = f"{FOLDER}/beacon-web.container"
FOREIGN = "[Container]\nImage=localhost/theirs:1\n"


def plan(stage: Stage) -> list[str]:
    """Return the steps that apply would do."""
    return [step["action"] for step in json.loads(stage.beacon("plan", "--json").stdout)["steps"]]


def reloads(stage: Stage) -> int:
    """Return how often systemd has read its unit files again since the boot."""
    found = stage.host.run("journalctl", "--boot", "--output=cat", "_PID=1", "--grep=^Reloading", check=False)
    return sum("Reloading" in line and "finished" not in line for line in found.stdout.splitlines())


def test_an_apply_does_what_is_needed_with_few_reloads_and_the_next_nothing(stage: Stage) -> None:
    """Three services at once: no more than one daemon-reload for each; then nothing is reloaded."""
    names = ["web", "db", "mail"]
    for name in names:
        stage.push(name, f"1 of {name}")
        stage.define(name, more=f'[[volume]]\nname = "{name}"\npath = "/data"')
    before = reloads(stage)
    stage.apply()
    applied = reloads(stage)
    assert 1 <= applied - before <= len(names)
    invocations = stage.invocations(*names)
    assert plan(stage) == []
    assert stage.apply() == dict.fromkeys(names, "unchanged")
    assert reloads(stage) == applied

    stage.define("web", more='[env]\nGREETING = "hello"')
    stage.host.run("rm", "/etc/beacon/services/mail.toml")
    ends = stage.apply()
    assert (ends["web"], ends["db"], ends["mail"]) == ("updated", "unchanged", "removed")
    assert 1 <= reloads(stage) - applied <= 2  # of the rollout of web, and of what has gone
    assert stage.invocations("db") == invocations[1:2]
    assert not stage.host.exists(f"{FOLDER}/beacon-mail.container")
    assert "beacon-mail" in stage.host.run("podman", "volume", "ls", "--quiet").stdout
    assert plan(stage) == []


def test_what_the_owner_changed_by_hand_is_kept_and_said(stage: Stage) -> None:
    """An edited file stays until --overwrite; an update does not write over it; drop-ins always stay."""
    stage.deploy("web")
    drop_in = f"{WEB}.d/own.conf"
    stage.host.write(drop_in, "[Container]\nLabel=mine=yes\n")
    edited = stage.host.read(WEB) + "\n# my own line\n"
    stage.host.write(WEB, edited)
    stage.define(more='[env]\nGREETING = "hello"\n[[volume]]\nname = "data"\npath = "/data"')
    kept = json.loads(stage.beacon("plan", "--json").stdout)["kept"]
    assert [one["file"] for one in kept] == ["beacon-web.container"]
    assert stage.apply() == {"web": "held"}
    assert stage.host.read(WEB) == edited
    assert stage.state()["live"] == 1
    stage.push(version="2")
    done = stage.beacon("update", "--json")
    assert outcomes(done) == {"web": "held"}
    assert "edited by hand" in done.stdout
    assert stage.host.read(WEB) == edited

    assert stage.apply("--overwrite") == {"web": "updated"}
    assert "GREETING=hello" in stage.host.read(WEB)
    assert stage.host.read(drop_in) == "[Container]\nLabel=mine=yes\n"
    assert stage.running()["Config"]["Labels"]["mine"] == "yes"
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "2"


def test_a_volume_s_file_that_was_edited_by_hand_is_put_right_without_a_restart(stage: Stage) -> None:
    stage.push()
    stage.define(more='[[volume]]\nname = "data"\npath = "/data"')
    stage.apply()
    before = stage.invocations("web")
    (volume,) = stage.host.run("sh", "-c", f"ls {FOLDER}/beacon-web-*.volume").stdout.split()
    written = stage.host.read(volume)
    stage.host.write(volume, f"{written}\n# my own line\n")
    done = stage.beacon("apply", "--overwrite").stdout
    assert "changed" in done
    assert "; no restart needed" in done
    assert stage.host.read(volume) == written
    assert stage.invocations("web") == before


def test_a_default_that_the_definition_says_wins_over_the_image_s_label(stage: Stage) -> None:
    """Also where it is said later: nothing else has changed then, and the image's word counted until now."""
    stage.push(config=ImageConfig(labels={"io.beacon.stop.timeout": "5s"}))
    stage.define()
    stage.apply()
    assert "StopTimeout=5\n" in stage.host.read(WEB)
    stage.define(more='[stop]\ntimeout = "10s"')
    assert stage.apply() == {"web": "updated"}
    assert "StopTimeout=10\n" in stage.host.read(WEB)


def test_a_text_that_means_the_same_restarts_nothing_and_is_known_from_then_on(stage: Stage) -> None:
    stage.deploy("web")
    read = stage.live()
    invocations = stage.invocations("web")
    stage.define(more="# with a word of explanation")
    assert stage.apply() == {"web": "unchanged"}
    assert stage.invocations("web") == invocations
    noted = stage.live()
    assert noted["definition"] != read["definition"]
    assert noted["reader"] == read["reader"] == stage.beacon("--version").stdout.split()[-1]
    stage.push(version="2")
    assert stage.update() == {"web": "updated"}
    assert (stage.live()["definition"], stage.live()["reader"]) == (noted["definition"], noted["reader"])


def test_what_others_wrote_is_left_alone(stage: Stage) -> None:
    """A foreign file with a name of ours stops that service alone; one without a mark is never pruned."""
    stage.host.write(WEB, FOREIGN)
    stage.host.write(f"{FOLDER}/beacon-other.container", FOREIGN)
    stage.push("web")
    stage.push("db")
    stage.define("web")
    stage.define("db")
    ends = outcomes(stage.beacon("apply", "--json", status=1))
    assert (ends["web"], ends["db"]) == ("failed", "installed")
    assert stage.host.read(WEB) == FOREIGN
    stage.host.run("rm", "/etc/beacon/services/db.toml", "/etc/beacon/services/web.toml")
    stage.apply()
    assert not stage.host.exists(f"{FOLDER}/beacon-db.container")
    assert stage.host.read(WEB) == stage.host.read(f"{FOLDER}/beacon-other.container") == FOREIGN
