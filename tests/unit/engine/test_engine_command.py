"""Commands of an engine, and what they print."""

from __future__ import annotations

import os

from beacon.engine.command import run, stream

LATIN = ["printf", r"f\374r"]


def test_what_is_not_utf_8_is_read_all_the_same() -> None:
    told: list[str] = []
    assert run(LATIN, os.environ) == "f\N{REPLACEMENT CHARACTER}r"
    assert stream(LATIN, os.environ, told.append, both=True) == ""
    assert told == ["f\N{REPLACEMENT CHARACTER}r"]
