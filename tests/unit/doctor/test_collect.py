"""Reading what systemctl and the kernel say, and what lies about in folders."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.definition.settings import Settings
from beacon.doctor.collect.leftovers import files, in_engine, is_locked, rollouts
from beacon.doctor.collect.machine import command
from beacon.doctor.collect.notifying import notifying
from beacon.doctor.collect.registry import is_volatile
from beacon.doctor.collect.services import following
from beacon.doctor.collect.survey import Survey
from beacon.doctor.collect.units import parse
from beacon.doctor.judge.facts import Sandbox, UnitFacts
from beacon.doctor.judge.notifying import NotifyingFacts, TargetFacts
from beacon.endpoints.routing.publisher import Publisher
from beacon.endpoints.routing.stores import Store
from beacon.engine.docker import Docker
from beacon.engine.podman import Podman
from beacon.errors import AccessError
from beacon.model.machine import Engine, Scope
from beacon.model.notifying.news import Notified, TargetStanding
from beacon.model.notifying.target import Target
from beacon.model.outcome import LastCheck
from beacon.model.reference import Digest
from beacon.model.release import Hold, Quarantine, ServiceState, UnderWay
from beacon.model.rollout.record import RolloutFacts, begun
from beacon.model.service import UpdatePolicy
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools
from beacon.state.files import UnitDirectory
from beacon.state.notifications import Queue
from beacon.state.paths import Paths
from beacon.state.store import Checks, StateStore
from beacon.units.mark import stamp
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service

SAID = """\
Id=beacon-update.service
Names=beacon-update.service
LoadState=loaded
ActiveState=failed
UnitFileState=static
Result=exit-code
ExecMainStatus=20
NeedDaemonReload=yes
ExecStart={ path=/usr/bin/beacon ; argv[]=/usr/bin/beacon update ; ignore_errors=no ; status=0/0 }
Environment=HTTPS_PROXY=http://proxy.example:3128 "GREETING=hello world"
ActiveExitTimestampMonotonic=12
InactiveEnterTimestampMonotonic=34
ProtectSystem=full
ProtectHome=read-only
ReadWritePaths=-/etc/beacon /home/images

Id=dbus-broker.service
Names=dbus.service dbus-broker.service
LoadState=loaded
ActiveState=active
"""


def test_units_are_read_and_found_by_every_name() -> None:
    found = parse(["beacon-update.service", "dbus.service", "beacon-web.service"], SAID)
    assert found["beacon-update.service"] == UnitFacts(
        "beacon-update.service",
        "loaded",
        "failed",
        "static",
        "exit-code",
        20,
        needs_reload=True,
        program="/usr/bin/beacon",
        environment={"HTTPS_PROXY": "http://proxy.example:3128", "GREETING": "hello world"},
        left=12,
        down=34,
        sandbox=Sandbox("full", "read-only", ("/etc/beacon", "/home/images")),
    )
    assert found["dbus.service"].active == "active"
    assert found["beacon-web.service"] == UnitFacts("beacon-web.service")


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=404592k
60 30 0:48 / /run/user/0 rw shared:250 - tmpfs tmpfs rw
61 22 8:2 / /run/kept rw - ext4 /dev/sda2 rw
"""


@pytest.mark.parametrize(
    ("path", "volatile"),
    [
        ("/run/containers/0/auth.json", True),
        ("/run/user/0/containers/auth.json", True),
        ("/root/.config/containers/auth.json", False),
        ("/running/auth.json", False),
        ("/run/kept/auth.json", False),
    ],
)
def test_files_in_memory(path: str, *, volatile: bool) -> None:
    assert is_volatile(Path(path), MOUNTS) is volatile


def test_a_lock_is_seen_without_being_touched(tmp_path: Path) -> None:
    lock = tmp_path / "web.lock"
    assert not is_locked(lock)
    lock.touch()
    status = lock.stat()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    other = f"1: FLOCK  ADVISORY  WRITE 7 {device}:{status.st_ino + 1} 0 EOF\n"
    mine = f"2: FLOCK  ADVISORY  WRITE 7 {device}:{status.st_ino} 0 EOF\n"
    assert not is_locked(lock, other)
    assert is_locked(lock, other + mine)
    assert not is_locked(lock, mine.replace("FLOCK", "POSIX"))


