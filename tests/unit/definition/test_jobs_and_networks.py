"""Jobs, what requires them, and networks that several services share."""

from __future__ import annotations

import pytest

from beacon.definition.decode import decode, decode_all
from beacon.definition.effective import effective
from beacon.errors import DefinitionError
from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.model.reference import Digest

IMAGE = 'image = "ghcr.io/me/web"\n'


def faults(*texts: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        decode_all({f"s{index}.toml": IMAGE + text for index, text in enumerate(texts)})
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (("restart = 'oneshot'\nhealth.tcp = 80",), "health.tcp: must not be given with restart.policy"),
        (("restart = 'oneshot'\ndomain = 'a.example'",), "endpoint: must not be given with restart.policy"),
        (("requires = ['s0']",), "requires: must not name the service itself"),
        (("requires = ['gone']",), "requires[0]: must name a service that is defined"),
        (("requires = ['s1']", "needs = ['s0']"), "must not form a cycle"),
        (("networks = ['add']\nnetwork.add.intrenal = true",), "did you mean 'internal'?"),
        (("networks = ['a']\nnetwork.a = { '' = '' }",), "network.a"),
        (("network.back.internal = true",), "network.back: must be one of the networks"),
        (("networks = ['a']\nnetwork.a.address = 'x'",), "network.a.address: must be an IP address"),
        (
            ("networks = ['a']\nnetwork.a = { subnet = '10.9.0.0/24', address = '10.8.0.1' }",),
            "network.a.address: must be an address of subnet, not 10.8.0.1",
        ),
        (
            ("networks = ['a']\nnetwork.a.internal = true", "networks = ['a']"),
            "s1.toml: network.a: must be the same as in s0.toml, but for the address",
        ),
    ],
)
def test_faults(texts: tuple[str, ...], problem: str) -> None:
    assert problem in "\n".join(faults(*texts))


def test_services_on_a_network_have_addresses_of_their_own() -> None:
    text = IMAGE + "networks = ['a']\nnetwork.a = { subnet = '10.9.0.0/24', address = '10.9.0.%s' }"
    found = decode_all({"s0.toml": text % 5, "s1.toml": text % 6})
    assert [one.network["a"].address for one in found] == [("10.9.0.5",), ("10.9.0.6",)]


def test_a_job_has_no_health_check_of_its_image() -> None:
    job = decode(IMAGE + "restart = 'oneshot'", name="job", file="job.toml")
    check = ImageHealth(("CMD", "true"))
    image = ImageConfig(
        image_id=Digest("sha256:" + "1" * 64), platform=Platform("linux", "amd64"), health=check
    )
    assert effective(job, image).service.health.disable
