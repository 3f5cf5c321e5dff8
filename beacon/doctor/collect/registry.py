"""The registries of the definitions, and the logins for them: this shell's, and those of the timer's runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from beacon.doctor.collect.survey import UPDATE, Survey
from beacon.doctor.judge.facts import LoginFacts, LoginsFacts, RegistryFacts, RegistryLogin
from beacon.errors import BeaconError, ConfigError
from beacon.model.reference import ImageReference
from beacon.model.service import TAG, Service
from beacon.registry.client import RegistryClient
from beacon.registry.results import Refusal
from beacon.registry.settings.credentials import Credential, CredentialStore, RunHelper, helper_runner
from beacon.registry.settings.registries_conf import RegistriesConfig

DEADLINE = 5.0
"""Seconds that each registry has; all are asked at the same time."""
_VOLATILE = frozenset({"tmpfs", "ramfs"})


def registries(survey: Survey) -> RegistryFacts | None:
    """Ask for every reference that is followed, as a run of the timer would: one request each."""
    services = _followed(survey)
    if not services:
        return None
    environment = survey.machine.environment
    config = RegistriesConfig.load(environment, survey.home)
    helpers = config.credential_helpers
    # Helpers run as in the timer's unit: what one of them writes, or reads in HOME, decides there.
    surroundings = {**environment, "PATH": _timer_environment(survey).get("PATH", "")}
    logins = CredentialStore.load(
        surroundings, survey.home, survey.uid, helpers=helpers, run=as_the_unit(survey)
    )
    with RegistryClient(config, logins, deadline=DEADLINE) as client:
        results = client.check(services)
    return RegistryFacts(
        results={str(reference): result for reference, result in results.items()},
        services={str(reference): tuple(one.name for one in users) for reference, users in services.items()},
        registries={str(reference): reference.registry for reference in services},
        ranged=frozenset(
            str(reference)
            for reference, users in services.items()
            if all(one.update.follow != TAG for one in users)
        ),
    )


def _followed(survey: Survey) -> dict[ImageReference, list[Service]]:
    found: dict[ImageReference, list[Service]] = {}
    for service in survey.decoded()[0].values():
        if not service.is_pinned:
            found.setdefault(service.image, []).append(service)
    return found


def logins(survey: Survey) -> LoginsFacts | None:
    """Look the login for every registry up, as this shell finds it and as the timer's run does."""
    images = {service.image for service in survey.decoded()[0].values()}
    if not images:
        return None
    machine = survey.machine
    auth_file = machine.settings.auth_file or ""
    here = _Finder(survey, machine.environment)
    timer = _Finder(survey, _timer_environment(survey), run=as_the_unit(survey))
    others = [_Finder(survey, *other) for other in _others(survey)]
    found = []
    for reference in sorted(images):
        mine, its = here.login(reference), timer.login(reference)
        elsewhere = [login.source for other in others if (login := other.login(reference))]
        found.append(
            LoginFacts(
                reference.registry,
                shell=_described(mine),
                timer=_described(its),
                alike=_bare(mine) == _bare(its),
                elsewhere=tuple(dict.fromkeys(elsewhere)) if mine is None and its is None else (),
            )
        )
    return LoginsFacts(
        logins=tuple(dict.fromkeys(found)),
        auth_file=auth_file,
        missing=bool(auth_file) and not Path(auth_file).exists(),
        problems=tuple(dict.fromkeys(here.problems)),
        confined=tuple(dict.fromkeys(one for one in timer.problems if one not in here.problems)),
    )


def _timer_environment(survey: Survey) -> dict[str, str]:
    """Return the variables that decide where logins are, as a unit of the manager has them.

    The machine's units have no XDG_RUNTIME_DIR (systemd.exec(5)); a user's have.
    """
    environment: dict[str, str] = {"PATH": survey.machine.environment.get("PATH", "")}
    with suppress(BeaconError):
        said = survey.run("systemctl", *(["--user"] if survey.is_user else []), "show-environment")
        environment |= dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if survey.is_user:
        environment.setdefault("XDG_RUNTIME_DIR", str(survey.machine.paths.runtime.parent))
    with suppress(BeaconError):
        environment |= survey.units()[UPDATE].environment
    if survey.machine.settings.auth_file:
        environment["REGISTRY_AUTH_FILE"] = survey.machine.settings.auth_file
    return environment


