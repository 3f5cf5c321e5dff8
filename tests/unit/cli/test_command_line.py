"""The command line: all of its verbs for help and completions, the one that is called for a run."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main
from typer.core import TyperGroup

from beacon.cli.app import command_line


def verbs(*called: str) -> set[str]:
    """Return the verbs of the command line that is made for the words *called*; ``group verb`` in a group."""
    found = set()
    whole = typer.main.get_command(command_line(called))
    assert isinstance(whole, TyperGroup)
    for name, command in whole.commands.items():
        inner = command.commands if isinstance(command, TyperGroup) else {"": None}
        found |= {f"{name} {verb}".strip() for verb in inner}
    return found


ALL = verbs()


def test_all_verbs_are_there_where_none_of_them_is_called() -> None:
    assert {"add", "endpoint list", "import", "update", "wait-healthy"} <= ALL
    assert verbs("upadte") == verbs("endpoint") == verbs("endpoint", "chek") == ALL


@pytest.mark.parametrize("verb", sorted(ALL))
def test_one_that_is_called_is_there_alone(verb: str) -> None:
    assert verbs(*verb.split(), "web") == {verb}


def lines(app: typer.Typer) -> dict[str, str]:
    """Return what help says of each verb."""
    whole = typer.main.get_command(app)
    assert isinstance(whole, TyperGroup)
    groups = {"": whole} | {name: one for name, one in whole.commands.items() if isinstance(one, TyperGroup)}
    return {
        f"{group} {name}".strip(): command.get_short_help_str(200)
        for group, one in groups.items()
        for name, command in one.commands.items()
    }


def test_help_says_the_same_without_loading_the_verbs() -> None:
    assert lines(command_line(())) == lines(command_line())
    code = "import sys; from beacon.cli.app import command_line; command_line(()); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "beacon.operations.apply" not in done.stdout.split()
