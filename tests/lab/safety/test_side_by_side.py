"""Services are rolled out side by side: nobody waits for whom he does not need."""

from __future__ import annotations

import json

from tests.lab.faulty_registry import Delay, FaultyRegistry, Hang
from tests.lab.host import wait_until
from tests.lab.stage import Stage


def test_a_registry_that_stops_in_the_middle_of_a_layer_holds_up_nobody_else(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    def push(version: str) -> None:
        for name in ("a", "b", "slow"):  # each of its own image: one has its names made in turn
            stage.push(name, version, files={"name": name})

    push("1")
    stage.define("a")
    stage.define("b")
    stage.define("slow", image=f"{faulty_registry.address}/me/slow:latest")
    stage.apply()
    push("2")
    faulty_registry.when("/blobs/", Delay(2))  # which the check waits for, that asks for one, too
    run = stage.start("beacon", "update", "--json")
    try:
        wait_until(lambda: stage.step("slow") == "pulling", 60, interval=0.01)
        faulty_registry.when("/blobs/", Hang())
        wait_until(lambda: stage.version("a") == stage.version("b") == "2", 60)
        assert run.poll() is None
        stage.beacon("stop", "slow", timeout=20)  # which waits for no pull
        assert stage.active("beacon-slow.service") == "inactive"
    finally:
        faulty_registry.reset()
        faulty_registry.release()
    said, _ = run.communicate(timeout=90)
    ends = {end["service"]: end["outcome"] for end in json.loads(said)["services"]}
    assert (ends["a"], ends["b"]) == ("updated", "updated")
    assert ends["slow"] in {"stopped", "unchecked"}  # the pull may go on, or have been cut off
    stage.beacon("start", "slow")
    assert stage.agrees("slow") == "1"


def test_what_is_needed_is_restarted_first_and_once(stage: Stage) -> None:
    for name in ("back", "front"):
        stage.push(name)
    stage.define("back", update='settle = "1s"')
    stage.define("front", top='needs = ["back"]', update='settle = "1s"')
    stage.apply()
    for name in ("back", "front"):
        stage.push(name, version="2")
    assert stage.update() == {"back": "updated", "front": "updated"}
    since = "ActiveEnterTimestampMonotonic"
    began = {name: int(stage.show(f"beacon-{name}.service", since)[since]) for name in ("back", "front")}
    assert began["back"] < began["front"]
    assert stage.agrees("back") == stage.agrees("front") == "2"
