"""The container engine: version, generator, init, daemon and storage, and Podman's own updater."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beacon.doctor.collect.survey import AUTO_UPDATE, DOCKER, Survey
from beacon.doctor.judge.facts import (
    AutoUpdateFacts,
    DockerFacts,
    EngineFacts,
    InitFacts,
    QuadletFacts,
    UnitFacts,
)
from beacon.engine.command import CommandFailedError
from beacon.engine.docker import Docker
from beacon.engine.firewall import LET_THROUGH, docker_drops, filters_bridges
from beacon.engine.podman import Podman
from beacon.engine.quadlet import judge_installed
from beacon.errors import AccessError, MachineError
from beacon.formats.jsontext import read_json
from beacon.formats.tomltext import read_toml
from beacon.model.machine import QUADLET, Engine, EngineVersion
from beacon.model.unit import PREFIX, SERVICE_LABEL, UnitFileName, is_service_file, unit_name
from beacon.units.mark import read_mark

_AUTO_UPDATE_LABEL = "io.containers.autoupdate"
_UPDATED_BY_PODMAN = re.compile(rf"^\s*AutoUpdate=|{re.escape(_AUTO_UPDATE_LABEL)}", re.MULTILINE)
_SHUTDOWN = 120_000_000
"""Microseconds: services that ended so shortly before docker did ended because of it."""
_INIT_FOLDERS = {
    Engine.PODMAN: (
        "/usr/local/libexec/podman",
        "/usr/local/lib/podman",
        "/usr/libexec/podman",
        "/usr/lib/podman",
    ),
    Engine.DOCKER: (
        "/usr/local/libexec/docker",
        "/usr/libexec/docker",
        "/usr/local/lib/docker",
        "/usr/lib/docker",
    ),
}
"""Where the engines look before PATH (containers.conf(5), helper_binaries_dir; dockerd(8), --init-path)."""
_INITS = {Engine.PODMAN: "catatonit", Engine.DOCKER: "docker-init"}


def engine(survey: Survey) -> EngineFacts:
    """Look at which engines there are, and which one is meant."""
    survey.require_manager()
    machine = survey.machine
    versions: dict[Engine, EngineVersion] = {}
    broken: dict[Engine, str] = {}
    for kind, made in ((Engine.PODMAN, Podman), (Engine.DOCKER, Docker)):
        if shutil.which(kind.value, path=machine.environment.get("PATH")) is None:
            continue
        try:
            versions[kind] = made(machine.environment).version()
        except MachineError as error:
            if survey.uid != 0 and not survey.is_user:
                raise  # the home of whoever asks may be the reason; for root it may work
            broken[kind] = error.message
    try:
        chosen = survey.kind()
    except MachineError:
        chosen = None
    # Rootless containers are reached through their user's own processes, which no forwarding concerns.
    drops = chosen is Engine.PODMAN and not survey.is_user and survey.uid == 0 and docker_drops()
    return EngineFacts(
        settings=str(machine.paths.settings),
        configured=machine.settings.engine,
        chosen=chosen,
        versions=versions,
        broken=broken,
        runs=survey.engines(),
        let_through=" && ".join(LET_THROUGH) if drops else "",
        filters_bridges=drops and filters_bridges(),
    )


def quadlet(survey: Survey) -> QuadletFacts | None:
    """Look at what Podman's generator makes of the files that are installed, drop-ins included."""
    if survey.kind() is not Engine.PODMAN:
        return None
    version = survey.version()
    if version < QUADLET:
        return QuadletFacts(version)
    names = [name for name in survey.installed() if not name.endswith((".service", ".slice"))]
    try:
        findings = judge_installed(survey.machine.paths.quadlet, names, version, survey.machine.scope)
    except MachineError:
        return QuadletFacts(version, has_generator=False)
    # Of what others have there, and of what is only told by the way, nothing counts.
    ours = tuple(str(finding) for finding in findings if finding.file.startswith(PREFIX))
    return QuadletFacts(version, problems=ours)


def docker(survey: Survey) -> DockerFacts | None:
    """Look at docker's daemon."""
    if survey.kind() is not Engine.DOCKER:
        return None
    service = survey.units()[DOCKER]
    down = tuple(
        name for name in sorted(survey.names()) if _ended_with(survey.units()[unit_name(name)], service)
    )
    try:
        said = survey.run("docker", "version", "--format", "{{.Server.Version}}")
        return DockerFacts(service, EngineVersion.parse(said), went_down=down)
    except CommandFailedError as error:
        if "permission denied" in error.said.lower():
            raise AccessError("only root may ask docker's daemon", hint="sudo beacon doctor") from error
        return DockerFacts(service, problem=error.message, went_down=down)
    except ValueError as error:
        return DockerFacts(service, problem=f"docker version: {error}", went_down=down)


