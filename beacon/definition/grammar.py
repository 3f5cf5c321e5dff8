"""The small languages of a definition: text → value.

Every function takes what TOML gave and returns the value, or raises ValueError saying what it must be.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import signal
from difflib import get_close_matches
from functools import cache
from typing import Self

from beacon.model.service import Port, Protocol

MAX_PORT = 65535

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_DURATION_PART = re.compile(rf"({_NUMBER})\s*(ms|sec|s|min|m|h|d|w)\s*")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_SIZE = re.compile(rf"({_NUMBER})\s*([kmgtKMGT]?)(?:i?[bB])?")
_SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SPAN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_HOST = re.compile(r"(?:(\[[^\]]*\]|[^:\[\]]*):)?([0-9-]*)")
_WORD = re.compile(r"[^ \t\r\n]+")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# fmt: off
CAPABILITIES = frozenset(
    {
        "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE",
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER",
        "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN",
        "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP",
        "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE",
        "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
        "WAKE_ALARM",
    },
)
# fmt: on
"""capabilities(7)."""


class WrittenFloat(float):
    """A number that remembers how the file wrote it: ``3.10`` as an environment value stays ``3.10``."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Make the number of its text."""
        number = super().__new__(cls, text)
        number.text = text.replace("_", "")
        return number


def shown(value: object) -> str:
    """Return *value* as a message shows it: short, and with its kind where the text alone would mislead."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value) if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]!r}…"
        case int() | float():
            return f"the number {scalar(value)}"
        case dict():
            return "a table"
        case list():
            return "an array"
        case _:
            return f"a {type(value).__name__}"


MAX_SHOWN = 60


def key_path(*parts: str | int) -> str:
    """Return the path of a key as the owner would write it: ``port[0].host``."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            bare = part if _BARE_KEY.fullmatch(part) else repr(part).replace("'", '"')
            path += f".{bare}" if path else bare
    return path


def did_you_mean(word: str, known: list[str]) -> str:
    """Return ``; did you mean 'interval'?``, or nothing when nothing is near."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def scalar(value: object) -> str:
    """Return a string as it is, and numbers and booleans as TOML writes them."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case WrittenFloat():
            return value.text
        case int() | float():
            return str(value)
        case _:
            raise ValueError(f"must be a string, a number or a boolean, not {shown(value)}")


def text(value: object) -> str:
    """Return a string, whatever is in it."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {shown(value)}")  # noqa: TRY004 -- one kind of fault
    return value


def line(value: object) -> str:
    """Return a string of one line, because a unit file holds it in one."""
    string = text(value)
    if _CONTROL.search(string):
        raise ValueError(f"must be one line without control characters, not {shown(string)}")
    return string


def word(value: object) -> str:
    """Return a string of one line that is not empty."""
    string = line(value)
    if not string.strip():
        raise ValueError("must not be empty")
    return string


def boolean(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {shown(value)}")  # noqa: TRY004 -- one kind of fault
    return value


def integer(value: object, low: int, high: int) -> int:
    """Return a whole number between *low* and *high*."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"must be a whole number from {low} to {high}, not {shown(value)}")
    return value


_LONGEST = 30 * 365 * 86_400
_DIGITS = 30
_LARGEST = (1 << 63) - 1
"""systemd counts bytes in 64 bits."""


def duration(value: object) -> float:
    """Return seconds: ``"30s"``, ``"1m30s"``, ``"500ms"``, or a number of seconds."""
    seconds: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str):
        string = value.strip()
        if re.fullmatch(_NUMBER, string):
            seconds = float(string)
        elif _DURATION.fullmatch(string):
            parts = _DURATION_PART.findall(string)
            seconds = round(sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts), 6)
    if seconds is not None and 0 <= seconds <= _LONGEST:
        return float(seconds)
    if seconds is not None and seconds > _LONGEST:
        raise ValueError(f"must be at most {_LONGEST} seconds, which is 30 years, not {shown(value)}")
    raise ValueError(f"must be a duration such as '30s', '1m30s' or '500ms', not {shown(value)}")


