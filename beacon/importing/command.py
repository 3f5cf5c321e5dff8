"""A ``docker run`` or ``podman run`` command → a service, by way of what it is in compose."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from beacon.definition.grammar.strings import did_you_mean
from beacon.errors import DefinitionError
from beacon.formats.jsontext import read_json
from beacon.formats.node import Node, Place, plant
from beacon.importing import flags
from beacon.importing.alone import import_alone
from beacon.importing.compose.process import qualified
from beacon.importing.compose.reading.files import Source
from beacon.importing.names import slug
from beacon.importing.node import ImportNote, Log
from beacon.importing.result import Imported
from beacon.model.notice import NoteKind

FILE = "the command"
_ENGINES = {"docker", "podman", "nerdctl"}
_SHELL = re.compile(r"\$\(pwd\)|\$\{PWD\}|\$PWD\b|`pwd`")
_MODES = {"host", "none", "bridge", "default", "private", "slirp4netns", "pasta"}


@dataclass(slots=True)
class _Reading:
    """What the options of a command have come to so far."""

    log: Log
    source: Source
    name: str = ""
    fields: dict[str, Node] = field(default_factory=dict)
    raw: list[str] = field(default_factory=list)

    def note(self, key: str, kind: NoteKind, text: str) -> None:
        self.log.note(ImportNote("", key, kind, text))

    def fault(self, key: str, problem: str) -> None:
        self.log.fault(Place(FILE), key, problem)

    def put(self, key: str, value: object, label: str) -> None:
        self.fields[key] = plant(value, Place(FILE, 0, label))

    def append(self, key: str, value: object, label: str) -> None:
        place = Place(FILE, 0, label)
        held = self.fields.get(key)
        items = held.value if held is not None and isinstance(held.value, list) else []
        self.fields[key] = Node([*items, plant(value, place)], place)

    def place_in(self, key: str, inner: str, value: object, label: str) -> None:
        place = Place(FILE, 0, label)
        held = self.fields.get(key)
        fields = held.value if held is not None and isinstance(held.value, dict) else {}
        self.fields[key] = Node({**fields, inner: plant(value, place)}, place)


def import_command(text: str, source: Source, name: str | None = None) -> Imported:
    """Return the definition that *text* amounts to, and the report.

    Raises DefinitionError with every fault of the command.
    """
    log = Log()
    reading = _Reading(log, source)
    rest = _options(_words(text, source, reading), reading)
    if not rest and not log.faults:
        reading.fault("", "must name an image")
    if log.faults:
        raise DefinitionError(log.faults)
    image, *command = rest
    reading.put("image", image, "IMAGE")
    if command:
        reading.put("command", command, "COMMAND")
    service = slug(name or reading.name or _name_of(image))
    return import_alone(
        service, Node(reading.fields, Place(FILE)), f"the command {_shown(text)}", source, log, reading.raw
    )


def _shown(text: str) -> str:
    """Return the engine and verb of the command: its options may hold passwords."""
    words = text.split()
    return " ".join(word for word in words[:3] if word in _ENGINES | {"run", "create"}) or "line"


def _name_of(image: str) -> str:
    try:
        return qualified(image).repository.rpartition("/")[2]
    except ValueError:
        return "service"


def _words(text: str, source: Source, reading: _Reading) -> list[str]:
    """Return the words behind ``run``; continued lines are one."""
    joined = re.sub(r"\\[ \t]*\r?\n", " ", text)
    joined = _SHELL.sub(lambda _: source.folder, joined)
    try:
        words = shlex.split(joined)
    except ValueError:
        reading.fault("", "must have its quotes closed, as for a shell")
        return []
    while words[:1] in (["sudo"], ["$"], ["#"]):
        words = words[1:]
    if words[:1] and words[0].rpartition("/")[2] in _ENGINES:
        words = words[1:]
    if words[:1] == ["container"]:
        words = words[1:]
    if words[:1] not in (["run"], ["create"]):
        reading.fault("", "must be a docker run or podman run command")
        return []
    for word in words:
        if re.search(r"\$\(|`", word):
            reading.note(word, NoteKind.CHANGED, "taken as it stands; only a shell would run what it holds")
    return words[1:]


def _options(words: list[str], reading: _Reading) -> list[str]:
    """Read the options, and return what is behind them: the image and its command."""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        for flag, value in _split(word, rest, reading):
            _apply(flag, value, reading)
    return rest


def _split(word: str, rest: list[str], reading: _Reading) -> Iterator[tuple[str, str | None]]:
    """Yield the options in *word*, each with its value, which may be the next of *rest*."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        yield from _one(name, value if equals else None, f"--{name}", rest, reading)
        return
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        name = flags.SHORT.get(letter, letter)
        if name in flags.WITH_VALUE and letters:
            yield name, letters.removeprefix("=")
            return
        yield from _one(name, None, f"-{letter}", rest, reading)


def _one(
    name: str, value: str | None, written: str, rest: list[str], reading: _Reading
) -> Iterator[tuple[str, str | None]]:
    name = flags.OTHER_WORDS.get(name, name)
    if name in flags.WITHOUT_VALUE:
        yield name, value
    elif name in flags.WITH_VALUE:
        if value is None and not rest:
            reading.fault(written, "must have a value")
            return
        yield name, rest.pop(0) if value is None else value
    elif value is not None:
        reading.note(written, NoteKind.DROPPED, f"{value!r}: no option of docker run or podman run")
    else:
        near = did_you_mean(name, sorted(flags.WITH_VALUE | flags.WITHOUT_VALUE))
        reading.fault(
            written, f"must be an option of docker run or podman run{near}; write --x=y where it has a value"
        )


