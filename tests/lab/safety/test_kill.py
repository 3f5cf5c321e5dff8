"""E15: Beacon is killed at any instant, or the machine is: the next run finishes or undoes what had begun.

The kernel kills it, by strace, as it enters a system call for the Nth time. Every write of a state or of a
unit file calls fsync before its rename and after it; vfork starts podman, and sendmsg talks to systemd.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

import pytest

from tests.lab.host import LabHost
from tests.lab.images import Broken, Pushed
from tests.lab.stage import Stage

ROLLED_BACK = 20
GOOD = [f"good{number}" for number in range(12)]
BAD = [f"bad{number}" for number in range(6)]
"""Services whose next image is in order, and those whose next image exits at once."""

Point = tuple[str, int]
"""A system call, and at which time that it is entered the process is killed."""
SPAWN, TELL = "?vfork,?fork,clone", "sendmsg"
FreshHost = Callable[..., LabHost]


def fsync(*numbers: int) -> list[Point]:
    """Return points before (odd) and after (even) the renames that put states and unit files in place."""
    return [("fsync", number) for number in numbers]


ROUNDS: list[tuple[list[Point], list[Point]]] = [
    # The candidate is noted from 3 on, the rollout is written down from 7 on, and a good image is live after
    # 24. The way back from a bad one begins at 19 and has ended after 26. An image that exits before its
    # start job ends never comes to the gate: that is one write less, and the last two points are not reached.
    (fsync(*range(3, 15)), fsync(*range(19, 25))),
    ([*fsync(*range(15, 26)), (SPAWN, 4)], [*fsync(25, 26, 27), (TELL, 15), (TELL, 27), (TELL, 48)]),
]


def test_a_kill_at_any_instant_is_finished_or_undone(stage: Stage) -> None:
    """Before and after every single write, as podman is started, and in mid-conversation with systemd."""
    for name in (*GOOD, *BAD):
        stage.push(name, f"{name} 1")
        stage.define(name, update='settle = "200ms"' if name in GOOD else 'settle = "1s"')
    stage.apply()
    good: dict[Point, int] = {}
    bad: dict[Point, int] = {}
    for version, (of_good, of_bad) in enumerate(ROUNDS, start=2):
        statuses = sweep(stage, dict(zip((*GOOD, *BAD), (*of_good, *of_bad), strict=True)), version)
        good |= {point: statuses[name] for name, point in zip(GOOD, of_good, strict=True)}
        bad |= {point: statuses[name] for name, point in zip(BAD, of_bad, strict=True)}
    # No write was left out: each sweep went one further than there are writes.
    assert (good.pop(("fsync", 25)), bad.pop(("fsync", 27))) == (0, ROLLED_BACK)
    missed = {point for ends in (good, bad) for point, end in ends.items() if end != -signal.SIGKILL}
    ungated = {("fsync", 25), ("fsync", 26)}
    assert not {point for point in missed - ungated if point[0] == "fsync"}, missed
    # How many processes and messages a run needs depends on how often it had to look.
    assert len(missed - ungated) <= 1, missed
    assert stage.update() == {**dict.fromkeys(GOOD, "up_to_date"), **dict.fromkeys(BAD, "quarantined")}


@pytest.mark.parametrize(("end", "broken"), [("power_cut", "exit"), ("reboot", None)])
def test_a_machine_that_goes_down_in_a_rollout_ends_it_when_it_is_back(
    fresh_host: FreshHost, end: str, broken: Broken | None
) -> None:
    """The first run after the boot, which the timer starts, finishes what had begun or puts it back."""
    host = fresh_host()
    host.run("systemctl", "stop", "beacon-update.timer", check=False)
    stage = Stage(host)
    run = stage.settling("2s", broken=broken)
    getattr(host, end)()
    run.communicate()
    status = 0 if broken is None else ROLLED_BACK
    stage.beacon("update", status=status)
    assert stage.agrees() == ("2" if broken is None else "1")
    assert "resumed" in stage.logged()
    assert stage.update() == {"web": "up_to_date" if broken is None else "quarantined"}


def sweep(stage: Stage, points: Mapping[str, Point], version: int) -> dict[str, int]:
    """Push to all services, kill the update of each, judge what the next runs make of it;."""
    old = {name: f"{name} {version - 1 if name in GOOD else 1}" for name in points}
    pushed = {name: push_next(stage, name, version) for name in points}
    statuses = kill_updates(stage, points)

    stage.beacon("update", status=None)
    for name in points:
        said = f"{name} killed at {points[name]}: {stage.state(name)}"
        assert stage.agrees(name) in {old[name], f"{name} {version}"}, said

    stage.beacon("update", status=None)
    for name, image in pushed.items():
        said = f"{name} killed at {points[name]}: {stage.state(name)}"
        if name in GOOD:
            assert stage.agrees(name) == f"{name} {version}", said
        else:
            assert stage.agrees(name) == old[name], said
            assert image.digest in {entry["digest"] for entry in stage.state(name)["quarantine"]}, said
    return statuses


def push_next(stage: Stage, name: str, version: int) -> Pushed:
    """Push the next image of a service."""
    return stage.push(name, f"{name} {version}", broken=None if name in GOOD else "exit")


def kill_updates(stage: Stage, points: Mapping[str, Point]) -> dict[str, int]:
    """Run the update of every service at once, each killed at its own point; return the exit statuses."""
    runs = {name: stage.host.start_doomed(*point, "beacon", "update", name) for name, point in points.items()}
    for run in runs.values():
        run.communicate(timeout=180)
    return {name: run.returncode for name, run in runs.items()}
