"""Judge the services: definitions, files, units, releases and the timer."""

from __future__ import annotations

from collections.abc import Iterator

from beacon.doctor.judge.facts import (
    DefinitionFacts,
    FollowFacts,
    InstalledFile,
    ReleaseFacts,
    ServiceFacts,
    TakenEndpoint,
    TimerFacts,
    UnnamedVolume,
)
from beacon.doctor.judge.finding import Commands, Finding, error, info, listed, ok, warning
from beacon.errors import ExitStatus
from beacon.model.notice import plural
from beacon.model.unit import UnitFileName, job_of, unit_name

_TIMER, _UPDATE = "beacon-update.timer", "beacon-update.service"
_ENDS = {
    ExitStatus.FAILURE: "a rollout could not be made",
    ExitStatus.ROLLED_BACK: "a new release failed and was put back",
    ExitStatus.ROLLBACK_FAILED: "a new release failed, and so did the one before it",
    ExitStatus.DATAERR: "there are faults in definitions",
    ExitStatus.UNAVAILABLE: "a registry could not be asked",
    ExitStatus.OSERR: "the engine, systemd or the disk refused something",
    ExitStatus.CONFIG: "a configuration file cannot be used",
}
"""What the exit status of the last run says (beacon(1))."""


def timer(facts: TimerFacts, commands: Commands) -> list[Finding]:
    """Judge whether services follow their images, and how the last run ended."""
    return list(_timer(facts, commands)) or [ok(f"{_TIMER} is on, and its last run went well")]


def _timer(facts: TimerFacts, commands: Commands) -> Iterator[Finding]:
    unit = facts.timer
    lacks = warning if facts.services else info
    why = "services do not follow their images" if facts.services else "there are no services yet"
    enable = commands.systemctl(f"enable --now {_TIMER}")
    if unit.load == "masked":
        yield lacks(f"{_TIMER} is masked", why, commands.systemctl(f"unmask {_TIMER}") + f" && {enable}")
    elif unit.load != "loaded":
        yield lacks(f"systemd has no {_TIMER}", why, commands.root("apt install --reinstall beacon"))
    elif unit.enabled not in {"enabled", "static", "enabled-runtime"}:
        state = "runs, but is not enabled" if unit.active == "active" else "is not enabled"
        after = "after a reboot, services do not follow their images"
        yield lacks(f"{_TIMER} {state}", after if unit.active == "active" and facts.services else why, enable)
    elif unit.active != "active":
        yield lacks(
            f"{_TIMER} is enabled, but not active",
            f"{why} until the next boot",
            commands.systemctl(f"start {_TIMER}"),
        )
    if not facts.program_there:
        yield error(
            f"{_UPDATE} starts {facts.update.program}, which is not there",
            why,
            commands.root("apt install --reinstall beacon"),
        )
    if facts.update.active == "failed" or facts.update.result != "success":
        status = facts.update.exit_status
        meaning = _ENDS.get(ExitStatus(status)) if status in set(ExitStatus) else None
        words = f"exit status {status}" if facts.update.result == "exit-code" else facts.update.result
        yield warning(
            f"the last run of {_UPDATE} failed: {words}",
            meaning or "its journal says why",
            f"{commands.journalctl(_UPDATE)} -n 50",
        )


def definitions(facts: DefinitionFacts, commands: Commands) -> list[Finding]:
    """Judge what is wrong with definitions."""
    del commands
    findings = []
    for fault in facts.faults:
        name = fault.file.rpartition("/")[2].removesuffix(".toml")
        findings.append(
            error(
                str(fault).partition("\n")[0],
                "a faulty definition is neither applied nor updated",
                f"beacon edit {name}",
            )
        )
    if facts.lost:
        findings.append(
            warning(
                f"installed, but nothing is remembered of it: {listed(facts.lost)}",
                "nothing follows its image until Beacon takes it over, as the next run of the timer does",
                "beacon update",
            )
        )
    if facts.unclear:
        findings.append(
            warning(
                f"taken over after its state was lost, and not followed: {listed(facts.unclear)}",
                "its unit is not what its definition says; a new image would bring that too",
                _plan(facts.unclear),
            )
        )
    if facts.changed:
        whose = listed(facts.changed)
        why = "the service runs as it was defined before"
        findings.append(info(f"changed, and not applied: {whose}", why, _plan(facts.changed)))
    if facts.unapplied:
        findings.append(
            info(f"not applied yet: {listed(facts.unapplied)}", "nothing runs", _plan(facts.unapplied))
        )
    return findings or [ok(f"{plural(facts.count, 'definition')} without a fault")]


def _plan(names: tuple[str, ...]) -> str:
    return f"beacon plan {' '.join(sorted(names))}"


def edited(facts: tuple[InstalledFile, ...], commands: Commands) -> list[Finding]:
    """Judge whether the files are as Beacon wrote them."""
    findings = []
    for file in facts:
        if not file.marked and file.defined:
            findings.append(
                error(
                    f"{file.name} was not made by Beacon, and a service needs that name",
                    "Beacon leaves it alone, and the service is not installed",
                    f"move {file.name} away, or rename the service",
                )
            )
        elif file.marked and not file.intact:
            whose = file.service or ""
            drop_in = commands.systemctl(f"edit {_unit(file.name)}")
            findings.append(
                warning(
                    f"{file.name} was changed by hand",
                    "Beacon leaves it as it is: the service is not updated, nor follows its definition",
                    f"{drop_in}, for what is to stay; then beacon apply --overwrite {whose}".rstrip(),
                )
            )
    return findings or [ok(f"{plural(len(facts), 'unit file')} as Beacon wrote them")]


