"""Services that run, or whose units are there, while nothing is remembered of them: the state was lost.

Their unit files and containers say which release they are at. What runs goes on without a restart.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from beacon import __version__
from beacon.errors import BeaconError, BusyError
from beacon.model.event import Event, EventKind
from beacon.model.image import ImageConfig, Platform, Wish
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.model.service import Service
from beacon.model.unit import UnitFile, engine_of, service_files, unit_name
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.ports import Registry
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools
from beacon.units.installed import Installed, read_installed

if TYPE_CHECKING:
    from beacon.model.runtime import Container


class TakenOver(Struct, frozen=True):
    """What is to be remembered of services again."""

    states: Mapping[str, ServiceState] = field(default_factory=dict)
    """Of what runs, or was stopped by its owner."""
    restored: Mapping[str, Release] = field(default_factory=dict)
    """What units name of which nothing runs: to be pulled if it is not there, and started."""
    gone: frozenset[str] = frozenset()
    """Services of which nothing runs, and whose images cannot be had any more: they are as good as new."""
    unknown: Mapping[str, BeaconError] = field(default_factory=dict)
    """Why it is not known what services that run are made of."""


def is_lost(state: ServiceState) -> bool:
    """Say whether a state does not tell what is installed; its hold and quarantine may be there."""
    return state.live_release is None and state.rollout is None


def unremembered(states: Iterable[ServiceState], read: Callable[[str], str | None]) -> dict[str, str]:
    """Return service → main file of those that are installed though their states do not know it."""
    found = {}
    for state in states:
        for file in service_files(state.name) if is_lost(state) else ():
            text = read(file)
            if text is not None and read_installed(text, state.name) is not None:
                found[state.name] = text
    return found


class TakeOver:
    """Works out what is to be remembered again; changes nothing."""

    def __init__(self, tools: Tools, registry: Registry, renderer: Renderer, platform: Platform) -> None:
        self._tools = tools
        self._registry = registry
        self._renderer = renderer
        self._platform = platform

    def find(
        self,
        defined: Mapping[str, DefinedService],
        states: Mapping[str, ServiceState],
        lost: Mapping[str, str],
    ) -> TakenOver:
        """Return what is known of the services *lost*, by their main files, that are *defined*."""
        found = {
            name: installed
            for name, text in lost.items()
            if name in defined and (installed := read_installed(text, name)) is not None
        }
        if not found:
            return TakenOver()
        units = self._tools.systemd.states([unit_name(name) for name in found])
        running = self._running(lost[name] for name in found)
        kept: dict[str, ServiceState] = {}
        restored: dict[str, Release] = {}
        unknown: dict[str, BeaconError] = {}
        gone = set()
        for name, (installed, config) in self._configs(found, lost, defined).items():
            container = running.get(name)
            if isinstance(config, BeaconError):
                if container is None:
                    gone.add(name)
                else:
                    unknown[name] = config
                continue
            release = self._release(defined[name], installed, config, lost[name])
            runs = container is not None and container.release == installed.number
            is_down = container is None and units[unit_name(name)].load != "not-found"
            if runs or (is_down and self._is_on_disk(release, lost[name])):
                kept[name] = replace(
                    states[name].with_release(release), live=release.number, waiting=(), pending=None
                )
            else:
                restored[name] = replace(release, state=ReleaseState.CANDIDATE, finished=None)
        return TakenOver(kept, restored, frozenset(gone), unknown)

    def _running(self, texts: Iterable[str]) -> dict[str, Container]:
        engines = sorted({engine_of(text) for text in texts})
        return {
            name: container
            for engine in engines
            for name, container in self._tools.on(engine.value).engine.containers().items()
        }

    def _is_on_disk(self, release: Release, text: str) -> bool:
        return self._local(text, release) is not None

    def _local(self, text: str, release: Release) -> ImageConfig | None:
        return self._tools.on(engine_of(text).value).engine.image_config(release.pinned)

    def _configs(
        self, found: Mapping[str, Installed], lost: Mapping[str, str], defined: Mapping[str, DefinedService]
    ) -> dict[str, tuple[Installed, ImageConfig | BeaconError]]:
        """Return what the images say of themselves: by their registry, else as the engine has it."""
        wishes = {
            name: Wish(
                one.reference.with_digest(one.digest),
                defined[name].service.platform or self._platform,
                one.digest,
            )
            for name, one in found.items()
        }
        resolutions = self._registry.resolve(wishes.values())
        configs: dict[str, tuple[Installed, ImageConfig | BeaconError]] = {}
        for name, wish in wishes.items():
            resolution = resolutions[wish]
            if isinstance(resolution, BeaconError):
                engine = self._tools.on(engine_of(lost[name]).value).engine
                config = engine.image_config(wish.reference) or resolution
            else:
                config = resolution.config
            configs[name] = (found[name], config)
        return configs

    def _release(
        self, defined: DefinedService, installed: Installed, config: ImageConfig, text: str
    ) -> Release:
        """Return the release that the file *text* runs.

        It has its definition as it is now, which is noted as applied only if it makes that very file.
        """
        now = self._tools.timestamp()
        service = defined.service
        if service.image != installed.reference and not _is_of_range(service, installed):
            service = replace(service, image=installed.reference)
        release = Release(
            number=installed.number,
            service=service,
            reference=installed.reference,
            tag_digest=installed.digest,
            digest=installed.digest,
            image=config,
            state=ReleaseState.LIVE,
            trigger=Trigger.TAKEOVER,
            created=now,
            finished=now,
            reason="what was remembered of it had been lost",
            ports=installed.ports,
            platform=service.platform or self._platform,
        )
        with contextlib.suppress(BeaconError):
            release = self._renderer.allot(release)
            if service is defined.service and _makes(self._renderer.files(release), text):
                return replace(release, definition=defined.digest, reader=__version__)
        return release


def _is_of_range(service: Service, installed: Installed) -> bool:
    return service.follows_range and service.image.name == installed.reference.name


def _makes(files: Iterable[UnitFile], text: str) -> bool:
    return any(file.text == text for file in files)


def record(tools: Tools, taken: TakenOver) -> None:
    """Remember what was taken over, keep its images, and log what was lost with the state, once."""
    for name, state in taken.states.items():
        with contextlib.suppress(BusyError), tools.store.lock(name):
            if is_lost(tools.store.load(name)):
                live = state.live_release
                if live is None:
                    tools.store.save(state)
                else:
                    _log(tools, live, saving=state)
                    with contextlib.suppress(BeaconError):  # its image may be another engine's
                        tools.engine.keep(live.image.image_id, name, live.number)
    for release in taken.restored.values():
        _log(tools, release)


def _log(tools: Tools, release: Release, *, saving: ServiceState | None = None) -> None:
    name = release.service.name
    message = (
        f"{name} is taken over at release {release.number}: what was remembered of it is lost, and with it "
        "its history, its quarantine and whether it was held"
    )
    event = Event(EventKind.TAKEN_OVER, name, message, release=release.number, digest=release.digest)
    tools.reporter.event(event, saving)
    tools.reporter.note(name, message.removeprefix(f"{name} is "))
