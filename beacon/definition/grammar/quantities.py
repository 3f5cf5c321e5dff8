"""Durations and sizes: text → value, and back."""

from __future__ import annotations

import re

from beacon.definition.grammar.strings import shown

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


def size_text(number: int) -> str:
    """Return *number* bytes as people say it, which need not be exact: ``1.5G``."""
    for unit in ("T", "G", "M", "K"):
        if number >= _SIZE_UNITS[unit.lower()]:
            return f"{number / _SIZE_UNITS[unit.lower()]:.1f}".removesuffix(".0") + unit
    return str(number)
