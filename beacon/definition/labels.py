"""What an image may ask for by labels: defaults for keys that cannot harm the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from beacon.definition.grammar import portspec, quantities, strings, values
from beacon.definition.grammar.values import RESERVED_LABELS
from beacon.errors import DefinitionError, Fault
from beacon.model.image import ImageConfig
from beacon.model.service import Apply, HealthAction

_TRUTH = {"true": True, "false": False}


def _boolean(text: str) -> bool:
    if text not in _TRUTH:
        raise ValueError(f"must be true or false, not {text!r}")
    return _TRUTH[text]


def _whole(text: str, low: int, high: int) -> int:
    return strings.integer(int(text) if text.isascii() and text.isdigit() else text, low, high)


def _tmpfs(text: str) -> tuple[str, ...]:
    return tuple(values.tmpfs(word) for word in text.split())


def _ask(text: str) -> Apply:
    if text != Apply.ASK:  # whether anybody is asked at all is not the image's to say
        raise ValueError(f"must be ask, not {text!r}")
    return Apply.ASK


_PORT = partial(_whole, low=1, high=portspec.MAX_PORT)

READERS: Mapping[str, Callable[[str], object]] = {
    "description": strings.line,
    "init": _boolean,
    "read_only": _boolean,
    "tmpfs": _tmpfs,
    "health.command": strings.health_command,
    "health.http.port": _PORT,
    "health.http.path": values.status_path,
    "health.tcp": _PORT,
    "health.disable": _boolean,
    "health.interval": values.time_of_check,
    "health.timeout": values.time_of_check,
    "health.start_period": quantities.duration,
    "health.retries": partial(_whole, low=1, high=1000),
    "health.on_failure": values.one_of(HealthAction),
    "stop.timeout": quantities.duration,
    "stop.signal": strings.signal_name,
    "update.settle": quantities.duration,
    "update.apply": _ask,
}
"""The keys that are honoured, each written as in a definition; lists are words."""

PROBES = ("health.command", "health.http.port", "health.tcp", "health.disable")


def read_labels(image: ImageConfig, source: str) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the keys that the image's labels give, and a note for each label that is not honoured.

    Raises DefinitionError with every label whose value is wrong; *source* names the image in it.
    """
    given: dict[str, object] = {}
    faults: list[Fault] = []
    notes: list[str] = []
    for label, text in sorted(image.labels.items()):
        if not label.startswith(RESERVED_LABELS):
            continue
        key = label.removeprefix(RESERVED_LABELS)
        if key == "endpoints":
            continue  # read with the definition, which says how and may override it
        if key not in READERS:
            notes.append(f"label {label} of the image is not honoured: an image cannot set {key}")
            continue
        try:
            given[key] = READERS[key](text)
        except ValueError as fault:
            faults.append(Fault(source, f"label {label}", str(fault)))
    faults += _contradictions(given, source)
    if faults:
        raise DefinitionError(faults)
    return given, tuple(notes)


def _contradictions(given: Mapping[str, object], source: str) -> list[Fault]:
    chosen = [key for key in PROBES if key in given and given[key] is not False]
    faults = []
    if len(chosen) > 1:
        labels = " and ".join(RESERVED_LABELS + key for key in chosen)
        faults.append(
            Fault(source, f"label {RESERVED_LABELS}{chosen[0]}", f"must be the only check, not {labels}")
        )
    if "health.http.path" in given and "health.http.port" not in given:
        faults.append(
            Fault(source, f"label {RESERVED_LABELS}health.http.port", "must be given with health.http.path")
        )
    return faults
