"""What is made of facts about services and what stayed behind."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.doctor.judge import leftovers, services
from beacon.doctor.judge.facts import (
    DefinitionFacts,
    EngineLeftovers,
    FileLeftovers,
    FollowFacts,
    InstalledFile,
    ReleaseFacts,
    ServiceFacts,
    StuckRollout,
    TimerFacts,
    UnitFacts,
    UnnamedVolume,
)
from beacon.doctor.judge.finding import Commands, Severity
from beacon.errors import Fault
from beacon.model.machine import Engine, Scope

SYSTEM, USER = Commands(Scope.SYSTEM), Commands(Scope.USER)
ON = UnitFacts("beacon-update.timer", "loaded", "active", "enabled")
RAN = UnitFacts("beacon-update.service", "loaded", program="/usr/bin/beacon")
TIMER = TimerFacts(ON, RAN, services=1)
UP = UnitFacts("beacon-web.service", "loaded", "active")
ENABLE = "systemctl enable --now beacon-update.timer"


@pytest.mark.parametrize(
    ("timer", "severity", "mend"),
    [
        pytest.param(ON, "ok", "", id="on"),
        pytest.param(replace(ON, enabled="disabled"), "warning", ENABLE, id="not after a reboot"),
        pytest.param(replace(ON, enabled="disabled", active="inactive"), "warning", ENABLE, id="off"),
        pytest.param(
            replace(ON, active="inactive"),
            "warning",
            "systemctl start beacon-update.timer",
            id="until the next boot",
        ),
        pytest.param(replace(ON, load="masked"), "warning", "systemctl unmask", id="masked"),
        pytest.param(UnitFacts(ON.name), "warning", "--reinstall beacon", id="not there"),
    ],
)
def test_the_timer(timer: UnitFacts, severity: str, mend: str) -> None:
    (finding,) = services.timer(replace(TIMER, timer=timer), SYSTEM)
    assert finding.severity.word == severity
    assert mend in finding.mend
    (idle,) = services.timer(replace(TIMER, timer=timer, services=0), SYSTEM)
    assert idle.severity <= Severity.INFO


def test_the_timer_s_last_run() -> None:
    failed = replace(RAN, active="failed", result="exit-code", exit_status=20)
    (finding,) = services.timer(replace(TIMER, update=failed), USER)
    assert finding.what == "the last run of beacon-update.service failed: exit status 20"
    assert "was put back" in finding.why
    assert finding.mend == "journalctl --user -u beacon-update.service -n 50"
    (late,) = services.timer(replace(TIMER, update=replace(RAN, result="timeout")), SYSTEM)
    assert late.what.endswith("failed: timeout")
    (gone,) = services.timer(replace(TIMER, program_there=False), SYSTEM)
    assert (gone.severity, gone.what) == (
        Severity.ERROR,
        "beacon-update.service starts /usr/bin/beacon, which is not there",
    )


def test_definitions() -> None:
    (fine,) = services.definitions(DefinitionFacts(2), SYSTEM)
    assert fine.what == "2 definitions without a fault"
    fault = Fault("/etc/beacon/services/web.toml", "image", "must be given")
    wrong, changed, new = services.definitions(DefinitionFacts(3, (fault,), ("b", "a"), ("c",)), SYSTEM)
    assert (wrong.severity, wrong.what, wrong.mend) == (Severity.ERROR, str(fault), "beacon edit web")
    assert (changed.severity, changed.mend) == (Severity.INFO, "beacon plan a b")
    assert (new.severity, new.mend) == (Severity.INFO, "beacon plan c")


def test_files_that_are_not_as_they_were_written() -> None:
    mine = InstalledFile("beacon-web.container", "web", defined=True)
    assert services.edited((mine,), SYSTEM)[0].severity is Severity.OK
    (changed,) = services.edited((replace(mine, intact=False),), SYSTEM)
    assert (changed.severity, changed.what) == (Severity.WARNING, "beacon-web.container was changed by hand")
    assert changed.mend.startswith("systemctl edit beacon-web.service")
    assert changed.mend.endswith("beacon apply --overwrite web")
    (foreign,) = services.edited((replace(mine, marked=False),), SYSTEM)
    assert foreign.severity is Severity.ERROR
    (harmless,) = services.edited((replace(mine, marked=False, defined=False),), SYSTEM)
    assert harmless.severity is Severity.OK


@pytest.mark.parametrize(
    ("unit", "severity", "mend"),
    [
        pytest.param(UP, "ok", "", id="up"),
        pytest.param(replace(UP, active="inactive"), "ok", "", id="stopped by its owner"),
        pytest.param(replace(UP, active="failed"), "error", "beacon logs web", id="failed"),
        pytest.param(
            replace(UP, active="activating", sub="auto-restart"), "error", "beacon logs web", id="crashing"
        ),
        pytest.param(UnitFacts(UP.name), "error", "systemctl daemon-reload", id="not known"),
        pytest.param(replace(UP, load="bad-setting"), "error", "beacon render --check web", id="not loaded"),
        pytest.param(
            replace(UP, load="masked"), "warning", "systemctl unmask beacon-web.service", id="masked"
        ),
        pytest.param(
            replace(UP, needs_reload=True), "warning", "systemctl daemon-reload", id="not read again"
        ),
    ],
)
def test_units(unit: UnitFacts, severity: str, mend: str) -> None:
    (finding,) = services.services((ServiceFacts("web", unit),), SYSTEM)
    assert finding.severity.word == severity
    assert mend in finding.mend


def test_a_service_that_had_no_chance() -> None:
    (finding,) = services.services((ServiceFacts("web", replace(UP, active="inactive"), lacked=True),), USER)
    assert (finding.severity, finding.what) == (Severity.ERROR, "web was not started")
    assert finding.mend == "systemctl --user list-dependencies beacon-web.service; beacon start web"


def test_a_job_that_failed_and_one_that_nothing_runs() -> None:
    failed = UnitFacts("beacon-web.job-cron.service", active="failed", result="exit-code", exit_status=3)
    down = UnitFacts("beacon-web.job-cron.timer", active="inactive")
    found = services.services((ServiceFacts("web", UP, jobs=(failed, down)),), SYSTEM)
    assert [one.what for one in found] == [
        "job cron of web has failed: exit status 3",
        "job cron of web is not run: its timer is inactive",
    ]
    assert "beacon-web.job-cron.service" in found[0].mend
    stopped = ServiceFacts("web", replace(UP, active="inactive"), jobs=(down,))
    assert [one.severity for one in services.services((stopped,), SYSTEM)] == [Severity.OK]


def test_a_service_without_its_file() -> None:
    (finding,) = services.services((ServiceFacts("web", UP, file_there=False),), SYSTEM)
    assert (finding.severity, finding.mend) == (Severity.ERROR, "beacon apply web")


def test_images_that_are_gone() -> None:
    live = ReleaseFacts("web", 2, "registry.example/me/web@sha256:0", is_live=True)
    before = replace(live, number=1, is_live=False)
    (fine,) = services.releases((live, before), SYSTEM)
    assert fine.what == "the images of 2 releases are on disk"
    (back,) = services.releases((live, replace(before, on_disk=False)), SYSTEM)
    assert (back.severity, back.mend) == (Severity.WARNING, f"podman pull {live.image}")
    assert back.what == "web cannot go back: the image of release 1 is not on disk"
    (runs,) = services.releases((replace(live, on_disk=False),), Commands(Scope.SYSTEM, Engine.DOCKER))
    assert (runs.severity, runs.mend) == (Severity.ERROR, f"docker pull {live.image}")


def test_files_that_stayed_behind() -> None:
    assert leftovers.files(FileLeftovers(), SYSTEM)[0].severity is Severity.OK
    facts = FileLeftovers(
        undefined=("web",),
        orphans=("/etc/containers/systemd/beacon-old.container",),
        unfinished=("/etc/beacon/services/.beacon.a b.toml.abcdefgh",),
        drop_ins=("/etc/systemd/system/beacon-old.service.d",),
    )
    undefined, orphan, unfinished, drop_in = leftovers.files(facts, SYSTEM)
    assert [one.severity.word for one in (undefined, orphan, unfinished, drop_in)] == [
        "warning",
        "warning",
        "info",
        "info",
    ]
    assert undefined.mend == "beacon rm web"
    assert "beacon apply" in orphan.mend
    assert unfinished.mend == "rm '/etc/beacon/services/.beacon.a b.toml.abcdefgh'"
    assert drop_in.mend == "rm -r /etc/systemd/system/beacon-old.service.d"


def test_what_the_engine_keeps_of_services_that_are_gone() -> None:
    assert leftovers.in_engine(EngineLeftovers(), SYSTEM)[0].severity is Severity.OK
    facts = EngineLeftovers(("beacon-old",), ("beacon-old-data",), ("localhost/beacon/old:3",))
    container, image, volume = leftovers.in_engine(facts, SYSTEM)
    assert (container.severity, container.mend) == (Severity.WARNING, "podman rm --force beacon-old")
    assert (image.severity, image.mend) == (Severity.INFO, "podman rmi localhost/beacon/old:3")
    assert volume.severity is Severity.INFO
    assert volume.mend.startswith("podman volume rm beacon-old-data")


def test_rollouts_that_were_cut_off() -> None:
    assert leftovers.rollouts((), SYSTEM)[0].severity is Severity.OK
    (finding,) = leftovers.rollouts((StuckRollout("web", 2, "gate", "2026-11-21T00:00:00Z"),), SYSTEM)
    assert (finding.severity, finding.mend) == (Severity.WARNING, "beacon update web")
    assert finding.what == "the rollout of web to release 2 was cut off at the step gate"
    (finding,) = leftovers.rollouts((StuckRollout("web", 2, fault="no JSON", mend="rm it"),), SYSTEM)
    assert (finding.severity, finding.mend) == (Severity.WARNING, "rm it")
    assert finding.what == "the rollout of web to release 2 was cut off, and cannot go on"
    assert finding.why.startswith("no JSON")


def test_volumes_that_go_with_their_containers() -> None:
    assert services.volumes((), SYSTEM) == []
    (found,) = services.volumes((UnnamedVolume("web", "/more", "28ac" * 16),), SYSTEM)
    assert (found.severity, found.mend) == (Severity.ERROR, "beacon adopt-volumes web")
    assert "web has its data at /more" in found.what


def test_services_that_nothing_follows() -> None:
    facts = DefinitionFacts(3, lost=("web",), unclear=("api",), unapplied=("new",))
    lost, unclear, unapplied = services.definitions(facts, SYSTEM)
    assert (lost.severity, lost.mend) == (Severity.WARNING, "beacon update")
    assert lost.what == "installed, but nothing is remembered of it: web"
    assert (unclear.severity, unclear.mend) == (Severity.WARNING, "beacon plan api")
    assert (unapplied.severity, unapplied.what) == (Severity.INFO, "not applied yet: new")


def test_what_keeps_a_new_image_from_a_service() -> None:
    (fine,) = services.following(FollowFacts(), SYSTEM)
    assert fine.severity is Severity.OK
    failed, held, pinned = services.following(FollowFacts({"web": "abc failed"}, ("db",), ("job",)), SYSTEM)
    assert failed.what == "web does not get the newest image: abc failed"
    assert failed.mend.endswith("beacon update --retry web")
    assert [one.severity for one in (failed, held, pinned)] == [
        Severity.WARNING,
        Severity.INFO,
        Severity.INFO,
    ]
    assert (held.what, held.mend) == ("held: db", "beacon unhold db")
    assert pinned.what == "pinned: job"