def format_duration(seconds: float) -> str:
    """Return *seconds* in the fewest whole units, so that :func:`duration` reads the same."""
    rest = round(seconds * 1000)
    if rest / 1000 != seconds:
        return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
    parts: list[str] = []
    for unit, milliseconds in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, milliseconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size(value: object) -> int:
    """Return bytes: ``"512M"``, ``"1.5G"`` (powers of 1024), or a number of bytes."""
    number: float = 0
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        whole = match[1].isdigit() and len(match[1]) <= _DIGITS
        number = (int(match[1]) if whole else float(match[1])) * _SIZE_UNITS[match[2].lower()]
    if number > _LARGEST:
        raise ValueError(f"must be at most {_LARGEST} bytes, not {shown(value)}")
    if round(number) > 0:
        return round(number)
    raise ValueError(f"must be a size such as '512M' or '2G', or a number of bytes, not {shown(value)}")


def format_size(number: int) -> str:
    """Return *number* bytes in the largest unit that divides it."""
    for unit in ("T", "G", "M", "K"):
        if number % _SIZE_UNITS[unit.lower()] == 0:
            return f"{number // _SIZE_UNITS[unit.lower()]}{unit}"
    return str(number)


def words(value: object) -> tuple[str, ...]:
    """Return the words of a command: a list as it is, a string split as a POSIX shell would."""
    if isinstance(value, str):
        if not {"'", '"', "\\"} & set(value):
            return tuple(_WORD.findall(value))
        try:
            return tuple(shlex.split(value))
        except ValueError:
            raise ValueError(f"must have its quotes closed, as for a shell, not {shown(value)}") from None
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise ValueError(f"must hold strings only, not {shown(item)} at [{index}]")  # noqa: TRY004
        return tuple(value)
    raise ValueError(f"must be a string or a list of strings, not {shown(value)}")


def health_command(value: object) -> tuple[str, ...]:
    """Return a health check's command: a string is a shell's line, a list is the words of a program."""
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("must not be empty")
        return ("CMD-SHELL", value)
    found = words(value)
    if found[:1] == ("CMD",):
        found = found[1:]
    if found[:1] == ("NONE",):
        raise ValueError("must be a command; write disable = true for no health check")
    if not found or found == ("CMD-SHELL",):
        raise ValueError("must not be empty")
    return found


def env_name(value: object) -> str:
    """Return a name that an environment variable can have in a container."""
    string = text(value)
    if not _ENV_NAME.fullmatch(string):
        raise ValueError(
            "must be the name of an environment variable "
            f"(letters, digits, '_', '.' and '-', not beginning with a digit), not {shown(string)}",
        )
    return string


