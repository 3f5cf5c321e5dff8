"""The manual pages tell everything that the command line knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import typer.main
from typer.core import TyperGroup, TyperOption

from beacon.cli.app import command_line
from beacon.definition.beacon_toml import decode_settings
from beacon.definition.notifying import PARSERS as TARGET_KEYS
from beacon.definition.publishing import PARSERS
from beacon.definition.settings import Settings
from beacon.errors import ExitStatus
from beacon.model.event import EventKind
from beacon.model.outcome import OutcomeKind

TREE = Path(__file__).parents[3]
PAGE = (TREE / "docs/beacon.1.md").read_text(encoding="utf-8").replace("\\-", "-")


def test_every_verb_has_an_entry_with_its_options() -> None:
    missing = []
    for name, parameters in commands().items():
        said = entry(name)
        if not said:
            missing.append(name)
        missing += [f"{name} {option}" for option in options(parameters) if f"**{option}**" not in said]
    assert missing == []


def test_options_of_the_whole_command_are_explained() -> None:
    said = section("OPTIONS")
    assert [option for option in options(group().params) if f"**{option}**" not in said] == []


def test_no_verb_is_told_of_that_is_not_there() -> None:
    told = {name for line in signatures() for name in re.findall(r"\*\*([a-z][a-z -]+)\*\*", line)}
    assert told == set(commands())


def test_every_exit_status_is_explained() -> None:
    told = {int(number) for number in re.findall(r"^\*\*(\d+)\*\*", section("EXIT STATUS"), re.MULTILINE)}
    assert {int(status) for status in ExitStatus} <= told
    assert {int(kind.status) for kind in OutcomeKind} <= told


def test_every_event_is_listed_with_its_id() -> None:
    told = re.findall(r"^\*\*(\S+)\*\*, (\w+)\n:   ([0-9a-f]{32})$", section("NOTES"), re.MULTILINE)
    assert told == [(kind.word, kind.priority.name.lower(), kind.message_id) for kind in EventKind]


def test_the_pages_name_the_outcomes() -> None:
    said = (TREE / "docs/states.md").read_text(encoding="utf-8")
    assert [kind.word for kind in OutcomeKind if kind.word not in said] == []


def test_the_machine_s_configuration_is_shipped_and_explained_whole() -> None:
    shipped = (TREE / "packaging/beacon.toml").read_text(encoding="utf-8")
    assert decode_settings(shipped, file="beacon.toml") == Settings()
    used = re.sub(r"^#(?=[a-z\[])", "", shipped, flags=re.MULTILINE)
    settings = decode_settings(used, file="beacon.toml")
    defaults = Settings()
    assert settings.auth_file == "/etc/beacon/auth.json"
    assert settings.registry_deadline == defaults.registry_deadline
    assert settings.registry_reserve == defaults.registry_reserve
    page = (TREE / "docs/beacon.toml.5.md").read_text(encoding="utf-8")
    assert settings.publish == decode_settings("[publish.redis]", file="beacon.toml").publish
    keys = [f"publish.{kind}.{key}" for kind, parsers in PARSERS.items() for key in parsers]
    assert [key for key in keys if f"**{key}**" not in page] == []
    assert [target.name for target in settings.notify] == ["phone"]
    assert [key for key in TARGET_KEYS if f"**notify.*NAME*.{key}**" not in page] == []
    for key in set(Settings.__struct_fields__) - {"publish", "notify"}:
        dotted = key.replace("registry_", "registry.").replace("update_", "update.")
        assert f"**{dotted}**" in page
        assert f"\n#{dotted.partition('.')[2] or dotted} =" in shipped


def group() -> TyperGroup:
    """Return the command line."""
    command = typer.main.get_command(command_line())
    assert isinstance(command, TyperGroup)
    return command


def commands(of: TyperGroup | None = None, prefix: str = "") -> dict[str, list[object]]:
    """Return the parameters of every verb by its name; that of one in a group is ``endpoint list``."""
    found: dict[str, list[object]] = {}
    for name, command in (of or group()).commands.items():
        if isinstance(command, TyperGroup):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[f"{prefix}{name}"] = list(command.params)
    return found


def options(parameters: Iterable[object]) -> list[str]:
    """Return all names of the options among a command's parameters."""
    return [
        name
        for parameter in parameters
        if isinstance(parameter, TyperOption) and not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
    ]


def signatures() -> list[str]:
    """Return the lines of VERBS that begin an entry."""
    return re.findall(r"^\*\*[a-z].*$", section("VERBS"), re.MULTILINE)


def entry(verb: str) -> str:
    """Return what is said of a verb: its signature and the paragraphs below it."""
    for part in re.split(r"^(?=\*\*[a-z]|## )", section("VERBS"), flags=re.MULTILINE):
        if f"**{verb}**" in part.partition("\n")[0]:
            return part
    return ""


def section(title: str) -> str:
    """Return a section of beacon(1)."""
    match = re.search(rf"^# {title}$(.*?)(?=^# |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]