def as_the_unit(survey: Survey) -> RunHelper | None:
    """Return what runs a credential helper in surroundings like the timer's unit; None where nobody may.

    systemd-run(1) makes a unit with those of its properties that decide what a program may read and write.
    """
    if not survey.is_user and survey.uid != 0:
        return None
    user = ["--user"] if survey.is_user else []
    try:
        said = survey.run("systemctl", *user, "show", f"--property={','.join(_SURROUNDINGS)}", UPDATE)
    except BeaconError:
        return None
    lines = [line for line in said.splitlines() if line.partition("=")[2]]
    files = [
        f"EnvironmentFile={'-' if ignored == 'yes' else ''}{path}"
        for line in lines
        for path, ignored in _ENVIRONMENT_FILE.findall(line)
    ]
    given = (*(line for line in lines if not line.startswith("EnvironmentFiles=")), *files)
    properties = [word for one in given for word in ("--property", one)]
    before = ["systemd-run", *user, "--quiet", "--wait", "--pipe", "--collect", *properties]
    return helper_runner(survey.machine.environment, [*before, f"--setenv=HOME={survey.home}", "--"])


_SURROUNDINGS = (
    *("Environment", "EnvironmentFiles", "ProtectHome", "ProtectSystem", "PrivateTmp", "NoNewPrivileges"),
    *("ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths", "CapabilityBoundingSet", "User"),
)
_ENVIRONMENT_FILE = re.compile(r"^EnvironmentFiles=(\S+) \(ignore_errors=(yes|no)\)")


def _others(survey: Survey) -> Iterator[tuple[Mapping[str, str], Path, int]]:
    """Yield where else a login for the machine's services may have landed: environment, home and uid."""
    if survey.is_user or survey.uid != 0:
        return
    yield {"XDG_RUNTIME_DIR": "/run/user/0"}, survey.home, 0
    sudo = survey.machine.environment.get("SUDO_USER", "")
    uid = survey.machine.environment.get("SUDO_UID", "")
    if sudo and uid.isdecimal() and uid != "0":
        yield {"XDG_RUNTIME_DIR": f"/run/user/{uid}"}, _home_of(sudo), int(uid)


def _home_of(user: str) -> Path:
    try:
        return Path(f"~{user}").expanduser()
    except RuntimeError:
        return Path("/nonexistent")


class _Finder:
    """The logins of one environment; files that cannot be used are problems, told once."""

    def __init__(
        self,
        survey: Survey,
        environment: Mapping[str, str],
        home: Path | None = None,
        uid: int | None = None,
        *,
        run: RunHelper | None = None,
    ) -> None:
        self.problems: list[str] = []
        self._store: CredentialStore | None = None
        home = home or survey.home
        uid = survey.uid if uid is None else uid
        try:
            self._config = RegistriesConfig.load(environment, home)
            helpers = self._config.credential_helpers
            self._store = CredentialStore.load(environment, home, uid, helpers=helpers, run=run)
        except ConfigError as error:
            self.problems.append(error.message)

    def login(self, reference: ImageReference) -> Credential | None:
        """Return the login that a pull of *reference* uses."""
        if self._store is None:
            return None
        try:
            place = self._config.primary(reference)
            return self._store.lookup(place.registry, place.repository)
        except ConfigError as error:
            self.problems.append(error.message)
        except Refusal:
            pass  # blocked: what asks the registries tells of it
        return None


def _bare(credential: Credential | None) -> Credential | None:
    """Return a login without where it is from, for a comparison."""
    return None if credential is None else replace(credential, source="")


def _described(credential: Credential | None) -> RegistryLogin | None:
    if credential is None:
        return None
    path = Path(credential.source)
    return RegistryLogin(credential.source, volatile=path.is_absolute() and is_volatile(path))


def is_volatile(path: Path, mounts: str | None = None) -> bool:
    """Say whether *path* is in memory only, by the mounts of /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if mounts is None else mounts
    nearest, kind = -1, ""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= nearest:
            nearest, kind = len(point), after.split()[0]
    return kind in _VOLATILE
