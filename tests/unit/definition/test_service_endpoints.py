"""The endpoints of a service: from its definition or its image, and not those of another."""

from __future__ import annotations

import pytest

from beacon.definition.decode import decode, decode_all
from beacon.definition.effective import describe, effective
from beacon.errors import DefinitionError
from beacon.model.image import ImageConfig, Platform
from beacon.model.reference import Digest
from beacon.model.service import Endpoint, Scheme, Unhealthy

IMAGE = 'image = "ghcr.io/me/web:latest"\n'
COMPACT = "example.org:https"


def image(
    *, ports: tuple[str, ...] = ("8080/tcp", "53/udp"), env: str | None = None, label: str | None = None
) -> ImageConfig:
    return ImageConfig(
        image_id=Digest("sha256:" + "a" * 64),
        platform=Platform("linux", "amd64"),
        exposed_ports=ports,
        env={} if env is None else {"BEACHHEAD_DOMAINS": env},
        labels={} if label is None else {"io.beacon.endpoints": label},
    )


def endpoints(text: str, of: ImageConfig | None = None) -> tuple[Endpoint, ...]:
    return effective(decode(IMAGE + text, name="web", file="web.toml"), of or image()).service.endpoints


def faults(text: str, of: ImageConfig | None = None) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        endpoints(text, of)
    return [str(fault) for fault in caught.value.faults]


def faults_between(**texts: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        decode_all({f"{name}.toml": IMAGE + text for name, text in texts.items()})
    return [str(fault) for fault in caught.value.faults]


def test_a_table_says_all_there_is() -> None:
    found = endpoints(
        '[[endpoint]]\ndomain = "*.München.de"\nport = 9000\npath = "/api/"\nscheme = "h2c"\n'
        'tls = false\ninternal = true\nhealth = "ignore"\n'
        '[[endpoint]]\ndomain = "old.org"\nredirect = "https://New.org/x"\n'
        '[[endpoint]]\ndomain = "db.org"\nport = 5432\nscheme = "tcp"\n'
    )
    assert found == (
        Endpoint(
            "*.xn--mnchen-3ya.de",
            9000,
            "/api",
            Scheme.H2C,
            tls=False,
            internal=True,
            health=Unhealthy.IGNORE,
        ),
        Endpoint("old.org", redirect="https://new.org/x"),
        Endpoint("db.org", 5432, scheme=Scheme.TCP),
    )


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("port = 80", "endpoint[0].domain: must be given"),
        ('domain = "a_b.org"', "endpoint[0].domain: must be a domain such as"),
        ('domain = "a.org"\nport = 0', "endpoint[0].port: must be a whole number from 1 to 65535"),
        ('domain = "a.org"\npath = "api"', "endpoint[0].path: must be a path of a URL"),
        ('domain = "a.org"\npath = "/a?b"', "endpoint[0].path: must be a path without '?'"),
        ('domain = "a.org"\nscheme = "ftp"', "endpoint[0].scheme: must be 'http', 'https'"),
        (
            'domain = "a.org"\nscheme = "udp"\npath = "/x"',
            "endpoint[0].path: must not be given with scheme 'udp'",
        ),
        (
            'domain = "a.org"\nscheme = "tcp"\ntls = true',
            "endpoint[0].tls: must not be given with scheme 'tcp'",
        ),
        (
            'domain = "a.org"\nport = 1\nredirect = "b.org"',
            "endpoint[0].port: must not be given with redirect",
        ),
        ('domain = "a.org"\nhealth = "no"', "endpoint[0].health: must be 'withdraw', 'mark' or 'ignore'"),
        ('domain = "a.org"\nprot = 80', "endpoint[0].prot: unknown key; did you mean 'port'?"),
    ],
)
def test_a_table_that_makes_no_sense_is_a_fault(table: str, fault: str) -> None:
    (found,) = faults(f"[[endpoint]]\n{table}\n")
    assert fault in found


def test_the_short_key_and_tables_are_read_together() -> None:
    assert endpoints('domain = "b.org"\n[[endpoint]]\ndomain = "a.org"') == (
        Endpoint("a.org", 8080),
        Endpoint("b.org", 8080),
    )


def test_the_faults_of_the_short_key_come_with_all_others() -> None:
    found = faults('domain = "a.org:8080 b.org,c.org"\nuser = true\n')
    assert [fault.partition(":")[2].split(":")[0].strip() for fault in found] == ["domain", "domain", "user"]


