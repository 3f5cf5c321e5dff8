"""Answers of operations on a machine in memory, of which every field says something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from beacon.doctor.judge.finding import ok, warning
from beacon.importing.compose.reading.files import Source
from beacon.model.machine import EngineVersion
from beacon.model.notice import Notice
from beacon.model.outcome import LastCheck, Outcome, OutcomeKind
from beacon.model.parts.job import Job
from beacon.model.release import (
    AwaitingApproval,
    Displaced,
    Hold,
    Quarantine,
    ReleaseState,
    ServiceState,
    Trigger,
    UnderWay,
)
from beacon.model.rollout.record import RolloutFacts, StepKind, begun
from beacon.model.runtime import Usage
from beacon.model.service import Endpoint, Port
from beacon.operations.apply import ApplyRequest, apply, plan
from beacon.operations.control import WaitingRequest, approve, reject
from beacon.operations.definitions.add import AddRequest, add
from beacon.operations.definitions.remove import RemoveRequest, remove
from beacon.operations.definitions.render import RenderRequest, ShowEffectiveRequest, render, show_effective
from beacon.operations.definitions.text import ShowRequest, show
from beacon.operations.endpoints.address import UrlRequest, find_url
from beacon.operations.endpoints.listing import EndpointsRequest, list_endpoints
from beacon.operations.findings import fields_of
from beacon.operations.history import HistoryRequest, history
from beacon.operations.importing.adopt import AdoptRequest, adopt
from beacon.operations.importing.definitions import Command, ContainerByName, ImportRequest, import_
from beacon.operations.services.stats import StatsRequest, stats
from beacon.operations.status import StatusRequest, status
from beacon.operations.update import UpdateRequest, update
from beacon.state.store import Checks, StateStore
from beacon.wire.answer import Answer
from beacon.wire.endpoints import Publication, PublishedStore
from beacon.wire.finding import CheckFinding, CheckResult, Diagnosis
from beacon.wire.outcome import Outcomes, outcome_infos
from tests.fakes import foreign
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import FACTS, candidate, digest, push, roll_out, service

IMAGE = "registry.example/me/web:latest"
TEXT = """\
image = "registry.example/me/web:latest"
port = [{ host = 8080, container = 80 }]
endpoint = [
    { domain = "web.example.org", port = 80 },
    { domain = "old.example.org", redirect = "web.example.org" },
    { domain = "lost.example.org", port = 81 },
]
"""


class Versioned(FakeMachine):
    """A machine whose engine says which version it is."""

    def version(self) -> EngineVersion:
        """Return a version."""
        return EngineVersion(5, 4, 2)


class Accounted(FakeMachine):
    """A machine on which everything is counted."""

    def usage(self, unit: str) -> Usage:
        """Return something of everything, for whatever unit."""
        del unit
        return Usage(5 << 20, 90 * 10**9, 512 << 20, 7, 4096, 3 << 20, 1000, 20_000)


def accounted(folder: Path) -> StagedMachine:
    """Return a machine on which one service runs."""
    fake = Accounted()
    roll_out(fake, push(fake, "1"))
    return StagedMachine(fake, folder)


def staged(folder: Path) -> StagedMachine:
    """Return a machine on which much has happened to one service, and another one has never been applied."""
    fake = Versioned()
    image = push(fake, "2")
    ports = (Port(80, host_port=8080),)
    endpoints = (
        Endpoint("web.example.org", 80),
        Endpoint("old.example.org", redirect="web.example.org"),
        Endpoint("lost.example.org", 81),
    )
    jobs = (Job("clean", "daily", ("shop", "clean")),)
    made = candidate(fake, image, service(ports=ports, endpoints=endpoints, jobs=jobs))
    live = replace(
        made, number=2, state=ReleaseState.LIVE, finished="2026-11-21T12:00:09Z", reason="a tag moved"
    )
    old = replace(made, number=1, state=ReleaseState.SUPERSEDED, trigger=Trigger.ADD, digest=digest("one"))
    state = ServiceState(
        "web",
        (old, live),
        live=2,
        previous=1,
        quarantine=(Quarantine(digest("bad"), digest("bad index"), "f", "2026-11-20T00:00:00Z", "exits"),),
        hold=Hold("2026-11-21T00:00:00Z", "a holiday"),
        rollout=UnderWay(3),
        waiting=(
            AwaitingApproval(
                made.reference,
                digest("waits"),
                digest("waits index"),
                Trigger.UPDATE,
                "data would not be seen",
                "2026-11-21T10:00:00Z",
                (Displaced("beacon-web-data", "/data", "sub", ("/var/data",)),),
            ),
        ),
    )
    fake.saved["web"] = state
    here = StagedMachine(fake, folder, image)
    store = StateStore(folder / "state", folder / "run")
    store.save(state)
    record = begun(RolloutFacts("web", 3, 2, "2026-11-21T12:01:00Z"), "boot")
    store.save_rollout(replace(record, index=record.steps.index(StepKind.GATE)))
    store.save_checks(Checks({"web": LastCheck("2026-11-21T11:59:00Z", "unchecked", "no answer")}))
    vars(here)["store"] = store
    here.paths.definitions.mkdir(parents=True)
    here.definition_path("web").write_text(TEXT)
    here.definition_path("new").write_text('image = "registry.example/me/web:latest"\n')
    here.definition_path("bad").write_bytes(b'description = "caf\xe9"\n')
    return here


def bare(folder: Path) -> StagedMachine:
    """Return a machine that has nothing yet."""
    fake = Versioned()
    here = StagedMachine(fake, folder, push(fake, "2"))
    vars(here)["_facts"] = FACTS
    return here


def remembering(folder: Path) -> StagedMachine:
    """Return a machine that has nothing yet, and whose states are on disk."""
    here = bare(folder)
    vars(here)["store"] = StateStore(folder / "state", folder / "run")
    return here


def added(folder: Path) -> StagedMachine:
    """Return a machine with one definition, which is to be applied."""
    here = bare(folder)
    here.paths.definitions.mkdir(parents=True)
    here.definition_path("web").write_text(f'image = "{IMAGE}"\n')
    return here


def _removed(folder: Path) -> Answer:
    here = added(folder)
    apply(here, ApplyRequest(), Recorder())
    return remove(here, RemoveRequest(("web",)), Recorder())


def with_container(folder: Path) -> StagedMachine:
    """Return a machine that has nothing yet but a container of somebody's."""
    here = bare(folder)
    here.containers.there["old"] = foreign.OldContainer("old", IMAGE)
    return here