def absolute_path(value: object) -> str:
    """Return an absolute path without ``..``; slashes that mean nothing are dropped."""
    string = line(value)
    if not string.startswith("/"):
        raise ValueError(f"must be an absolute path, not {shown(string)}")
    parts = [part for part in string.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ValueError(f"must be a path without '..', not {shown(string)}")
    return "/" + "/".join(parts)


def mount_point(value: object) -> str:
    """Return an absolute path inside the container, other than its root."""
    path = absolute_path(value)
    if path == "/":
        raise ValueError("must be a path below '/', not '/' itself")
    return path


def address(value: object) -> str:
    """Return an IP address in its usual spelling."""
    string = text(value)
    try:
        return str(ipaddress.ip_address(string.strip("[]")))
    except ValueError:
        raise ValueError(f"must be an IP address, not {shown(string)}") from None


def _span(string: str, problem: str) -> tuple[int, int]:
    """Return first port and count of ``8080`` or ``8000-8010``."""
    match = _SPAN.fullmatch(string)
    if match is None:
        raise ValueError(problem)
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= MAX_PORT:
        raise ValueError(problem)
    return first, last - first + 1


def host_port(value: object) -> tuple[str, int | None, int]:
    """Return address ("" is every one), first port (None: the engine chooses) and count."""
    problem = (
        f"must be a port (1 to {MAX_PORT}) such as 8080, '127.0.0.1:8080', '[::1]:8080' or '8000-8010', "
        f"not {shown(value)}"
    )
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(problem)  # noqa: TRY004 -- one kind of fault
    match = _HOST.fullmatch(str(value))
    if match is None or not (match[1] or match[2]):
        raise ValueError(problem)
    try:
        ip = address(match[1]) if match[1] else ""
    except ValueError:
        raise ValueError(problem) from None
    if not match[2]:
        return ip, None, 1
    return (ip, *_span(match[2], problem))


def container_port(value: object) -> tuple[int, int, Protocol | None]:
    """Return first port, count and protocol (if written) of ``8080``, ``"8080/udp"`` or ``"8000-8010"``."""
    problem = f"must be a port (1 to {MAX_PORT}) such as 8080, '8080/udp' or '8000-8010', not {shown(value)}"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(problem)  # noqa: TRY004 -- one kind of fault
    ports, slash, protocol = str(value).partition("/")
    first, count = _span(ports, problem)
    if not slash:
        return first, count, None
    if protocol not in set(Protocol):
        raise ValueError(problem)
    return first, count, Protocol(protocol)


def split_publish(string: str) -> tuple[str | None, str]:
    """Split ``127.0.0.1:8080:80/udp`` as ``--port`` takes it into the keys *host* and *container*."""
    host, colon, container = string.rpartition(":")
    return (host if colon else None), container


def format_host_port(port: Port) -> str:
    """Return the key *host* of *port*; :func:`host_port` reads the same."""
    ip = f"[{port.host_ip}]:" if ":" in port.host_ip else f"{port.host_ip}:" if port.host_ip else ""
    return ip + ("" if port.host_port is None else format_span(port.host_port, port.count))


def format_span(first: int, count: int) -> str:
    """Return ``8080``, or ``8000-8010``."""
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


@cache
def _signal_numbers() -> dict[int, str]:
    return {number.value: name for name, number in signal.Signals.__members__.items()}


def signal_name(value: object) -> str:
    """Return ``SIGTERM`` for ``SIGTERM``, ``TERM``, ``term`` or 15; ``SIGRTMIN+3`` is understood."""
    problem = f"must be a signal such as 'SIGTERM', 'TERM' or 15, not {shown(value)}"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(problem)  # noqa: TRY004 -- one kind of fault
    string = str(value).strip().upper()
    if re.fullmatch("[0-9]+", string):
        return _signal_of_number(int(string), problem)
    name = string if string.startswith("SIG") else f"SIG{string}"
    if name in signal.Signals.__members__ or re.fullmatch(r"SIGRTM(IN\+|AX-)([1-9]|[12]\d|30)", name):
        return name
    raise ValueError(problem)


def _signal_of_number(number: int, problem: str) -> str:
    lowest, highest = int(signal.Signals.SIGRTMIN), int(signal.Signals.SIGRTMAX)
    if lowest < number < highest:
        return f"SIGRTMIN+{number - lowest}"
    name = _signal_numbers().get(number)
    if name is None:
        raise ValueError(problem)
    return name


def capability(value: object) -> str:
    """Return ``CAP_NET_ADMIN`` for any spelling of it, and ``all``."""
    name = text(value).upper().removeprefix("CAP_")
    if name == "ALL":
        return "all"
    if name not in CAPABILITIES:
        close = did_you_mean(name, sorted(CAPABILITIES))
        raise ValueError(f"must be a capability as in capabilities(7) or 'all', not {shown(value)}{close}")
    return f"CAP_{name}"


def directive(value: object) -> str:
    """Return one line of a unit file as it is: neither broken nor continued."""
    string = scalar(value)
    if "\n" in string or "\r" in string or "\x00" in string:
        raise ValueError(f"must be one line, not {shown(string)}; give several values as a list")
    if string.endswith("\\"):
        raise ValueError(f"must not end in '\\', which would continue the line, as {shown(string)} does")
    return string
