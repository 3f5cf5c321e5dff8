"""What a rollout copies while its service is stopped: volumes that move, and volumes that get a name.

Each engine keeps images, networks and volumes for itself. Of data only copies are made, and nothing is taken
from the engine that a service leaves but the image, which the registry has: the data stays where it was, so
that the way back stays open until the owner closes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError, Fault, MachineError
from beacon.model.machine import Engine
from beacon.model.release import Release, ServiceState
from beacon.model.rollout.record import RolloutFacts, VolumeCopy
from beacon.model.service import Service, Volume
from beacon.model.unit import (
    COPIED_LABEL,
    KEEPER,
    SERVICE_LABEL,
    VOLUME_LABEL,
    container_name,
    engine_of,
    is_unnamed,
    service_files,
)
from beacon.rollout.decisions.renaming import with_names
from beacon.rollout.handling.networks import make_networks
from beacon.rollout.images import remove_images
from beacon.rollout.tools import Tools
from beacon.units.container import network_name, own_networks
from beacon.units.mark import read_mark
from beacon.units.mounts import volume_name


def installed_engine(tools: Tools, name: str) -> Engine | None:
    """Return the engine that the installed unit of a service runs; None where it has none of Beacon's."""
    for file in service_files(name):
        text = tools.files.read(file)
        if text is not None and read_mark(text) is not None:
            return engine_of(text)
    return None


def volume_copies(live: Release | None, candidate: Release, former: str = "") -> tuple[VolumeCopy, ...]:
    """Return what is copied if *candidate* takes the place of *live*, which ran on the engine *former*.

    A service that moves takes all its volumes along. A volume that never had a name and gets one of Beacon's
    is copied: engines rename none.
    """
    was = unnamed(live) if live is not None else {}
    if not former and not was:
        return ()
    found: dict[str, VolumeCopy] = {}
    for volume in in_effect(candidate).volumes:
        target = engine_name(candidate.service.name, volume)
        source = was.get(volume.path, "") if volume.name is not None else ""
        if target is not None and (source or former):
            copied = VolumeCopy(source or target, target, former, volume.name or "")
            found[target] = copied if source else found.get(target, copied)
    return tuple(found.values())


def engine_name(service: str, volume: Volume) -> str | None:
    """Return what engines call a volume of a service; None for a folder of the machine."""
    return volume_name(service, volume.name) if volume.name is not None else volume.external


def unnamed(release: Release) -> dict[str, str]:
    """Return path → volume of those volumes of a release that never had a name."""
    return {
        one.path: one.external for one in release.service.volumes if one.external and is_unnamed(one.external)
    }


def perishable(tools: Tools, state: ServiceState, service: Service) -> list[Fault]:
    """Return what is wrong with volumes that are new to a service and would go with its container.

    What mounts them already is left alone: it is up to its owner when to stop it for a copy.
    """
    live = state.live_release
    known = unnamed(live).values() if live is not None else ()
    found = []
    for index, one in enumerate(service.volumes):
        if one.external is None or not is_unnamed(one.external) or one.external in known:
            continue
        there = tools.engine.volume(one.external)
        if there is not None and there.is_anonymous:
            problem = f"must not be {one.external}: {_PERISHABLE.format(one.external)}"
            found.append(Fault(f"{service.name}.toml", f"volume[{index}].external", problem))
    return found


_PERISHABLE = (
    "it never had a name, and Podman would delete it when the service is stopped; copy it to one that has: "
    "podman volume create NAME && podman volume export {0} | podman volume import NAME -"
)


def secure(tools: Tools, states: Iterable[ServiceState]) -> None:
    """See that no volume without a name goes with its container when a service of *states* is stopped."""
    for state in states:
        live = state.live_release
        for volume in sorted(set(unnamed(live).values())) if live is not None else ():
            tools.engine.secure_volume(volume)


def require_room(tools: Tools, facts: RolloutFacts) -> None:
    """Raise MachineError where something cannot be copied, before anything is stopped for it.

    What is adopted was looked at before its container was stopped.
    """
    for copied in (one for one in facts.copies if one not in facts.adopted):
        require_copy(tools, copied, (container_name(facts.service),))


def require_copy(tools: Tools, copied: VolumeCopy, own: Iterable[str]) -> None:
    """Raise MachineError where a volume cannot be copied: nobody's data is overwritten, or torn.

    The containers *own* are stopped before. For a volume without a source there is nothing to copy.
    """
    former = tools.on(copied.engine)
    source, there = former.engine.volume(copied.source), tools.engine.volume(copied.target)
    engine, other = tools.engine_kind(), former.engine_kind()
    if source is None:
        if is_unnamed(copied.source):
            raise MachineError(
                f"{other} has no volume {copied.source}, whose data {copied.target} is to have",
                hint=f"if that data is gone for good: {other} volume create {copied.source}, and try again",
            )
        return
    if there is not None:
        if _is_settled(copied, there.labels, is_plain=source.is_plain):
            return
        raise MachineError(
            f"{engine} has a volume {copied.target} already",
            hint=f"if its data is not needed: {engine} volume rm {copied.target}, then try again",
        )
    if not source.is_plain:
        raise MachineError(
            f"{other}'s volume {copied.source} is not a plain folder, and cannot be copied",
            hint=f"make one in {engine} that mounts the same: {engine} volume create --opt … {copied.target}",
        )
    users = former.engine.users(copied.source)
    # Others lose what they share with the service where it is given a volume of its own.
    busy = sorted(name for name, runs in users.items() if runs or (copied.name and is_unnamed(copied.source)))
    busy = [name for name in busy if name not in own and not name.startswith(KEEPER)]
    if busy:
        raise MachineError(
            f"{other}'s volume {copied.source} is mounted by {', '.join(busy)} as well",
            hint="stop what shares it, and try again" if not copied.name else _SHARED,
        )


