"""Imports that cost less: a command that runs every few minutes pays for each of them every time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext


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


@contextlib.contextmanager
def unread(contexts: type[SSLContext]) -> Iterator[None]:
    """Have imports within the block make TLS contexts without reading the system's authorities into them.

    requests 2.32 makes one when it is imported, for connections that bring none of their own: 15 ms. The
    transport brings its own.
    """
    read = contexts.load_verify_locations
    contexts.load_verify_locations = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        contexts.load_verify_locations = read  # type: ignore[method-assign]
