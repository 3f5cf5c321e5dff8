"""Answers to the options of an app: given by the owner, kept from before, or by default."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from beacon.catalog.manifest import options_of
from beacon.definition.grammar.strings import did_you_mean
from beacon.definition.tables.answers import AMOUNTS, KINDS, Value, bound, measured
from beacon.definition.tables.app import ManifestTable, OptionTable
from beacon.errors import UsageError
from beacon.formats.expressions import holds

Answers = Mapping[str, Value]


class Answered(Struct, frozen=True):
    """All answers of an app, secrets apart: of these only the names of those that matter are here."""

    values: Answers
    """Of every option that has one."""
    secrets: tuple[str, ...]


def answer(manifest: ManifestTable, given: Mapping[str, object], names: Mapping[str, object]) -> Answered:
    """Return what *given* answers come to; *names* is what expressions may name besides options.

    Raises UsageError with every answer that is missing or wrong.
    """
    options = options_of(manifest)
    problems = [_unknown(name, options) for name in given if name not in {one.name for one in options}]
    values: dict[str, Value | None] = {}
    secrets = []
    missing = []
    for option in options:
        if not holds(option.when, {**names, "option": {**_blank(options), **values}}):
            values[option.name] = None
        elif option.type == "secret":
            secrets.append(option.name)
        elif option.type == "note" and option.name not in given:
            values[option.name] = None
        elif option.name in given:
            try:
                values[option.name] = read_answer(option, given[option.name])
            except ValueError as error:
                problems.append(f"{option.name} {error}")
        else:
            values[option.name] = _default(option)
            if option.required:
                missing.append(option.name)
    if missing:
        problems.append(f"not answered: {', '.join(missing)}")
    if problems:
        hint = (
            " ".join(f"--set {name}=…" for name in missing)
            or f"beacon app info {manifest.app.id} shows the options"
        )
        raise UsageError("; ".join(problems), hint=hint)
    return Answered(
        values={name: value for name, value in values.items() if value is not None},
        secrets=tuple(secrets),
    )


def read_answer(option: OptionTable, value: object) -> Value:
    """Return an answer as the type of the option has it. Raises ValueError with what is wrong."""
    found = KINDS[option.type](value)
    if option.choices and found not in option.choices:
        raise ValueError(f"must be one of {', '.join(option.choices)}, not {found!r}")
    if option.pattern and isinstance(found, str) and not re.fullmatch(option.pattern, found):
        raise ValueError(option.pattern_error or f"must match {option.pattern}")
    _judge_bounds(option, found)
    return found


def _judge_bounds(option: OptionTable, found: Value) -> None:
    """Raise ValueError if an answer is too small or too large."""
    size = measured(option.type, found)
    is_amount = option.type in AMOUNTS or isinstance(found, int | float)
    unit = "" if is_amount else " characters" if isinstance(found, str) else " items"
    low, high = option.min, option.max
    if low is not None and size < bound(option.type, low):
        raise ValueError(f"must be at least {_shown(low)}{unit}")
    if high is not None and size > bound(option.type, high):
        raise ValueError(f"must be at most {_shown(high)}{unit}")


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def notes(manifest: ManifestTable, names: Mapping[str, object]) -> list[str]:
    """Return what the owner is to read before anything is answered."""
    found = [one for one in manifest.option if one.type == "note" and holds(one.when, names)]
    return [" ".join(filter(None, (one.label, one.help))) for one in found]


def _default(option: OptionTable) -> Value | None:
    if option.default is None:
        return False if option.type == "boolean" else None
    return KINDS[option.type](option.default)


def _blank(options: Sequence[OptionTable]) -> dict[str, None]:
    """Return every option without an answer, so that expressions may ask whether there is one."""
    return dict.fromkeys(one.name for one in options)


def _unknown(name: str, options: Collection[OptionTable]) -> str:
    return f"there is no option {name!r}{did_you_mean(name, [one.name for one in options])}"