@pytest.mark.parametrize(
    ("text", "of", "expected", "source"),
    [
        pytest.param(
            f'domain = "{COMPACT}"', image(label="x.org", env="y.org"), "example.org", "definition", id="key"
        ),
        pytest.param(
            f'env.BEACHHEAD_DOMAINS = "{COMPACT}"',
            image(label="x.org", env="y.org"),
            "example.org",
            "definition",
            id="variable",
        ),
        pytest.param("", image(label=COMPACT, env="y.org"), "example.org", "label", id="label"),
        pytest.param("", image(env=COMPACT), "example.org", "image", id="image"),
    ],
)
def test_the_first_that_says_something_counts(text: str, of: ImageConfig, expected: str, source: str) -> None:
    found = effective(decode(IMAGE + text, name="web", file="web.toml"), of)
    assert found.service.endpoints == (Endpoint(expected, 8080, scheme=Scheme.HTTPS),)
    rows = {key: (value, origin) for key, value, origin in describe(found)}
    assert rows["endpoint[0]"] == ("{ domain = example.org, port = 8080, scheme = https }", source)


@pytest.mark.parametrize("text", ["endpoint = []", 'domain = ""', 'env.BEACHHEAD_DOMAINS = ""'])
def test_a_definition_can_say_that_there_are_none(text: str) -> None:
    assert endpoints(text, image(label="x.org", env="y.org")) == ()


@pytest.mark.parametrize(
    ("scheme", "ports", "said"),
    [
        ("http", (), "the image exposes none"),
        ("http", ("80/tcp", "443/tcp", "53/udp"), "the image exposes several: 80, 443"),
        ("udp", ("80/tcp",), "the image exposes none"),
    ],
)
def test_a_port_that_nobody_can_know_is_a_fault(scheme: str, ports: tuple[str, ...], said: str) -> None:
    text = f'[[endpoint]]\ndomain = "a.org"\nscheme = "{scheme}"'
    (found,) = faults(text, image(ports=ports))
    assert found.startswith("web.toml: endpoint[0]: must say the port of a.org")
    assert found.endswith(said)


def test_a_port_of_udp_is_one_that_the_image_exposes_for_udp() -> None:
    assert endpoints('[[endpoint]]\ndomain = "a.org"\nscheme = "udp"')[0].port == 53


def test_an_image_that_says_nonsense_is_at_fault_itself() -> None:
    (found,) = faults("", image(env="example.org:8080"))
    assert found.startswith("ghcr.io/me/web:latest: env.BEACHHEAD_DOMAINS: must say what the port is for")
    (twice,) = faults("", image(label="example.org example.org"))
    assert "label io.beacon.endpoints: must not name example.org again" in twice


def test_compat_reads_the_short_form_as_beachhead_companion_did() -> None:
    both = (Endpoint("example.org", 80), Endpoint("example.org", 443, scheme=Scheme.HTTPS))
    assert endpoints("compat = true", image(env="example.org:8080 ab")) == both
    assert endpoints('compat = true\nenv.BEACHHEAD_DOMAINS = "example.org example.org"') == both * 2
    (fault,) = faults('compat = true\ndomain = "example.org:http=x"')
    assert "domain: must be a port: invalid digit found in string" in fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('domain = "a.org a.org"', "domain: must not name a.org again"),
        (
            'domain = "a.org"\n[[endpoint]]\ndomain = "A.org"\nscheme = "h2c"',
            "domain: must not name a.org again, which endpoint[0] has already",
        ),
        (
            '[[endpoint]]\ndomain = "a.org"\nport = 1\nscheme = "tcp"\n' * 2,
            "endpoint[1]: must not name a.org (tcp 1) again, which endpoint[0] has already",
        ),
    ],
)
def test_a_domain_that_is_named_twice_is_a_fault(text: str, fault: str) -> None:
    assert faults(text) == [f"web.toml: {fault}"]


def test_two_services_cannot_have_one_domain() -> None:
    found = faults_between(
        shop='[[endpoint]]\ndomain = "a.org"\npath = "/shop"',
        web='domain = "a.org b.org:https=1"\n[[endpoint]]\ndomain = "a.org"\npath = "/shop/"',
        zoo='env.BEACHHEAD_DOMAINS = "B.org:http=2"',
    )
    assert found == [
        "web.toml: endpoint[0]: must not be a.org/shop, which shop.toml (endpoint[0]) has already",
        "zoo.toml: env.BEACHHEAD_DOMAINS: must not be b.org, which web.toml (domain) has already",
    ]


def test_two_services_can_share_a_domain_by_path_or_by_port() -> None:
    texts = {
        "a": 'domain = "a.org"',
        "b": '[[endpoint]]\ndomain = "a.org"\npath = "/b"',
        "c": '[[endpoint]]\ndomain = "a.org"\nport = 1\nscheme = "tcp"',
        "d": '[[endpoint]]\ndomain = "a.org"\nport = 2\nscheme = "tcp"',
    }
    assert len(decode_all({f"{name}.toml": IMAGE + text for name, text in texts.items()})) == 4
