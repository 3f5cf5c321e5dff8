"""Take over a container that is there: read it, and have its service stand in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from msgspec import Struct

from beacon.cli.outcomes import show as show_outcomes
from beacon.engine.command import CommandFailedError, run
from beacon.errors import BeaconError, BusyError, ExitStatus, HostError, UsageError
from beacon.importing.container import import_container
from beacon.importing.names import origin_of
from beacon.model.outcome import exit_status
from beacon.model.release import ReleaseState, Trigger
from beacon.model.unit import SERVICE_LABEL
from beacon.operations.definitions.planning import Asked, make_proposal
from beacon.operations.definitions.remove import RemoveRequest
from beacon.operations.definitions.remove import remove as remove_services
from beacon.rollout.apply import execute
from beacon.rollout.deploy import resume
from beacon.state.files import remove, rewrite
from beacon.state.store import Adoption

if TYPE_CHECKING:
    from beacon.cli.host import Host
    from beacon.importing.compose.files import Source
    from beacon.importing.result import Imported

_STOP_LIMIT = 120.0


class _Old(Struct, frozen=True):
    """The container that was there, and how it is acted on."""

    name: str
    engine: str
    environment: Mapping[str, str]
    inspected: Mapping[str, object]

    def act(self, *arguments: str) -> str:
        return run([self.engine, *arguments, self.name], self.environment, timeout=_STOP_LIMIT)

    @property
    def is_running(self) -> bool:
        state = self.inspected.get("State")
        return isinstance(state, dict) and bool(state.get("Running"))


def describe(
    host: Host,
    name: str,
    engine: str | None,
    service: str | None,
    source: Source,
) -> Imported:
    """Return what the container *name* comes to."""
    old = _find(host, name, engine)
    image = _inspect(old.engine, "image", str(old.inspected.get("Image")), host.environment) or {}
    return import_container(old.inspected, image, source, service)


def adopt(host: Host, name: str, engine: str | None, imported: Imported, *, as_json: bool) -> ExitStatus:
    """Have the service take the place of the container, which is put back where it does not stand."""
    from beacon.cli.importing import report

    old = _find(host, name, engine)
    _refuse_what_others_run(old)
    (definition,) = imported.definitions
    texts = host.definition_files()
    if definition.name in texts and origin_of(texts[definition.name]) != definition.origin:
        raise UsageError(
            f"there is a service {definition.name!r} already", hint="choose another name with --name"
        )
    if not as_json:
        for line in report(imported):
            host.output.say(line)
    asked = Asked(
        services=(definition.name,),
        texts={**texts, definition.name: definition.text},
        trigger=Trigger.ADD,
    )
    planned = make_proposal(host, asked, host.listener)
    host.output.notices(planned.warnings)
    proposal = planned.proposal
    for outcome in proposal.outcomes:
        raise HostError(f"cannot adopt {name}: {outcome.detail}", hint=outcome.hint)
    for conflict in proposal.plan.conflicts:
        raise UsageError(f"cannot adopt {name}: {conflict.sentence}")
    noted = Adoption(definition.name, old.name, old.engine, old.is_running)
    with _lock(host, noted):
        host.store.save_adoption(noted)
        rewrite(host.definition_path(definition.name), definition.text.encode())
        try:
            host.output.say(f"{definition.name}: stopping the container {name}")
            old.act("stop")
            outcomes = execute(host.world, proposal)
            host.follow(outcomes)
        except BeaconError:
            _put_back(host, old, noted)
            raise
        stands = exit_status(outcomes) is ExitStatus.OK and _settle(host, old, noted)
        if not stands:
            _put_back(host, old, noted)
    status = ExitStatus.OK if stands else ExitStatus.FAILURE
    return max(status, show_outcomes(host.output, outcomes, every=True, as_json=as_json))


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
    host.follow(resume(host.world, [noted.service]))
    if host.store.load(noted.service).rollout is not None:
        return  # neither the one nor the other yet: the machine is going down, say
    old = _look(noted.engine, noted.container, host.environment)
    if not _settle(host, old, noted):
        _put_back(host, old, noted)


def _lock(host: Host, noted: Adoption) -> AbstractContextManager[None]:
    return host.store.lock(f"{noted.service}.adoption")  # no service's own lock: names have no full stops


def _settle(host: Host, old: _Old | None, noted: Adoption) -> bool:
    """Remove the container if its service stands; say whether it does."""
    live = host.store.load(noted.service).live_release
    if live is None or live.state is not ReleaseState.LIVE:  # a first one that failed stays installed
        return False
    if old is not None:
        old.act("rm")  # without --volumes: what it kept is the service's now
    host.store.remove_adoption(noted)
    host.output.say(
        f"{noted.service}: the container {noted.container} is removed; its data is the service's now"
    )
    return True


def _put_back(host: Host, old: _Old | None, noted: Adoption) -> None:
    """Take the service away, and start the container again where it ran before."""
    path = host.definition_path(noted.service)
    if host.store.load(noted.service).live is not None or path.exists():
        answer = remove_services(host, RemoveRequest((noted.service,)), host.listener)
        host.output.notices(answer.warnings)
        (end,) = answer.services
        if end.kind.status:  # two at once on the same data must not be
            raise HostError(f"{noted.service} cannot be taken away: {end.detail}", hint=end.hint)
    remove(path)
    if old is not None and noted.was_running:
        old.act("start")
    host.store.remove_adoption(noted)
    what = "as it was" if old is not None else "gone"
    host.output.warn(f"{noted.service} does not stand; the container {noted.container} is {what}")


def _find(host: Host, name: str, engine: str | None) -> _Old:
    """Return the container, from the engine given or from the one that has it."""
    if engine not in {None, "podman", "docker"}:
        raise UsageError(f"--engine must be podman or docker, not {engine!r}")
    for candidate in [engine] if engine is not None else ["podman", "docker"]:
        try:
            found = _look(candidate, name, host.environment)
        except HostError:
            if engine is not None:
                raise
            continue  # that engine is not here
        if found is not None:
            return found
    where = engine or "podman nor docker"
    raise UsageError(f"there is no container {name!r} in {where}", hint=f"{engine or 'podman'} ps --all")


def _look(engine: str, name: str, environment: Mapping[str, str]) -> _Old | None:
    found = _inspect(engine, "container", name, environment)
    if found is None:
        return None
    return _Old(str(found.get("Name", name)).lstrip("/"), engine, environment, found)


def _inspect(
    engine: str, kind: str, name: str, environment: Mapping[str, str]
) -> Mapping[str, object] | None:
    """Return what the engine says of a container or an image; None where there is none."""
    try:
        said = run([engine, kind, "inspect", name], environment)
    except CommandFailedError as error:
        if "no such" in error.said.lower():
            return None
        raise
    try:
        rows = json.loads(said or "[]")
    except json.JSONDecodeError as error:
        raise HostError(f"cannot understand what {engine} {kind} inspect says: {error}") from error
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None


def _refuse_what_others_run(old: _Old) -> None:
    """Raise UsageError for containers that would come back, or could not be put back."""
    config, host = old.inspected.get("Config"), old.inspected.get("HostConfig")
    labels = (config.get("Labels") if isinstance(config, dict) else None) or {}
    if SERVICE_LABEL in labels:
        raise UsageError(f"{old.name} is Beacon's already: service {labels[SERVICE_LABEL]}")
    unit = labels.get("PODMAN_SYSTEMD_UNIT")
    if unit:
        raise UsageError(
            f"{old.name} is run by {unit}, which would start it again",
            hint=f"remove that unit first: systemctl disable --now {unit}",
        )
    if isinstance(host, dict) and host.get("AutoRemove"):
        raise UsageError(
            f"{old.name} was made with --rm: it is gone when it is stopped, and could not be put back",
            hint="import it without --adopt, stop it, and beacon apply",
        )
