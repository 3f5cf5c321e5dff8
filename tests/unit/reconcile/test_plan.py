"""Plans, by plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from beacon.model.plan import Plan, ReasonKind, RemoveFile, StartUnit, StopUnit, WriteFile, diff
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import UnitState
from beacon.model.unit import UnitFile
from beacon.reconcile.plan import Desired, Observed, make_plan
from beacon.units.mark import stamp

RUNNING = UnitState("", "loaded", "active", "running")
STOPPED = UnitState("", "loaded", "inactive", "dead")
FAILED = UnitState("", "loaded", "failed", "failed")
IMAGE = ImageReference.parse("registry.example/web").with_digest(Digest("sha256:" + "a" * 64))


def container(service: str, text: str = "Image=x", *networks: str) -> UnitFile:
    lines = [text, *(f"Network=beacon-{network}.network" for network in networks)]
    return UnitFile(f"beacon-{service}.container", stamp("\n".join(lines) + "\n", f"service {service}"))


def network(name: str, text: str = "Driver=bridge\n") -> UnitFile:
    return UnitFile(f"beacon-{name}.network", stamp(text, f"network {name}"))


def volume(service: str, name: str, text: str = "") -> UnitFile:
    return UnitFile(f"beacon-{service}-{name}.volume", stamp(text, f"service {service}"))


def texts(*files: UnitFile) -> dict[str, str]:
    return {file.name: file.text for file in files}


def edited(file: UnitFile) -> UnitFile:
    return UnitFile(file.name, file.text + "# mine\n")


def planned(
    desired: Mapping[str, tuple[UnitFile, ...]],
    installed: tuple[UnitFile, ...] = (),
    units: Mapping[str, UnitState] | None = None,
    *,
    overwrite: bool = False,
) -> Plan:
    states = {f"beacon-{name}.service": state for name, state in (units or {}).items()}
    observed = Observed(files=texts(*installed), units=states)
    return make_plan(Desired(files=desired), observed, overwrite=overwrite)


def actions(plan: Plan) -> list[str]:
    shown = []
    for step in plan.steps:
        target = getattr(step, "name", "") or getattr(step, "unit", "")
        shown.append(f"{step.action} {target}".strip())
    return shown


def test_a_new_service_is_pulled_written_and_started() -> None:
    desired = Desired(files={"web": (volume("web", "data"), container("web"))}, pulls={"web": IMAGE})
    plan = make_plan(desired, Observed(files={}, units={}))
    assert actions(plan) == [
        "pull-image",
        "write-file beacon-web-data.volume",
        "write-file beacon-web.container",
        "daemon-reload",
        "start-unit beacon-web.service",
    ]
    assert str(plan.steps[-1].reason) == "web is new"
    assert plan.services == ("web",)


def test_what_is_as_desired_needs_nothing() -> None:
    plan = planned({"web": (container("web"),)}, (container("web"),), {"web": RUNNING})
    assert plan == Plan()
    assert plan.is_empty


def test_a_changed_running_service_is_restarted_and_a_stopped_one_is_not_started() -> None:
    desired = {name: (container(name, "Image=new"),) for name in ("web", "db", "job")}
    installed = tuple(container(name) for name in desired)
    plan = planned(desired, installed, {"web": RUNNING, "db": STOPPED, "job": FAILED})
    assert actions(plan)[-3:] == [
        "daemon-reload",
        "start-unit beacon-job.service",
        "restart-unit beacon-web.service",
    ]


def test_a_failed_service_is_started_without_a_reload() -> None:
    plan = planned({"web": (container("web"),)}, (container("web"),), {"web": FAILED})
    assert actions(plan) == ["start-unit beacon-web.service"]
    assert plan.steps[0].reason.kind is ReasonKind.FAILED


def test_a_service_that_is_not_to_run_is_only_installed() -> None:
    desired = Desired(files={"web": (container("web"),)}, stopped=frozenset({"web"}))
    assert actions(make_plan(desired, Observed(files={}, units={}))) == [
        "write-file beacon-web.container",
        "daemon-reload",
    ]


def test_a_foreign_file_is_a_conflict_and_blocks_its_service() -> None:
    foreign = UnitFile("beacon-web.container", "[Container]\nImage=mine\n")
    desired = Desired(files={"web": (container("web"), volume("web", "data"))}, pulls={"web": IMAGE})
    plan = make_plan(desired, Observed(files=texts(foreign), units={}))
    assert plan.is_empty
    assert [(conflict.name, conflict.services) for conflict in plan.conflicts] == [
        ("beacon-web.container", ("web",))
    ]
    assert "not made by Beacon" in plan.conflicts[0].sentence


def test_foreign_files_of_no_service_are_nobody_s_business() -> None:
    assert planned({}, (UnitFile("beacon-own.container", "Image=x\n"),)) == Plan()


def test_services_that_want_different_files_of_one_name_are_a_conflict() -> None:
    plan = planned({"a": (container("a"), network("n")), "b": (container("b"), network("n", "Driver=x\n"))})
    assert plan.is_empty
    assert plan.conflicts[0].services == ("a", "b")


def test_a_file_edited_by_hand_is_kept_unless_told_otherwise() -> None:
    desired = {"web": (container("web", "Image=new"),)}
    installed = (edited(container("web")),)
    plan = planned(desired, installed, {"web": RUNNING})
    assert plan.is_empty
    assert [kept.name for kept in plan.kept] == ["beacon-web.container"]
    overwriting = planned(desired, installed, {"web": RUNNING}, overwrite=True)
    assert actions(overwriting) == [
        "write-file beacon-web.container",
        "daemon-reload",
        "restart-unit beacon-web.service",
    ]
    assert overwriting.steps[0].reason.kind is ReasonKind.EDITED


def test_no_data_is_said_to_stay_where_there_is_none() -> None:
    plan = planned({}, (container("web"),), {"web": RUNNING})
    assert {step.reason.sentence for step in plan.steps if isinstance(step, RemoveFile | StopUnit)} == {
        "web is not defined any longer"
    }


def test_a_service_that_is_gone_is_stopped_and_removed() -> None:
    installed = (container("web", "Volume=beacon-web-data.volume:/data"), volume("web", "data"))
    plan = planned({}, installed, {"web": RUNNING, "web-data-volume": RUNNING})
    assert actions(plan) == [
        "stop-unit beacon-web.service",
        "stop-unit beacon-web-data-volume.service",
        "remove-file beacon-web-data.volume",
        "remove-file beacon-web.container",
        "daemon-reload",
    ]
    assert isinstance(plan.steps[0], StopUnit)
    assert "its data stays" in plan.steps[0].reason.sentence


def test_an_edited_service_that_is_gone_keeps_running_with_all_that_it_uses() -> None:
    mine = edited(container("web", "Volume=beacon-web-data.volume:/data", "back"))
    installed = (mine, volume("web", "data"), network("back"))
    plan = planned({}, installed, {"web": RUNNING})
    assert plan.is_empty
    assert [kept.name for kept in plan.kept] == ["beacon-web.container"]
    assert len(planned({}, installed, {"web": RUNNING}, overwrite=True).steps) == 5


def test_a_volume_that_is_needed_by_its_unit_alone_is_kept_too() -> None:
    mine = edited(container("web", "Requires=beacon-web-data-volume.service"))
    assert planned({}, (mine, volume("web", "data"))).is_empty


def test_a_network_goes_with_its_last_service() -> None:
    installed = (container("a", "Image=x", "back"), container("b", "Image=x", "back"), network("back"))
    both = {"a": RUNNING, "b": RUNNING}
    one_left = planned({"b": (installed[1], installed[2])}, installed, both)
    assert "remove-file beacon-back.network" not in actions(one_left)
    none_left = planned({}, installed, both)
    assert "remove-file beacon-back.network" in actions(none_left)
    assert "remove-file beacon-back.network" in actions(none_left.for_service("a"))


def test_a_volume_that_is_dropped_leaves_without_its_data() -> None:
    plan = planned(
        {"web": (container("web", "new"),)}, (container("web"), volume("web", "data")), {"web": RUNNING}
    )
    (removal,) = [step for step in plan.steps if isinstance(step, RemoveFile)]
    assert "its data stays" in removal.reason.sentence
    assert not any(isinstance(step, StopUnit) for step in plan.steps)


def test_a_changed_network_says_that_podman_leaves_it_as_it_is() -> None:
    plan = planned(
        {"web": (container("web"), network("back", "Internal=true\n"))},
        (container("web"), network("back")),
        {"web": RUNNING},
    )
    assert actions(plan) == ["write-file beacon-back.network", "daemon-reload"]
    assert "podman leaves the network that is there as it is" in plan.steps[0].reason.sentence


def test_a_faulty_definition_takes_nothing_away() -> None:
    observed = Observed(files=texts(container("web", "Image=x", "back"), network("back")), units={})
    assert make_plan(Desired(files={}, faulty=frozenset({"web"})), observed).is_empty


def test_files_that_systemd_never_read_are_loaded_and_started() -> None:
    plan = planned({"web": (container("web"),)}, (container("web"),))
    assert actions(plan) == ["daemon-reload", "start-unit beacon-web.service"]
    assert plan.steps[0].reason.kind is ReasonKind.NOT_LOADED


def test_an_interrupted_run_is_finished() -> None:
    files = {"web": (container("web"),), "db": (container("db"),)}
    observed = Observed(
        files=texts(container("web"), container("db")),
        units={"beacon-web.service": RUNNING, "beacon-db.service": STOPPED},
        unfinished=frozenset({"web", "db"}),
    )
    assert actions(make_plan(Desired(files=files), observed)) == [
        "daemon-reload",
        "start-unit beacon-db.service",
        "restart-unit beacon-web.service",
    ]


def test_one_image_is_pulled_once_for_all() -> None:
    desired = Desired(files={"a": (container("a"),), "b": (container("b"),)}, pulls={"a": IMAGE, "b": IMAGE})
    plan = make_plan(desired, Observed(files={}, units={}))
    assert [step.services for step in plan.steps if step.action == "pull-image"] == [("a", "b")]


def test_the_plan_of_one_service_holds_what_it_shares() -> None:
    plan = planned(
        {"a": (container("a", "x", "n"), network("n")), "b": (container("b", "x", "n"), network("n"))}
    )
    assert actions(plan.for_service("a")) == [
        "write-file beacon-a.container",
        "write-file beacon-n.network",
        "daemon-reload",
        "start-unit beacon-a.service",
    ]
    assert plan.for_service("c").is_empty


def test_steps_show_what_changes() -> None:
    plan = planned({"web": (container("web", "Image=new"),)}, (container("web", "Image=old"),))
    (write,) = [step for step in plan.steps if isinstance(step, WriteFile)]
    lines = list(diff(write.name, write.old, write.text))
    assert lines[:2] == ["--- installed/beacon-web.container", "+++ desired/beacon-web.container"]
    assert {"-Image=old", "+Image=new"} <= set(lines)
    (removal,) = [step for step in planned({}, (container("web"),)).steps if isinstance(step, RemoveFile)]
    assert list(diff(removal.name, removal.old, None))[1] == "+++ /dev/null"
    (new,) = [step for step in planned({"web": (container("web"),)}).steps if isinstance(step, WriteFile)]
    assert next(diff(new.name, new.old, new.text)) == "--- /dev/null"


def test_a_plan_is_json() -> None:
    plan = planned({"web": (container("web"),)})
    document = json.loads(msgspec.json.encode(plan))
    assert document["steps"][-1] == {
        "action": "start-unit",
        "services": ["web"],
        "unit": "beacon-web.service",
        "reason": {"kind": "new", "sentence": "web is new"},
    }
    assert isinstance(plan.steps[-1], StartUnit)


def test_jobs_go_with_their_service_or_alone() -> None:
    names = ("beacon-web.job-cron.service", "beacon-web.job-cron.timer")
    jobs = tuple(UnitFile(name, stamp("x\n", "service web")) for name in names)
    gone = planned({}, (container("web"), *jobs), {"web": RUNNING})
    assert actions(gone)[0] == "stop-unit beacon-web.service"
    assert {step.name for step in gone.steps if isinstance(step, RemoveFile)} >= set(names)
    dropped = planned({"web": (container("web"),)}, (container("web"), *jobs), {"web": RUNNING})
    assert actions(dropped) == [*(f"remove-file {name}" for name in names), "daemon-reload"]