_SHARED = "have all of them mount a volume with a name: volume.external in beacon.toml(5)"


def _is_settled(copied: VolumeCopy, labels: Mapping[str, str], *, is_plain: bool) -> bool:
    """Say whether the volume that is there is what the service is to have.

    One that several services share came along with the first of them that moved; one that is no plain folder
    was made by its owner.
    """
    return not copied.name and (not is_plain or labels.get(COPIED_LABEL) == _origin(copied))


def _origin(copied: VolumeCopy) -> str:
    return f"{copied.engine}:{copied.source}"


def targets(tools: Tools, copies: Iterable[VolumeCopy]) -> tuple[str, ...]:
    """Return the volumes that a rollout is to make: those that are not there."""
    return tuple(copied.target for copied in copies if tools.engine.volume(copied.target) is None)


def copy(tools: Tools, facts: RolloutFacts, candidate: Release) -> None:
    """Give a stopped service what it needs in the engine of *tools*; what was begun before is made anew."""
    remove_copies(tools, facts.targets)
    for copied in facts.copies:
        if copied.target in facts.targets:
            _make(tools, facts.service, copied)
    if facts.former:
        # Their units are up, since they are called the same with either engine, and would not make them now.
        make_networks(tools, in_effect(candidate))


def _make(tools: Tools, service: str, copied: VolumeCopy) -> None:
    """Make one copy; a volume whose source is not there is left to the engine, or begins empty."""
    source = tools.on(copied.engine).engine.volume(copied.source)
    own = {SERVICE_LABEL: service, VOLUME_LABEL: copied.name} if copied.name else {}
    if source is not None:
        labels = {**own, COPIED_LABEL: _origin(copied)}
        tools.engine.make_volume(copied.target, labels, source.folder)
    elif own:
        tools.engine.make_volume(copied.target, own)


def remove_copies(tools: Tools, copied: Iterable[str]) -> None:
    """Remove copies; the data is where it was."""
    for name in copied:
        if tools.engine.volume(name) is not None:
            with contextlib.suppress(BeaconError):  # the next attempt says what hinders
                tools.engine.remove_volume(name)


def undo(tools: Tools, made: Iterable[VolumeCopy]) -> None:
    """Remove those volumes that are copies, and nothing else."""
    for copied in made:
        there = tools.engine.volume(copied.target)
        if there is not None and there.labels.get(COPIED_LABEL) == _origin(copied):
            remove_copies(tools, [copied.target])


def named(facts: RolloutFacts) -> dict[str, str]:
    """Return volume → name of the volumes that get a name in a rollout."""
    return {one.source: one.name for one in facts.copies if one.name and is_unnamed(one.source)}


def renamed(state: ServiceState, names: Mapping[str, str]) -> ServiceState:
    """Return the state with every release on the volumes that have got *names*.

    The data goes on there: a release that is gone back to must not find what it was before.
    """
    if not names:
        return state
    return replace(state, releases=tuple(_renamed(release, names) for release in state.releases))


def _renamed(release: Release, names: Mapping[str, str]) -> Release:
    service = with_names(release.service, names)
    # Another one is not what its definition's text says any more.
    return release if service == release.service else replace(release, service=service, definition="")


def kept(facts: RolloutFacts) -> str:
    """Return what is to be said of the data that was copied; nothing where none was."""
    by_engine: dict[str, list[str]] = {}
    for one in facts.copies:
        if one.target in facts.targets:
            by_engine.setdefault(one.engine or facts.engine, []).append(one.source)
    said = [f"{engine} keeps what it had in {', '.join(names)}" for engine, names in by_engine.items()]
    return "; ".join(said)


def release(tools: Tools, volumes: Iterable[str]) -> None:
    """Take back what :func:`secure` did for *volumes*, which stay."""
    for volume in volumes:
        with contextlib.suppress(BeaconError):  # it is in nobody's way
            tools.engine.release_volume(volume)


def leave(former: Tools, state: ServiceState) -> None:
    """Take from the engine that a service has left what is needed no more: images and networks."""
    remove_images(former, state)
    live = state.live_release
    for network in own_networks(live.service) if live is not None else ():
        with contextlib.suppress(BeaconError):  # a service that is still there is on it
            former.engine.remove_network(network_name(network))
