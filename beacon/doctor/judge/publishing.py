"""Judge what is published to stores."""

from __future__ import annotations

from beacon.doctor.judge.facts import PublishingFacts
from beacon.doctor.judge.finding import Commands, Finding, error, info, ok, warning
from beacon.model.notice import plural

_UNTOLD = "who reads it is not told which services are up, and where"


def publishing(facts: PublishingFacts, commands: Commands) -> list[Finding]:
    """Judge whether the endpoints are published to the stores of beacon.toml."""
    found = [error(store.problem, _UNTOLD, store.hint) for store in facts.stores if store.problem]
    if facts.stores and facts.unit.active != "active":
        found.append(
            warning(
                f"{facts.unit.name} is {facts.unit.active}",
                "what is published is not kept up to date, and ends when it expires",
                commands.journalctl(facts.unit.name)
                if facts.unit.active == "failed"
                else "beacon endpoint publish --enable",
            )
        )
    found += [
        info(f"beacon.toml does not name {where} any more", "what was published there may stay")
        for where in facts.left
    ]
    if not found and facts.stores:
        found.append(ok(f"{plural(len(facts.stores), 'store')} told of the endpoints"))
    return found
