"""Plain units start what Quadlet would have started: the same words, where both engines have them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.model.machine import Engine, EngineVersion, MachineFacts
from beacon.units.check import generated_units
from tests.golden.cases import FAULTS, Case, all_cases
from tests.golden.test_accepted import generate

OLD_PODMAN, DOCKER = EngineVersion(4, 3, 1), EngineVersion(26, 1, 5)
QUADLET = EngineVersion(5, 4, 2)
CASES = [case for case in all_cases() if FAULTS not in case.expected()]
SHORT = {"-v": "--volume", "-d": "--detach"}
ALONE = {"--replace", "--rm", "--detach", "--init", "--read-only", "--no-healthcheck"}
"""Options without a value."""
PODMANS = {
    "--cidfile",
    "--conmon-pidfile",
    "--replace",
    "--rm",
    "--cgroups",
    "--sdnotify",
    "--detach",
    "--userns",
    "--secret",
    "--log-opt",
}
"""Those of Podman alone, and what a case says in Podman's own words."""
DOCKERS = {"--log-driver", "--cgroup-parent", "--no-healthcheck", "--storage-opt"}
"""The same of docker."""
SAID_DIFFERENTLY = {
    "--network",
    "--network-alias",
    "--entrypoint",
    "--tmpfs",
    "--mount",
    "--volume",
    "--pids-limit",
}
"""Looked at one by one below, or by the golden cases; health checks too."""
OWN_FILE = re.compile(r".*/(beacon-web)\.(?:container|service)(?=\.7\.env$)")
"""The private environment is beside the unit, wherever that is."""
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def words(line: str) -> list[str]:
    """Split a command line as systemd does."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line.replace("\\\n", " "))
    return [_decoded(quoted or plain).replace("%%", "%") for quoted, plain in found]


def _decoded(word: str) -> str:
    return re.sub(
        r"\\(x[0-9a-f]{2}|.)",
        lambda match: chr(int(match[1][1:], 16)) if len(match[1]) > 1 else ESCAPES.get(match[1], match[1]),
        word,
    )


def command(unit: str, *, dollars: bool) -> tuple[Counter[str], list[str]]:
    """Return the options and the rest of the command that *unit* starts."""
    shell = "(?:/bin/sh -c '.*' sh )?"
    line = re.search(rf"^ExecStart=:?{shell}/usr/bin/\w+ run ((?:.*\\\n)*.*)$", unit, re.MULTILINE)
    assert line is not None
    rest = [word.replace("$$", "$") if dollars else word for word in words(line[1])]
    # What Podman's command line would change is a variable of the unit, and passed on by its name.
    settings = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
    given = dict(word.partition("=")[::2] for setting in settings for word in words(setting))
    options: Counter[str] = Counter()
    while rest and rest[0].startswith("-"):
        flag, equals, value = rest.pop(0).partition("=")
        flag = SHORT.get(flag, flag)
        if not equals and flag not in ALONE:
            value = rest.pop(0)
        value = OWN_FILE.sub(r"\1", value)
        if flag == "--env" and value in given:
            value = f"{value}={given[value]}"
        options[f"{flag}={value.lower() if flag.startswith('--cap-') else value}"] += 1
    return options, rest


def without(options: Counter[str], flags: set[str]) -> Counter[str]:
    """Return *options* without those of some flags."""
    return Counter({one: count for one, count in options.items() if one.partition("=")[0] not in flags})


def by_quadlet(case: Case, folder: Path) -> tuple[Counter[str], list[str]]:
    facts = replace(case.facts, engine=Engine.PODMAN, engine_version=QUADLET)
    for name, text in case.rendered(facts).items():
        (folder / name).write_text(text, encoding="utf-8")
    units = generated_units(generate(folder, case.facts.scope).stdout)
    return command(units[f"beacon-{case.service}.service"], dollars=True)


def rendered(case: Case, engine: Engine, version: EngineVersion) -> dict[str, str]:
    facts: MachineFacts = replace(case.facts, engine=engine, engine_version=version)
    return dict(case.rendered(facts))


def expressible(engine: Engine, version: EngineVersion) -> list[Case]:
    """Return the cases that mean something to an engine; what it says of the others, golden cases hold."""
    return [case for case in CASES if FAULTS not in rendered(case, engine, version)]


def by_beacon(case: Case, engine: Engine, version: EngineVersion) -> tuple[Counter[str], list[str]]:
    files = rendered(case, engine, version)
    return command(files[f"beacon-{case.service}.service"], dollars=False)


def _is_health(option: str) -> bool:
    return option.startswith("--health-")


def _as_podman(network: str) -> str:
    """Return how Podman says what docker is told of a network: its name, and fixed addresses."""
    fields = dict(field.partition("=")[::2] for field in network.split(","))
    if "name" not in fields:
        return network
    addresses = [f"ip={fields[key]}" for key in ("ip", "ip6") if key in fields]
    return ":".join([fields["name"], *([",".join(addresses)] if addresses else [])])


@pytest.mark.parametrize("case", expressible(Engine.PODMAN, OLD_PODMAN), ids=lambda case: case.name)
def test_older_podman_is_started_as_quadlet_does(case: Case, tmp_path: Path) -> None:
    quadlet, rest = by_quadlet(case, tmp_path)
    plain, plain_rest = by_beacon(case, Engine.PODMAN, OLD_PODMAN)
    newer = {one.partition("=")[0] for one in quadlet if one.startswith("--health-startup-")}
    assert plain["--sdnotify=ignore"] == plain["--conmon-pidfile=%t/%N.pid"] == 1
    elsewhere = {"--sdnotify", "--conmon-pidfile", "--entrypoint"}
    assert without(plain, elsewhere) == without(quadlet, elsewhere | newer)
    if any(one.startswith("--entrypoint") for one in plain | quadlet):
        return  # odd words of the command go there with Quadlet alone
    assert plain_rest == rest


@pytest.mark.parametrize(
    "case",
    [case for case in expressible(Engine.DOCKER, DOCKER) if not case.name.startswith("web_raw")],
    ids=lambda case: case.name,
)
def test_docker_is_started_alike(case: Case, tmp_path: Path) -> None:
    quadlet, rest = by_quadlet(case, tmp_path)
    docker, docker_rest = by_beacon(case, Engine.DOCKER, DOCKER)
    assert not PODMANS & {one.partition("=")[0] for one in docker}
    health = {one.partition("=")[0] for one in docker | quadlet if _is_health(one)}
    left_out = PODMANS | DOCKERS | SAID_DIFFERENTLY | health
    assert without(docker, left_out) == without(quadlet, left_out)
    timing = {"--health-interval", "--health-timeout", "--health-retries"}
    assert {one for one in docker if one.partition("=")[0] in timing} == {
        one for one in quadlet if one.partition("=")[0] in timing
    }
    networks = {one.removeprefix("--network=") for one in quadlet if one.startswith("--network=")}
    joined = {_as_podman(one.removeprefix("--network=")) for one in docker if "--network=" in one}
    assert joined == networks
    if not any(one.startswith("--entrypoint") for one in docker | quadlet):
        assert docker_rest == rest
