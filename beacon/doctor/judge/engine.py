"""Judge the engine: its version, its generator, its init, its daemon, and Podman's own updater."""

from __future__ import annotations

from collections.abc import Iterator

from beacon.doctor.judge.facts import (
    AutoUpdateFacts,
    DockerFacts,
    EngineFacts,
    InitFacts,
    QuadletFacts,
    SettingsFacts,
)
from beacon.doctor.judge.finding import Commands, Finding, error, info, listed, ok, warning
from beacon.model.machine import QUADLET, Engine, EngineVersion, Scope
from beacon.units.versions import KEYS, is_known

OLDEST_DOCKER = EngineVersion(20, 10)
_PACKAGES = {Engine.PODMAN: "podman", Engine.DOCKER: "docker.io"}


def settings(facts: SettingsFacts, commands: Commands) -> list[Finding]:
    """Judge beacon.toml."""
    del commands
    if facts.problem:
        return [
            error(problem, "no verb works until that is mended", f"edit {facts.file} (beacon.toml(5))")
            for problem in facts.problem.splitlines()
        ]
    return [ok(f"{facts.file} is in order" if facts.there else "the defaults are used")]


def engine(facts: EngineFacts, commands: Commands) -> list[Finding]:
    """Judge which engines there are."""
    return list(_engine(facts, commands)) or [_chosen(facts)]


def _chosen(facts: EngineFacts) -> Finding:
    if facts.chosen is None:
        return info("it is not known which engine is used")
    others = [f"{kind} {version}" for kind, version in facts.versions.items() if kind is not facts.chosen]
    beside = f" ({', '.join(others)} is installed too)" if others else ""
    return ok(f"{facts.chosen} {facts.versions.get(facts.chosen, '')}{beside}")


def _engine(facts: EngineFacts, commands: Commands) -> Iterator[Finding]:
    for kind, problem in facts.broken.items():
        why = "Beacon uses it" if kind is facts.chosen else "it is the engine that is not used here"
        mend = commands.root(f"apt install --reinstall {_PACKAGES[kind]}")
        yield (error if kind is facts.chosen else info)(f"{kind} does not work: {problem}", why, mend)
    if not facts.versions and not facts.broken:
        yield error(
            "neither podman nor docker is installed",
            "there is nothing to run containers with",
            commands.root("apt install podman"),
        )
        return
    chosen = facts.configured
    if chosen is not None and chosen not in {*facts.versions, *facts.broken}:
        yield error(
            f"{facts.settings} chooses {chosen}, which is not installed",
            "nothing can be applied or updated",
            commands.root(f"apt install {_PACKAGES[chosen]}"),
        )
    if facts.chosen is not None:
        yield from _elsewhere(facts, facts.chosen, commands)
    if facts.let_through:
        concerned = Engine.PODMAN in facts.runs.values()
        published = "ports that services publish beyond the loopback address cannot be reached"
        yield (warning if concerned else info)(
            "docker's firewall drops what comes to Podman's containers",
            f"services of one network cannot reach each other, and {published}"
            if facts.filters_bridges
            else published,
            commands.root(facts.let_through),
        )
    docker = facts.versions.get(Engine.DOCKER)
    if facts.chosen is Engine.DOCKER and docker is not None and docker < OLDEST_DOCKER:
        yield warning(
            f"docker {docker} is older than {OLDEST_DOCKER.major}.{OLDEST_DOCKER.minor}",
            "Beacon's units are made for, and tested with, newer ones",
            commands.root("apt install docker.io"),
        )


def _elsewhere(facts: EngineFacts, chosen: Engine, commands: Commands) -> Iterator[Finding]:
    """Yield what is to be said of services that run on another engine than the chosen one."""
    others = {name: kind for name, kind in facts.runs.items() if kind is not chosen}
    if not others:
        return
    other = next(iter(others.values()))
    what = f"{listed(others)}: still on {other}, and {chosen} is chosen"
    movable = other is Engine.DOCKER and commands.scope is Scope.SYSTEM and other in facts.versions
    if movable:
        yield warning(
            what, "what has not been moved is not updated", f"beacon apply {' '.join(sorted(others))}"
        )
    else:
        yield error(
            what,
            f"data and images are with {other}; nothing can be applied or updated",
            f'set engine = "{other}" in {facts.settings}',
        )


