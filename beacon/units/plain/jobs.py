"""The units of a service's jobs: plain ones, whatever makes the unit of the service itself.

A timer is wanted by the service's unit, and is a part of it: it comes up and goes down with that, at boot and
otherwise. What it starts runs in the container, confined as that is.
"""

from __future__ import annotations

from beacon.errors import DefinitionError, Fault
from beacon.model.machine import Engine, MachineFacts
from beacon.model.parts.calendar import Calendar
from beacon.model.parts.job import Job
from beacon.model.unit import UnitFile, container_name, job_timer, job_unit, unit_name
from beacon.units.container import SLICE
from beacon.units.health import span
from beacon.units.layout import Templates, lay_out
from beacon.units.mark import stamp
from beacon.units.quoting import InexpressibleError, encode_argument
from beacon.units.release import ReleaseInput

_TEMPLATE = "job.j2"
_PROGRAMS = {Engine.PODMAN: "/usr/bin/podman", Engine.DOCKER: "/usr/bin/docker"}


def render_jobs(release: ReleaseInput, facts: MachineFacts, templates: Templates) -> list[UnitFile]:
    """Return the files of all jobs; none of a helper, beside which the service has its own.

    Raises DefinitionError with every word that a unit file cannot hold.
    """
    if release.beside:
        return []
    files, faults = [], []
    for index, job in enumerate(release.service.jobs):
        try:
            files.append(_unit_file(release, job, facts, templates))
        except InexpressibleError as error:
            problem = f"cannot be written into a unit file: it holds {error.reason}"
            faults.append(Fault(release.fault_file, f"job[{index}].command", problem))
        files.append(_timer_file(release, job, templates))
    if faults:
        raise DefinitionError(faults)
    return files


def _unit_file(release: ReleaseInput, job: Job, facts: MachineFacts, templates: Templates) -> UnitFile:
    name = release.service.name
    user = [f"--user={job.user}"] if job.user is not None else []
    words = [encode_argument("ExecStart", word) for word in (*user, container_name(name), *job.command)]
    values = {
        "unit": [
            *_described(f"Job {job.name} of {name}"),
            f"Requisite={unit_name(name)}",
            f"After={unit_name(name)}",
        ],
        "service": [
            "Type=oneshot",
            "SyslogIdentifier=%N",
            f"ExecStart=:{_PROGRAMS[facts.engine]} exec {' '.join(words)}",
            f"TimeoutStartSec={span(job.timeout)}",
            f"Slice={SLICE}",
        ],
        "timer": [],
        "install": [],
    }
    return _file(job_unit(name, job.name), name, job, values, templates)


def _timer_file(release: ReleaseInput, job: Job, templates: Templates) -> UnitFile:
    name = release.service.name
    rarely = not Calendar.parse(job.schedule).is_frequent
    values = {
        "unit": [*_described(f"Times of job {job.name} of {name}"), f"PartOf={unit_name(name)}"],
        "service": [],
        "timer": [
            f"OnCalendar={job.schedule}",
            # What is done every few minutes need not be made up for.
            *(["Persistent=true"] if rarely else []),
            *([f"RandomizedDelaySec={span(job.delay)}"] if job.delay else []),
        ],
        "install": [f"WantedBy={unit_name(name)}"],
    }
    return _file(job_timer(name, job.name), name, job, values, templates)


def _file(unit: str, service: str, job: Job, values: dict[str, list[str]], templates: Templates) -> UnitFile:
    comment = f"# Made from [[job]] of the definition of {service}, and made again when it changes.\n\n"
    text = comment + lay_out(templates, _TEMPLATE, {**values, "name": job.name, "service_name": service})
    return UnitFile(unit, stamp(text, f"service {service}"))


def _described(description: str) -> list[str]:
    return [f"Description={description}", "Documentation=man:beacon.toml(5)"]
