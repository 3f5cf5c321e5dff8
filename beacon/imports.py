"""Imports that cost less: a command that runs every few minutes pays for each of them every time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def missing(module: str) -> Iterator[None]:
    """Have imports within the block behave as if *module* were not installed.

    For what a library imports where it finds it, and only to do more than it is asked to.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # importlib's own sign for it
    try:
        yield
    finally:
        del sys.modules[module]
