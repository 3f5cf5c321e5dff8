"""Apps as they change: written down first, and then done as a whole or not at all.

What a kill cut off is ended by the next run of an update, or by the next command for the app.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Iterable, Mapping
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from beacon.catalog.manifest import options_of, read_manifest
from beacon.catalog.record import record_of
from beacon.catalog.secrets import make_secret
from beacon.errors import BeaconError, BusyError, MachineError
from beacon.model.notice import Notice
from beacon.model.outcome import OutcomeKind
from beacon.model.release import Trigger, text_digest
from beacon.model.rollout.apps import AppChange, AppVersion
from beacon.model.sensitive import SecretVersion, newest
from beacon.operations.apply import ApplyRequest, apply
from beacon.operations.apps.finishing import take_first_steps
from beacon.operations.apps.reading import App, described, make, names_of, place_of
from beacon.operations.apps.records import changes, installed
from beacon.operations.definitions.add import execute_new
from beacon.operations.definitions.remove import RemoveRequest, remove
from beacon.operations.definitions.secrets import KeepRequest, keep
from beacon.operations.listener import Listener, Progress
from beacon.operations.machine import Machine
from beacon.rollout.definitions.planning import Asked, make_proposal
from beacon.rollout.driving.resuming import resume
from beacon.state.apps import make_library
from beacon.state.files import rewrite
from beacon.units.mark import stamp
from beacon.wire.apps import AppChanged
from beacon.wire.outcome import OutcomeInfo, Outcomes, outcome_infos

_FAILED = {
    OutcomeKind.FAILED,
    OutcomeKind.ROLLED_BACK,
    OutcomeKind.ROLLBACK_FAILED,
    OutcomeKind.UNCHECKED,
    OutcomeKind.BUSY,
}


class Ended(Struct, frozen=True):
    """What became of changes that were cut off, and of which services."""

    outcomes: tuple[OutcomeInfo, ...] = ()
    warnings: tuple[Notice, ...] = ()
    services: frozenset[str] = frozenset()


class _ToTheEnd:
    """A listener that cannot cancel any more: what goes back goes back whole."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def hear(self, progress: Progress) -> None:
        """Hand *progress* on."""
        self._listener.hear(progress)


def version_of(app: App) -> AppVersion:
    """Return all that *app* comes from."""
    return AppVersion(app.record.text, app.manifest_text)


def texts_of(app: App) -> dict[str, str]:
    """Return the definitions of *app* as they are written, by service."""
    return {name: stamp(text, f"app {app.name}") for name, text in app.expansion.definitions.items()}


def carry_out(
    machine: Machine, change: AppChange, listener: Listener, typed: Mapping[str, str] | None = None
) -> AppChanged:
    """Do a change that was judged before, and undo all of it if that fails; the caller holds the app's lock.

    *typed* are secrets of the owner's, by their names. Raises BeaconError, with all as it was, if it is
    hindered.
    """
    under_way = changes(machine)
    if typed:
        there = newest(machine.secrets.versions())
        before = {name: there.get(name, 0) for name in typed}
        under_way.save(replace(change, typed=before, kept=False))
        try:
            keep(machine, KeepRequest({name: value.encode() for name, value in typed.items()}), listener)
        except BeaconError:
            under_way.end(change.name)
            raise
        change = replace(change, typed=before)
    under_way.save(change)
    return _go_on(machine, change, listener)


def end(machine: Machine, change: AppChange, listener: Listener) -> AppChanged:
    """End a change that was cut off; the caller holds the app's lock."""
    if not change.kept:  # what was typed went with the process
        change = replace(change, back=True)
    return _go_on(machine, change, listener)


def end_cut_off(machine: Machine, listener: Listener, names: Iterable[str] | None) -> Ended:
    """End the changes that were cut off: of apps with services in *names*, or of all. It raises nothing."""
    under_way, ended = changes(machine), Ended()
    for name in under_way.names():
        try:
            with under_way.lock(name):
                change = under_way.load(name)
                services = frozenset(_services_of(change)) if change is not None else frozenset()
                if change is None or (names is not None and not services & set(names)):
                    continue
                done = end(machine, change, listener)
        except BusyError:  # it is being changed just now
            continue
        except BeaconError as error:
            why = f"what was begun with the app {name} cannot be ended: {error.message}"
            ended = replace(ended, warnings=(*ended.warnings, Notice(why, error.hint)))
            continue
        ended = Ended(
            (*ended.outcomes, *done.outcomes),
            (*ended.warnings, *done.warnings),
            ended.services | services,
        )
    return ended


def _go_on(machine: Machine, change: AppChange, listener: Listener) -> AppChanged:
    """Bring a change to its end, whichever way it is on."""
    if change.back:
        return _go_back(machine, change, listener)
    try:
        done = _forth(machine, change, listener)
    except BeaconError as error:
        try:
            _go_back(machine, change, listener)
        except BeaconError as second:
            why = f"{error.message}; what was done until then is not undone yet: {second.message}"
            raise MachineError(why, hint="beacon update tries to undo it again") from error
        raise
    if _has_failed(machine, change, done):
        return _go_back(machine, change, listener, done)
    return _finish(machine, change, listener, done)


def _forth(machine: Machine, change: AppChange, listener: Listener) -> Outcomes:
    """Do what is to be done; each part may be repeated."""
    if change.after is None:
        return _removed(machine, _services_of(change), listener, purge=change.purge)
    app = _app(machine, change.name, change.after)
    _make_secrets(machine, app, listener)
    _write(machine, app)
    if change.before is None:
        return _added(machine, app.services, listener)
    return _applied(machine, app.services, listener)


