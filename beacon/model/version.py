"""Versions written as tags, and the ranges of them that a service follows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

_PRE_WORDS = "alpha|beta|rc|cr|pre|preview|dev|snapshot|nightly|canary|next|ea"
_TAG = re.compile(
    rf"""
    (?P<prefix>v?)
    (?P<numbers>\d{{1,18}}(?:\.\d{{1,18}})*)
    (?:
        (?P<attached>(?:a|b|{_PRE_WORDS})\.?\d+)                      # 3.14.0a1
        | -(?P<pre>(?:(?:a|b|m)\d+|(?:{_PRE_WORDS})\d*|\d+)            # -rc1, -beta, -0
            (?:\.[0-9A-Za-z]+)*)                                       # .1, .x
    )?
    (?:-(?P<variant>[0-9A-Za-z_][0-9A-Za-z_.-]*))?
    """,
    re.VERBOSE | re.ASCII,
)
_FIRST_NUMBER_DIGITS = 5
"""A first number that is longer is a date, a build number or a hash."""
_YEARS = range(1990, 2100)
"""First numbers that are years, as calver.org has them; versions do not count so far."""

_WHOLE = 3
"""How many numbers a version has that leaves none out."""

_IDENTIFIER = re.compile(r"([A-Za-z]+)(\d+)")
_COMPARATOR = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*([^\s,<>=^~]+)")
_RANGE = re.compile(rf"\s*{_COMPARATOR.pattern}(?:(?:\s*,\s*|\s+){_COMPARATOR.pattern})*\s*")
_PARTIAL = re.compile(
    r"v?(?P<numbers>(?:\d{1,18}|[xX*])(?:\.(?:\d{1,18}|[xX*]))*)"
    r"(?:-(?P<pre>[0-9A-Za-z]{1,18}(?:\.[0-9A-Za-z]{1,18})*))?",
    re.ASCII,
)
_HELP = "must be a version range such as ^1.4, ~1.4.2, >=1.2 <2 or 1.x"

Numbers = tuple[int, ...]
"""At least three; zeros at the end beyond these are left out, so that equal versions are equal."""
_Key = tuple[int, tuple[tuple[int, int, str], ...]]


def _pre_key(pre: tuple[str, ...]) -> _Key:
    """Return what orders pre-releases: numbers below words, fewer below more, none at all above all."""
    if not pre:
        return (1, ())
    return (0, tuple((0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in pre))


def _identifiers(pre: str) -> tuple[str, ...]:
    """Split at dots, and ``rc10`` as if it were ``rc.10``: images write it so, and 10 comes after 9."""
    return tuple(piece for part in pre.split(".") for piece in _split_identifier(part)) if pre else ()


def _split_identifier(part: str) -> tuple[str, ...]:
    match = _IDENTIFIER.fullmatch(part)
    return (match[1], match[2]) if match else (part,)


class Version(Struct, frozen=True):
    """Numbers, a pre-release and a variant such as ``alpine``: ``v1.4.2-rc.1-alpine``, ``3.0.1.4259``."""

    numbers: Numbers
    size: int = 3
    """How many numbers the tag wrote."""
    pre: tuple[str, ...] = ()
    variant: str = ""
    prefix: str = ""

    @classmethod
    def parse(cls, tag: str) -> Version | None:
        """Read a tag; None where it is no version (``latest``, a date, a hash)."""
        match = _TAG.fullmatch(tag)
        if match is None:
            return None
        numbers = [int(part) for part in match["numbers"].split(".")]
        if len(match["numbers"]) > _FIRST_NUMBER_DIGITS and len(numbers) == 1:
            return None
        pre = _identifiers(match["attached"] or match["pre"] or "")
        return cls(_padded(numbers), len(numbers), pre, match["variant"] or "", match["prefix"])

    @property
    def is_date(self) -> bool:
        """Whether it counts by the calendar (``2021.12.16``), so that it says nothing of other versions."""
        return _is_date(self.numbers)

    @property
    def precedence(self) -> tuple[Numbers, _Key]:
        """What orders versions (semver.org 2.0.0, 11); the variant does not count."""
        return (self.numbers, _pre_key(self.pre))


class _Bound(Struct, frozen=True):
    """One comparison: ``>=``, ``>``, ``<=``, ``<`` or ``=``."""

    operator: str
    numbers: Numbers
    pre: tuple[str, ...] = ()

    def admits(self, version: Version) -> bool:
        """Whether *version* is on the right side; ``<2`` excludes the pre-releases of 2 as well."""
        if self.operator == "<" and not self.pre and version.numbers == self.numbers:
            return False
        mine, theirs = (self.numbers, _pre_key(self.pre)), version.precedence
        return {
            ">=": theirs >= mine,
            ">": theirs > mine,
            "<=": theirs <= mine,
            "<": theirs < mine,
            "=": theirs == mine,
        }[self.operator]


class VersionRange(Struct, frozen=True):
    """What ``update.follow`` may name: every comparison must hold."""

    text: str
    bounds: tuple[_Bound, ...]

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read ``^1.4``, ``~1.4.2``, ``>=1.2 <2``, ``1.x``; raises ValueError saying what it must be."""
        if not _RANGE.fullmatch(text):
            raise ValueError(f"{_HELP}, not {text!r}")
        bounds: list[_Bound] = []
        for operator, version in _COMPARATOR.findall(text):
            bounds.extend(_bounds(text, operator, version))
        return cls(text.strip(), tuple(bounds))

    @property
    def names_pre_release(self) -> bool:
        """Whether pre-releases are wanted at all."""
        return any(bound.pre for bound in self.bounds)

    @property
    def names_date(self) -> bool:
        """Whether calendar versions are wanted whatever the current tag is."""
        return any(_is_date(bound.numbers) for bound in self.bounds)

    def contains(self, version: Version) -> bool:
        """Whether *version* is in the range; a pre-release only if the range itself names one."""
        if version.pre and not self.names_pre_release:
            return False
        return all(bound.admits(version) for bound in self.bounds)

    def ranked(self, tags: Iterable[str], current_tag: str) -> tuple[str, ...]:
        """Return those of *tags* in the range that are of the same variant as *current_tag*, highest first.

        Among equals (``1.4`` and ``1.4.0``) the one that says more wins, then the one written like the
        current one (``v``). A current tag that is no version (``latest``) has no variant. A date
        (``2021.12.16``) counts only if the current tag is one or the range names one.
        """
        current = Version.parse(current_tag)
        variant = current.variant if current else ""
        prefix = current.prefix if current else ""
        dates = self.names_date or (current is not None and current.is_date)
        candidates = [
            (version.precedence, version.size, version.prefix == prefix, tag)
            for tag in tags
            if (version := Version.parse(tag))
            and version.variant == variant
            and (dates or not version.is_date)
            and self.contains(version)
        ]
        return tuple(tag for *_, tag in sorted(candidates, reverse=True))

    def unlike(self, tags: Iterable[str]) -> str | None:
        """Return one of *tags* that is in the range, of any variant and dates as well."""
        return next((tag for tag in tags if (version := Version.parse(tag)) and self.contains(version)), None)

    def __str__(self) -> str:
        return self.text


