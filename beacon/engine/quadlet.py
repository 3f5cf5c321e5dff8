"""Have Podman's own generator and systemd judge unit files, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from beacon.errors import MachineError
from beacon.model.machine import EngineVersion, MachineFacts, Scope
from beacon.model.unit import UnitFile, is_environment, is_job
from beacon.units.check import Complaint, check_generated, check_verified, generated_units

_GENERATORS = {
    Scope.SYSTEM: (
        Path("/usr/lib/systemd/system-generators/podman-system-generator"),
        Path("/usr/libexec/podman/quadlet"),
    ),
    Scope.USER: (
        Path("/usr/lib/systemd/user-generators/podman-user-generator"),
        Path("/usr/libexec/podman/quadlet"),
    ),
}
_LIMIT = 60.0


def judge(files: Collection[UnitFile], version: EngineVersion, scope: Scope) -> tuple[Complaint, ...]:
    """Return what the generator has against *files*, and systemd against what it makes of them.

    Raises MachineError where there is no generator: then nothing was judged.
    """
    with tempfile.TemporaryDirectory(prefix="beacon-") as folder:
        names = []
        for file in files:
            (Path(folder) / file.name).write_text(file.text, encoding="utf-8")
            names.append(file.name)
        said = _generate(Path(folder), scope)
    findings = check_generated(names, said.stdout, said.stderr, version)
    jobs = {file.name: file.text for file in files if is_job(file.name)}
    return tuple(sorted({*findings, *_verify({**generated_units(said.stdout), **jobs}, scope)}))


def judge_installed(
    folder: Path, names: Iterable[str], version: EngineVersion, scope: Scope
) -> tuple[Complaint, ...]:
    """Return what the generator has against the files *names* of *folder* as they stand, drop-ins included.

    Raises MachineError where there is no generator: then nothing was judged.
    """
    said = _generate(folder, scope)
    return check_generated(names, said.stdout, said.stderr, version)


def judge_plain(files: Iterable[UnitFile], scope: Scope) -> tuple[Complaint, ...]:
    """Return what systemd has against plain unit files."""
    return _verify({file.name: file.text for file in files if not is_environment(file.name)}, scope)


def accept(files: Collection[UnitFile], facts: MachineFacts) -> str:
    """Have the machine with *facts* judge unit files; return who accepts them.

    Raises MachineError with all findings if they are not accepted.
    """
    if facts.has_quadlet:
        findings = judge(files, facts.engine_version, facts.scope)
        judges = f"Podman {facts.engine_version} and systemd {facts.systemd_version} accept"
    else:
        findings = judge_plain(files, facts.scope)
        judges = f"systemd {facts.systemd_version} accepts"
    if findings:
        raise MachineError("\n".join(str(finding) for finding in findings))
    return judges


def _generate(folder: Path, scope: Scope) -> subprocess.CompletedProcess[str]:
    """Run the generator on *folder*, without a trace (podman-systemd.unit(5), Debugging unit files)."""
    user = ["-user"] if scope is Scope.USER else []
    return subprocess.run(
        [str(_generator(scope)), "-dryrun", "-no-kmsg-log", *user],
        env={**os.environ, "QUADLET_UNIT_DIRS": str(folder)},
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )


def _generator(scope: Scope) -> Path:
    for path in _GENERATORS[scope]:
        if path.exists():
            return path
    raise MachineError(
        "cannot check the units: Podman's Quadlet generator is not here", hint="apt install podman"
    )


def _verify(units: dict[str, str], scope: Scope) -> tuple[Complaint, ...]:
    if not units:
        return ()
    with tempfile.TemporaryDirectory(prefix="beacon-") as folder:
        paths = []
        for name, text in units.items():
            path = Path(folder) / name
            path.write_text(text, encoding="utf-8")
            paths.append(str(path))
        manager = "--user" if scope is Scope.USER else "--system"
        command = ["systemd-analyze", manager, "verify", "--man=no", "--recursive-errors=no", *paths]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False)
        except FileNotFoundError as error:
            raise MachineError("cannot check the units: systemd-analyze is not here") from error
    return check_verified(said.stderr, said.returncode, units)
