"""CR LF in a variable: Podman makes LF of it in its command line, so systemd gives such a value."""

from __future__ import annotations

import pytest

from beacon.errors import DefinitionError
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, candidate, push, service


def rendered(name: str, value: str) -> str:
    machine = FakeMachine()
    made = candidate(machine, push(machine, "1"), service(env={name: value}))
    return "".join(file.text for file in RENDERER.files(made))


def test_such_a_value_is_passed_on_by_its_name() -> None:
    text = rendered("LINES_", "a\r\nb $HOME 100%")
    assert "PodmanArgs=--env=LINES_\n" in text
    assert 'Environment="LINES_=a\\r\\nb $HOME 100%%"\n' in text.partition("[Service]")[2]


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\n\rb"])
def test_others_stay_with_the_engine(value: str) -> None:
    assert "--env=" not in rendered("LINES_", value)


@pytest.mark.parametrize("name", ["a-b", "PATH", "DOCKER_HOST"])
def test_a_name_that_means_something_to_commands_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="must not hold CR LF"):
        rendered(name, "a\r\nb")
