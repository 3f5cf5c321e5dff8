"""When systemd starts a service again: for ever and more and more rarely, or as the owner says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.model.image import Platform
from beacon.model.machine import Engine, EngineVersion, MachineFacts
from beacon.model.reference import Digest
from beacon.model.service import Restart, RestartPolicy, Service
from beacon.units.render import ReleaseInput, render
from tests.golden.cases import TEMPLATES

FACTS = MachineFacts(Engine.PODMAN, EngineVersion(5, 4, 2), 254, Platform("linux", "amd64"))
OLDER = replace(FACTS, systemd_version=253)
KEYS = ("StartLimitIntervalSec", "StartLimitBurst", "RestartSec", "RestartSteps", "RestartMaxDelaySec")
GROWS = {"RestartSteps": "30", "RestartMaxDelaySec": "30s"}
FOR_EVER = {"StartLimitIntervalSec": "0"}
FORMER = Restart(delay=1.0, limit=5, interval=300.0)
"""How Beacon recorded that nothing is said."""


def read(table: str) -> Service:
    """Return a service with that in its definition."""
    return decode(f'image = "registry.example/web:1"\n{table}', name="web", file="web.toml")


def restarts(service: Service, facts: MachineFacts) -> dict[str, str]:
    """Return the directives that say when and how often the unit is started again."""
    digest = Digest("sha256:" + "a" * 64)
    (file,) = render(ReleaseInput(service=service, declared=service, digest=digest), facts, TEMPLATES)
    said = dict(line.split("=", 1) for line in file.text.splitlines() if "=" in line)
    return {key: said[key] for key in KEYS if key in said}


@pytest.mark.parametrize(
    ("table", "now", "older"),
    [
        pytest.param("", {"RestartSec": "1s", **GROWS}, {"RestartSec": "5s"}, id="nothing is said"),
        pytest.param(
            'restart = "on-failure"', {"RestartSec": "1s", **GROWS}, {"RestartSec": "5s"}, id="a policy"
        ),
        pytest.param(
            '[restart]\ndelay = "2s"', {"RestartSec": "2s", **GROWS}, {"RestartSec": "2s"}, id="a delay"
        ),
        pytest.param(
            '[restart]\ndelay = "1m"', {"RestartSec": "60s"}, {"RestartSec": "60s"}, id="a long one"
        ),
    ],
)
def test_without_a_limit_there_is_no_end(table: str, now: dict[str, str], older: dict[str, str]) -> None:
    assert restarts(read(table), FACTS) == FOR_EVER | now
    assert restarts(read(table), OLDER) == FOR_EVER | older


@pytest.mark.parametrize(
    ("table", "limit", "interval", "delay"),
    [
        pytest.param("limit = 3", "3", "300s", "1s", id="a limit"),
        pytest.param("limit = 5", "5", "300s", "1s", id="the usual limit"),
        pytest.param("limit = 0", "0", "300s", "1s", id="no limit, in so many words"),
        pytest.param('interval = "10m"', "5", "600s", "1s", id="an interval"),
        pytest.param('interval = "5m"', "5", "300s", "1s", id="the usual interval"),
        pytest.param('delay = "1s"\nlimit = 5\ninterval = "5m"', "5", "300s", "1s", id="all that is usual"),
        pytest.param('delay = "200ms"\nlimit = 9\ninterval = "1m"', "9", "60s", "200ms", id="all"),
    ],
)
def test_with_a_limit_the_owner_is_heeded(table: str, limit: str, interval: str, delay: str) -> None:
    expected = {"StartLimitIntervalSec": interval, "StartLimitBurst": limit, "RestartSec": delay}
    service = read(f"[restart]\n{table}")
    assert restarts(service, FACTS) == expected
    assert restarts(service, OLDER) == expected


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (FORMER, Restart()),
        (replace(FORMER, policy=RestartPolicy.ON_FAILURE), Restart(RestartPolicy.ON_FAILURE)),
        (replace(FORMER, delay=2.0), Restart(delay=2.0)),
        (replace(FORMER, limit=7), Restart(limit=7)),
        (replace(FORMER, interval=600.0), replace(FORMER, interval=600.0)),
        (Restart(limit=5), Restart(limit=5)),
    ],
)
def test_former_records_are_read_as_they_were_meant(recorded: Restart, said: Restart) -> None:
    assert recorded.said == said


def test_a_service_that_is_not_started_again_has_no_growing_delay() -> None:
    assert restarts(read('restart = "no"'), FACTS) == FOR_EVER | {"RestartSec": "1s"}
