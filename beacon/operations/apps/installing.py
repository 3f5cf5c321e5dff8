"""Apps come, change and go: their definitions are written, and applied like any others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.catalog.answers import notes, read_answer
from beacon.catalog.expansion import names_for
from beacon.catalog.manifest import options_of
from beacon.catalog.record import Record, origins_of
from beacon.catalog.sources import BUILT_IN, OWN
from beacon.definition.tables.app import ManifestTable
from beacon.engine.listening import is_free
from beacon.errors import UsageError
from beacon.model.rollout.apps import AppChange
from beacon.operations.apps.changing import carry_out, end, version_of
from beacon.operations.apps.fitting import require_fit, short_of_memory
from beacon.operations.apps.reading import App, answers_of, find, is_up, load, make, names_of, place_of
from beacon.operations.apps.records import changes, installed, read_record
from beacon.operations.listener import Listener, Note, report
from beacon.operations.machine import Machine
from beacon.operations.running import watchable
from beacon.rollout.allotting.declared import declared_services
from beacon.rollout.definitions.needing import refuse_mounted, refuse_needed
from beacon.rollout.definitions.planning import refuse_name
from beacon.rollout.definitions.reading import judge_texts
from beacon.state.files import read_text
from beacon.state.removed import keep as keep_copies
from beacon.units.mark import is_edited
from beacon.wire.apps import AppChanged


class InstallRequest(Struct, frozen=True):
    """An app of the catalog, what it is called here (by default as there), and answers to its options."""

    app: str
    name: str = ""
    answers: Mapping[str, object] = field(default_factory=dict)
    force: bool = False
    """Whether it is installed though there is too little room."""

    @property
    def services(self) -> tuple[str, ...]:
        """The first of its services."""
        return (self.name or self.app,)


class ChangeRequest(Struct, frozen=True):
    """An installed app gets other answers, or with *update* the newest manifest of the catalog."""

    name: str
    answers: Mapping[str, object] = field(default_factory=dict)
    update: bool = False
    overwrite: bool = False
    """Whether definitions that were edited by hand are written over; a copy of them is kept."""

    @property
    def services(self) -> tuple[str, ...]:
        """The first of its services."""
        return (self.name,)


class RemoveAppRequest(Struct, frozen=True):
    """An installed app goes; its volumes and secrets too, with *purge*."""

    name: str
    purge: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        """The first of its services."""
        return (self.name,)


@watchable("app install")
def install(machine: Machine, request: InstallRequest, listener: Listener) -> AppChanged:
    """Install an app; nothing but its secrets stays behind if no service of it comes up.

    Raises UsageError if it is installed, if a name is taken, or with all that is wrong with the answers.
    """
    name = request.services[0]
    with changes(machine).lock(name):
        under_way = changes(machine).load(name)
        if under_way is not None and under_way.before is not None:
            end(machine, under_way, listener)
        app, typed = coming(machine, request)
        for text in notes(app.manifest, names_for(app.manifest, app.answered, place_of(machine, name))):
            report(listener, Note(name, text))
        done = carry_out(machine, AppChange(name, None, version_of(app)), listener, typed)
        return replace(done, warnings=(*short_of_memory(machine, app.manifest), *done.warnings))


def coming(machine: Machine, request: InstallRequest) -> tuple[App, dict[str, str]]:
    """Return the app that an installation comes to, or goes on with, and secrets that were typed, by name.

    Nothing is changed. Raises UsageError or DefinitionError if it cannot be installed.
    """
    manifest, entry = find(machine, request.app)
    require_fit(machine, manifest, force=request.force)
    given, typed = _split(manifest, request.answers)
    name = request.services[0]
    record = read_record(machine, name)
    if record is None:
        _require_free(machine, names_of(manifest, name))
        source = "" if entry.origin in {OWN, BUILT_IN} else entry.origin
        record = Record(manifest.app.id, manifest.app.revision, given, {}, source)
    elif record.app != manifest.app.id or is_up(machine, names_of(manifest, name)):
        raise UsageError(f"the app {name} is installed", hint=f"beacon app set {name}, or another --name")
    else:  # something cut the installation off
        record = replace(record, revision=manifest.app.revision, answers={**record.answers, **given})
    app = make(machine, name, manifest, entry.text, _settled(machine, name, manifest, record))
    judge_texts(machine, app.expansion.definitions)
    return app, _named(app, typed)


@watchable("app set")
def change(machine: Machine, request: ChangeRequest, listener: Listener) -> AppChanged:
    """Give an installed app other answers, or its newest manifest; it goes back as a whole if that fails.

    What was cut off before is ended first. Raises UsageError if there is no such app, or with all that is
    wrong with the answers; DefinitionError, with all as it was, if what its owner adds is faulty.
    """
    with changes(machine).lock(request.name):
        under_way = changes(machine).load(request.name)
        if under_way is not None:
            end(machine, under_way, listener)
        before = load(machine, request.name)
        app, typed = changing(machine, before, request, listener)
        _require_own(machine, before, overwrite=request.overwrite)
        both = version_of(before), version_of(app)
        return carry_out(machine, AppChange(app.name, *both), listener, typed)


def changing(
    machine: Machine, before: App, request: ChangeRequest, listener: Listener
) -> tuple[App, dict[str, str]]:
    """Return what an installed app is to become, and secrets that were typed for it, by name.

    Nothing is changed; the listener hears what comes with a revision. Raises UsageError or DefinitionError
    if that cannot be.
    """
    manifest, text = before.manifest, before.manifest_text
    if request.update:
        manifest, entry = find(machine, manifest.app.id, origins_of(before.record.source))
        text = entry.text
        for one in manifest.upgrade:
            if before.record.revision < one.revision:
                report(listener, Note(before.name, f"revision {one.revision}: {one.note}"))
    given, typed = _split(manifest, request.answers)
    record = replace(
        before.record, revision=manifest.app.revision, answers={**before.record.answers, **given}
    )
    app = make(machine, before.name, manifest, text, _settled(machine, before.name, manifest, record))
    _require_free(machine, (service for service in app.services if service not in before.services))
    left = tuple(service for service in before.services if service not in app.services)
    judge_texts(machine, app.expansion.definitions, leaving=left)
    return app, _named(app, typed)


@watchable("app remove")
def remove_app(machine: Machine, request: RemoveAppRequest, listener: Listener) -> AppChanged:
    """Remove an installed app; its data and its secrets stay unless they are purged.

    Raises UsageError if there is no such app, or if a service that is none of its own needs one of them.
    """
    with changes(machine).lock(request.name):
        under_way = changes(machine).load(request.name)
        if under_way is not None and under_way.after is None:  # a removal was cut off
            removal = replace(under_way, purge=under_way.purge or request.purge)
        else:
            if under_way is not None:
                end(machine, under_way, listener)
            app = load(machine, request.name)
            _refuse_needed(machine, app, purge=request.purge)
            removal = AppChange(app.name, version_of(app), None, purge=request.purge)
        return carry_out(machine, removal, listener)


def _refuse_needed(machine: Machine, app: App, *, purge: bool) -> None:
    """Raise UsageError if services of others need what is to go."""
    texts = machine.definition_files()
    there = tuple(name for name in app.services if name in machine.known_names())
    refuse_needed(machine, there, texts)
    if purge:
        refuse_mounted(machine, there, texts)


def _split(
    manifest: ManifestTable, answers: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, str]]:
    """Return the answers that are written down, and the secrets among them, which are not.

    Raises UsageError with what is wrong with secrets; their values are not said.
    """
    secret = {one.name: one for one in options_of(manifest) if one.type == "secret"}
    typed = {name: str(value) for name, value in answers.items() if name in secret}
    for name, value in typed.items():
        try:
            read_answer(secret[name], value)
        except ValueError as error:
            raise UsageError(f"{name} {error}", hint=f"beacon app info {manifest.app.id}") from None
    return {name: value for name, value in answers.items() if name not in secret}, typed


def _require_free(machine: Machine, services: Iterable[str]) -> None:
    """Raise UsageError if a new service cannot have its name."""
    texts = machine.definitions().texts
    for service in services:
        refuse_name(machine, service, texts)


def _settled(machine: Machine, name: str, manifest: ManifestTable, record: Record) -> Record:
    """Return *record* with ports that are free, if they were not chosen before."""
    answered = answers_of(machine, name, manifest, record)
    answers = dict(record.answers)
    taken = {
        (one.host_port or 0) + offset
        for service in declared_services(machine.definition_files(), machine.store)
        for one in service.ports
        for offset in range(one.count)
    }
    for option in options_of(manifest):
        port = answered.values.get(option.name)
        if option.type != "port" or not isinstance(port, int) or option.name in answers:
            continue
        if option.name == "port" and answered.values.get("domain"):
            continue  # the proxy brings its requests
        kinds = ("tcp", "udp")
        free = (one for one in _from(port) if one not in taken and all(is_free(one, kind) for kind in kinds))
        answers[option.name] = chosen = next(free)
        taken.add(chosen)
    return replace(record, answers=answers)


def _from(port: int) -> Iterator[int]:
    """Yield *port* and those after it, then those from 1024 on."""
    yield from range(port, 65536)
    yield from range(1024, port)


def _named(app: App, typed: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed by the names of its secrets."""
    secrets = app.expansion.secrets
    return {secrets[option]: value for option, value in typed.items() if option in secrets}


def _require_own(machine: Machine, app: App, *, overwrite: bool) -> None:
    """Raise UsageError if definitions of the app were edited by hand, or keep copies to *overwrite* them."""
    paths = {name: machine.definition_path(name) for name in app.services}
    edited = {name: path for name, path in paths.items() if is_edited(read_text(path))}
    if edited and not overwrite:
        where = installed(machine).path(app.name)
        hint = f"move what you changed to [service.*] of {where}, then beacon app set {app.name} --overwrite"
        raise UsageError(
            f"the definition of {', '.join(edited)} was edited by hand, and would be written over", hint=hint
        )
    if edited:
        keep_copies(machine.paths.removed, edited, machine.tools.timestamp())
