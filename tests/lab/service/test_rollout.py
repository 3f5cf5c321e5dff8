"""How a release becomes live, stays, and goes: gates, the way back, images on disk, what is told.

On every kind of host that could make a difference, with the same end.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.lab.faulty_registry import Delay, FaultyRegistry
from tests.lab.host import wait_until
from tests.lab.images import Broken, ImageConfig
from tests.lab.kinds import DOCKER, OLD_PODMAN, ROOTLESS
from tests.lab.stage import Stage, outcomes, polled

pytestmark = pytest.mark.every_kind

ROLLED_BACK, TEMPFAIL = 20, 75
SECOND = 10**9
CHECK = "wget -qO- http://127.0.0.1:8080/"


# Health gates


CHECKS = {
    "image": "",
    "command": f'[health]\ncommand = "{CHECK}"\ninterval = "1s"\ntimeout = "1s"\nretries = 4',
    "http": '[health]\nhttp = { port = 8080 }\ninterval = "1s"\ntimeout = "1s"\nretries = 4',
    "tcp": '[health]\ntcp = 8080\ninterval = "1s"\ntimeout = "1s"\nretries = 4',
}


def test_a_release_stands_when_its_check_passes_and_only_then(stage: Stage) -> None:
    """A slow image is waited for; one that runs and never answers is put back before systemd gives up.

    That is 120 s after the start, and the gate's own limit, four checks a second apart, far less.
    """

    def push(version: str, broken: Broken | None = None) -> None:
        test = {"Test": ["CMD-SHELL", CHECK], "Interval": SECOND, "Timeout": SECOND, "Retries": 4}
        for name in CHECKS:
            config = ImageConfig(healthcheck=test if name == "image" else None)
            stage.push(name, f"{version} of {name}", config=config, broken=broken)

    push("1")
    for name, more in CHECKS.items():
        stage.define(name, more=more)
    stage.apply()
    push("2", "slow")
    assert stage.update() == dict.fromkeys(CHECKS, "updated")
    assert [stage.version(name) for name in CHECKS] == [f"2 of {name}" for name in CHECKS]
    push("3", "unhealthy")
    began = time.monotonic()
    assert stage.update(status=ROLLED_BACK) == dict.fromkeys(CHECKS, "rolled_back")
    assert time.monotonic() - began < 60
    assert [stage.agrees(name) for name in CHECKS] == [f"2 of {name}" for name in CHECKS]


@pytest.mark.parametrize("broken", ["exit", "unstartable"])
def test_an_image_that_cannot_run_is_put_back_whatever_restarts_it(stage: Stage, broken: Broken) -> None:
    """Restart=always makes a unit that crashes look alive: activating, never failed."""
    stage.push()
    stage.define(update='settle = "1s"', more='[restart]\ndelay = "100ms"\nlimit = 1000')
    stage.apply()
    stage.push(version="2", broken=broken)
    assert stage.update(status=ROLLED_BACK) == {"web": "rolled_back"}
    assert stage.agrees() == "1"
    assert stage.update() == {"web": "quarantined"}


def test_the_service_answers_all_the_time_while_its_next_image_is_pulled(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    """It is down between stop and start only, however long the pull takes."""
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    stage.push(version="2", files={"www/ballast": ballast(12 << 20)})
    faulty_registry.when("/blobs/", Delay(3))
    with polled(stage) as answers:
        began = time.monotonic()
        assert stage.update() == {"web": "updated"}
        took = time.monotonic() - began
        wait_until(lambda: answers[-1][1] == "2")
    versions = [answer for _, answer in answers]
    back = versions.index("2")
    last = max(number for number, answer in enumerate(versions[:back]) if answer == "1")
    assert took > 3
    assert answers[last][0] - began > 3
    assert answers[back][0] - answers[last][0] < 3
    assert set(versions[back:]) == {"2"}
    slow = versions[:last].count("")  # on a busy machine an answer may take longer than is waited for
    assert slow <= last / 20


# The way back


def test_a_rollback_needs_no_registry_and_no_luck_with_prune(stage: Stage) -> None:
    """The previous image is on disk, and `podman image prune` leaves it there."""
    stage.deploy("web")
    stage.push(version="2")
    stage.update()
    stage.host.run("systemctl", "stop", "docker-registry")
    try:
        stage.engine("image", "prune", "--force")
        stage.beacon("rollback", "web")
        assert stage.agrees() == "1"
        stage.engine("image", "prune", "--all", "--force")
        refused = stage.beacon("rollback", "web", "2", status=69).stdout
        assert "not reachable" in refused
        assert stage.agrees() == "1"
    finally:
        stage.host.run("systemctl", "start", "docker-registry")
        wait_until(stage.host.registry_answers)
    stage.beacon("rollback", "web", "2")
    assert stage.agrees() == "2"


def test_after_a_rollback_by_the_owner_the_next_push_is_followed(stage: Stage) -> None:
    """What was left is quarantined; the tag that moves on is taken again."""
    stage.deploy("web")
    stage.push(version="2")
    stage.update()
    stage.beacon("rollback", "web")
    assert stage.update() == {"web": "quarantined"}
    assert stage.agrees() == "1"
    stage.push(version="3")
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "3"


def test_two_images_of_a_service_stay_and_those_of_others_are_not_touched(stage: Stage) -> None:
    """The live one and the previous one; what somebody else pulled is theirs."""
    theirs = stage.push("theirs", "1").pinned
    tagged = stage.push("web", "0", tag="theirs")
    for image in (theirs, tagged.tagged):
        stage.engine("pull", "--quiet", image)
    stage.deploy("web")
    shared = stage.live()["image"]["image_id"].partition(":")[2]
    stage.engine("tag", shared, "localhost/mine:1")
    pushed = {}
    for version in ("2", "3", "4"):
        pushed[version] = stage.push(version=version)
        stage.update()
    assert stage.agrees() == "4"
    names = stage.image_names()
    kept = {f"localhost/beacon/web:{stage.state()[which]}" for which in ("live", "previous")}
    assert {name for name in names if name.startswith("localhost/beacon/") and "@" not in name} == kept
    assert {pushed["3"].pinned, pushed["4"].pinned} <= names
    assert pushed["2"].pinned not in names
    assert {theirs, tagged.tagged, "localhost/mine:1"} <= names


def test_an_image_from_two_repositories_goes_with_the_last_service_that_runs_it(stage: Stage) -> None:
    """It is one image to the engine, with a name for each, and every service needs its own."""
    pinned = {name: stage.push(name).pinned for name in ("web", "shop")}
    stage.deploy(*pinned)
    assert set(pinned.values()) <= stage.image_names()
    stage.beacon("rm", "web")
    assert set(pinned.values()) & stage.image_names() == {pinned["shop"]}
    assert stage.agrees("shop") == "1"
    stage.beacon("rm", "shop")
    assert not stage.engine("images", "--quiet").split()


# When: what decides that asks neither engine nor systemd, and is the same on every host

ONE_KIND = pytest.mark.not_on(ROOTLESS, OLD_PODMAN, DOCKER)


@ONE_KIND
def test_a_service_that_is_held_stays_until_it_is_let_go(stage: Stage) -> None:
    """Hold and unhold."""
    stage.deploy("web")
    stage.beacon("hold", "web", "--reason", "holidays")
    stage.push(version="2")
    done = stage.beacon("update", "--json")
    assert outcomes(done) == {"web": "held"}
    assert "holidays" in done.stdout
    assert stage.agrees() == "1"
    stage.beacon("unhold", "web")
    assert stage.update() == {"web": "updated"}


@ONE_KIND
def test_rollouts_wait_for_their_window_and_young_images_ripen(stage: Stage) -> None:
    """Deferred is a status of its own, told to the journal once; who names the service will not wait."""
    tomorrow = datetime.now(tz=UTC) + timedelta(days=2)
    stage.push()
    stage.push("young")
    stage.define(update=f'window = ["{tomorrow:%a} 03:00-03:01"]')
    stage.define("young", update='min_age = "8s"')
    stage.apply()
    stage.push(version="2")
    stage.push("young", "2")
    began = time.monotonic()
    assert stage.update(status=TEMPFAIL) == {"web": "deferred", "young": "deferred"}
    assert stage.update(status=TEMPFAIL)["web"] == "deferred"
    assert stage.logged().count("deferred") == 1
    assert (stage.agrees(), stage.agrees("young")) == ("1", "1")
    assert stage.update("web") == {"web": "updated"}
    time.sleep(max(0, 9 - (time.monotonic() - began)))
    assert stage.update() == {"web": "up_to_date", "young": "updated"}


@ONE_KIND
def test_an_update_waits_until_its_digest_is_approved(stage: Stage) -> None:
    """Told once, by name and by the timer's kind of run; a word for one image is none for the next."""
    stage.write(f"{stage.config}/beacon.toml", '[update]\napply = "ask"\n')
    stage.push("free")
    stage.define("free", update='apply = "auto"')
    stage.deploy("web")
    second = stage.push(version="2").digest
    stage.push("free", "2")
    assert stage.update(status=TEMPFAIL) == {"free": "updated", "web": "waiting"}
    assert stage.update("web", status=TEMPFAIL) == {"web": "waiting"}
    assert (stage.agrees(), stage.logged().count("waiting")) == ("1", 1)
    shown = stage.beacon("status", "web").stdout
    assert 'beacon.toml has update.apply = "ask"' in shown
    assert f"beacon approve web@{second[7:19]}" in shown
    assert "is rejected; beacon update --retry web asks again" in stage.beacon("reject", "web").stderr
    assert stage.update() == {"free": "up_to_date", "web": "quarantined"}
    third = stage.push(version="3").digest
    assert stage.update(status=TEMPFAIL)["web"] == "waiting"
    assert stage.beacon("approve", f"web@{second[:19]}", status=2).stderr.count(third[7:19]) == 1
    stage.beacon("approve", f"web@{third[:14]}")
    assert stage.update()["web"] == "updated"
    assert (stage.agrees(), stage.logged().count("waiting")) == ("3", 2)


