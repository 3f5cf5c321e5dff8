"""beacon render, plan and apply: from definitions to running units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Json, Names
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beacon.cli.host import Host
    from beacon.model.host import HostFacts
    from beacon.model.plan import Plan, Step
    from beacon.model.unit import UnitFile
    from beacon.rollout.apply import Proposal

_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over files that were edited by hand.")]
_Retry = Annotated[bool, typer.Option("--retry", help="Try again what is quarantined.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(render)
    app.command()(plan)
    app.command()(apply)


def render(
    context: typer.Context,
    names: Names = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the files to DIR.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Let Podman's generator and systemd judge the files.")
    ] = False,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="podman|docker", help="Render for another engine.")
    ] = None,
    podman_version: Annotated[
        str | None, typer.Option("--podman-version", metavar="VERSION", help="Render for another Podman.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the unit files of services; changes nothing."""
    host = session(context).host()
    facts = _facts(host, engine, podman_version)
    files = _rendered(host, names, facts)
    if check:
        _check(host, files, facts)
    if output is not None:
        from beacon.model.unit import is_private_file
        from beacon.state.files import PRIVATE, PUBLIC, write_atomic

        for file in files:
            mode = PRIVATE if is_private_file(file.name, file.text) else PUBLIC
            write_atomic(output / file.name, file.text.encode(), mode=mode)
        host.output.say(f"{len(files)} files written to {output}")
    elif as_json:
        host.output.json({"files": {file.name: file.text for file in files}})
    elif not check:
        host.output.answer("\n".join(f"# {file.name}\n{file.text}" for file in files).rstrip())


def plan(
    context: typer.Context,
    names: Names = None,
    overwrite: _Overwrite = False,
    retry: _Retry = False,
    diff: Annotated[bool, typer.Option("--diff/--no-diff", help="Show how files would change.")] = True,
    as_json: Json = False,
) -> None:
    """Show what apply would do, step by step, with the reason of each.

    The exit status tells what could not be planned: 69 if a registry could not be asked.
    """
    from beacon.cli.workflow import make_proposal
    from beacon.model.outcome import exit_status
    from beacon.rollout.apply import hindered

    host = session(context).host()
    chosen = host.select(names) if names else None
    proposal = make_proposal(host, chosen, overwrite=overwrite, retry=retry)
    if as_json:
        host.output.json(_plan_dict(proposal))
    else:
        _print_plan(host, proposal, diff=diff)
    raise typer.Exit(exit_status([*proposal.outcomes, *hindered(proposal.plan)]))


def apply(
    context: typer.Context,
    names: Names = None,
    overwrite: _Overwrite = False,
    retry: _Retry = False,
    as_json: Json = False,
) -> None:
    """Do what plan shows.

    Units are written, what is new is started, what has changed replaced, what is gone removed.
    """
    from beacon.cli.outcomes import show
    from beacon.cli.workflow import apply_services

    host = session(context).host()
    host.require_write("apply")
    chosen = host.select(names) if names else None
    outcomes = apply_services(host, chosen, overwrite=overwrite, retry=retry)
    raise typer.Exit(show(host.output, outcomes, every=bool(names), as_json=as_json))


def _facts(host: Host, engine: str | None, version: str | None) -> HostFacts:
    from beacon.errors import UsageError
    from beacon.model.host import Engine, EngineVersion

    if engine is not None and engine not in list(Engine):
        raise UsageError(f"--engine must be podman or docker, not {engine!r}")
    if engine == Engine.DOCKER and version:
        raise UsageError("--podman-version says nothing of docker", hint="leave one of the two out")
    chosen = Engine(engine) if engine else None
    try:
        return host.facts_for(chosen, EngineVersion.parse(version) if version else None)
    except ValueError as error:
        raise UsageError(f"--podman-version {error}") from error


def _rendered(host: Host, names: list[str] | None, facts: HostFacts) -> tuple[UnitFile, ...]:
    """Return the files of the releases that run, or that would run with the definitions as they are now."""
    from beacon.cli.workflow import render_services

    files = render_services(host, host.select(names), facts)
    return tuple(sorted({file.name: file for file in files}.values()))


def _check(host: Host, files: Iterable[UnitFile], facts: HostFacts) -> None:
    from beacon.engine.quadlet import judge, judge_plain
    from beacon.errors import HostError

    if facts.has_quadlet:
        findings = judge(files, facts.engine_version, host.scope)
        judges = f"Podman {facts.engine_version} and systemd {facts.systemd_version} accept"
    else:
        findings = judge_plain(files, host.scope)
        judges = f"systemd {facts.systemd_version} accepts"
    if findings:
        raise HostError("\n".join(str(finding) for finding in findings))
    host.output.say(f"{judges} the units")


def _print_plan(host: Host, proposal: Proposal, *, diff: bool) -> None:
    from beacon.model.plan import RemoveFile, WriteFile

    output, made = host.output, proposal.plan
    for number, step in enumerate(made.steps, start=1):
        output.answer(f"{number}. {describe(step)}: {step.reason}")
        if diff and isinstance(step, WriteFile | RemoveFile) and (lines := list(step.diff())):
            output.answer("\n".join(f"     {line}" for line in lines))  # of a thousand files, at once
    if made.is_empty and not proposal.outcomes:
        output.answer("nothing to do")
    for outcome in proposal.outcomes:
        output.warn(f"{outcome.service}: {outcome.kind.word}: {outcome.detail}")
        if outcome.hint:
            output.say(f"{outcome.service}: {outcome.hint}")
    for sentence in [one.sentence for one in made.conflicts] + [one.sentence for one in made.kept]:
        output.warn(sentence)


_WORDS = {
    "pull-image": "pull {0.image}",
    "move-service": "stop {0.services[0]} and copy its volumes from {0.source}",
    "copy-volumes": "stop {0.services[0]} and copy volumes that never had a name",
    "stop-unit": "stop {0.unit}",
    "remove-file": "remove {0.name}",
    "write-file": "write {0.name}",
    "daemon-reload": "reload systemd",
    "start-unit": "start {0.unit}",
    "restart-unit": "restart {0.unit}, through the health gate",
}


def describe(step: Step) -> str:
    """Return a step in a few words."""
    return _WORDS[step.action].format(step)


def _plan_dict(proposal: Proposal) -> dict[str, object]:
    from beacon.cli.outcomes import as_dict

    made: Plan = proposal.plan
    return {
        "steps": [_step_dict(step) for step in made.steps],
        "conflicts": [
            {"file": one.name, "services": one.services, "reason": one.sentence} for one in made.conflicts
        ],
        "kept": [{"file": one.name, "services": one.services, "reason": one.sentence} for one in made.kept],
        "services": [as_dict(outcome) for outcome in proposal.outcomes],
    }


def _step_dict(step: Step) -> dict[str, object]:
    from msgspec.structs import fields

    values = {field.name: getattr(step, field.name) for field in fields(step)}
    plain = {
        key: value if isinstance(value, str | tuple | None) else str(value) for key, value in values.items()
    }
    return plain | {"reason": {"kind": step.reason.kind.value, "sentence": str(step.reason)}}
