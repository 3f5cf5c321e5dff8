"""Runs on a test host: asks for every operation twice at once, in threads, and writes down what was answered.

Usage: asking.py hears|raises IMAGE. With `hears`, what is printed would land in files; with `raises`, stdout
and stderr are closed, and the listener fails at the first thing that it is told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from beacon.importing.compose.reading.files import Source
from beacon.model.machine import Scope
from beacon.operations import apply, control, doctor, history, login, status, update, waiting
from beacon.operations.caller import Caller
from beacon.operations.definitions import add, remove, render, text, volumes
from beacon.operations.endpoints import address, check, listing
from beacon.operations.importing import adopt
from beacon.operations.importing.definitions import Command, ContainerByName, ImportRequest, import_
from beacon.operations.importing.ending import end_adoptions
from beacon.operations.listener import Progress
from beacon.operations.machine import Machine
from beacon.operations.services import entering, stats

SERVICES = ("one", "two")
PORTS = {"one": 8080, "two": 8081}
ANSWERS = Path("/root/answers.json")
NO_FILES = Source(lambda _: None, lambda _: False, {}, "/")

Asking = Callable[[Machine, str, "Listener"], Any]


class Listener:
    """Remembers the kinds of what it hears, or fails."""

    def __init__(self, *, raises: bool) -> None:
        self.heard: set[str] = set()
        self._raises = raises

    def hear(self, progress: Progress) -> None:
        if self._raises:
            raise BrokenPipeError
        self.heard.add(type(progress).__name__)


def asked(image: str) -> dict[str, Asking]:
    """Return the operations in the order in which they are asked for, each to end with a word or a number."""

    def new(machine: Machine, name: str, listener: Listener) -> str:
        request = add.AddRequest(
            name, image, ports=(f"{PORTS[name]}:8080",), domains=(f"{name}.example.org",)
        )
        return add.add(machine, request, listener).services[0].outcome

    def changed(machine: Machine, name: str, listener: Listener) -> str:
        before = text.show(machine, text.ShowRequest(name), listener).text
        return f'description = "changed"\n{before}'

    def adopted(machine: Machine, name: str, listener: Listener) -> str:
        run = ("podman", "run", "--detach", f"--name={name}-old", image)
        subprocess.run(run, check=True, capture_output=True)
        request = adopt.AdoptRequest(ContainerByName(f"{name}-old"), NO_FILES)
        return adopt.adopt(machine, request, listener).services[0].outcome

    def imported(machine: Machine, name: str, listener: Listener) -> int:
        what = Command(f"docker run --name {name}-new {image}")
        request = ImportRequest(what=what, source=NO_FILES, writes=False)
        return len(import_(machine, request, listener).definitions)

    one = control.ServiceRequest
    return {
        "add": new,
        "import": imported,
        "status": lambda m, n, on: status.status(m, status.StatusRequest(n), on).services[0].active,
        "stats": lambda m, n, on: stats.stats(m, stats.StatsRequest((n,)), on).services[0].active,
        "enter": lambda m, n, on: len(entering.enter(m, entering.EnterRequest(n, ("true",)), on)),
        "history": lambda m, n, on: history.history(m, history.HistoryRequest(n), on).releases[0].number,
        "plan": lambda m, n, on: len(apply.plan(m, apply.ApplyRequest((n,)), on).steps),
        "apply": lambda m, n, on: apply.apply(m, apply.ApplyRequest((n,)), on).services[0].outcome,
        "render": lambda m, n, on: len(render.render(m, render.RenderRequest((n,)), on).files),
        "effective": lambda m, n, on: len(
            render.show_effective(m, render.ShowEffectiveRequest(n), on).values
        ),
        "show": lambda m, n, on: len(text.show(m, text.ShowRequest(n), on).text),
        "save": lambda m, n, on: (
            text.save(m, text.SaveRequest(n, text.show(m, text.ShowRequest(n), on).text), on).name
        ),
        "update": lambda m, n, on: update.update(m, update.UpdateRequest((n,)), on).services[0].outcome,
        "news": lambda m, n, on: (
            update.update(m, update.UpdateRequest((n,), check=True), on).services[0].outcome
        ),
        "change": lambda m, n, on: text.save(m, text.SaveRequest(n, changed(m, n, on)), on).name,
        "second": lambda m, n, on: apply.apply(m, apply.ApplyRequest((n,)), on).services[0].outcome,
        "rollback": lambda m, n, on: update.rollback(m, update.RollbackRequest(n), on).services[0].release,
        "wait": lambda m, n, on: waiting.wait_healthy(m, waiting.WaitRequest(n), on).service,
        "login": lambda m, n, _: login.login(m, login.LoginRequest(f"{n}.example"), lambda *_: 0).registry,
        "hold": lambda m, n, on: control.hold(m, control.HoldRequest(n, "why"), on).service,
        "unhold": lambda m, n, on: control.unhold(m, one(n), on).service,
        "restart": lambda m, n, on: control.restart(m, one(n), on).service,
        "stop": lambda m, n, on: control.stop(m, one(n), on).service,
        "start": lambda m, n, on: control.start(m, one(n), on).service,
        "endpoints": lambda m, n, on: len(
            listing.list_endpoints(m, listing.EndpointsRequest((n,)), on).endpoints
        ),
        "check": lambda m, n, on: len(check.check(m, check.CheckRequest((n,)), on).endpoints),
        "url": lambda m, n, on: address.find_url(m, address.UrlRequest(n), on).url,
        "domain": lambda m, n, on: len(address.memorable_domain(m, address.DomainRequest(n), on).domain) > 0,
        "adopt_volumes": lambda m, n, on: len(
            volumes.adopt_volumes(m, volumes.AdoptVolumesRequest((n,)), on).services
        ),
        "adopt": adopted,
        "end_adoptions": lambda m, _, on: len(end_adoptions(m, on)),
        "doctor": lambda m, n, on: len(doctor.doctor(m, on).checks) > 0 and len(n) > 0,
        "remove": lambda m, n, on: remove.remove(m, remove.RemoveRequest((n,)), on).services[0].outcome,
    }


def main(way: str, image: str) -> None:
    """Ask for all of them, and write down the answers, the errors, and what was printed."""
    printed = {name: Path(f"/root/{name}.txt") for name in ("stdout", "stderr")}
    for number, path in enumerate(printed.values(), start=1):
        path.write_text("")
        if way == "hears":
            os.dup2(os.open(path, os.O_WRONLY), number)
        else:
            os.close(number)
    listener = Listener(raises=way == "raises")
    # A bare environment, less what finds the tools.
    caller = Caller(uid=0, environment={"PATH": os.environ["PATH"]}, home=Path("/root"))
    answers: dict[str, dict[str, Any]] = {}
    errors: dict[str, str] = {}
    with ThreadPoolExecutor(len(SERVICES)) as threads:
        for verb, ask in asked(image).items():
            begun = {
                name: threads.submit(ask, Machine(Scope.SYSTEM, caller), name, listener) for name in SERVICES
            }
            for name, answer in begun.items():
                try:
                    answers.setdefault(verb, {})[name] = answer.result(timeout=120)
                except Exception:  # noqa: BLE001  # each is told
                    errors[f"{verb} {name}"] = traceback.format_exc()
    said = {name: path.read_text() for name, path in printed.items()}
    body = {"answers": answers, "errors": errors, "heard": sorted(listener.heard), "printed": said}
    ANSWERS.write_text(json.dumps(body))


if __name__ == "__main__":
    main(*sys.argv[1:])
