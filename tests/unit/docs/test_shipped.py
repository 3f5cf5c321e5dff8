"""What the package ships agrees with the code: versions, the journal's catalog, completions."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest

from beacon import __version__
from beacon.cli.app import command_line
from beacon.model.event import EventKind

TREE = Path(__file__).parents[3]
PACKAGING = TREE / "packaging"


@pytest.fixture(scope="module")
def completions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of completions, as the package's build makes it."""
    folder = tmp_path_factory.mktemp("completions")
    runpy.run_path(str(PACKAGING / "completions.py"))["main"](folder)
    return folder


def test_the_package_has_the_version_of_the_program() -> None:
    changelog = (PACKAGING / "debian/changelog").read_text(encoding="utf-8")
    assert re.match(r"beacon \((.*?)\)", changelog) is not None
    assert changelog.startswith(f"beacon ({__version__})")


def test_every_event_has_an_entry_in_the_catalog_and_no_other_has() -> None:
    catalog = (PACKAGING / "beacon.catalog").read_text(encoding="utf-8")
    ids = re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.MULTILINE)
    assert sorted(ids) == sorted(kind.message_id for kind in EventKind)


def test_catalog_entries_are_whole() -> None:
    catalog = (PACKAGING / "beacon.catalog").read_text(encoding="utf-8")
    known = {"BEACON_SERVICE", "BEACON_RELEASE", "BEACON_DIGEST", "BEACON_PREVIOUS_DIGEST", "FIELDS"}
    assert set(re.findall(r"@(\w+)@", catalog)) <= known
    for text in re.split(r"^-- [0-9a-f]{32}$", catalog, flags=re.MULTILINE)[1:]:
        header, _, body = text.strip().partition("\n\n")
        assert re.match(r"Subject: .+\nDefined-By: Beacon\nDocumentation: man:beacon", header)
        assert body
        assert max(map(len, body.splitlines())) <= 80


def test_every_verb_is_completed_in_every_shell(completions: Path) -> None:
    app = command_line()
    verbs = {str(command.name) for command in app.registered_commands if not command.hidden}
    verbs |= {str(group.name) for group in app.registered_groups}
    inner = [group.typer_instance for group in app.registered_groups if group.typer_instance]
    verbs |= {str(command.name) for group in inner for command in group.registered_commands}
    for path in ("bash/beacon", "zsh/_beacon", "fish/beacon.fish"):
        text = (completions / path).read_text(encoding="utf-8")
        assert [verb for verb in verbs if not re.search(rf"\b{verb}\b", text)] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("beacon sta", {"start", "stats", "status"}),
        ("beacon --us", {"--user"}),
        ("beacon -q update --ret", {"--retry"}),
        ("beacon render --output ", None),
        ("beacon add --env ", set()),
        ("beacon history --js", {"--json"}),
        ("beacon endp", {"endpoint"}),
        ("beacon endpoint l", {"list"}),
        ("beacon --user endpoint list --js", {"--json"}),
    ],
)
def test_bash_completes(completions: Path, line: str, expected: set[str] | None) -> None:
    found = completed(completions, line, TREE)
    assert found == expected if expected is not None else "beacon" in found


def test_bash_completes_services_and_installed_apps(completions: Path, tmp_path: Path) -> None:
    for kind, name in (("services", "shop-db"), ("apps", "shop")):
        folder = tmp_path / ".config/beacon" / kind
        folder.mkdir(parents=True)
        (folder / f"{name}.toml").touch()
    assert completed(completions, "beacon stop sho", tmp_path) == {"shop-db"}
    assert completed(completions, "beacon app stop sho", tmp_path) == {"shop"}
    assert completed(completions, "beacon app do sho", tmp_path) == {"shop"}


def completed(completions: Path, line: str, home: Path) -> set[str]:
    """Return what bash proposes for the last word of *line*, in the home folder of its user."""
    words = line.split(" ")
    script = f'. {completions}/bash/beacon; _beacon; printf "%s\\n" "${{COMPREPLY[@]}}"'
    quoted = " ".join(f"'{word}'" for word in words)
    before = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
    said = subprocess.run(
        ["bash", "-c", before + script],
        capture_output=True,
        text=True,
        check=True,
        cwd=TREE,
        env={**os.environ, "HOME": str(home)},
    )
    return set(said.stdout.split())
