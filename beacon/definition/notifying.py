"""``[notify.*]`` of beacon.toml: who is notified of what happens, and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from beacon.definition.grammar.strings import absolute_path, command, did_you_mean, shown
from beacon.definition.grammar.values import windows
from beacon.model.notifying.target import Target, Topic
from beacon.model.sensitive import Sensitive

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_WAYS = ("url", "url_file", "command")


def _url(value: object) -> Sensitive:
    if not isinstance(value, str) or not _URL.fullmatch(value):  # which is not shown: it may hold a password
        raise ValueError("must be a URL of Apprise such as 'ntfys://ntfy.sh/topic', in one line")
    return Sensitive(value)


def _events(value: object) -> tuple[Topic, ...]:
    given = value if isinstance(value, list) else [value]
    known = [str(topic) for topic in Topic]
    for one in given:
        if one not in known:
            near = did_you_mean(one, known) if isinstance(one, str) else ""
            raise ValueError(f"must be of {', '.join(known)}, not {shown(one)}{near}")
    return tuple(topic for topic in Topic if topic in given)


def _time(value: object) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError(f"must be a time such as '08:00', not {shown(value)}")
    return value


PARSERS: Mapping[str, Callable[[object], object]] = {
    "url": _url,
    "url_file": absolute_path,
    "command": command,
    "events": _events,
    "daily": _time,
    "quiet": windows,
}


def decode_targets(value: object) -> tuple[tuple[Target, ...], list[str]]:
    """Return what the table ``notify`` says, and ``key: problem`` of all that is wrong with it."""
    if not isinstance(value, dict):
        return (), ["notify: must be tables such as [notify.phone]"]
    found: list[Target] = []
    problems: list[str] = []
    for name, table in value.items():
        key = f"notify.{name}"
        if not isinstance(table, dict):
            problems.append(f"{key}: must be in a table with a name of its own, such as [notify.phone]")
            continue
        values, wrong = _decode(key, table)
        if not _NAME.fullmatch(name):
            wrong.append(f"{key}: must have a name of lower-case letters, digits, '-' and '_'")
        problems += wrong
        if not wrong:
            found.append(Target(name, **values))  # type: ignore[arg-type]  # what the parsers return
    return tuple(found), problems


def _decode(name: str, table: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    values: dict[str, object] = {}
    problems: list[str] = []
    for key, value in table.items():
        if key not in PARSERS:
            near = did_you_mean(key, list(PARSERS))
            problems.append(f"{name}.{key}: unknown key{near}")
            continue
        try:
            values[key] = PARSERS[key](value)
        except ValueError as error:
            problems.append(f"{name}.{key}: {error}")
    return values, [*problems, *_ways(name, table)]


def _ways(name: str, table: Mapping[str, object]) -> Iterator[str]:
    ways = [way for way in _WAYS if way in table]
    if not ways:
        yield f"{name}: must have a url, a url_file or a command"
    elif len(ways) > 1:
        yield f"{name}: must have one of {' and '.join(ways)} alone"
