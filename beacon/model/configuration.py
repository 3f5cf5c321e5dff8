"""Reads an image's configuration: a registry's document, or what an engine says of the image (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.model.reference import Digest

_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_NANOSECONDS = 1_000_000_000
_LONGEST = 1 << 63
"""Go's time.Duration, in which images give times, ends here."""


def image_config(document: Mapping[str, object], image_id: Digest) -> ImageConfig:
    """Return what *document* says, an image configuration (OCI image specification 1.1, Docker v1.2).

    Images in the wild hold null, a string for a list and the like: what can be understood is.
    """
    settings = mapping(document.get("config"))
    return ImageConfig(
        image_id=image_id,
        platform=normalised(platform_of(document)),
        entrypoint=_words(settings.get("Entrypoint")),
        command=_words(settings.get("Cmd")),
        env=dict(_assignments(_words(settings.get("Env")))),
        exposed_ports=tuple(sorted(_ports(settings.get("ExposedPorts")))),
        volumes=tuple(sorted(_keys(settings.get("Volumes")))),
        health=_health(mapping(settings.get("Healthcheck"))),
        stop_signal=text(settings.get("StopSignal")) or None,
        labels={key: text(value) for key, value in mapping(settings.get("Labels")).items()},
        user=text(settings.get("User")),
        workdir=text(settings.get("WorkingDir")),
    )


def normalised(platform: Platform) -> Platform:
    """Return *platform* in the words of the specification: x86_64 is amd64, arm 7 is arm v7."""
    system, architecture = platform.os.lower() or "linux", platform.architecture.lower()
    variant = platform.variant.lower()
    if variant.isdigit():
        variant = f"v{variant}"
    if architecture == "armhf" and not variant:
        variant = "v7"
    return Platform(system, _ARCHITECTURES.get(architecture, architecture), variant)


def platform_of(fields: Mapping[str, object]) -> Platform:
    """Return the platform that *fields* name, in their own words."""
    return Platform(text(fields.get("os")), text(fields.get("architecture")), text(fields.get("variant")))


def mapping(value: object) -> Mapping[str, object]:
    """Return *value* where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return a plain value as text; nothing for null and for what has parts."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)


def _health(fields: Mapping[str, object]) -> ImageHealth | None:
    test = fields.get("Test")
    words = ("CMD-SHELL", test) if isinstance(test, str) and test else _words(test)
    if len(words) < 2 or words[0] not in {"CMD", "CMD-SHELL"}:  # noqa: PLR2004  # a kind and a command
        return None
    retries = fields.get("Retries")
    return ImageHealth(
        test=words,
        interval=_seconds(fields.get("Interval")),
        timeout=_seconds(fields.get("Timeout")),
        start_period=_seconds(fields.get("StartPeriod")),
        start_interval=_seconds(fields.get("StartInterval")),
        retries=retries if isinstance(retries, int) and 0 < retries < _LONGEST else None,
    )


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < _LONGEST:
        return None
    return value / _NANOSECONDS


def _assignments(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, _, value = word.partition("=")
        if name:
            yield name, value


def _ports(value: object) -> Iterator[str]:
    for key in _keys(value):
        port, _, protocol = key.partition("/")
        yield f"{port}/{protocol.lower() or 'tcp'}"


def _keys(value: object) -> Iterator[str]:
    """Yield the members of a set, which is an object with empty values, or in old images a list."""
    members = value if isinstance(value, dict | list) else ()
    yield from (key for key in dict.fromkeys(map(text, members)) if key)


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(map(text, value)) if isinstance(value, list) else ()
