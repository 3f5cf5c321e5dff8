"""The command lines that README.md and the manual pages show, taken out of the Markdown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).parents[1]
HOUSEHOLD = TREE / "docs/household.md"
PAGES = (TREE / "README.md", *sorted((TREE / "docs").glob("beacon*.md")))
_LISTS = ("    **", "    :")
_SEPARATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<"}


@dataclass(frozen=True)
class Block:
    """An indented block of a page, below the heading *section*; its lines are as they are written."""

    page: str
    section: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}, {self.section}: {self.lines[0]}"


def blocks(page: Path) -> list[Block]:
    """Return the indented blocks of a page; entries of nested definition lists are none."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    section, found = page.name, []
    for part in re.split(r"\n{2,}", text):
        if heading := re.match(r"#+ (.*)", part):
            section = heading[1]
        lines = part.strip("\n").splitlines()
        if lines and all(line.startswith("    ") for line in lines) and not lines[0].startswith(_LISTS):
            found.append(Block(page.name, section, tuple(line[4:].rstrip() for line in lines)))
    return found


@dataclass
class Scene:
    """Commands of a page and the pictures of them: the last is of the screen at the end."""

    commands: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the last picture is called."""
        return self.pictures[-1]


def scenes(page: Path) -> Iterator[Scene]:
    """Yield what a page has its reader type; a command may take several lines."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    scene = Scene()
    for part in re.split(r"\n{2,}", text):
        if picture := re.fullmatch(r"!\[.+\]\(screens/(.*)\.svg\)", part.strip("\n")):
            scene.pictures.append(picture[1])
        elif part.startswith("    "):
            if scene.pictures:
                yield scene
                scene = Scene()
            scene.commands += re.split(r"(?<!\\)\n", re.sub(r"^    ", "", part, flags=re.MULTILINE).rstrip())
    yield scene


def fenced(page: Path, language: str) -> str:
    """Return the only block of a page that is fenced as *language*."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words of each call of beacon in lines of shell."""
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word not in _SEPARATORS:
                words.append(word)
                continue
            while words and (words[0] in {"sudo", "exec"} or re.fullmatch(r"\w+=.*", words[0])):
                words.pop(0)
            if words and words[0].rpartition("/")[2] == "beacon":
                yield words[1:]
            words = []


def spoken(page: Path) -> Iterator[list[str]]:
    """Yield the words of each call that is set in the running text, with its options and arguments."""
    text = page.read_text(encoding="utf-8").replace("\\-", "-")
    for found in re.findall(r"`((?:sudo )?beacon [^`]*)`|\*\*((?:sudo )?beacon [^*]*)\*\*", text):
        yield from calls(found[0] or found[1])
