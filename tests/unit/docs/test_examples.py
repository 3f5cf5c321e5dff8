"""Every command line that README.md and the manual pages show is one that beacon takes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from beacon.cli.app import command_line
from beacon.words import hoist
from tests.examples import HOUSEHOLD, PAGES, blocks, calls, scenes, spoken

WRONG: Any = typer.BadParameter.__bases__[0]
"""What a parser raises, whether typer brings its own or uses click."""

SHOWN = [
    pytest.param(words, id=f"{page.name}: {' '.join(words)}")
    for page in PAGES
    for block in blocks(page)
    for line in block.lines
    for words in calls(line)
]
SHOWN += [
    pytest.param(words, id=f"{HOUSEHOLD.name}: {' '.join(words)}")
    for scene in scenes(HOUSEHOLD)
    for command in scene.commands
    for words in calls(command.replace("\\\n", " "))
]
SPOKEN = [
    pytest.param(words, id=f"{page.name}: {' '.join(words)}")
    for page in (*PAGES, HOUSEHOLD)
    for words in spoken(page)
]


@pytest.mark.parametrize("words", SHOWN)
def test_what_is_shown_parses(words: Sequence[str]) -> None:
    assert fault(words) == ""


@pytest.mark.parametrize("words", SPOKEN)
def test_what_is_spoken_of_parses_but_for_what_is_left_out(words: Sequence[str]) -> None:
    assert fault(words).partition(":")[0] in {"", "MissingParameter"}


def test_there_are_some() -> None:
    assert len(SHOWN) > 20
    assert len(SPOKEN) > 20


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("beacon shwo web", "NoSuchVerb"),
        ("beacon show --effektive web", "NoSuchOption"),
        ("sudo beacon hold", "MissingParameter"),
        ("cat /etc/hosts | sudo beacon --sytem status", "NoSuchVerb"),
        ("beacon doctor && beacon logs web --lines many", "BadParameter"),
    ],
)
def test_a_wrong_one_does_not(line: str, told: str) -> None:
    assert [fault(words).partition(":")[0] for words in calls(line)][-1] == told


@functools.cache
def whole() -> Any:  # noqa: ANN401  # typer's own click, or click's
    """Return the command line."""
    return typer.main.get_command(command_line())


def fault(words: Sequence[str]) -> str:
    """Parse the words of a call, and call nothing; return what is wrong with them."""
    command, left = whole(), hoist(list(words))
    known = {name for option in command.params for name in option.opts} | {"--help", "-h"}
    while left and left[0].partition("=")[0] in known:
        left.pop(0)
    while isinstance(command, TyperGroup) and left:
        name = left.pop(0)
        if name not in command.commands:
            return f"NoSuchVerb: {name}"
        command = command.commands[name]
    try:
        if not isinstance(command, TyperGroup):
            command.make_context("beacon", left)
    except WRONG as error:
        return f"{type(error).__name__}: {error}"
    return ""