def _ended_with(unit: UnitFacts, daemon: UnitFacts) -> bool:
    """Say whether *unit* is down since the daemon was stopped: units end just before what they need."""
    if unit.load == "not-found" or unit.active not in {"inactive", "failed"} or not unit.down:
        return False
    return daemon.left - _SHUTDOWN <= unit.down <= max(daemon.down, daemon.left)


def init(survey: Survey) -> InitFacts:
    """Look for the init that containers are started with."""
    kind = survey.kind()
    program = _INITS[kind]
    places = (Path(folder, program) for folder in _INIT_FOLDERS[kind])
    configured = (Path(path) for path in _configured_inits(survey)) if kind is Engine.PODMAN else iter(())
    found = next((str(path) for path in (*configured, *places) if path.exists()), "")
    wants = "\nRunInit=true\n" if kind is Engine.PODMAN else " --init "
    users = [
        mark.service
        for name, text in survey.installed().items()
        if is_service_file(name)
        and (mark := read_mark(text))
        and mark.service
        and (wants in text or " --init " in text)
    ]
    return InitFacts(kind, program, found or shutil.which(program) or "", tuple(users))


def _configured_inits(survey: Survey) -> Iterator[str]:
    """Yield init_path of containers.conf(5), the most particular file first."""
    mine = survey.home / ".config/containers/containers.conf"
    files = [Path("/etc/containers/containers.conf"), Path("/usr/share/containers/containers.conf")]
    for path in [mine, *files] if survey.is_user else files:
        try:
            document = read_toml(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for table in ("containers", "engine"):
            value = document.get(table, {})
            if isinstance(value, dict) and isinstance(value.get("init_path"), str):
                yield value["init_path"]


def storage(survey: Survey) -> tuple[str, Path]:
    """Return the engine's storage driver, and the folder of its images."""
    survey.require_engine_access()
    if survey.kind() is Engine.DOCKER:
        said = _json(survey.run("docker", "info", "--format", "{{json .}}"))
        return str(said.get("Driver", "")), Path(str(said.get("DockerRootDir") or "/var/lib/docker"))
    store = _json(survey.run("podman", "info", "--format", "json")).get("store") or {}
    return str(store.get("graphDriverName", "")), Path(str(store.get("graphRoot") or "/var/lib/containers"))


def _json(said: str) -> Mapping[str, Any]:
    try:
        answer = read_json(said)
    except ValueError as error:
        raise MachineError(f"cannot understand what the engine says of itself: {error}") from error
    return answer if isinstance(answer, dict) else {}


def containers(survey: Survey) -> dict[str, tuple[str, bool]]:
    """Return Beacon's containers, running or not: name → service, and whether Podman is to update it."""
    survey.require_engine_access()
    if survey.kind() is Engine.DOCKER:
        shape = f'{{{{.Names}}}}\\t{{{{.Label "{SERVICE_LABEL}"}}}}'
        said = survey.run("docker", "ps", "--all", "--filter", f"label={SERVICE_LABEL}", "--format", shape)
        return {
            name: (service, False) for name, service in (line.split("\t", 1) for line in said.splitlines())
        }
    said = survey.run("podman", "ps", "--all", "--format", "json", "--filter", f"label={SERVICE_LABEL}")
    found = {}
    try:
        rows = read_json(said or "[]") or []
    except ValueError as error:
        raise MachineError(f"cannot understand what podman ps says: {error}") from error
    for row in rows:
        labels = row.get("Labels") or {}
        label = labels.get(_AUTO_UPDATE_LABEL, "")
        found[str(row["Names"][0])] = (str(labels.get(SERVICE_LABEL, "")), label not in {"", "disabled"})
    return found


def auto_update(survey: Survey) -> AutoUpdateFacts | None:
    """Look at Podman's own timer, and at the services that it would update beside Beacon."""
    if survey.kind() is not Engine.PODMAN:
        return None
    labelled = {service for service, updated in containers(survey).values() if updated}
    folder = survey.machine.paths.quadlet
    drop_ins = {
        path.parent.name: path.read_text("utf-8") for path in folder.glob("beacon-*.container.d/*.conf")
    }
    for name, text in (*survey.installed().items(), *drop_ins.items()):
        parsed = UnitFileName.parse(name.removesuffix(".d"))
        if parsed is not None and _UPDATED_BY_PODMAN.search(text):
            labelled.add(parsed.stem.removeprefix("beacon-"))
    return AutoUpdateFacts(survey.units()[AUTO_UPDATE], tuple(sorted(labelled & survey.names())))
