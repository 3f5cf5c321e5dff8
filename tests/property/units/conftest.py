"""Tests against the real generator exist where there is one."""

from __future__ import annotations

from tests.golden.conftest import GENERATOR

collect_ignore = [] if GENERATOR is not None else ["test_any_string_generator.py"]
