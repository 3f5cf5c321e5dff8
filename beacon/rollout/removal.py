"""Services that are gone: stopped, their files removed, and forgotten; if that fails, still remembered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError, DefinitionError
from beacon.model.event import Event, EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.plan import Plan, RemoveFile, StopUnit
from beacon.model.release import ServiceState
from beacon.model.runtime import JobResult
from beacon.model.unit import FileSort, UnitFileName, service_of_unit, unit_name
from beacon.rollout.handling.move import release, secure, unnamed
from beacon.rollout.images import remove_images
from beacon.rollout.tools import Tools
from beacon.units.mounts import volume_name

STOP_LIMIT = 600.0


def stop_units(tools: Tools, plan: Plan) -> dict[str, Outcome]:
    """Stop what *plan* says; return the services that did not stop, each with what is said of it."""
    stuck: dict[str, Outcome] = {}
    for step in plan.steps:
        if isinstance(step, StopUnit) and stuck.keys().isdisjoint(step.services):
            why = _stop(tools, step.unit)
            if why is not None:
                stuck |= {name: _failed(tools, name, why) for name in step.services}
    return stuck


def remove_services(tools: Tools, plan: Plan, names: Iterable[str]) -> dict[str, Outcome]:
    """Forget the services *names*, whose units are stopped and whose files are removed, as far as that is so.

    Files that are still there could not be removed with those of others. They are tried once more, each
    service by itself: it stays remembered if they stay, and can be removed again.
    """
    files = {
        name: {
            step.name: None
            for step in plan.steps
            if isinstance(step, RemoveFile) and step.services == (name,)
        }
        for name in names
    }
    is_done = all(tools.files.read(file) is None for of_one in files.values() for file in of_one)
    return {name: _remove_service(tools, name, {} if is_done else of_one) for name, of_one in files.items()}


def remove_uninstalled(tools: Tools, name: str) -> Outcome:
    """Stop and forget a service that has no files, which systemd may run all the same."""
    unit = unit_name(name)
    secure(tools, [tools.store.load(name)])
    why = _stop(tools, unit) if tools.unit(unit).is_up else None
    return _failed(tools, name, why) if why is not None else _remove_service(tools, name, {})


def remove_networks(tools: Tools, plan: Plan) -> None:
    """Delete the networks whose files *plan* removes, unless a container that is not Beacon's is on one."""
    for step in plan.steps:
        parsed = UnitFileName.parse(step.name) if isinstance(step, RemoveFile) else None
        if parsed is None or parsed.sort is not FileSort.NETWORK:
            continue
        if any(tools.files.read(name) is not None for name in (f"{parsed.stem}.network", parsed.unit)):
            continue  # another engine makes it now
        with contextlib.suppress(BeaconError):
            tools.systemd.stop(parsed.unit, STOP_LIMIT)  # up, it would not make the network again
            tools.engine.remove_network(parsed.stem)


def _stop(tools: Tools, unit: str) -> str | None:
    """Stop *unit*; return why what it runs is not down."""
    try:
        result = tools.systemd.stop(unit, STOP_LIMIT)
        now = tools.unit(unit)
        if now.active == "failed" and service_of_unit(unit) in tools.engine.containers():
            return f"{unit} failed to stop its container, which runs on"
    except BeaconError as error:
        return f"{unit} does not stop: {error.message}"
    if now.active in {"inactive", "failed"}:
        return None
    if result is JobResult.REFUSED:
        return f"systemd refuses to stop {unit}"
    if result is JobResult.GAVE_UP:
        return f"{unit} does not stop within {STOP_LIMIT:.0f} s"
    return f"{unit} does not stop: it is {now.active}"


def _remove_service(tools: Tools, name: str, files: Mapping[str, None]) -> Outcome:
    """Remove *files*, and forget the service. Its volumes stay."""
    try:
        tools.put_files(dict(files))
        state = tools.store.load(name)
        live = state.live_release
        release(tools, unnamed(live).values() if live is not None else ())
        remove_images(tools, state)
        volumes = _volumes(state)
        data = f"its data stays in {', '.join(volumes)}" if volumes else ""
        message = "; ".join(filter(None, [f"{name} was removed", data]))
        tools.reporter.event(Event(EventKind.REMOVED, name, message))  # before nothing is remembered of it
        tools.store.remove(name)
    except BeaconError as error:
        return Outcome(name, OutcomeKind.FAILED, f"it is stopped, but {error.message}", error.hint)
    return Outcome(name, OutcomeKind.REMOVED, data)


def _volumes(state: ServiceState) -> list[str]:
    """Return the volumes of the live release, by their names in the engine."""
    live = state.live_release
    if live is None:
        return []
    try:
        volumes = in_effect(live).volumes
    except DefinitionError:  # of the image's labels; its volumes are the definition's then
        volumes = live.service.volumes
    return [volume_name(state.name, volume.name) for volume in volumes if volume.name is not None]


def _failed(tools: Tools, name: str, why: str) -> Outcome:
    hint = f"see {tools.systemctl} status {unit_name(name)}, and try again: nothing of it was removed"
    return Outcome(name, OutcomeKind.FAILED, why, hint)
