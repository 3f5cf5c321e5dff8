"""How a service is handed over, where its definition does not say."""

from __future__ import annotations

import pytest

from beacon.definition.decode import decode
from beacon.definition.endpoints.handover import handover_of
from beacon.errors import DefinitionError
from beacon.model.service import Handover, Service

IMAGE = 'image = "ghcr.io/me/web:1"\n'
DOMAIN = 'domain = "example.org:http=80"\n'
ENDPOINT = '[[endpoint]]\ndomain = "example.org"\nport = 80\n'


def service(text: str) -> Service:
    return decode(IMAGE + text, name="web", file="web.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Handover.NONE),
        (ENDPOINT, Handover.SWAP),
        (ENDPOINT + '[[volume]]\nhost = "/srv"\npath = "/srv"\nread_only = true\n', Handover.SWAP),
        (ENDPOINT + '[[volume]]\nhost = "/srv"\npath = "/srv"\n', Handover.WAIT),
        (ENDPOINT + '[[volume]]\nname = "data"\npath = "/data"\n', Handover.WAIT),
        ('networks = ["host"]\n' + ENDPOINT, Handover.WAIT),
        (ENDPOINT + '[podman]\nargs = ["--ip=10.88.0.9"]\n', Handover.WAIT),
        (ENDPOINT + '[docker]\nargs = ["--ip=172.17.0.9"]\n', Handover.WAIT),
        ('handover = "wait"\n' + ENDPOINT, Handover.WAIT),
        ('handover = "hold"\n' + ENDPOINT, Handover.WAIT),  # the word of older definitions
        ('handover = "none"\n' + ENDPOINT, Handover.NONE),
        ('handover = "swap"\n' + ENDPOINT, Handover.SWAP),
        (ENDPOINT + 'scheme = "tcp"\n', Handover.NONE),
        ('[[endpoint]]\ndomain = "example.org"\nredirect = "example.com"\n', Handover.NONE),
    ],
)
def test_a_handover_suits_the_service(text: str, expected: Handover) -> None:
    assert handover_of(service(text)) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[volume]]\nname = "data"\npath = "/data"\n', "both releases would write to /data (volume[0])"),
        ("", "two cannot have the same ports on host (networks[0])"),
    ],
)
def test_a_swap_that_cannot_be_is_refused(text: str, why: str) -> None:
    network = "" if text else 'networks = ["host"]\n'
    with pytest.raises(DefinitionError) as refused:
        service(f'handover = "swap"\n{network}{ENDPOINT}{text}')
    assert f"handover: must not be 'swap': {why}" in str(refused.value)