def _apply(flag: str, value: str | None, reading: _Reading) -> None:
    label = f"--{flag}"
    if value is None or flag in flags.WITHOUT_VALUE:
        _switch(flag, label, reading, on=value is None or value.lower() in {"true", "1", "t"})
    elif flag in flags.LISTS:
        reading.append(flags.LISTS[flag], _listed(flag, value, reading), label)
    elif flag in flags.VALUES:
        reading.put(flags.VALUES[flag], value, label)
    elif flag in flags.HEALTH:
        test = read_json(value) if flag == "health-cmd" and _is_json_list(value) else value
        test = ["CMD", *test] if isinstance(test, list) and test[:1] not in (["CMD"], ["CMD-SHELL"]) else test
        reading.place_in("healthcheck", flags.HEALTH[flag], test, label)
    elif flag in flags.IGNORED:
        reading.note(label, NoteKind.DROPPED, flags.IGNORED[flag])
    elif flag in flags.RAW:
        reading.raw.append(f"{label}={value}")
    else:
        _special(flag, value, label, reading)


def _switch(flag: str, label: str, reading: _Reading, *, on: bool) -> None:
    if flag in flags.SWITCHES:
        reading.put(flags.SWITCHES[flag], on, label)
    elif flag == "no-healthcheck":
        reading.put("healthcheck", {"disable": on}, label)
    elif flag in flags.RAW_SWITCHES:
        reading.raw.append(label if on else f"{label}=false")
    elif flag in flags.IGNORED_SWITCHES:
        reading.note(label, NoteKind.DROPPED, flags.IGNORED_SWITCHES[flag])


def _listed(flag: str, value: str, reading: _Reading) -> str:
    """Return one of several values; relative paths become absolute."""
    if flag == "volume" and value.startswith((".", "~")):
        path, colon, rest = value.partition(":")
        return reading.source.absolute(path, reading.source.folder) + colon + rest
    if flag == "label-file":
        return reading.source.absolute(value, reading.source.folder)
    return value


def _special(flag: str, value: str, label: str, reading: _Reading) -> None:
    match flag:
        case "name":
            reading.name = value
        case "entrypoint":
            reading.put(
                "entrypoint", read_json(value) if _is_json_list(value) else [value] * bool(value), label
            )
        case "env-file":
            path = reading.source.absolute(value, reading.source.folder)
            reading.append("env_file", {"path": path, "format": "raw"}, label)
        case "log-driver":
            reading.place_in("logging", "driver", value, label)
        case "log-opt":
            _log_option(value, label, reading)
        case "mount":
            _mount(value, label, reading)
        case "network":
            _network(value, label, reading)
        case "secret":
            _secret(value, label, reading)
        case "stop-timeout":
            reading.put("stop_grace_period", value if not value.isdigit() else f"{value}s", label)
        case _:
            _ulimit(value, label, reading)


def _is_json_list(value: str) -> bool:
    try:
        found = read_json(value)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(word, str) for word in found)


def _log_option(value: str, label: str, reading: _Reading) -> None:
    key, _, text = value.partition("=")
    held = reading.fields.get("logging")
    options = held.get("options") if held is not None else None
    known = (
        {name: node.value for name, node in options.value.items()}
        if options and isinstance(options.value, dict)
        else {}
    )
    reading.place_in("logging", "options", {**known, key: text}, label)


def _ulimit(value: str, label: str, reading: _Reading) -> None:
    name, _, limit = value.partition("=")
    soft, _, hard = limit.partition(":")
    reading.place_in("ulimits", name, {"soft": soft, "hard": hard or soft} if hard else limit, label)


def _network(value: str, label: str, reading: _Reading) -> None:
    name, colon, options = value.partition(":")
    if name in _MODES or name in {"container", "ns"}:
        if colon and name not in {"container", "ns"}:
            reading.note(label, NoteKind.DROPPED, f"its options {options}: give them in [podman] args")
            value = name
        reading.put("network_mode", value, label)
        return
    if colon:
        reading.note(label, NoteKind.DROPPED, f"its options {options}: Beacon's networks have none")
    reading.append("networks", name, label)


def _mount(value: str, label: str, reading: _Reading) -> None:
    """Read ``type=bind,source=…,target=…`` as the long form of a volume."""
    found: dict[str, object] = {}
    bind: dict[str, object] = {}
    memory: dict[str, object] = {}
    for part in next(csv.reader([value]), []):
        key, equals, text = part.partition("=")
        match key:
            case "type":
                found["type"] = text
            case "source" | "src":
                path = (
                    text
                    if not text.startswith((".", "~"))
                    else reading.source.absolute(text, reading.source.folder)
                )
                found["source"] = path
            case "target" | "dst" | "destination":
                found["target"] = text
            case "readonly" | "ro":
                found["read_only"] = text if equals else True
            case "bind-propagation":
                bind["propagation"] = text
            case "relabel":
                bind["selinux"] = {"shared": "z", "private": "Z"}.get(text, text)
            case "tmpfs-size" | "tmpfs-mode":
                memory[key.removeprefix("tmpfs-")] = text
            case _:
                reading.note(label, NoteKind.DROPPED, f"its field {part}: Beacon does not know it")
    found |= {key: fields for key, fields in (("bind", bind), ("tmpfs", memory)) if fields}
    reading.append("volumes", {"type": "volume", **found}, label)


def _secret(value: str, label: str, reading: _Reading) -> None:
    """Read Podman's ``NAME,type=env,target=VARIABLE``, and docker's ``id=…``, which is for builds."""
    name, *parts = value.split(",")
    found = {"source": name}
    for part in parts:
        key, _, text = part.partition("=")
        if key in {"type", "target", "uid", "gid", "mode"}:
            found[key] = text
        else:
            reading.note(label, NoteKind.DROPPED, f"its field {part}: Beacon does not know it")
    reading.append("secrets", found, label)
