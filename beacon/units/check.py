"""Reads what Podman's generator and systemd-analyze say of unit files, and explains it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from beacon.model.machine import EngineVersion
from beacon.units.versions import first_version

_BLOCK = re.compile(r"^---(?P<unit>[^\n]+)---$", re.MULTILINE)
_PREFIX = re.compile(r"^quadlet-generator\[\d+\]: ")
_CONVERTING = re.compile(r'converting "(?P<file>[^"]+)": (?P<problem>.*)')
_LOADING = re.compile(r'error loading "(?P<path>[^"]+)", (?P<problem>.*)')
_UNSUPPORTED = re.compile(r"unsupported key '(?P<key>[^']*)' in group '(?P<section>[^']*)'.*")
_MISSING_FILE = re.compile(r"requested Quadlet (?:unit|\S+) (?P<file>\S+) was not found")
_NOISE = ("Loading source unit file ", "Loading source drop-in file ", "No files parsed from ")
_VERIFY = re.compile(r"(?:\S*/)?(?P<unit>[^/\s:]+\.(?:service|timer)):(?:(?P<line>\d+):)? (?P<problem>.*)")
_VERIFY_UNIT = re.compile(r"Unit (?P<unit>\S+\.(?:service|timer)) (?P<problem>.*)")
_QUADLET_KINDS = {"container": "", "kube": "", "volume": "-volume", "network": "-network", "pod": "-pod"}


class Judge(StrEnum):
    """Who found it."""

    PODMAN = "podman"
    SYSTEMD = "systemd"


class Complaint(Struct, frozen=True, order=True):
    """What is wrong with *file* (empty where nobody says which); *problem* is a sentence for the owner."""

    file: str
    problem: str
    judge: Judge

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}" if self.file else self.problem


def unit_of_file(name: str) -> str | None:
    """Return the unit that Quadlet makes of the file *name*, or None for other files."""
    stem, _, kind = name.rpartition(".")
    suffix = _QUADLET_KINDS.get(kind)
    return None if suffix is None else f"{stem}{suffix}.service"


def generated_units(stdout: str) -> dict[str, str]:
    """Return the units in the output of the generator's dry run: name → text."""
    marks = list(_BLOCK.finditer(stdout))
    ends = [*(mark.start() for mark in marks), len(stdout)][1:]
    return {
        mark["unit"]: stdout[mark.end() + 1 : end].rstrip("\n") + "\n"
        for mark, end in zip(marks, ends, strict=True)
    }


def check_generated(
    files: Iterable[str], stdout: str, stderr: str, version: EngineVersion
) -> tuple[Complaint, ...]:
    """Return what the generator (``-dryrun -no-kmsg-log``) has against *files*, by name.

    Its exit status is no witness: 4.4 and 4.5 end with 0 though they dropped a unit. So every file must have
    become a unit.
    """
    findings = {_said(line, version) for line in map(_bare, stderr.splitlines()) if line.strip()}
    found = {finding for finding in findings if finding is not None}
    units = generated_units(stdout)
    for name in files:
        unit = unit_of_file(name)
        if unit is None or unit in units or any(finding.file == name for finding in found):
            continue
        found.add(Complaint(name, f"Podman {version} makes no unit of it and does not say why", Judge.PODMAN))
    return tuple(sorted(found))


def check_verified(output: str, status: int, units: Mapping[str, str]) -> tuple[Complaint, ...]:
    """Return what ``systemd-analyze verify --man=no --recursive-errors=no`` has against *units*, by name.

    *output* is its standard error; what it says of other units does not count.
    """
    found: set[Complaint] = set()
    for line in output.splitlines():
        match = _VERIFY.fullmatch(line) or _VERIFY_UNIT.fullmatch(line)
        if match is None or match["unit"] not in units:
            continue
        number = match.groupdict().get("line")
        quoted = _line(units[match["unit"]], int(number)) if number else ""
        found.add(
            Complaint(match["unit"], f"systemd does not accept it: {match['problem']}{quoted}", Judge.SYSTEMD)
        )
    if status != 0 and not found:
        last = (output.strip().splitlines() or ["it does not say why"])[-1]
        found.add(Complaint("", f"systemd does not accept the units: {last}", Judge.SYSTEMD))
    return tuple(sorted(found))


def _bare(line: str) -> str:
    return _PREFIX.sub("", line)


def _said(line: str, version: EngineVersion) -> Complaint | None:
    if line.startswith(_NOISE):
        return None
    converting = _CONVERTING.fullmatch(line)
    if converting is not None:
        return Complaint(converting["file"], _explained(converting, version), Judge.PODMAN)
    loading = _LOADING.fullmatch(line)
    if loading is not None:
        name = loading["path"].rpartition("/")[2]
        return Complaint(name, f"Podman {version} cannot read it: {loading['problem']}", Judge.PODMAN)
    return Complaint("", f"Podman {version} says: {line}", Judge.PODMAN)


def _explained(converting: re.Match[str], version: EngineVersion) -> str:
    file, problem = converting["file"], converting["problem"]
    unsupported = _UNSUPPORTED.fullmatch(problem)
    if unsupported is not None:
        section, key = unsupported["section"], unsupported["key"]
        first = first_version(section, key)
        needs = f"; it needs Podman {first.major}.{first.minor}" if first is not None else ""
        return f"Podman {version} does not know the key {key} in [{section}] of {file}{needs}"
    missing = _MISSING_FILE.fullmatch(problem)
    if missing is not None:
        return f"{file} refers to {missing['file']}, which is not there"
    return f"Podman {version} refuses it: {problem}"


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return f" (in {lines[number - 1]!r})" if 0 < number <= len(lines) else ""
