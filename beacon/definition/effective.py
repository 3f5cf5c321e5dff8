"""What runs: a definition with the defaults of its image filled in, and where each value came from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.endpoints.claims import resolve
from beacon.definition.grammar import strings
from beacon.definition.keys import default_of, flatten, value_text
from beacon.definition.labels import PROBES, read_labels
from beacon.model.image import ImageConfig, ImageHealth
from beacon.model.release import Release
from beacon.model.service import (
    Apply,
    Endpoint,
    Health,
    HealthAction,
    HttpProbe,
    RestartPolicy,
    Service,
    Stop,
    Volume,
)

Source = Literal["definition", "image", "label", "default"]

INITS = frozenset(
    {
        "catatonit",
        "docker-init",
        "dumb-init",
        "init",
        "my_init",
        "podman-init",
        "runit",
        "runsvdir",
        "s6-svscan",
        "systemd",
        "tini",
        "tini-static",
    },
)
"""Programs that reap and forward signals themselves; s6-overlay's is ``/init``."""


class Effective(Struct, frozen=True):
    """*service* with *image*'s defaults filled in; *declared* is what the definition says.

    *filled* has the source of every key that is not simply the definition's or the default. *notes* are for
    the owner to read.
    """

    service: Service
    image: ImageConfig
    declared: Service
    filled: Mapping[str, Source]
    notes: tuple[str, ...] = ()

    @property
    def own_check(self) -> bool:
        """Whether the health check is the image's own, as it stands there."""
        return self.filled.get("health.command") == "image"

    @property
    def sources(self) -> Mapping[str, Source]:
        """Where each key path of :func:`describe` came from; worked out when asked, for few ask."""
        return {key: self._source(key, value) for key, value in flatten(self.service).items()}

    def _source(self, key: str, value: object) -> Source:
        if key in self.filled:
            return self.filled[key]
        return "definition" if key == "image" or _is_given(self.declared, key, value) else "default"


def in_effect(release: Release) -> Service:
    """Return the service of *release* with what its image says filled in."""
    return effective(release.service, release.image).service


def effective(service: Service, image: ImageConfig) -> Effective:
    """Fill in what *service* leaves to *image*: definition over labels over the image over defaults.

    DefinitionError names the labels of the image whose values are wrong.
    """
    labels, notes = read_labels(image, str(service.image))
    filled = _Filling(service, image, labels, {}, list(notes))
    result = filled.run()
    return Effective(result, image, service, filled.sources, tuple(filled.notes))


def describe(result: Effective) -> list[tuple[str, str, str]]:
    """Return (key path, value as text, source) of every key that has a value, for ``show --effective``."""
    sources = result.sources
    return [
        (key, value_text(key, value), sources[key])
        for key, value in flatten(result.service).items()
        if value not in (None, (), "") or key in result.service.given
    ]


def _is_given(service: Service, key: str, value: object) -> bool:
    """Whether the definition sets *key*; one made without a file is judged by its values."""
    return key in service.given or (value is not None and value != default_of(key))


