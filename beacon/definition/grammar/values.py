"""Values of single keys that need more than a grammar: names, references, closed sets of words."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from beacon.definition.grammar import quantities, strings
from beacon.definition.grammar.strings import shown
from beacon.definition.names import validate_name
from beacon.model.image import Platform
from beacon.model.parts.calendar import Calendar
from beacon.model.reference import ImageReference
from beacon.model.service import PINNED, TAG
from beacon.model.version import VersionRange
from beacon.model.window import Window

_Choice = TypeVar("_Choice", bound=StrEnum)

RESERVED_LABELS = "io.beacon."
"""Labels with this prefix are Beacon's marks on what it made, and an image's wishes."""

ENGINE_NETWORKS = frozenset({"bridge", "container", "default", "ns", "pasta", "private", "slirp4netns"})
_ULIMITS = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
]
_LIMIT = re.compile(r"-1|\d+(?::\d+)?")


def one_of(choices: type[_Choice]) -> Callable[[object], _Choice]:
    """Return a function that reads one word of *choices*."""

    def read(value: object) -> _Choice:
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                return choices(value)
        allowed = [repr(str(choice)) for choice in choices]
        raise ValueError(f"must be {', '.join(allowed[:-1])} or {allowed[-1]}, not {shown(value)}")

    return read


def pattern(expression: str, what: str) -> Callable[[object], str]:
    """Return a function that reads a string which *expression* matches as a whole."""
    compiled = re.compile(expression)

    def read(value: object) -> str:
        if isinstance(value, str) and compiled.fullmatch(value):
            return value
        raise ValueError(f"must be {what}, not {shown(value)}")

    return read


def image_reference(value: object) -> ImageReference:
    """Read a qualified image reference."""
    return ImageReference.parse(strings.text(value))


def platform(value: object) -> Platform:
    """Read ``linux/arm64``."""
    return Platform.parse(strings.word(value))


def service_name(value: object) -> str:
    """Read the name of another service."""
    name = strings.text(value)
    problem = validate_name(name)
    if problem:
        raise ValueError(problem)
    return name


def network(value: object) -> str:
    """Read ``host``, ``none``, ``service:NAME`` or the name of one of Beacon's networks."""
    name = strings.text(value)
    prefix, colon, target = name.partition(":")
    if colon and prefix == "service":
        return f"service:{service_name(target)}"
    if name in ENGINE_NETWORKS:
        raise ValueError(f"{name!r} is a mode of the engine, not a network; give it in [podman] args")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,47}", name) or name.endswith("-"):
        raise ValueError(
            f"must be a network's name (a-z, 0-9, -), 'host', 'none' or 'service:NAME', not {shown(name)}"
        )
    return name


def hostname(value: object) -> str:
    """Read the name of a host, which may have ``_`` within it as engines let it."""
    return pattern(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?", "a host name")(value)


def user(value: object) -> str:
    """Read a user's or group's name or number, or USER:GROUP."""
    string = strings.scalar(value) if not isinstance(value, bool | float) else ""
    if not re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.$-]*(:[A-Za-z0-9_.][A-Za-z0-9_.$-]*)?", string):
        raise ValueError(f"must be a user such as 1000, 'www-data' or '1000:1000', not {shown(value)}")
    return string


def label_name(value: object) -> str:
    """Read the name of a label that is not Beacon's."""
    name = strings.word(value)
    if name.startswith(RESERVED_LABELS):
        raise ValueError(f"{RESERVED_LABELS}* is reserved for Beacon")
    if "=" in name or name != name.strip():
        raise ValueError(f"must be a label's name without '=' and outer spaces, not {shown(name)}")
    return name


def device(value: object) -> str:
    """Read ``/dev/x[:/dev/y[:rwm]]``, or a CDI name such as ``nvidia.com/gpu=all``."""
    string = strings.word(value)
    if not re.fullmatch(r"/[^:\s]+(:/[^:\s]+)?(:[rwm]{1,3})?|[A-Za-z0-9][\w.-]*/[\w.-]+=[\w.:-]+", string):
        raise ValueError(f"must be a device such as '/dev/ttyUSB0:/dev/modem:rw', not {shown(string)}")
    grammar_parts = [part for part in string.split(":") if part.startswith("/")]
    for part in grammar_parts:
        strings.absolute_path(part)
    return string


def tmpfs(value: object) -> str:
    """Read ``/run`` or ``/run:size=64m,mode=755``."""
    path, colon, options = strings.line(value).partition(":")
    if " " in options or (colon and not options):
        raise ValueError(f"must be a path and options such as '/run:size=64m', not {shown(value)}")
    return strings.mount_point(path) + colon + options


def ulimit(value: object) -> str:
    """Read a limit, ``soft:hard``, or ``unlimited``."""
    string = strings.scalar(value) if not isinstance(value, bool | float) else ""
    string = "-1" if string == "unlimited" else string
    if not _LIMIT.fullmatch(string):
        raise ValueError(f"must be a limit such as 1024, '1024:4096' or 'unlimited', not {shown(value)}")
    return string