def _bounds(text: str, operator: str, version: str) -> tuple[_Bound, ...]:
    match = _PARTIAL.fullmatch(version)
    if match is None:
        raise ValueError(f"{_HELP}, not {text!r}")
    written = match["numbers"].split(".")
    given = [int(part) for part in _before_wildcard(written)]
    pre = _identifiers(match["pre"] or "")
    if pre and len(given) < _WHOLE:
        raise ValueError(f"{_HELP}; a pre-release needs three numbers, not {text!r}")
    return _expand(operator, given, pre, whole=len(given) == len(written) >= _WHOLE)


def _before_wildcard(parts: list[str]) -> list[str]:
    for index, part in enumerate(parts):
        if not part.isdigit():
            return parts[:index]
    return parts


def _expand(operator: str, given: list[int], pre: tuple[str, ...], *, whole: bool) -> tuple[_Bound, ...]:
    low = _padded(given)
    if not given:
        # "*" is everything, ">*" and "<*" are nothing
        return () if operator not in {">", "<"} else (_Bound("<", (0, 0, 0)),)
    if operator == "^":
        return (_Bound(">=", low, pre), _Bound("<", _next(given, _caret_place(given))))
    if operator == "~":
        return (_Bound(">=", low, pre), _Bound("<", _next(given, min(len(given) - 1, 1))))
    if whole:
        return (_Bound(operator or "=", low, pre),)
    return _expand_partial(operator, low, _next(given, len(given) - 1))


def _expand_partial(operator: str, low: Numbers, after: Numbers) -> tuple[_Bound, ...]:
    """Return the bounds of ``1.4``, ``>1.4``, ``<=1.4``…, where 1.4 means all of 1.4.x."""
    match operator:
        case ">=":
            return (_Bound(">=", low),)
        case ">":
            return (_Bound(">=", after),)
        case "<":
            return (_Bound("<", low),)
        case "<=":
            return (_Bound("<", after),)
        case _:
            return (_Bound(">=", low), _Bound("<", after))


def _caret_place(given: list[int]) -> int:
    """Return which number may not change: the first that is not zero, else the last that is written."""
    return next((place for place, number in enumerate(given) if number), len(given) - 1)


def _padded(given: list[int]) -> Numbers:
    numbers = [*given, *(0 for _ in range(_WHOLE - len(given)))]
    while len(numbers) > _WHOLE and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _is_date(numbers: Numbers) -> bool:
    return numbers[0] in _YEARS or numbers[0] >= 10**_FIRST_NUMBER_DIGITS


def _next(given: list[int], place: int) -> Numbers:
    """Return the first version after all that share *given* up to and with *place*."""
    return _padded([*given[:place], given[place] + 1])


def is_older(tag: str | None, than: str | None) -> bool:
    """Say whether *tag* is a version below that of the tag *than*; of what is no version, nothing is said."""
    mine, theirs = Version.parse(tag or ""), Version.parse(than or "")
    return mine is not None and theirs is not None and mine.precedence < theirs.precedence