@dataclass(slots=True)
class _Filling:
    """One run of effective(): *sources* grows by every key that is not simply the definition's."""

    service: Service
    image: ImageConfig
    labels: Mapping[str, object]
    sources: dict[str, Source]
    notes: list[str]

    def run(self) -> Service:
        entrypoint, command = self._process()
        filled = replace(
            self.service,
            description=cast("str", self._plain("description", self.service.description)),
            entrypoint=entrypoint,
            command=command,
            user=self._from_image("user", self.service.user, self.image.user),
            workdir=self._from_image("workdir", self.service.workdir, self.image.workdir),
            read_only=cast("bool", self._plain("read_only", self.service.read_only)),
            tmpfs=self._tmpfs(),
            env=self._env(),
            stop=self._stop(),
            endpoints=self._endpoints(),
            health=self._health(),
            update=replace(
                self.service.update,
                settle=cast("float", self._plain("update.settle", self.service.update.settle)),
                apply=cast("Apply", self._plain("update.apply", self.service.update.apply)),
            ),
        )
        return replace(filled, init=self._init(entrypoint, command), volumes=self._volumes(filled))

    def _plain(self, key: str, value: object) -> object:
        """Return the definition's value, else the label's."""
        if key not in self.labels or _is_given(self.service, key, value):
            return value
        self.sources[key] = "label"
        return self.labels[key]

    def _tmpfs(self) -> tuple[str, ...]:
        """Return the definition's, else those of the label where the definition mounts nothing itself."""
        found = cast("tuple[str, ...]", self._plain("tmpfs", self.service.tmpfs))
        if "tmpfs" not in self.sources:
            return found
        mounted = {volume.path for volume in self.service.volumes}
        return tuple(entry for entry in found if entry.partition(":")[0] not in mounted)

    def _from_image(self, key: str, value: str | None, default: str) -> str | None:
        if value is not None or not default:
            return value
        self.sources[key] = "image"
        return default

    def _process(self) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
        """Return entrypoint and command; an own entrypoint discards the image's command, as in engines."""
        entrypoint, command = self.service.entrypoint, self.service.command
        if command is None and entrypoint is None and self.image.command:
            command = self.image.command
            self.sources["command"] = "image"
        if entrypoint is None and self.image.entrypoint:
            entrypoint = self.image.entrypoint
            self.sources["entrypoint"] = "image"
        return entrypoint, command

    def _env(self) -> Mapping[str, str]:
        """Return the image's variables below the definition's.

        Not those that a secret sets. And none at all with an env_file, which the engine reads at the start:
        it overrides the image, and would be overridden by what the definition is made to say here.
        """
        if self.service.env_files:
            return self.service.env
        secret = {secret.env for secret in self.service.secrets}
        env = {name: text for name, text in self.image.env.items() if name not in secret}
        for name in env.keys() - self.service.env.keys():
            self.sources[f"env.{strings.key_path(name)}"] = "image"
        return {**env, **self.service.env}

    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints, each with its port."""
        found, source = resolve(self.service, self.image)
        if source in {"image", "label"}:
            for index in range(len(found)):
                self.sources[f"endpoint[{index}]"] = cast("Source", source)
        return found

    def _stop(self) -> Stop:
        stop = self.service.stop
        timeout = cast("float", self._plain("stop.timeout", stop.timeout))
        signal = cast("str | None", self._plain("stop.signal", stop.signal))
        if signal is None and self.image.stop_signal:
            signal = self._image_signal(self.image.stop_signal)
        return Stop(timeout, signal)

    def _image_signal(self, text: str) -> str | None:
        try:
            signal = strings.signal_name(text)
        except ValueError as fault:
            self.notes.append(f"STOPSIGNAL of the image is not used: {fault}")
            return None
        self.sources["stop.signal"] = "image"
        return signal

    def _health(self) -> Health:
        """Take the check from the first that has one, and each number from the first that says it."""
        health = self.service.health
        if self.service.restart.policy is RestartPolicy.ONESHOT:
            return replace(health, disable=True)  # the image's check is for what goes on running
        own = health.disable or health.command or health.http or health.tcp
        if not own:
            health = self._probe(health)
        if health.disable:
            return health
        health = replace(
            health,
            interval=cast("float | None", self._plain("health.interval", health.interval)),
            timeout=cast("float | None", self._plain("health.timeout", health.timeout)),
            start_period=cast("float | None", self._plain("health.start_period", health.start_period)),
            retries=cast("int | None", self._plain("health.retries", health.retries)),
            on_failure=cast("HealthAction | None", self._plain("health.on_failure", health.on_failure)),
        )
        if self.image.health is None or self.sources.get("health.command") != "image":
            return health
        return self._image_timing(health, self.image.health)

    def _probe(self, health: Health) -> Health:
        chosen = [key for key in PROBES if self.labels.get(key)]
        if "health.disable" in self.service.given:
            # It is false there: whatever check the image has otherwise is wanted.
            chosen = [key for key in chosen if key != "health.disable"]
        for key in [*chosen, *(["health.http.path"] if "health.http.port" in chosen else [])]:
            self.sources[key] = "label"
        if chosen:
            return replace(
                health,
                command=cast("tuple[str, ...] | None", self.labels.get("health.command")),
                http=_http(self.labels),
                tcp=cast("int | None", self.labels.get("health.tcp")),
                disable="health.disable" in chosen,
            )
        command = _image_command(self.image.health)
        if command is None:
            return health
        self.sources["health.command"] = "image"
        return replace(health, command=command)

    def _image_timing(self, health: Health, image: ImageHealth) -> Health:
        for key in ("interval", "timeout", "start_period", "retries"):
            if getattr(health, key) is None and getattr(image, key) is not None:
                self.sources[f"health.{key}"] = "image"
        return replace(
            health,
            interval=image.interval if health.interval is None else health.interval,
            timeout=image.timeout if health.timeout is None else health.timeout,
            start_period=image.start_period if health.start_period is None else health.start_period,
            retries=image.retries if health.retries is None else health.retries,
        )

    def _init(self, entrypoint: tuple[str, ...] | None, command: tuple[str, ...] | None) -> bool:
        if self.service.init is not None:
            return self.service.init
        if "init" in self.labels:
            self.sources["init"] = "label"
            return bool(self.labels["init"])
        first = (entrypoint or command or ("",))[0]
        own = first.rpartition("/")[2] in INITS
        self.sources["init"] = "image" if own else "default"
        return not own

    def _volumes(self, filled: Service) -> tuple[Volume, ...]:
        """Add a named volume for each VOLUME of the image, so that an update cannot lose it.

        Its name is made of its path alone: were the next free name taken, a new VOLUME or a new mount could
        be given the data of another. Two of one name are a fault once units are made of them.
        """
        volumes = list(filled.volumes)
        covered = {volume.path for volume in volumes} | {mount.partition(":")[0] for mount in filled.tmpfs}
        for path in volume_paths(self.image):
            if path not in covered:
                self.sources[f"volume[{len(volumes)}]"] = "image"
                volumes.append(Volume(path=path, name=volume_name(path)))
        return tuple(volumes)


def _http(labels: Mapping[str, object]) -> HttpProbe | None:
    port = cast("int | None", labels.get("health.http.port"))
    return None if port is None else HttpProbe(port, cast("str", labels.get("health.http.path", "/")))


def _image_command(health: ImageHealth | None) -> tuple[str, ...] | None:
    """Return HEALTHCHECK as a definition has it; None for none and for HEALTHCHECK NONE."""
    match health.test if health else ():
        case ("CMD", _, *_) as test:
            return test[1:]
        case ("CMD-SHELL", _, *_) as test:
            return test
        case _:
            return None


def volume_paths(image: ImageConfig) -> Iterator[str]:
    """Yield the paths of the image's VOLUMEs as definitions spell them, each once, in order."""
    found = dict.fromkeys(
        "/" + "/".join(part for part in path.split("/") if part not in {"", "."}) for path in image.volumes
    )
    yield from (path for path in sorted(found) if path != "/")


def volume_name(path: str, taken: Collection[str] = ()) -> str:
    """Return a name for the volume at *path* that is not *taken*: /var/lib/data is ``var-lib-data``."""
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", path).strip("-._") or "data"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