def ulimit_name(value: object) -> str:
    """Read the name of a limit as podman-run(1) has it."""
    name = strings.text(value)
    if name not in _ULIMITS:
        close = strings.did_you_mean(name, _ULIMITS)
        raise ValueError(f"must be one of {', '.join(_ULIMITS)}{close}")
    return name


def host_address(value: object) -> str:
    """Read the address of an entry of ``/etc/hosts``."""
    return "host-gateway" if value == "host-gateway" else strings.address(value)


def schedule(value: object) -> str:
    """Read a calendar expression."""
    return Calendar.parse(strings.line(value)).text


def follow(value: object) -> str:
    """Read ``tag``, ``pinned`` or a version range."""
    string = strings.text(value).strip()
    if string in {TAG, PINNED}:
        return string
    try:
        return str(VersionRange.parse(string))
    except ValueError as fault:
        raise ValueError(str(fault).replace("must be ", "must be 'tag', 'pinned' or ", 1)) from None


def window(value: object) -> str:
    """Read a maintenance window; its text is kept."""
    return str(Window.parse(strings.text(value)))


def directive_name(value: object) -> str:
    """Read the key of a raw directive; those that make the unit Beacon's own are refused."""
    name = strings.text(value)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"must be the name of a directive such as 'Timezone', not {shown(name)}")
    if name in {"Image", "ContainerName", "ServiceName"}:
        raise ValueError(f"{name} is set by Beacon and cannot be given")
    return name


def directives(value: object) -> tuple[str, ...]:
    """Read the value of a directive, or a list of them."""
    return tuple(strings.directive(item) for item in (value if isinstance(value, list) else [value]))


def paths(value: object) -> tuple[str, ...]:
    """Read an absolute path, or a list of them."""
    return tuple(strings.absolute_path(item) for item in (value if isinstance(value, list) else [value]))


def windows(value: object) -> tuple[str, ...]:
    """Read a window, or a list of them."""
    return tuple(window(item) for item in (value if isinstance(value, list) else [value]))


def time_of_check(value: object) -> float:
    """Read a duration that is not zero, which engines refuse, or take for no check at all."""
    seconds = quantities.duration(value)
    if not seconds:
        raise ValueError(f"must be more than 0s, not {shown(value)}")
    return seconds


def status_path(value: object) -> str:
    """Read the path of a URL."""
    string = strings.word(value)
    if not string.startswith("/") or " " in string:
        raise ValueError(f"must be a path of a URL such as '/health', not {shown(string)}")
    return string


def host_header(value: object) -> str:
    """Read the name of a host, with a port if need be, as a request names it."""
    string = strings.word(value)
    if not re.fullmatch(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?", string):
        raise ValueError(f"must be the name of a host such as 'example.org', not {shown(string)}")
    return string


def path_prefix(value: object) -> str:
    """Read the path of a URL, without the slash at its end that means nothing, and without a query."""
    string = status_path(value)
    if {"?", "#", "*"} & set(string):
        raise ValueError(f"must be a path without '?', '#' and '*', not {shown(string)}")
    return string.rstrip("/") or "/"


def listed(read: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """Return a function that reads one value, or a list of them."""

    def read_all(value: object) -> tuple[str, ...]:
        return tuple(read(item) for item in (value if isinstance(value, list) else [value]))

    return read_all


def subnet(value: object) -> str:
    """Read the addresses of a network."""
    string = strings.word(value)
    try:
        return str(ipaddress.ip_network(string))
    except ValueError:
        raise ValueError(f"must be a subnet such as '10.9.0.0/24', not {shown(string)}") from None


def option_word(value: object) -> str:
    """Read a word of a driver's option, which means nothing to a shell or a unit file."""
    return pattern(r"[A-Za-z0-9_.,:/@-]+", "a word of letters, digits and _ . , : / @ -")(
        strings.scalar(value)
    )


def client_network(value: object) -> str:
    """Read an address, or a network such as ``10.0.0.0/8``."""
    string = strings.word(value)
    try:
        return str(ipaddress.ip_network(string)) if "/" in string else str(ipaddress.ip_address(string))
    except ValueError:
        raise ValueError(
            f"must be an address or a network such as '10.0.0.0/8', not {shown(string)}"
        ) from None


_LOGIN = re.compile(r"[A-Za-z0-9_.@-]+:\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")


def login(value: object) -> str:
    """Read ``NAME:HASH``, the hash made by bcrypt."""
    string = strings.word(value)
    if not _LOGIN.fullmatch(string):
        raise ValueError("must be NAME:HASH with a hash as 'caddy hash-password' makes it")
    return string


def sysctl(value: object) -> str:
    """Read the value of a kernel parameter."""
    return strings.word(strings.scalar(value))