def _imported(folder: Path) -> Answer:
    what = Command(f"docker run --name web --link db --publish 80:80 {IMAGE}")
    return import_(bare(folder), ImportRequest(what=what, source=_NO_FILES), Recorder())


def _adopted(folder: Path) -> Answer:
    return adopt(with_container(folder), AdoptRequest(ContainerByName("old"), _NO_FILES), Recorder())


_NO_FILES = Source(lambda _: None, lambda _: False, {}, "/")


def _publication() -> Publication:
    store = PublishedStore(
        store="redis://localhost:6379/0",
        published={"a": "1"},
        deleted=("b",),
        written=("a",),
        done=True,
        problem="it is full",
        fix="make room",
        status=69,
    )
    return Publication(stores=(store,), left_out=("web has no port",), warnings=(Notice("gone", "do so"),))


def _diagnosis() -> Diagnosis:
    finding = warning("it is late", "clocks differ", "timedatectl")
    return Diagnosis(
        scope="system",
        severity=finding.severity.word,
        checks=(CheckResult("clock", "warning"), CheckResult("disk", "ok")),
        findings=tuple(CheckFinding(check="clock", **fields_of(one)) for one in (finding, ok("all is well"))),
    )


def held(folder: Path) -> StagedMachine:
    """Return a machine whose service is held, though its tag names another image."""
    fake = FakeMachine()
    roll_out(fake, push(fake, "1"))
    fake.save(replace(fake.load("web"), hold=Hold("2026-11-21T00:00:00Z")))
    return StagedMachine(fake, folder, push(fake, "2"))


def _every_field() -> Outcomes:
    full = Outcome("web", OutcomeKind.ROLLED_BACK, "it exits", "beacon logs web", 3, digest("bad"))
    return Outcomes(services=outcome_infos([full, Outcome("db", OutcomeKind.UP_TO_DATE)]))


CASES: Mapping[str, Callable[[Path], Answer]] = {
    "status": lambda folder: status(staged(folder), StatusRequest(), Recorder()),
    "status_one": lambda folder: status(staged(folder), StatusRequest("web"), Recorder()),
    "stats": lambda folder: replace(
        stats(accounted(folder), StatsRequest(seconds=0.1), Recorder()), taken=1234.5
    ),
    "history": lambda folder: history(staged(folder), HistoryRequest("web"), Recorder()),
    "show": lambda folder: show(staged(folder), ShowRequest("web"), Recorder()),
    "show_effective": lambda folder: show_effective(added(folder), ShowEffectiveRequest("web"), Recorder()),
    "render": lambda folder: render(added(folder), RenderRequest(), Recorder()),
    "plan": lambda folder: plan(added(folder), ApplyRequest(), Recorder()),
    "apply": lambda folder: apply(added(folder), ApplyRequest(), Recorder()),
    "outcomes": lambda _: _every_field(),
    "checked": lambda folder: update(held(folder), UpdateRequest(check=True), Recorder()),
    "added": lambda folder: add(bare(folder), AddRequest("web", IMAGE), Recorder()),
    "removed": _removed,
    "imported": _imported,
    "adopted": _adopted,
    "publication": lambda _: _publication(),
    "diagnosis": lambda _: _diagnosis(),
    "approve": lambda folder: approve(staged(folder), WaitingRequest("web"), Recorder()),
    "reject": lambda folder: reject(staged(folder), WaitingRequest("web"), Recorder()),
    "endpoints": lambda folder: list_endpoints(staged(folder), EndpointsRequest(), Recorder()),
    "url": lambda folder: find_url(staged(folder), UrlRequest("web.example.org"), Recorder()),
}


def expected(name: str) -> Path:
    """Return the file with what ``--json`` prints."""
    return Path(__file__).parent / "expected" / f"{name}.json"
