"""Take over a container that is there: read it, and have its service stand in its place, with its data."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from beacon.cli.containers import Container, find, inspect, look, refuse_what_others_run
from beacon.cli.outcomes import show as show_outcomes
from beacon.errors import BeaconError, BusyError, ExitStatus, HostError, UsageError
from beacon.importing.container import import_container, told
from beacon.importing.names import origin_of
from beacon.importing.node import Note, NoteKind
from beacon.model.host import Engine, Scope
from beacon.model.outcome import exit_status
from beacon.model.release import ReleaseState, Trigger, VolumeCopy
from beacon.operations.definitions.planning import Asked as Planning
from beacon.operations.definitions.planning import make_proposal
from beacon.operations.definitions.reading import read_definitions
from beacon.operations.definitions.remove import RemoveRequest
from beacon.operations.definitions.remove import remove as remove_services
from beacon.rollout.apply import Proposal, execute
from beacon.rollout.deploy import resume
from beacon.rollout.move import engine_name, require_copy, undo
from beacon.state.files import remove, rewrite
from beacon.state.store import Adoption

if TYPE_CHECKING:
    from beacon.cli.host import Host
    from beacon.importing.compose.files import Source
    from beacon.importing.result import Definition, Imported


class Asked(Struct, frozen=True):
    """Which container is meant; *discard_layer* says that the files of its own layer are not needed."""

    name: str
    engine: str | None = None
    service: str | None = None
    discard_layer: bool = False


def describe(host: Host, asked: Asked, source: Source) -> Imported:
    """Return what the container comes to."""
    old = find(asked.name, asked.engine, host.environment)
    image = inspect(old.engine, "image", str(old.inspected.get("Image")), host.environment) or {}
    imported = import_container(old.inspected, image, source, asked.service, old.layer())
    if old.engine == host.engine_kind:
        return imported
    (definition,) = imported.definitions
    text = f"{old.engine}'s own; an adoption copies them to {host.engine_kind}, under the same names"
    command = f"beacon import --container {old.name} --adopt"
    note = Note(definition.name, "Mounts", NoteKind.TODO, text, command)
    return replace(imported, notes=(*imported.notes, note)) if old.volumes else imported


def adopt(host: Host, asked: Asked, source: Source, *, as_json: bool) -> ExitStatus:
    """Have the service take the place of the container, which is put back where it does not stand.

    Whatever would be lost is refused before anything is stopped.
    """
    from beacon.cli.importing import report

    old = find(asked.name, asked.engine, host.environment)
    refuse_what_others_run(old)
    imported = describe(host, asked, source)
    _refuse(host, old, imported)
    (definition,) = imported.definitions
    if not as_json:
        for line in report(imported):
            host.output.say(line)
    if not asked.discard_layer:
        _refuse_layer(old)
    proposal, copies = _plan(host, old, definition)
    noted = Adoption(definition.name, old.name, old.engine, old.is_running, copies, old.restart)
    with _lock(host, noted):
        host.store.save_adoption(noted)
        rewrite(host.definition_path(definition.name), definition.text.encode())
        try:
            host.output.say(f"{definition.name}: stopping the container {old.name}")
            old.let_lie()
            if not asked.discard_layer:
                _refuse_layer(old)  # what it wrote when it ended
            outcomes = execute(host.world, proposal, adopted={definition.name: copies})
            host.follow(outcomes)
        except BeaconError:
            _put_back(host, old, noted)
            raise
        stands = exit_status(outcomes) is ExitStatus.OK and _settle(host, old, noted)
        if not stands:
            _put_back(host, old, noted)
    status = ExitStatus.OK if stands else ExitStatus.FAILURE
    return max(status, show_outcomes(host.output, outcomes, every=True, as_json=as_json))


def _plan(host: Host, old: Container, definition: Definition) -> tuple[Proposal, tuple[VolumeCopy, ...]]:
    """Return what is to be done and what is to be copied, with the image on disk; raises what hinders it."""
    texts = {**host.definition_files(), definition.name: definition.text}
    copies = _copies(host, old, texts, definition.name)
    asked = Planning(services=(definition.name,), texts=texts, trigger=Trigger.ADD)
    planned = make_proposal(host, asked, host.listener)
    host.output.notices(planned.warnings)
    proposal = planned.proposal
    for outcome in proposal.outcomes:
        raise HostError(f"cannot adopt {old.name}: {outcome.detail}", hint=outcome.hint)
    for conflict in proposal.plan.conflicts:
        raise UsageError(f"cannot adopt {old.name}: {conflict.sentence}")
    _pull(host, proposal)
    return proposal, copies


def _refuse(host: Host, old: Container, imported: Imported) -> None:
    """Raise UsageError or HostError for what cannot be carried."""
    for obstacle in imported.obstacles:
        raise UsageError(
            f"cannot adopt {old.name}: {obstacle}", hint="import it without --adopt, and go on by hand"
        )
    (definition,) = imported.definitions
    texts = host.definition_files()
    if definition.name in texts and origin_of(texts[definition.name]) != definition.origin:
        raise UsageError(
            f"there is a service {definition.name!r} already", hint="choose another name with --name"
        )
    if old.engine == host.engine_kind:
        return
    if host.scope is Scope.USER:
        raise UsageError(
            f"cannot adopt {old.name}: the owners of {old.engine}'s data are not this user's containers",
            hint="adopt it as root",
        )
    if old.engine == Engine.DOCKER:
        host.require_reachable()


def _refuse_layer(old: Container) -> None:
    """Raise UsageError where files go with the container that are in no volume."""
    paths = old.layer()
    if paths:
        raise UsageError(
            f"cannot adopt {old.name}: what is in no volume would go with it: {told(paths)}",
            hint=f"save what is needed ({old.engine} cp {old.name}:{paths[0]} .), then add --discard-layer",
        )


def _copies(host: Host, old: Container, texts: dict[str, str], name: str) -> tuple[VolumeCopy, ...]:
    """Return the volumes that the service gets as copies of the container's; raises where one cannot be."""
    definitions, _ = read_definitions(host, [name], texts)
    other = "" if old.engine == host.engine_kind else old.engine
    found: dict[str, VolumeCopy] = {}
    for volume in definitions[name].service.volumes:
        source, target = old.volumes.get(volume.path), engine_name(name, volume)
        if source is None or target is None or (source == target and not other):
            continue
        copied = VolumeCopy(source, target, other, volume.name or "")
        require_copy(host.world, copied, [old.name])
        if host.engine.volume(target) is None:
            found[target] = copied
    return tuple(found.values())


