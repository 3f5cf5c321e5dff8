"""New definitions: readable, and read back as what was meant."""

from __future__ import annotations

import pytest

from beacon.definition.decode import decode
from beacon.definition.encode import (
    encode,
    new_definition,
    parse_health_option,
    parse_port_option,
    parse_secret_option,
    parse_volume_option,
)
from beacon.definition.example import example
from beacon.model.service import Health, HttpProbe, Port, Protocol, Secret, Volume


def test_a_new_definition_is_readable() -> None:
    text = new_definition(
        "web",
        "ghcr.io/me/web",
        ports=["127.0.0.1:8080:80", "53:53/udp"],
        env={"GREETING": "hello"},
        volumes=["data:/data", "/srv/media:/media:ro"],
    )
    assert (
        text
        == """\
# Service web of Beacon. beacon.toml(5) explains every key; `beacon show --example` shows them all.
# After a change: `beacon plan web`, then `beacon apply web`.

image = "ghcr.io/me/web:latest"

[[port]]
host = "127.0.0.1:8080"
container = 80

[[port]]
host = 53
container = 53
protocol = "udp"

[[volume]]
name = "data"
path = "/data"

[[volume]]
host = "/srv/media"
path = "/media"
read_only = true

[env]
GREETING = "hello"
"""
    )


def test_the_example_is_written_and_read_back() -> None:
    shop = decode(example(), name="shop", file="example.toml")
    assert decode(encode(shop), name="shop", file="again.toml") == shop


def test_what_is_cleared_on_purpose_stays_cleared() -> None:
    text = (
        'image = "ghcr.io/me/web@sha256:' + "a" * 64 + '"\nentrypoint = []\ninit = false\n[env]\nEMPTY = ""\n'
    )
    service = decode(text, name="web", file="web.toml")
    assert decode(encode(service), name="web", file="again.toml") == service
    assert encode(service).endswith(text.partition("\n")[2].replace("[env]", "\n[env]"))


@pytest.mark.parametrize(
    ("option", "port"),
    [
        pytest.param("80", Port(80, 80), id="one number is both"),
        pytest.param("8080:80", Port(80, 8080), id="host and container"),
        pytest.param("127.0.0.1:8080:80/udp", Port(80, 8080, "127.0.0.1", Protocol.UDP), id="all of it"),
        pytest.param("[::1]:8080:80", Port(80, 8080, "::1"), id="an address of IPv6"),
        pytest.param("127.0.0.1::80", Port(80, None, "127.0.0.1"), id="a port that the engine chooses"),
        pytest.param("8000-8001:80-81", Port(80, 8000, count=2), id="spans"),
    ],
)
def test_a_port_option_is_read(option: str, port: Port) -> None:
    assert parse_port_option(option) == port


@pytest.mark.parametrize("option", ["", ":", "a:b", "80:81:82:83", "80-82:80", "80/tpc"])
def test_a_port_option_without_sense_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_port_option(option)


@pytest.mark.parametrize(
    ("option", "volume"),
    [
        pytest.param("data:/data", Volume("/data", name="data"), id="a name"),
        pytest.param(
            "/srv:/data:ro,z", Volume("/data", host="/srv", read_only=True, options=("z",)), id="a path"
        ),
        pytest.param("data:/data:rw", Volume("/data", name="data"), id="rw is what it is anyway"),
    ],
)
def test_a_volume_option_is_read(option: str, volume: Volume) -> None:
    assert parse_volume_option(option) == volume


@pytest.mark.parametrize("option", ["", "data", "data:", ":/data", "data:data", "/srv/../x:/data"])
def test_a_volume_option_without_sense_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_volume_option(option)


@pytest.mark.parametrize(
    ("option", "secret"),
    [
        ("key", Secret("key")),
        ("key:API_KEY", Secret("key", env="API_KEY")),
        ("key:/etc/web/key", Secret("key", path="/etc/web/key")),
    ],
)
def test_a_secret_option_is_read(option: str, secret: Secret) -> None:
    assert parse_secret_option(option) == secret


@pytest.mark.parametrize("option", ["", ":KEY", "key:", "key:-KEY", "key:/"])
def test_a_secret_option_without_sense_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_secret_option(option)


@pytest.mark.parametrize(
    ("option", "health"),
    [
        ("http:8080", Health(http=HttpProbe(8080))),
        ("http:8080/health?full=1", Health(http=HttpProbe(8080, "/health?full=1"))),
        ("tcp:5432", Health(tcp=5432)),
        ("http://localhost", Health(command=("CMD-SHELL", "http://localhost"))),
        ("pg_isready -q", Health(command=("CMD-SHELL", "pg_isready -q"))),
    ],
)
def test_a_health_option_is_read(option: str, health: Health) -> None:
    assert parse_health_option(option) == health


@pytest.mark.parametrize("option", ["http:0", "tcp:70000", " "])
def test_a_health_option_without_sense_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_health_option(option)


def test_all_options_come_to_a_definition() -> None:
    text = new_definition(
        "web",
        "ghcr.io/me/web",
        secrets=["key:API_KEY"],
        networks=["back"],
        needs=["db"],
        memory="512M",
        health="http:8080/health",
    )
    service = decode(text, name="web", file="web.toml")
    assert (service.secrets, service.networks, service.needs) == (
        (Secret("key", env="API_KEY"),),
        ("back",),
        ("db",),
    )
    assert (service.resources.memory, service.health.http) == (512 << 20, HttpProbe(8080, "/health"))
