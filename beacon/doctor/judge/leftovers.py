"""Judge what stayed behind."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from beacon.doctor.judge.facts import EngineLeftovers, FileLeftovers, StuckRollout
from beacon.doctor.judge.finding import Commands, Finding, info, listed, ok, warning


def files(facts: FileLeftovers, commands: Commands) -> list[Finding]:
    """Judge files that nothing needs."""
    return list(_files(facts, commands)) or [ok("no files of services that are gone")]


def _files(facts: FileLeftovers, commands: Commands) -> Iterator[Finding]:
    for name in facts.undefined:
        yield warning(
            f"{name} has no definition any more, and is still installed",
            "it runs on as it was, and the next beacon apply removes it; volumes stay",
            f"beacon rm {name}",
        )
    for path in facts.orphans:
        yield warning(
            f"{path} is of a service that is neither defined nor remembered",
            "systemd starts it at boot, and nobody updates it",
            "beacon apply (beacon plan shows what it would remove)",
        )
    if facts.unfinished:
        yield info(
            f"left by a write that was cut off: {listed(facts.unfinished)}",
            "nobody reads it, and the next apply or update removes it",
            commands_for_files("rm", facts.unfinished),
        )
    for path in facts.drop_ins:
        yield info(
            f"{path} is a drop-in folder of a service that is gone",
            "it counts again for the next service of that name; Beacon never touches it",
            commands_for_files("rm -r", (path,)),
        )
    del commands


def commands_for_files(verb: str, paths: tuple[str, ...]) -> str:
    """Return the command that does something to files, whatever their names."""
    return " ".join([verb, *(shlex.quote(path) for path in paths)])


def in_engine(facts: EngineLeftovers, commands: Commands) -> list[Finding]:
    """Judge what the engine keeps for services that are gone."""
    return list(_in_engine(facts, commands)) or [ok("nothing of services that are gone")]


def _in_engine(facts: EngineLeftovers, commands: Commands) -> Iterator[Finding]:
    engine = commands.engine
    if facts.containers:
        yield warning(
            f"containers of services that are gone: {listed(facts.containers)}",
            "they may run, and nobody updates or restarts them",
            commands_for_files(f"{engine} rm --force", facts.containers),
        )
    if facts.images:
        yield info(
            f"images kept for services that are gone: {listed(facts.images)}",
            "they take room on the disk",
            commands_for_files(f"{engine} rmi", facts.images),
        )
    if facts.volumes:
        yield info(
            f"volumes of services that are gone: {listed(facts.volumes)}",
            "their data was kept on purpose; a service of the same name finds it again",
            f"{commands_for_files(f'{engine} volume rm', facts.volumes)} (deletes the data)",
        )


def rollouts(facts: tuple[StuckRollout, ...], commands: Commands) -> list[Finding]:
    """Judge rollouts that were cut off."""
    del commands
    return [_cut_off(one) for one in facts] or [ok("no rollout was cut off")]


def _cut_off(rollout: StuckRollout) -> Finding:
    what = f"the rollout of {rollout.service} to release {rollout.release} was cut off"
    if rollout.fault:
        why = f"{rollout.fault}; nothing is done to the service until then"
        return warning(f"{what}, and cannot go on", why, rollout.mend)
    return warning(
        f"{what} at the step {rollout.step}",
        f"it began {rollout.started}, and nobody is at it; the next run of the timer ends it",
        f"beacon update {rollout.service}",
    )
