"""What a check comes to: how bad it is, what it is, why it matters, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from msgspec import Struct

from beacon.model.machine import Engine, Scope


class Severity(IntEnum):
    """How bad it is; the worst of a run decides the exit status."""

    OK = 0
    INFO = 1
    """Worth knowing, or could not be looked at."""
    WARNING = 2
    """It works now and will not always, or not as its owner thinks."""
    ERROR = 3
    """Something does not work, or will not at the next start."""

    @property
    def word(self) -> str:
        """The severity as it is shown."""
        return self.name.lower()


class Finding(Struct, frozen=True):
    """*what* is the case, *why* it matters, and *mend*, a command (or what to do, where none does it)."""

    severity: Severity
    what: str
    why: str = ""
    mend: str = ""


class Report(Struct, frozen=True):
    """What one check found; nothing where it does not concern this machine."""

    check: str
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)


def ok(what: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(Severity.OK, what)


def info(what: str, why: str = "", mend: str = "") -> Finding:
    """Return something worth knowing."""
    return Finding(Severity.INFO, what, why, mend)


def warning(what: str, why: str, mend: str = "") -> Finding:
    """Return what works now and will not always."""
    return Finding(Severity.WARNING, what, why, mend)


def error(what: str, why: str, mend: str = "") -> Finding:
    """Return what does not work."""
    return Finding(Severity.ERROR, what, why, mend)


def worst(reports: Iterable[Report]) -> Severity:
    """Return how bad the worst finding is."""
    return max((report.severity for report in reports), default=Severity.OK)


class Commands(Struct, frozen=True):
    """Words the commands that mend, as they are to be typed in this scope."""

    scope: Scope
    engine: Engine = Engine.PODMAN
    acting_for: str = ""
    """The user for whom root asks: it is root who types them."""

    def systemctl(self, words: str) -> str:
        """Return the words for the manager that runs the services."""
        return f"systemctl{self._user} {words}"

    def journalctl(self, unit: str) -> str:
        """Return the command that shows what *unit* said."""
        if self.acting_for:  # --user would show root's own
            return f"journalctl _SYSTEMD_USER_UNIT={unit} _UID=$(id -u {self.acting_for})"
        return f"journalctl{self._user} -u {unit}"

    def root(self, command: str) -> str:
        """Return a command that only root may run."""
        return f"sudo {command}" if self.scope is Scope.USER and not self.acting_for else command

    @property
    def _user(self) -> str:
        whose = f" --machine={self.acting_for}@" if self.acting_for else ""
        return f" --user{whose}" if self.scope is Scope.USER else ""


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return names as a sentence has them, a long list cut short."""
    chosen = sorted(names)
    rest = len(chosen) - most
    return ", ".join(chosen) if rest <= 0 else f"{', '.join(chosen[:most])} and {rest} more"