def quadlet(facts: QuadletFacts | None, commands: Commands) -> list[Finding]:
    """Judge Podman's generator (podman-systemd.unit(5))."""
    if facts is None:
        return []
    if facts.version < QUADLET:
        return [
            ok(f"Beacon writes plain units: Podman {facts.version} has no Quadlet, which came with {QUADLET}")
        ]
    if not facts.has_generator:
        return [
            error(
                "Podman's generator of units (Quadlet) is not here",
                "systemd makes no units of Beacon's files",
                commands.root("apt install --reinstall podman"),
            )
        ]
    if facts.problems:
        return [
            error(
                problem,
                "no unit is made of that file: the service is gone at the next reload or boot",
                _mend(problem),
            )
            for problem in facts.problems
        ]
    later = {
        key: first
        for key, first in KEYS["Container"].items()
        if not is_known("Container", key, facts.version)
    }
    if not later:
        return [ok(f"Podman {facts.version} knows every key")]
    keys = ", ".join(f"{key} ({first.major}.{first.minor})" for key, first in later.items())
    return [ok(f"Podman {facts.version} accepts the files; keys that need a newer one: {keys}")]


def _mend(problem: str) -> str:
    file = problem.partition(":")[0]
    stem = file.removeprefix("beacon-").rpartition(".")[0]
    return f"take it out of the definition (beacon edit {stem}) or of the drop-in in {file}.d"


def docker(facts: DockerFacts | None, commands: Commands) -> list[Finding]:
    """Judge docker's daemon."""
    return (
        []
        if facts is None
        else list(_docker(facts, commands)) or [ok(f"docker's daemon {facts.server} answers")]
    )


def _docker(facts: DockerFacts, commands: Commands) -> Iterator[Finding]:
    if facts.server is None:
        down = f"; down with it: {listed(facts.went_down)}" if facts.went_down else ""
        why = f"no service runs, and none can be updated{down}"
        units = " ".join(["docker", *(f"beacon-{name}" for name in facts.went_down)])
        start = f"systemctl start {units}"
        yield error(f"docker's daemon does not answer: {facts.problem}", why, commands.root(start))
    elif facts.went_down:
        units = " ".join(f"beacon-{name}" for name in facts.went_down)
        yield error(
            f"down since docker was stopped: {listed(facts.went_down)}",
            "a service ends with docker, and docker's next start does not bring it back",
            commands.root(f"systemctl start {units}"),
        )
    if facts.service.load == "loaded" and facts.service.enabled == "disabled":
        yield info(
            "docker.service is not enabled",
            "it starts at boot only as long as a unit of Beacon's needs it",
            commands.root("systemctl enable docker"),
        )


def init(facts: InitFacts, commands: Commands) -> list[Finding]:
    """Judge the small init that containers are started with."""
    if facts.found:
        return [ok(f"containers start with {facts.found}")]
    package = "catatonit" if facts.engine is Engine.PODMAN else "tini"
    mend = commands.root(f"apt install {package}")
    if facts.users:
        what = f"{facts.program} is missing, which {listed(facts.users)} start with"
        return [error(what, "the next start of these services fails", mend)]
    why = "services start with it unless their image has an init of its own, or init = false is set"
    return [warning(f"{facts.program} is missing", why, mend)]


def auto_update(facts: AutoUpdateFacts | None, commands: Commands) -> list[Finding]:
    """Judge whether podman-auto-update(1) works against Beacon."""
    if facts is None:
        return []
    runs = facts.timer.active == "active" or facts.timer.enabled == "enabled"
    stop = commands.systemctl("disable --now podman-auto-update.timer")
    if not facts.labelled:
        if not runs:
            return [ok("podman-auto-update.timer is off")]
        why = "it leaves Beacon's services alone, and Beacon updates no others"
        return [info("podman-auto-update.timer is on", why, f"where it has nothing else to do: {stop}")]
    whose = listed(facts.labelled)
    if runs:
        return [
            warning(
                f"podman-auto-update.timer is on, and {whose} carry its label",
                "two updaters for one service: it restarts it past health gate, windows and quarantine",
                stop,
            )
        ]
    return [
        info(
            f"{whose} carry the label of podman auto-update, whose timer is off",
            "a run of it would restart them past the health gate",
            "take io.containers.autoupdate out of labels, AutoUpdate= out of drop-ins",
        )
    ]
