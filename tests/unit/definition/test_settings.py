"""The machine's own configuration."""

from __future__ import annotations

import pytest

from beacon.definition.settings import Settings, decode_settings
from beacon.errors import ConfigError
from beacon.model.host import Engine


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("", None),
        ('engine = "auto"', None),
        ('engine = "docker"', Engine.DOCKER),
        ('engine = "podman"', Engine.PODMAN),
    ],
)
def test_the_engine_is_one_of_two_or_left_to_the_machine(text: str, engine: Engine | None) -> None:
    assert decode_settings(text, file="beacon.toml") == Settings(engine=engine)


@pytest.mark.parametrize("value", ['"lxc"', "1", '"Docker"', "[]"])
def test_another_engine_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match='engine: must be "auto", "podman" or "docker", not'):
        decode_settings(f"engine = {value}", file="beacon.toml")
