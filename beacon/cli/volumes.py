"""beacon adopt-volumes: data in volumes that never had a name goes on in volumes of the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

from beacon.cli.arguments import Json, Names
from beacon.cli.session import session
from beacon.operations.definitions.planning import Asked, make_proposal
from beacon.operations.definitions.reading import read_definitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from beacon.cli.host import Host
    from beacon.model.release import Release
    from beacon.model.service import Service
    from beacon.rollout.apply import Proposal


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command(name="adopt-volumes")(adopt_volumes)


def adopt_volumes(context: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Copy the data of volumes that never had a name into volumes of the service.

    A service is stopped while its data is copied. The engine keeps what it had.
    """
    from beacon.cli.outcomes import show
    from beacon.rollout.apply import execute
    from beacon.rollout.deploy import resume
    from beacon.state.files import rewrite

    host = session(context).host()
    host.require_write("adopt-volumes")
    host.end_adoptions()
    chosen = host.select(names)
    outcomes = resume(host.world, chosen)
    texts = host.definition_files()
    changed = dict(_changed(host, [name for name in chosen if name in texts], texts))
    if changed:
        proposal = _proposal(host, {**texts, **changed}, list(changed))
        # What a kill interrupts from here on, beacon apply ends: it copies what gets a name.
        for name, text in changed.items():
            rewrite(host.definition_path(name), text.encode())
        done = execute(host.world, proposal)
        host.follow((*outcomes, *done))
        outcomes = (*outcomes, *done)
    elif not as_json:
        host.output.say("every volume has a name")
    raise typer.Exit(show(host.output, outcomes, every=True, as_json=as_json))


def _proposal(host: Host, texts: Mapping[str, str], names: Sequence[str]) -> Proposal:
    """Return what is to be done; raises HostError where any of it is in the way, before it is begun."""
    from beacon.errors import HostError
    from beacon.model.unit import container_name
    from beacon.rollout.move import require_copy, volume_copies

    planned = make_proposal(host, Asked(services=tuple(names), texts=texts), host.listener)
    host.output.notices(planned.warnings)
    proposal = planned.proposal
    for outcome in proposal.outcomes:
        raise HostError(f"the volumes of {outcome.service} stay: {outcome.detail}", hint=outcome.hint)
    for left in (*proposal.plan.conflicts, *proposal.plan.kept):
        raise HostError(f"the volumes of {', '.join(left.services)} stay: {left.sentence}")
    for name, intent in proposal.intents.items():
        for copied in volume_copies(host.store.load(name).live_release, intent.release):
            require_copy(host.world, copied, (container_name(name),))
    return proposal


def _changed(host: Host, names: Sequence[str], texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the definitions that change, each with its new text."""
    from beacon.model.unit import is_unnamed
    from beacon.rollout.move import unnamed

    definitions, _ = read_definitions(host, names, texts)
    for name, definition in definitions.items():
        found = {one.path: one.external for one in definition.service.volumes if is_unnamed(one.external)}
        if not found:
            continue
        live = host.store.load(name).live_release
        if live is None or not found.items() <= unnamed(live).items():
            host.output.warn(f"{name} does not run as its definition says; beacon apply {name} first")
            continue
        host.require_here(name)
        yield name, _renamed(texts[name], definition.service, _names(host, live))


def _names(host: Host, live: Release) -> dict[str, str]:
    """Return volume → the name that it gets, made of its path, that no volume of the engine has."""
    from beacon.definition.effective import volume_name
    from beacon.rollout.candidates import in_effect
    from beacon.rollout.move import unnamed
    from beacon.units.mounts import volume_name as engine_name

    taken = {volume.name for volume in in_effect(live).volumes if volume.name is not None}
    names: dict[str, str] = {}
    for path, volume in unnamed(live).items():
        name = volume_name(path, taken)
        while host.engine.volume(engine_name(live.service.name, name)) is not None:
            taken.add(name)
            name = volume_name(path, taken)
        taken.add(name)
        names.setdefault(volume, name)
    return names


def _renamed(text: str, service: Service, names: Mapping[str, str]) -> str:
    """Return the definition with the volumes' names in it, and all else as its owner wrote it."""
    from beacon.definition.decode import decode
    from beacon.errors import DefinitionError, UsageError
    from beacon.rollout.move import with_names

    changed = text
    for volume, name in names.items():
        changed = re.sub(rf"\bexternal(\s*=\s*)([\"']){volume}\2", rf"name\g<1>\g<2>{name}\g<2>", changed)
    try:
        said = decode(changed, name=service.name, file=f"{service.name}.toml")
    except DefinitionError:
        said = service
    if said.volumes != with_names(service, names).volumes:
        wanted = ", ".join(f'name = "{name}" for external = "{volume}"' for volume, name in names.items())
        raise UsageError(
            f"the definition of {service.name} cannot be changed: it says external in a way of its own",
            hint=f"beacon edit {service.name}: {wanted}; then beacon apply {service.name}",
        )
    return changed
