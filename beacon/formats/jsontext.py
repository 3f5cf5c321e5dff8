"""JSON of others: whatever it holds, it is read or a ValueError says why not."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(written: str | bytes) -> Any:  # noqa: ANN401  # as json.loads
    """Return what a JSON text holds; ValueError also where it nests without end or has half a surrogate."""
    string = written if isinstance(written, str) else written.decode(json.detect_encoding(written))
    try:
        found = json.loads(string)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _HALF_PAIR.search(string):
        json.dumps(
            found, ensure_ascii=False
        ).encode()  # what is no text raises UnicodeEncodeError, a ValueError
    return found