class Machine:
    """A machine whose folders are below another, with no engine."""

    scope = Scope.SYSTEM
    settings = Settings()
    engine_kind = Engine.PODMAN

    def __init__(self, root: Path, path: str = "") -> None:
        self.paths = Paths(root / "etc", root / "var", root / "run", root / "quadlet", root / "units")
        self.environment = {"PATH": path}
        self.store = StateStore(self.paths.state, self.paths.runtime)
        self.units = UnitDirectory(self.paths.quadlet, self.paths.units)
        self.queue = Queue(self.paths.notifications, self.paths.notified, lambda: ())

    @property
    def engine(self) -> Podman | Docker:
        raise NotImplementedError

    @property
    def renderer(self) -> Renderer:
        raise NotImplementedError

    @property
    def tools(self) -> Tools:
        raise NotImplementedError

    def publisher_of(self, store: Store) -> Publisher:
        raise NotImplementedError

    def definition_files(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in self.paths.definitions.glob("*.toml")}


def on(machine: Machine, uid: int = 0) -> Survey:
    return Survey(machine, uid=uid, user="root", home=Path("/root"))


def write(path: Path, text: str = "", *, age: float = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return str(path)


def test_only_what_belongs_to_nothing_is_left_over(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    paths = machine.paths
    write(paths.definitions / "web.toml", 'image = "registry.example/me/web"')
    machine.store.save(ServiceState("api"))
    for one in ("web", "api", "old"):
        write(paths.quadlet / f"beacon-{one}.container", stamp("[Container]\n", f"service {one}"))
    write(paths.quadlet / "beacon-mine.container", "[Container]\n")
    abandoned = [
        write(paths.definitions / ".beacon.web.toml.abcd_123", age=3600),
        write(paths.state / "services" / ".beacon.web.json.abcd_123", age=3600),
        write(paths.units / ".beacon.beacon-web.service.abcd_123", age=3600),
    ]
    write(paths.definitions / ".beacon.web.toml.just_now")
    write(paths.units / ".other.service.abcd_123", age=3600)
    write(paths.definitions / ".editor.swp", age=3600)
    for folder in ("beacon-web.container.d", "beacon-web-data.volume.d", "beacon-.container.d"):
        write(paths.quadlet / folder / "own.conf")
    gone = [
        write(paths.quadlet / "beacon-gone.container.d" / "own.conf"),
        write(paths.units / "beacon-gone.service.d" / "own.conf"),
    ]
    own = ("update.service", "update.timer", "endpoints.service", "healthy@.service", "healthy@web.service")
    for unit in own:
        write(paths.units / f"beacon-{unit}.d" / "own.conf")
    write(paths.units / "beacon.slice.d" / "own.conf")
    found = files(on(machine))
    assert found.undefined == ("api",)
    assert found.orphans == (str(paths.quadlet / "beacon-old.container"),)
    assert sorted(found.unfinished) == sorted(abandoned)
    assert found.drop_ins == tuple(str(Path(path).parent) for path in gone)


def test_a_rollout_is_cut_off_only_when_nobody_holds_its_lock(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.store.save_rollout(begun(RolloutFacts("web", 2, 1, "2026-11-21T00:00:00Z"), "boot"))
    machine.store.save(ServiceState("web", rollout=UnderWay(2)))
    machine.store.save(ServiceState("api"))
    (found,) = rollouts(on(machine))
    assert (found.service, found.release, found.step) == ("web", 2, "files")


def test_a_record_that_cannot_be_read_hinders_no_look_at_others(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for name in ("api", "web"):
        machine.store.save_rollout(begun(RolloutFacts(name, 2, 1, "2026-11-21T00:00:00Z"), "boot"))
        machine.store.save(ServiceState(name, rollout=UnderWay(2)))
    (machine.paths.state / "rollouts/api.json").write_text("{}")
    api, web = rollouts(on(machine))
    assert (api.service, web.step) == ("api", "files")
    assert "api.json" in api.fault
    assert "move the file away" in api.mend


def test_states_that_cannot_be_read_are_no_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path)
    machine.store.save(ServiceState("web"))
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(AccessError, match="permission denied"):
        files(on(machine))


def test_without_root_the_machine_s_containers_are_not_those_that_podman_shows(tmp_path: Path) -> None:
    images: dict[str, Digest] = {}
    with pytest.raises(AccessError, match="only root") as refused:
        images |= in_engine(on(Machine(tmp_path), uid=1000)).__dict__
    assert refused.value.hint == "sudo beacon doctor"
    assert images == {}


def test_programs_are_told_apart_by_what_they_start(tmp_path: Path) -> None:
    ours, morse = tmp_path / "ours", tmp_path / "morse"
    write(ours / "beacon", "#!/usr/bin/python3\nfrom beacon.__main__ import main\n")
    write(morse / "beacon", "#!/bin/sh\necho morse\n")
    for folder in (ours, morse):
        (folder / "beacon").chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(ours)
    search = f"{tmp_path}/none:{morse}:{ours}:{link}"
    found = command(on(Machine(tmp_path, search)))[0]
    assert [(program.path, program.ours) for program in found.programs] == [
        (str(morse / "beacon"), False),
        (str(ours / "beacon"), True),
    ]


def test_which_services_a_new_image_does_not_reach(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    fake = FakeMachine()
    for name in ("bad", "mended", "held", "pinned"):
        policy = UpdatePolicy(follow="pinned" if name == "pinned" else "tag")
        roll_out(fake, push(fake, "1"), service(name, update=policy))
        machine.store.save(fake.load(name))
    entry = Quarantine(
        Digest("sha256:" + "1" * 64), Digest("sha256:" + "1" * 64), "f", "2026-01-01", "it failed"
    )
    for name in ("bad", "mended"):
        machine.store.save(replace(machine.store.load(name), quarantine=(entry,)))
    machine.store.save(replace(machine.store.load("held"), hold=Hold("2026-01-01T00:00:00Z")))
    checks = {
        "bad": LastCheck("2026-01-01T00:00:00Z", "quarantined", "111 is not tried again: it failed"),
        "mended": LastCheck("2026-01-01T00:00:00Z", "up_to_date"),
    }
    machine.store.save_checks(Checks(services=checks))
    machine.store.save(replace(machine.store.load("bad"), name="away"))
    checks["away"] = LastCheck("2026-01-01T00:00:00Z", "unchecked", "no answer")
    machine.store.save_checks(Checks(services=checks))
    seen = replace(entry, acknowledged="2026-01-02T00:00:00Z")
    machine.store.save(replace(machine.store.load("bad"), name="seen", quarantine=(seen,)))
    machine.store.save_checks(Checks(services={**checks, "seen": checks["bad"]}))
    found = following(on(machine))
    told = dict(found.quarantined)
    assert " failed 20" in told.pop("away")  # for as long as it is so, whatever checks came to since
    assert told == {"bad": "111 is not tried again: it failed"}
    assert (found.held, found.pinned) == (("held",), ("pinned",))


def test_who_is_told_and_who_could_not_be(tmp_path: Path) -> None:
    machine = Machine(tmp_path, str(tmp_path))
    assert notifying(on(machine)) == NotifyingFacts()
    targets = (Target("phone", url_file="/u"), Target("own", command=("tell",)), Target("new", url_file="/u"))
    machine.settings = Settings(notify=targets)
    told = {
        "phone": TargetStanding(notified=5.0),
        "own": TargetStanding(2, since=7.0, error="no"),
        "gone": TargetStanding(1),
    }
    machine.paths.state.mkdir()
    machine.queue.remember(Notified(told))
    own = TargetFacts("own", problem="no", since=7.0)
    phone, new = (TargetFacts(name, by_apprise=True) for name in ("phone", "new"))
    assert notifying(on(machine)) == NotifyingFacts((phone, own, new), has_apprise=False)
    (tmp_path / "apprise").touch(mode=0o755)
    assert notifying(on(machine)).has_apprise
