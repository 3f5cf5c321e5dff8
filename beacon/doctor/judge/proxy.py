"""Judge the managed proxy."""

from __future__ import annotations

from beacon.doctor.judge.facts import ProxyFacts
from beacon.doctor.judge.finding import Commands, Finding, error, info, ok, warning
from beacon.model.notice import plural

_SETUP = "sudo beacon endpoint setup"


def proxy(facts: ProxyFacts, commands: Commands) -> list[Finding]:
    """Judge whether the domains of the services are answered."""
    del commands
    if not facts.managed:
        if not facts.domains:
            return []
        mend = _SETUP if facts.installed else f"sudo apt install caddy && {_SETUP}"
        why = "whoever types one of them reaches another proxy of yours, or nobody"
        return [info(f"no proxy of Beacon's answers {plural(facts.domains, 'domain')}", why, mend)]
    if not facts.installed:
        return [
            error("Caddy is gone", "the domains of the services are not answered", "sudo apt install caddy")
        ]
    if not facts.imported:
        return [
            error(
                "/etc/caddy/Caddyfile does not take Beacon's file in",
                "the domains of the services are not answered",
                _SETUP,
            )
        ]
    if facts.unit.active != "active":
        return [
            error(
                f"caddy.service is {facts.unit.active}",
                "the domains of the services are not answered",
                "sudo systemctl enable --now caddy",
            )
        ]
    found = [
        warning(f"Caddy does not answer {address}", why, "take it out there, or in the definition")
        for address, why in sorted(facts.refused.items())
        if not address.endswith("://")
    ]
    return found or [ok(f"Caddy answers {plural(facts.domains, 'domain')}")]