def _unit(file: str) -> str:
    parsed = UnitFileName.parse(file)
    return file if parsed is None else parsed.unit


def services(facts: tuple[ServiceFacts, ...], commands: Commands) -> list[Finding]:
    """Judge the units."""
    findings = [finding for service in facts for finding in _service(service, commands)]
    findings += [finding for service in facts for finding in _jobs(service, commands)]
    return findings or [ok(f"{plural(len(facts), 'service')} as systemd should have them")]


def _service(facts: ServiceFacts, commands: Commands) -> Iterator[Finding]:
    name, unit = facts.name, facts.unit
    reload = commands.systemctl("daemon-reload")
    if not facts.file_there:
        yield error(f"{name} has no unit file any more", "it does not start again", f"beacon apply {name}")
    elif unit.load == "not-found":
        yield error(
            f"systemd does not know {unit_name(name)}, though its file is there",
            "the service cannot be started",
            f"{reload}, then beacon apply {name}",
        )
    elif unit.load not in {"loaded", "masked"}:
        yield error(
            f"systemd cannot load {unit_name(name)}: {unit.load}",
            "it cannot be started",
            f"beacon render --check {name}",
        )
    elif unit.load == "masked":
        yield warning(
            f"{unit_name(name)} is masked",
            "it cannot be started",
            commands.systemctl(f"unmask {unit_name(name)}"),
        )
    elif unit.active == "failed":
        yield error(f"{name} has failed", f"it is down: {unit.result}", f"beacon logs {name} -n 50")
    elif unit.sub.startswith("auto-restart"):
        why = f"it is down until systemd starts it once more: {unit.result}"
        yield error(f"{name} fails again and again", why, f"beacon logs {name} -n 50")
    elif facts.lacked:
        why = "a unit that it requires had failed; the next run of the timer starts it, if that is up by then"
        show = commands.systemctl(f"list-dependencies {unit_name(name)}")
        yield error(f"{name} was not started", why, f"{show}; beacon start {name}")
    elif unit.needs_reload:
        yield warning(
            f"systemd has not read the last change of {unit_name(name)}",
            "the next start is with what the file said before",
            reload,
        )


def _jobs(facts: ServiceFacts, commands: Commands) -> Iterator[Finding]:
    """Yield the jobs that failed when they ran last, and those that do not run though their service is up."""
    for unit in facts.jobs:
        _, job = job_of(unit.name)
        if unit.name.endswith(".timer"):
            if facts.unit.active == "active" and unit.active != "active":
                what = f"job {job} of {facts.name} is not run: its timer is {unit.active}"
                yield warning(what, "nobody does what it is for", commands.systemctl(f"start {unit.name}"))
        elif unit.active == "failed":
            words = f"exit status {unit.exit_status}" if unit.result == "exit-code" else unit.result
            what = f"job {job} of {facts.name} has failed: {words}"
            why = "it is tried again at its next time"
            yield warning(what, why, f"{commands.journalctl(unit.name)} -n 50")


def endpoints(facts: tuple[TakenEndpoint, ...], commands: Commands) -> list[Finding]:
    """Judge the endpoints that services would have if others did not."""
    del commands
    return [warning(f"{one.claim} of {one.service} is not answered", one.problem, one.mend) for one in facts]


def releases(facts: tuple[ReleaseFacts, ...], commands: Commands) -> list[Finding]:
    """Judge whether images are on disk that services need: they are never pulled at a start."""
    findings = []
    for release in facts:
        if release.on_disk:
            continue
        pull = f"{commands.engine} pull {release.image}"
        if release.is_live:
            what = f"the image that {release.service} runs is not on disk (release {release.number})"
            findings.append(error(what, "the next start of the service fails", pull))
        else:
            what = f"{release.service} cannot go back: the image of release {release.number} is not on disk"
            why = "where an update fails, the release before could not be put back without the registry"
            findings.append(warning(what, why, pull))
    return findings or [ok(f"the images of {plural(len(facts), 'release')} are on disk")]


def following(facts: FollowFacts, commands: Commands) -> list[Finding]:
    """Judge what keeps new images from services."""
    del commands
    findings = [
        warning(
            f"{name} does not get the newest image: {detail}",
            "it stays at the release that it has",
            f"push a mended image, or beacon update --retry {name}",
        )
        for name, detail in facts.quarantined.items()
    ]
    if facts.held:
        names = " ".join(facts.held)
        findings.append(info(f"held: {listed(facts.held)}", "no update reaches it", f"beacon unhold {names}"))
    if facts.pinned:
        why = "nothing follows its image, for what is mended in it neither"
        mend = 'update.follow = "tag" in its definition, and an image without a digest'
        findings.append(info(f"pinned: {listed(facts.pinned)}", why, mend))
    return findings or [ok("no service is held, pinned or kept from an image")]


def volumes(facts: tuple[UnnamedVolume, ...], commands: Commands) -> list[Finding]:
    """Judge volumes that go with their containers."""
    del commands
    return [
        error(
            f"{one.service} has its data at {one.path} in a volume that never had a name, {one.volume[:12]}",
            "Podman deletes such a volume with the container: every stop, restart and boot is one",
            f"beacon adopt-volumes {one.service}",
        )
        for one in facts
    ]
