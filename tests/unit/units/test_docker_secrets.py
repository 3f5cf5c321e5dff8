"""Secrets with docker, which has none: systemd decrypts them for the unit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import DefinitionError
from beacon.model.machine import Engine, EngineVersion
from beacon.model.service import Secret
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import FACTS, RENDERER, candidate, push, service

DOCKER = replace(FACTS, engine=Engine.DOCKER, engine_version=EngineVersion(26, 1, 5))
MADE = replace(RENDERER, facts=lambda: DOCKER)


def rendered(*secrets: Secret) -> str:
    """Return the unit of a service with *secrets*, of which Beacon keeps version 3."""
    machine = FakeMachine()
    release = candidate(machine, push(machine, "1"), service(secrets=secrets))
    files = MADE.files(replace(release, secrets={one.name: 3 for one in secrets}))
    (unit,) = (file.text for file in files if file.name == "beacon-web.service")
    return unit


def test_a_file_is_a_copy_that_the_container_may_read() -> None:
    unit = rendered(Secret("tok"), Secret("pem", path="/etc/key.pem", uid=1000, gid=1000, mode="0400"))
    for line in (
        "LoadCredentialEncrypted=tok.3:/var/lib/beacon/secrets/tok.3.cred",
        "RuntimeDirectory=beacon-web.secrets",
        "RuntimeDirectoryMode=0700",
        "ExecStartPre=/usr/bin/install --mode=0444 %d/tok.3 /run/beacon-web.secrets/tok.3",
        (
            "ExecStartPre=/usr/bin/install --mode=0400 --owner=1000 --group=1000 %d/pem.3"
            " /run/beacon-web.secrets/pem.3"
        ),
    ):
        assert unit.splitlines().count(line) == 1, line
    assert "--mount=type=bind,source=/run/beacon-web.secrets/tok.3,target=/run/secrets/tok,readonly" in unit
    assert "--mount=type=bind,source=/run/beacon-web.secrets/pem.3,target=/etc/key.pem,readonly" in unit


def started(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run *command* in docker's place, with the credentials in *folder*."""
    (line,) = (one for one in rendered(Secret("tok", env="TOK")).splitlines() if "ExecStart=:" in one)
    script = line.partition("'")[2].rpartition("'")[0].replace("%%", "%")
    environment = {"CREDENTIALS_DIRECTORY": str(folder), "PATH": "/usr/bin:/bin"}
    shell = ["/bin/sh", "-c", script, "sh", *command]
    return subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "value", ["plain", "a b  c", "two\nlines\n", "$HOME `id` \"'\\ %h %%", ".", "é", " "]
)
def test_a_variable_is_exported_as_it_is(tmp_path: Path, value: str) -> None:
    (tmp_path / "tok.3").write_text(value)
    assert started(tmp_path, "printenv", "TOK").stdout == f"{value}\n"


def test_a_value_that_cannot_be_had_starts_nothing(tmp_path: Path) -> None:
    done = started(tmp_path, "echo", "started")
    assert (done.returncode == 0, done.stdout) == (False, "")


@pytest.mark.parametrize("name", ["a-b", "PATH", "DOCKER_HOST"])
def test_a_variable_that_means_something_to_docker_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="must be of letters, digits and _"):
        rendered(Secret("tok", env=name))
