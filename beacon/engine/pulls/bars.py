"""How far a pull by docker has come, by the bars that it draws on a terminal."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LAYER = re.compile(r"([0-9a-f]{12}): ([A-Z][A-Za-z ]*[a-z])")
_BYTES = re.compile(r"([0-9.]+)([kMGT]?B)(?:/([0-9.]+)([kMGT]?B))?$")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_COMING, _THERE = "Downloading", "Already exists"
_BEFORE = ("Pulling fs layer", "Waiting", _COMING, "Retrying")


class Bars:
    """The layers of one pull, as far as they have come."""

    def __init__(self) -> None:
        self._come: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    @property
    def fetched(self) -> int | None:
        """How many bytes have come; None until one layer has been told of."""
        return sum(self._come.values()) if self._come else None

    def read(self, line: str) -> None:
        """Take note of what docker writes: ``9c61030271ba: Downloading [==>   ]  12.3MB/99.8MB``."""
        text = _CONTROLS.sub("", line).strip()
        found = _LAYER.match(text)
        if found is None:
            return
        layer, state = found.groups()
        if state.startswith(_COMING) and (sizes := _BYTES.search(text)) is not None:
            self._come[layer] = _number(sizes[1], sizes[2])
            if sizes[3]:
                self._sizes[layer] = _number(sizes[3], sizes[4])
        elif not state.startswith((*_BEFORE, _THERE)):  # it is checked, unpacked or done
            self._come[layer] = self._sizes.get(layer, self._come.get(layer, 0))
        else:
            self._come.setdefault(layer, 0)


def _number(digits: str, unit: str) -> int:
    return round(float(digits) * _UNITS[unit])
