"""Plans with plain units, and from one kind of unit to the other."""

from __future__ import annotations

from beacon.model.plan import MoveService, Plan
from beacon.model.runtime import UnitState
from beacon.model.unit import UnitFile
from beacon.reconcile.plan import Desired, Observed, make_plan
from beacon.units.mark import stamp


def unit(name: str, text: str = "", owner: str = "service web") -> UnitFile:
    return UnitFile(name, stamp(f"{text}\n", owner))


NETWORK = unit("beacon-back-network.service", "docker", "network back")
PLAIN = (
    unit("beacon-web.service", "Requires=beacon-web-data-volume.service beacon-back-network.service"),
    unit("beacon-web-data-volume.service", "docker"),
    unit("beacon-web.slice"),
    NETWORK,
)
QUADLET = (
    unit("beacon-web.container", "Volume=beacon-web-data.volume:/data\nNetwork=beacon-back.network"),
    unit("beacon-web-data.volume", "podman"),
    unit("beacon-back.network", "podman", "network back"),
)
UP = {
    name: UnitState(name, "loaded", "active", "running")
    for name in (
        "beacon-web.service",
        "beacon-web-data-volume.service",
        "beacon-back-network.service",
        "beacon-web.slice",
    )
}


def planned(
    desired: tuple[UnitFile, ...],
    installed: tuple[UnitFile, ...] = (),
    units: dict[str, UnitState] | None = None,
) -> Plan:
    files = {file.name: file.text for file in installed}
    return make_plan(
        Desired(files={"web": desired} if desired else {}), Observed(files=files, units=units or {})
    )


def steps(plan: Plan) -> list[str]:
    return [
        f"{step.action} {getattr(step, 'name', getattr(step, 'unit', ''))}".strip() for step in plan.steps
    ]


def test_a_new_service_is_written_loaded_and_started() -> None:
    assert steps(planned(PLAIN)) == [
        "write-file beacon-back-network.service",
        "write-file beacon-web-data-volume.service",
        "write-file beacon-web.service",
        "write-file beacon-web.slice",
        "daemon-reload",
        "start-unit beacon-web.service",
    ]


def test_what_is_as_it_should_be_needs_nothing() -> None:
    assert planned(PLAIN, PLAIN, UP) == Plan()


def test_a_service_that_is_gone_is_stopped_before_its_volumes_and_its_slice() -> None:
    assert steps(planned((), PLAIN, UP)) == [
        "stop-unit beacon-web.service",
        "stop-unit beacon-web-data-volume.service",
        "stop-unit beacon-web.slice",
        "remove-file beacon-back-network.service",
        "remove-file beacon-web-data-volume.service",
        "remove-file beacon-web.service",
        "remove-file beacon-web.slice",
        "daemon-reload",
    ]


def test_a_foreign_unit_is_in_the_way_and_stays() -> None:
    foreign = UnitFile("beacon-web.service", "[Service]\nExecStart=mine\n")
    plan = planned(PLAIN, (foreign,))
    assert plan.is_empty
    assert [conflict.name for conflict in plan.conflicts] == ["beacon-web.service"]


def test_the_other_kind_of_files_goes_and_the_service_is_restarted() -> None:
    for before, after in ((PLAIN, QUADLET), (QUADLET, PLAIN)):
        plan = planned(after, before, UP)
        assert {step for step in steps(plan) if "file" in step} == {
            *(f"remove-file {file.name}" for file in before),
            *(f"write-file {file.name}" for file in after),
        }
        assert steps(plan)[-2:] == ["daemon-reload", "restart-unit beacon-web.service"]
        assert not [step for step in steps(plan) if step.startswith("stop-unit")]


def test_a_service_that_leaves_docker_is_moved_with_its_volumes() -> None:
    text = "Requires=docker.service\nRequires=beacon-web-data-volume.service beacon-back-network.service"
    plan = planned(QUADLET, (unit("beacon-web.service", text), *PLAIN[1:]), UP)
    (move,) = [step for step in plan.steps if isinstance(step, MoveService)]
    assert (move.services, move.source) == (("web",), "docker")
    assert not [step for step in planned(QUADLET, PLAIN, UP).steps if isinstance(step, MoveService)]


def test_a_service_that_is_stopped_stays_so_when_it_moves() -> None:
    down = {"beacon-web.service": UnitState("beacon-web.service", "loaded", "inactive")}
    assert steps(planned(QUADLET, PLAIN, down))[-1] == "daemon-reload"
