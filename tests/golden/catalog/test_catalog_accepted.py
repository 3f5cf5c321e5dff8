"""What all apps of the catalog come to is accepted by Quadlet's generator and by systemd, at one go."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from beacon.definition.effective import effective
from beacon.definition.endpoints.loopback import needed, with_loopback
from beacon.model.machine import Engine, EngineVersion, MachineFacts, Scope
from beacon.model.reference import Digest
from beacon.model.service import Service
from beacon.model.unit import is_environment
from beacon.systemd.version import installed_version
from beacon.units.check import check_generated, check_verified, generated_units, unit_of_file
from beacon.units.render import ReleaseInput, render
from tests.catalog import NAMES, app, services_of
from tests.golden.cases import TEMPLATES, read_image
from tests.golden.conftest import GENERATOR

OLDEST, NEWEST = EngineVersion(4, 4, 4), EngineVersion(5, 4, 2)
"""Podmans: the first that has Quadlet's files, and the one that Debian 13 has."""


@cache
def services() -> tuple[Service, ...]:
    """Return all services, of each app with defaults, and of another one with every option answered."""
    expansions = [app(name).with_defaults() for name in NAMES]
    expansions += [app(name).with_everything(f"{name}-all") for name in NAMES]
    return tuple(service for one in expansions for service in services_of(one))


def rendered(service: Service, facts: MachineFacts) -> Mapping[str, str]:
    """Return the files of a service whose image says nothing of itself."""
    filled = effective(service, read_image({}))
    ports = {key: 20000 + number for number, key in enumerate(needed(filled.service))}
    release = ReleaseInput(
        service=with_loopback(filled.service, ports),
        declared=service,
        digest=Digest("sha256:" + "5" * 64),
        number=1,
        secrets=dict.fromkeys([one.name for one in service.secrets], 1),
    )
    return {file.name: file.text for file in render(release, facts, TEMPLATES)}


def facts_of(engine: Engine, version: EngineVersion, scope: Scope = Scope.SYSTEM) -> MachineFacts:
    """Return a machine whose systemd is the one that is to accept units here."""
    return MachineFacts(engine, version, installed_version(), read_image({}).platform, scope)


def written(folder: Path, facts: MachineFacts) -> dict[str, str]:
    """Write the files of all services; return them."""
    folder.mkdir()
    files: dict[str, str] = {}
    for service in services():
        files |= rendered(service, facts)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return files


def verify(folder: Path, names: Iterator[str], scope: Scope) -> subprocess.CompletedProcess[str]:
    """Ask systemd what it has against units in *folder*."""
    user = ["--user"] if scope is Scope.USER else []
    command = ["systemd-analyze", *user, "verify", "--man=no", "--recursive-errors=no"]
    command += [str(folder / name) for name in names]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}  # user managers do not load without one
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(GENERATOR is None, reason="needs Quadlet's generator")
@pytest.mark.parametrize(
    ("version", "scope"), [(OLDEST, Scope.SYSTEM), (NEWEST, Scope.SYSTEM), (NEWEST, Scope.USER)], ids=str
)
def test_quadlet_and_systemd_accept_the_catalog(version: EngineVersion, scope: Scope, tmp_path: Path) -> None:
    files = written(tmp_path / "files", facts_of(Engine.PODMAN, version, scope))
    command = [str(GENERATOR), "-dryrun", "-no-kmsg-log", *(["-user"] if scope is Scope.USER else [])]
    environment = {**os.environ, "QUADLET_UNIT_DIRS": str(tmp_path / "files")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert check_generated(files, done.stdout, done.stderr, version) == ()
    units = generated_units(done.stdout)
    assert set(units) == {unit_of_file(name) for name in files} - {None}
    (tmp_path / "units").mkdir()
    for name, text in units.items():
        (tmp_path / "units" / name).write_text(text, encoding="utf-8")
    verified = verify(tmp_path / "units", iter(units), scope)
    assert check_verified(verified.stderr, verified.returncode, units) == ()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(
    ("engine", "version"),
    [(Engine.PODMAN, EngineVersion(4, 3, 1)), (Engine.DOCKER, EngineVersion(26, 1, 5))],
    ids=str,
)
def test_systemd_accepts_the_plain_units_of_the_catalog(
    engine: Engine, version: EngineVersion, tmp_path: Path
) -> None:
    """What the units call and require need not be here: stand-ins are."""
    folder = tmp_path / "units"
    files = written(folder, facts_of(engine, version))
    for name, text in files.items():
        if not is_environment(name):
            stood_in = text.replace(f"/usr/bin/{engine}", "/bin/true").replace("=-beacon", "=-/bin/true")
            (folder / name).write_text(stood_in, encoding="utf-8")
    (folder / "docker.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    units = {name: text for name, text in files.items() if name.endswith(".service")}
    done = verify(folder, iter(units), Scope.SYSTEM)
    assert check_verified(done.stderr, done.returncode, units) == ()
