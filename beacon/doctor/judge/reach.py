"""Judge whether services could start again, and whether their published ports lead to them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from beacon.doctor.judge.finding import Commands, Finding, error, listed, ok
from beacon.model.notice import Notice, plural

FLUSHED = "the firewall's rules that lead there are gone, as nft -f /etc/nftables.conf flushes Podman's too"
RELOAD = "podman network reload --all"


class StartFacts(Struct, frozen=True):
    """How many services there are, and what those lack that could not start again."""

    count: int
    lacks: Mapping[str, tuple[Notice, ...]] = {}


class DeadPort(Struct, frozen=True):
    """A published port that leads nowhere, and where the container answers all the same."""

    service: str
    place: str
    own: str


def starts(facts: StartFacts, commands: Commands) -> list[Finding]:
    """Judge whether services could start again."""
    del commands
    findings = [
        error(f"{name} could not start: {one.text}", "its next start fails, a boot's too", one.fix or "")
        for name, lacks in facts.lacks.items()
        for one in lacks
    ]
    return findings or [ok(f"the machine has what {plural(facts.count, 'service')} need to start")]


def published(facts: tuple[DeadPort, ...] | None, commands: Commands) -> list[Finding]:
    """Judge whether published ports lead to their containers."""
    if facts is None:
        return []
    if not facts:
        return [ok("published ports lead to their containers")]
    whose = listed(f"{one.place} of {one.service}" for one in facts)
    return [
        error(
            f"published ports are dead, though the containers answer at their own addresses: {whose}",
            FLUSHED,
            commands.root(RELOAD),
        )
    ]
