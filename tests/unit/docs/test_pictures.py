"""The page of the household has its pictures, and they show what it has its reader type."""

from __future__ import annotations

import html
import re

from tests.examples import HOUSEHOLD, TREE, scenes

PICTURES = HOUSEHOLD.parent / "screens"


def test_each_picture_is_there_and_no_other() -> None:
    named = [name for scene in scenes(HOUSEHOLD) for name in scene.pictures]
    assert sorted(named) == sorted(path.stem for path in PICTURES.iterdir())


def test_each_picture_shows_the_commands_of_the_page() -> None:
    wrong = [
        f"{name}: {command}; `make screens` draws it anew"
        for scene in scenes(HOUSEHOLD)
        for name in scene.pictures
        for command in scene.commands
        if not all(line.strip() in shown(name) for line in command.split("\n"))
    ]
    assert wrong == []


def test_links_of_the_page_lead_somewhere() -> None:
    text = HOUSEHOLD.read_text(encoding="utf-8")
    targets = set(re.findall(r"\]\(([^)#:]+)\)", text))
    assert [target for target in targets if not (HOUSEHOLD.parent / target).exists()] == []
    assert "](docs/household.md)" in (TREE / "README.md").read_text(encoding="utf-8")


def shown(name: str) -> str:
    """Return the text of a picture, without its rows' ends."""
    drawn = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    return html.unescape(re.sub(r"<[^>]*>", "", drawn[drawn.index("<text") :])).replace("\xa0", " ")