def _has_failed(machine: Machine, change: AppChange, done: Outcomes) -> bool:
    """Say whether a change is to be undone. A first release that is not healthy stays, to be looked at."""
    if change.after is None:
        return False
    if change.before is None:
        return not any(machine.store.load(service).live for service in _services_of(change))
    return any(one.kind in _FAILED for one in done.services)


def _finish(machine: Machine, change: AppChange, listener: Listener, done: Outcomes) -> AppChanged:
    """Put away what is not needed any more, and say what there is now."""
    if change.after is None:
        return _leave(machine, change, done)
    app = _app(machine, change.name, change.after)
    gone = _removed(machine, set(_services_of(change)) - set(app.services), listener)
    installed(machine).note_failed(app.name, "")
    left = take_first_steps(machine, app, listener, new=change.before is None)
    changes(machine).end(app.name)
    return _changed(machine, app, done, gone, Outcomes(services=(), warnings=left))


def _leave(machine: Machine, change: AppChange, done: Outcomes) -> AppChanged:
    """Forget an app whose services are gone; one that did not stop keeps it."""
    app = _app(machine, change.name, change.before) if change.before is not None else None
    if app is not None and set(_services_of(change)) & set(machine.known_names()):
        changes(machine).end(app.name)
        there = described(machine, app)
        return AppChanged(name=app.name, outcomes=done.services, warnings=done.warnings, installation=there)
    installed(machine).forget(change.name)
    names = set(app.expansion.secrets.values()) if app is not None else set()
    secrets = sorted(one for one in machine.secrets.versions() if one.name in names)
    for version in secrets if change.purge else ():
        machine.secrets.discard(version)
    if change.purge:
        installed(machine).note_steps(change.name, None)
    changes(machine).end(change.name)
    kept = () if change.purge else tuple(sorted({one.name for one in secrets}))
    return AppChanged(name=change.name, outcomes=done.services, kept=kept, warnings=done.warnings)


def _go_back(
    machine: Machine, change: AppChange, listener: Listener, failed: Outcomes | None = None
) -> AppChanged:
    """Restore what there was before: the manifest, the answers, the secrets and the images together."""
    listener, failed = _ToTheEnd(listener), failed or Outcomes(services=())
    changes(machine).save(replace(change, back=True))
    if change.before is None:
        gone = _removed(machine, _services_of(change), listener)
        installed(machine).forget(change.name)
        changes(machine).end(change.name)
        return AppChanged(
            name=change.name,
            outcomes=(*failed.services, *gone.services),
            warnings=(*failed.warnings, *gone.warnings),
        )
    app = _app(machine, change.name, change.before)
    _write(machine, app)
    gone = _removed(machine, set(_services_of(change)) - set(app.services), listener)
    for version in machine.secrets.versions() if change.typed else ():
        if version.number > change.typed.get(version.name, version.number):
            machine.secrets.discard(version)
    back = _applied(machine, app.services, listener)
    if change.after is not None and change.after.manifest != change.before.manifest:
        installed(machine).note_failed(app.name, text_digest(change.after.manifest))
    if not any(one.kind is OutcomeKind.BUSY for one in back.services):  # then the next run goes on with it
        changes(machine).end(app.name)
    return _changed(machine, app, failed, gone, back)


def _app(machine: Machine, name: str, version: AppVersion) -> App:
    manifest = read_manifest(version.manifest, file=f"{name}/app.toml")
    record = record_of(version.record, str(installed(machine).path(name)))
    return make(machine, name, manifest, version.manifest, record)


def _services_of(change: AppChange) -> tuple[str, ...]:
    """Return the services that an app had before or has afterwards."""
    versions = (one for one in (change.before, change.after) if one is not None)
    manifests = (read_manifest(one.manifest, file=f"{change.name}/app.toml") for one in versions)
    return tuple(dict.fromkeys(name for one in manifests for name in names_of(one, change.name)))


def _make_secrets(machine: Machine, app: App, listener: Listener) -> None:
    """Make the secrets that there are not: a reinstallation finds its own."""
    there = newest(machine.secrets.versions())
    values = {
        secret: make_secret(option.generate, randomness.token_bytes).encode()
        for option in options_of(app.manifest)
        if (secret := app.expansion.secrets.get(option.name)) is not None and secret not in there
    }
    if values:
        keep(machine, KeepRequest(values), listener)


def _write(machine: Machine, app: App) -> None:
    """Write what the app comes to."""
    place = place_of(machine, app.name)
    for folder in app.expansion.folders:
        make_library(folder, (place.uid, place.gid) if machine.caller.uid == 0 else (machine.caller.uid, -1))
    there = installed(machine)
    there.write(app.name, app.record.text, app.manifest_text)
    there.write_files(app.expansion.files)
    for name, text in texts_of(app).items():
        rewrite(machine.definition_path(name), text.encode())


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


def _removed(
    machine: Machine, services: Iterable[str], listener: Listener, *, purge: bool = False
) -> Outcomes:
    """Remove those of *services* that there are."""
    there = tuple(sorted(set(services) & set(machine.known_names())))
    if not there:
        return Outcomes(services=())
    gone = remove(machine, RemoveRequest(there, purge), listener)
    return Outcomes(services=gone.services, warnings=gone.warnings)


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
