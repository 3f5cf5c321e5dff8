"""Apps come, change and go: their definitions are written, and applied like any others."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.catalog.manifest import options_of
from beacon.catalog.secrets import make_secret
from beacon.definition.tables.app import ManifestTable
from beacon.engine.listening import is_free
from beacon.errors import MachineError, UsageError
from beacon.model.outcome import OutcomeKind
from beacon.model.release import ReleaseState, Trigger
from beacon.model.sensitive import SecretVersion, newest
from beacon.operations.apply import ApplyRequest, apply
from beacon.operations.apps.reading import App, answers_of, described, find, load, make, names_of, place_of
from beacon.operations.apps.records import Record, installed, read_record
from beacon.operations.definitions.add import execute_new
from beacon.operations.definitions.remove import RemoveRequest, remove
from beacon.operations.definitions.secrets import KeepRequest, keep
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.running import watchable
from beacon.rollout.allotting.declared import declared_services
from beacon.rollout.definitions.planning import Asked, make_proposal, refuse_name
from beacon.rollout.definitions.reading import judge_texts
from beacon.rollout.driving.resuming import resume
from beacon.state.apps import make_library
from beacon.state.files import read_text, rewrite
from beacon.state.removed import keep as keep_copies
from beacon.units.mark import is_edited, stamp
from beacon.wire.apps import AppChanged
from beacon.wire.outcome import Outcomes, outcome_infos

_FAILED = {OutcomeKind.FAILED, OutcomeKind.ROLLED_BACK, OutcomeKind.ROLLBACK_FAILED, OutcomeKind.UNCHECKED}


class InstallRequest(Struct, frozen=True):
    """An app of the catalog, what it is called here, and answers to its options."""

    app: str
    name: str = ""
    answers: Mapping[str, object] = field(default_factory=dict)

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


class RemoveAppRequest(Struct, frozen=True):
    """An installed app goes; its volumes and secrets too, with *purge*."""

    name: str
    purge: bool = False


@watchable("app install")
def install(machine: Machine, request: InstallRequest, listener: Listener) -> AppChanged:
    """Install an app; nothing but its secrets stays behind if no service of it comes up.

    Raises UsageError if it is installed, if a name is taken, or with all that is wrong with the answers.
    """
    manifest, entry = find(machine, request.app)
    name = request.name or manifest.app.id
    _require_architecture(machine, manifest)
    given, typed = _split(manifest, request.answers)
    record = read_record(machine, name)
    if record is None:
        _require_free(machine, names_of(manifest, name))
        record = Record(manifest.app.id, manifest.app.revision, given, {})
    elif record.app != manifest.app.id or _is_up(machine, names_of(manifest, name)):
        raise UsageError(f"the app {name} is installed", hint=f"beacon app set {name}, or another --name")
    else:  # something cut the installation off
        record = replace(record, revision=manifest.app.revision, answers={**record.answers, **given})
    app = make(machine, name, manifest, entry.text, _settled(machine, name, manifest, record))
    judge_texts(machine, app.expansion.definitions)
    _keep_secrets(machine, app, typed, listener)
    _write(machine, app)
    added = _added(machine, app.services, listener)
    if not any(machine.store.load(service).live for service in app.services):
        gone = remove(machine, RemoveRequest(app.services), listener)
        installed(machine).forget(name)
        return AppChanged(name=name, outcomes=added.services, warnings=(*added.warnings, *gone.warnings))
    return _changed(machine, app, added)


def change(machine: Machine, request: ChangeRequest, listener: Listener) -> AppChanged:
    """Give an installed app other answers, or its newest manifest; it goes back as a whole if that fails.

    Raises UsageError if there is no such app, or with all that is wrong with the answers; DefinitionError,
    with all as it was, if what its owner adds is faulty.
    """
    machine.require_write("app set")
    before = load(machine, request.name)
    _require_own(machine, before, overwrite=request.overwrite)
    app, typed = _changing(machine, before, request)
    new = tuple(service for service in app.services if service not in before.services)
    left = tuple(service for service in before.services if service not in app.services)
    _require_free(machine, new)
    judge_texts(machine, app.expansion.definitions, leaving=left)
    _keep_secrets(machine, app, typed, listener)
    _write(machine, app)
    done = _applied(machine, app.services, listener)
    if not any(one.kind in _FAILED for one in done.services):
        gone = [remove(machine, RemoveRequest(left), listener)] if left else []
        return _changed(machine, app, done, *gone)
    _write(machine, before)
    if new:
        remove(machine, RemoveRequest(new), listener)
    return _changed(machine, before, done, _applied(machine, before.services, listener))


def _changing(machine: Machine, before: App, request: ChangeRequest) -> tuple[App, dict[str, str]]:
    """Return what an installed app is to become, and the secrets that were typed for it."""
    manifest, text = before.manifest, before.manifest_text
    if request.update:
        manifest, entry = find(machine, manifest.app.id)
        text = entry.text
    given, typed = _split(manifest, request.answers)
    record = replace(
        before.record, revision=manifest.app.revision, answers={**before.record.answers, **given}
    )
    return make(machine, before.name, manifest, text, _settled(machine, before.name, manifest, record)), typed


def remove_app(machine: Machine, request: RemoveAppRequest, listener: Listener) -> AppChanged:
    """Remove an installed app; its data and its secrets stay unless they are purged.

    Raises UsageError if there is no such app, or if a service that is none of its own needs one of them.
    """
    machine.require_write("app remove")
    app = load(machine, request.name)
    there = tuple(name for name in app.services if name in machine.known_names())
    gone = remove(machine, RemoveRequest(there, request.purge), listener) if there else Outcomes(services=())
    if set(there) & set(machine.known_names()):
        return AppChanged(
            name=app.name,
            outcomes=gone.services,
            warnings=gone.warnings,
            installation=described(machine, app),
        )
    installed(machine).forget(app.name)
    secrets = {one for one in machine.secrets.versions() if one.name in app.expansion.secrets.values()}
    for version in sorted(secrets) if request.purge else ():
        machine.secrets.discard(version)
    kept = () if request.purge else tuple(sorted({one.name for one in secrets}))
    return AppChanged(name=app.name, outcomes=gone.services, kept=kept, warnings=gone.warnings)


def _split(
    manifest: ManifestTable, answers: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, str]]:
    """Return the answers that are written down, and the secrets among them, which are not."""
    secret = {one.name for one in options_of(manifest) if one.type == "secret"}
    typed = {name: str(value) for name, value in answers.items() if name in secret}
    return {name: value for name, value in answers.items() if name not in secret}, typed


def _require_architecture(machine: Machine, manifest: ManifestTable) -> None:
    wanted, here = manifest.requires.arch, machine.platform.architecture
    if wanted and here not in wanted:
        raise UsageError(
            f"{manifest.app.name} has no image for this machine, which is {here}",
            hint=f"it has {', '.join(wanted)}",
        )


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


def _keep_secrets(machine: Machine, app: App, typed: Mapping[str, str], listener: Listener) -> None:
    """Keep the secrets that were typed, and make those that there are not: a reinstallation finds its own."""
    there = newest(machine.secrets.versions())
    values: dict[str, bytes] = {}
    for option in options_of(app.manifest):
        secret = app.expansion.secrets.get(option.name)
        if secret is None:
            continue
        if option.name in typed:
            values[secret] = typed[option.name].encode()
        elif secret not in there:
            values[secret] = make_secret(option.generate, randomness.token_bytes).encode()
    if values:
        keep(machine, KeepRequest(values), listener)


def _is_up(machine: Machine, services: Iterable[str]) -> bool:
    """Say whether all services have been healthy."""
    lives = [machine.store.load(service).live_release for service in services]
    return all(live is not None and live.state is not ReleaseState.FAILED for live in lives)


def _write(machine: Machine, app: App) -> None:
    """Write what the app comes to. The record comes first, so that what is cut off can be ended."""
    place = place_of(machine, app.name)
    for folder in app.expansion.folders:
        make_library(folder, (place.uid, place.gid) if machine.caller.uid == 0 else (machine.caller.uid, -1))
    there = installed(machine)
    there.write(app.name, app.record.text, app.manifest_text)
    there.write_files(app.expansion.files)
    for name, text in app.expansion.definitions.items():
        rewrite(machine.definition_path(name), stamp(text, f"app {app.name}").encode())


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


def _added(machine: Machine, services: tuple[str, ...], listener: Listener) -> Outcomes:
    """Apply services whose images are looked up anew, as those of a new service are."""
    resume(machine.tools_for(listener), [one for one in services if machine.store.load(one).rollout])
    asked = Asked(services=services, trigger=Trigger.ADD, retry=True, anew=True)
    planned = make_proposal(machine, machine.proposer_for(listener), asked)
    outcomes = execute_new(machine, planned, asked, listener)
    warnings = (*planned.warnings, *machine.update_proxy(outcomes))
    return Outcomes(services=outcome_infos(outcomes), warnings=warnings)


def _applied(machine: Machine, services: Iterable[str], listener: Listener) -> Outcomes:
    return apply(machine, ApplyRequest(tuple(services), retry=True), listener)


def _changed(machine: Machine, app: App, *done: Outcomes) -> AppChanged:
    """Return what came of an app by all that was *done*."""
    result, password = app.manifest.result, ""
    secret = app.expansion.secrets.get(result.password or "")
    number = newest(machine.secrets.versions()).get(secret or "")
    if secret is not None and number is not None:
        with suppress(MachineError):
            password = machine.secrets.value(SecretVersion(secret, number)).decode(errors="replace")
    return AppChanged(
        name=app.name,
        outcomes=tuple(outcome for one in done for outcome in one.services),
        warnings=tuple(warning for one in done for warning in one.warnings),
        installation=described(machine, app),
        login=app.expansion.login,
        password=password,
        text=app.expansion.text,
    )
