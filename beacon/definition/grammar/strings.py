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

_WORD = re.compile(r"[^ \t\r\n]+")
_ENV_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
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


def command(value: object) -> tuple[str, ...]:
    """Return the words of a command that must not be empty."""
    found = words(value)
    if not found:
        raise ValueError("must not be empty")
    return found


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
            f"(letters, digits, '_', '.' and '-', beginning with none of these two), not {shown(string)}",
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
