"""What README.md shows is what Beacon makes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from beacon.cli.app import command_line
from beacon.definition.decode import decode
from beacon.definition.effective import effective
from beacon.definition.encode import new_definition
from beacon.model.image import ImageConfig, Platform
from beacon.model.machine import Engine, EngineVersion, MachineFacts, Scope
from beacon.model.reference import Digest
from beacon.units.render import TEMPLATE_NAMES, ReleaseInput, render

TREE = Path(__file__).parents[3]
README = (TREE / "README.md").read_text(encoding="utf-8")
DIGEST = Digest("sha256:0fb4b4d5cc0f5b0fa0f1bf3bd3cd92cb9d1a4c2dd9e2be6e7e4f5d1a7f6cdd21")


def test_the_command_writes_the_definition() -> None:
    match = re.search(r"^    sudo (beacon add .*)$", README, re.MULTILINE)
    assert match
    _, verb, name, image, option, port = shlex.split(match[1])
    assert (verb, option) == ("add", "--port")
    written = new_definition(name, image, ports=[port], env={}, volumes=[])
    without_comments = [line for line in written.splitlines() if not line.startswith("#")]
    assert "\n".join(without_comments).strip() == block("toml").strip()


def test_the_unit_is_what_the_definition_renders_to() -> None:
    assert block("ini") == rendered()


def test_every_verb_that_is_shown_exists() -> None:
    app = command_line()
    verbs = {command.name for command in app.registered_commands}
    verbs |= {str(group.name) for group in app.registered_groups}
    shown = set(re.findall(r"(?:^    (?:sudo )?|`)beacon ([a-z]+)", README, re.MULTILINE))
    assert shown
    assert shown <= verbs


def test_links_lead_somewhere() -> None:
    # docs/benchmarks.md is written by `make bench`.
    for target in set(re.findall(r"\]\(([^)#:]+)\)", README)) - {"docs/benchmarks.md"}:
        assert (TREE / target).exists(), target


def block(language: str) -> str:
    """Return the only code block in *language*."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(text)


def rendered() -> str:
    """Return the unit file of the definition that README.md shows."""
    declared = decode(block("toml"), name="web", file="web.toml")
    image = ImageConfig(
        image_id=DIGEST,
        platform=Platform("linux", "amd64"),
        entrypoint=(),
        command=("/bin/web",),
        env={},
        exposed_ports=(),
        volumes=(),
        health=None,
        stop_signal=None,
        labels={},
        user="",
        workdir="",
    )
    facts = MachineFacts(
        Engine.PODMAN, EngineVersion.parse("5.4.2"), 257, Platform("linux", "amd64"), Scope.SYSTEM
    )
    templates = {
        name: (TREE / "unit-templates" / name).read_text(encoding="utf-8") for name in TEMPLATE_NAMES
    }
    release = ReleaseInput(
        service=effective(declared, image).service,
        declared=declared,
        digest=DIGEST,
        number=1,
    )
    (file,) = render(release, facts, templates)
    return file.text