def _pull(host: Host, proposal: Proposal) -> None:
    """Fetch the image while the container still runs."""
    present = host.engine.images()
    for name, intent in proposal.intents.items():
        image = intent.release.pinned
        if str(image) not in present:
            with host.world.reporter.pulling(name, image) as progress:
                host.engine.pull(image, progress)


def finish_adoptions(host: Host) -> None:
    """End the adoptions that a kill interrupted: the service stands, or the container is back.

    One that cannot be ended now is ended by the next run, and keeps nothing else from being done.
    """
    for noted in host.store.adoptions():
        try:
            with _lock(host, noted):
                _finish(host, noted)
        except BusyError:
            continue  # it is under way
        except BeaconError as error:
            host.output.warn(f"the adoption of {noted.container} is not ended: {error.message}")


def _finish(host: Host, noted: Adoption) -> None:
    old = look(noted.engine, noted.container, host.environment)
    if host.store.load(noted.service).rollout is not None and old is not None:
        old.let_lie()  # a boot may have started it: nothing is copied while it writes
    host.follow(resume(host.world, [noted.service]))
    if host.store.load(noted.service).rollout is not None:
        return  # neither the one nor the other yet: the machine is going down, say
    if not _settle(host, old, noted):
        _put_back(host, old, noted)


def _lock(host: Host, noted: Adoption) -> AbstractContextManager[None]:
    return host.store.lock(f"{noted.service}.adoption")  # no service's own lock: names have no full stops


def _settle(host: Host, old: Container | None, noted: Adoption) -> bool:
    """Remove the container if its service stands; say whether it does."""
    live = host.store.load(noted.service).live_release
    if live is None or live.state is not ReleaseState.LIVE:  # a first one that failed stays installed
        return False
    if old is not None:
        old.act("rm")  # without --volumes: those that never had a name stay too
    host.store.remove_adoption(noted)
    host.output.say(
        f"{noted.service}: the container {noted.container} is removed; its data is the service's now"
    )
    if noted.copies:
        sources = ", ".join(copied.source for copied in noted.copies)
        host.output.say(f"{noted.service}: {noted.engine} keeps what it had in {sources}")
    return True


def _put_back(host: Host, old: Container | None, noted: Adoption) -> None:
    """Take the service away, and start the container again where it ran before."""
    path = host.definition_path(noted.service)
    if host.store.load(noted.service).live is not None or path.exists():
        answer = remove_services(host, RemoveRequest((noted.service,)), host.listener)
        host.output.notices(answer.warnings)
        (end,) = answer.services
        if end.kind.status:  # two at once on the same data must not be
            raise HostError(f"{noted.service} cannot be taken away: {end.detail}", hint=end.hint)
    remove(path)
    if old is not None:
        undo(host.world, noted.copies)
        old.bring_back(noted.restart, start=noted.was_running)
    host.store.remove_adoption(noted)
    what = "as it was" if old is not None else "gone"
    host.output.warn(f"{noted.service} does not stand; the container {noted.container} is {what}")
