"""Judge whether owners are notified of what happens."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from beacon.doctor.judge.finding import Commands, Finding, error, listed, ok, warning
from beacon.model.notice import plural


class TargetFacts(Struct, frozen=True):
    """A target of beacon.toml, and how it has answered; *since* is in seconds since 1970."""

    name: str
    by_apprise: bool = False
    problem: str = ""
    since: float = 0.0


class NotifyingFacts(Struct, frozen=True):
    """Who is notified, and what it takes."""

    targets: tuple[TargetFacts, ...] = ()
    has_apprise: bool = True


_UNTOLD = "what happens to services is not told"


def notifying(facts: NotifyingFacts, commands: Commands) -> list[Finding]:
    """Judge whether the targets of beacon.toml are told."""
    found = []
    lacking = [one.name for one in facts.targets if one.by_apprise] if not facts.has_apprise else []
    if lacking:
        what = f"apprise is not installed, by which beacon.toml has {listed(lacking)} told"
        found.append(error(what, _UNTOLD, commands.root("apt install apprise")))
    for one in facts.targets:
        if one.problem and one.name not in lacking:
            since = datetime.fromtimestamp(one.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
            what = f"{one.name} could not be told since {since}: {one.problem}"
            mend = f"beacon notify test {one.name}, once it answers again"
            found.append(
                warning(what, "it is tried again, and what is older than seven days is given up", mend)
            )
    if not found and facts.targets:
        found.append(ok(f"{plural(len(facts.targets), 'target')} told of what happens"))
    return found