@ONE_KIND
def test_a_service_is_checked_no_more_often_than_every(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """The registry is spared; who names the service has it checked."""
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest", update='every = "1h"')
    stage.apply()
    stage.update()
    faulty_registry.requests.clear()
    stage.push(version="2")
    assert stage.update() == {}
    assert faulty_registry.seen() == []
    assert stage.update("web") == {"web": "updated"}


@ONE_KIND
def test_a_check_that_finds_nothing_loads_nothing_of_a_rollout(stage: Stage) -> None:
    """It runs every five minutes on small machines: what it does not need costs more than what it does."""
    stage.deploy("web")
    done = stage.run("env", "PYTHONPROFILEIMPORTTIME=1", "beacon", "update")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "beacon.rollout.checking.check" in loaded
    assert not loaded & {"beacon.rollout.deploy", "beacon.definition.decode", "pydantic", "pystemd"}


# What is told


def test_the_journal_of_the_unit_tells_the_whole_story(stage: Stage) -> None:
    """`journalctl -u beacon-web` shows each decision, with fields to search for."""
    stage.deploy("web")
    two = stage.push(version="2")
    stage.update()
    three = stage.push(version="3", broken="exit")
    stage.update(status=ROLLED_BACK)
    stage.update()
    story = [(event["BEACON_EVENT"], event.get("BEACON_RELEASE")) for event in stage.events()]
    assert story == [
        ("rollout-started", "1"),
        ("release-live", "1"),
        ("rollout-started", "2"),
        ("release-live", "2"),
        ("rollout-started", "3"),
        ("rolled-back", "3"),
        ("quarantined", None),
    ]
    assert len({event["BEACON_EVENT_ID"] for event in stage.events()}) == len(story)
    live, back, quarantined = (stage.events()[index] for index in (3, 5, 6))
    assert live["MESSAGE_ID"] == "1b9e4c3d7f5a4b0e8d2c6a1f3e5b7d92"
    assert back["MESSAGE_ID"] == "2c8f5d4e6a1b4c7f9e3d7b2a4f6c8ea3"
    assert (live["BEACON_SERVICE"], live["BEACON_DIGEST"]) == ("web", two.digest)
    assert (back["BEACON_DIGEST"], back["BEACON_PREVIOUS_DIGEST"]) == (three.digest, two.digest)
    assert back["PRIORITY"] == "3"
    assert quarantined["BEACON_DIGEST"] == three.digest
    found = stage.journal("--output=cat", f"BEACON_DIGEST={three.digest}")
    assert "Release 3 of web failed" in found


def ballast(size: int) -> str:
    """Return text of that size that does not compress away to nothing."""
    line = "".join(chr(33 + number % 90) for number in range(0, 64 * 7, 7))
    return (line + "\n") * (size // (len(line) + 1))
