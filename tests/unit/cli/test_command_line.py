"""The command line: all of its verbs for help and completions, the one that is called for a run."""

from __future__ import annotations

import pytest
import typer.main
from typer.core import TyperGroup

from beacon.cli.app import command_line


def verbs(called: str | None = None) -> set[str]:
    """Return the verbs and groups of the command line that is made for a call of *called*."""
    group = typer.main.get_command(command_line(called))
    assert isinstance(group, TyperGroup)
    return set(group.commands)


ALL = verbs()


def test_all_verbs_are_there_where_none_of_them_is_called() -> None:
    assert {"add", "endpoint", "import", "update", "wait-healthy"} <= ALL
    assert verbs("upadte") == ALL


@pytest.mark.parametrize("verb", sorted(ALL))
def test_one_that_is_called_is_there_alone(verb: str) -> None:
    assert verbs(verb) == {verb}
