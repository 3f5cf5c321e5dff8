"""Definitions become services, or every fault of them at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beacon.definition.decode import decode, decode_all
from beacon.errors import DefinitionError
from beacon.model.image import Platform
from beacon.model.reference import ImageReference
from beacon.model.service import (
    Health,
    HttpProbe,
    Port,
    Protocol,
    Restart,
    RestartPolicy,
    Secret,
    Service,
    Stop,
    UpdatePolicy,
    Volume,
)

IMAGE = 'image = "ghcr.io/me/web:latest"\n'
WEB = ImageReference.parse("ghcr.io/me/web:latest")
DIGEST = "sha256:" + "a" * 64


def service(text: str, **keys: object) -> tuple[Service, Service]:
    """Return the decoded service, and one made of *keys*."""
    expected = Service(name="web", image=WEB, **keys)  # type: ignore[arg-type]
    return decode(IMAGE + text, name="web", file="web.toml"), expected


def faults(text: str, name: str = "web") -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        decode(text, name=name, file="web.toml")
    return [str(fault).removeprefix("web.toml: ") for fault in caught.value.faults]


def faults_of(**texts: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        decode_all({f"{name}.toml": text for name, text in texts.items()})
    return [str(fault) for fault in caught.value.faults]


def test_an_image_is_enough() -> None:
    found, expected = service("")
    assert found == expected


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param('platform = "linux/arm64"', {"platform": Platform("linux", "arm64")}, id="a platform"),
        pytest.param(
            "command = \"serve --x 'a b'\"", {"command": ("serve", "--x", "a b")}, id="a command as text"
        ),
        pytest.param("command = []", {"command": ()}, id="no command is a command"),
        pytest.param("user = 1000", {"user": "1000"}, id="a user's number"),
        pytest.param('env_file = "/etc/a"', {"env_files": ("/etc/a",)}, id="one file of variables"),
        pytest.param(
            "env = { A = 1, B = 3.10, C = true, D = 1e3, 'e.f' = 'x' }",
            {"env": {"A": "1", "B": "3.10", "C": "true", "D": "1e3", "e.f": "x"}},
            id="variables are text, written as in the file",
        ),
        pytest.param(
            '[[port]]\nhost = "127.0.0.1:53"\ncontainer = "53/udp"',
            {"ports": (Port(53, 53, "127.0.0.1", Protocol.UDP),)},
            id="a port of UDP",
        ),
        pytest.param(
            '[[port]]\ncontainer = 53\nprotocol = "udp"',
            {"ports": (Port(53, protocol=Protocol.UDP),)},
            id="a protocol as a key, and a port that the engine chooses",
        ),
        pytest.param(
            '[[port]]\nhost = "8000-8002"\ncontainer = "9000-9002"',
            {"ports": (Port(9000, 8000, count=3),)},
            id="a span of ports",
        ),
        pytest.param(
            '[[volume]]\nname = "data"\npath = "/data/"\noptions = ["U"]',
            {"volumes": (Volume("/data", name="data", options=("U",)),)},
            id="a volume",
        ),
        pytest.param(
            '[[secret]]\nname = "tls"\npath = "/tls"\nuid = 0\nmode = "0400"',
            {"secrets": (Secret("tls", path="/tls", uid=0, mode="0400"),)},
            id="a secret as a file",
        ),
        pytest.param(
            'restart = "no"', {"restart": Restart(RestartPolicy.NO)}, id="a restart policy in short"
        ),
        pytest.param(
            "[restart]\ndelay = 5", {"restart": Restart(delay=5.0)}, id="a restart policy at length"
        ),
        pytest.param(
            "health.http = { port = 80 }",
            {"health": Health(http=HttpProbe(80))},
            id="a request as health check",
        ),
        pytest.param(
            '[health]\ncommand = "a | b"\ninterval = "1m30s"',
            {"health": Health(command=("CMD-SHELL", "a | b"), interval=90.0)},
            id="a command as health check",
        ),
        pytest.param("stop.signal = 2", {"stop": Stop(signal="SIGINT")}, id="a signal by number"),
        pytest.param(
            '[update]\nfollow = "^1.4"\nwindow = "Sat 02:00-05:00"\nmin_age = "3d"',
            {"update": UpdatePolicy("^1.4", window=("Sat 02:00-05:00",), min_age=259200.0)},
            id="an update policy",
        ),
    ],
)
def test_a_key_is_read(text: str, keys: dict[str, object]) -> None:
    found, expected = service(text, **keys)
    assert found == expected


def test_an_image_with_a_digest_is_pinned() -> None:
    found = decode(f'image = "ghcr.io/me/web@{DIGEST}"', name="web", file="web.toml")
    assert found.update.follow == "pinned"


def test_a_service_knows_what_its_definition_sets() -> None:
    found, _ = service('restart = "no"\nstop.timeout = "10s"\nenv.A = "1"')
    assert found.given == ("env.A", "image", "restart.policy", "stop.timeout")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ["image: must be given"], id="no image"),
        pytest.param(
            'image = "nginx"',
            [
                (
                    "image: must name its registry; "
                    "write 'docker.io/library/nginx' if Docker Hub is meant, not 'nginx'"
                ),
            ],
            id="a short name",
        ),
        pytest.param(
            IMAGE + "[health]\nintervall = 3",
            ["health.intervall: unknown key; did you mean 'interval'?"],
            id="a key misspelt",
        ),
        pytest.param(IMAGE + "ports = []", ["ports: unknown key; did you mean 'port'?"], id="a plural"),
        pytest.param(
            IMAGE + "environment = {}",
            ["environment: unknown key; did you mean 'env'?"],
            id="a word of compose files",
        ),
        pytest.param(
            IMAGE + "[[port]]\nhots = 1\ncontainer = 1",
            ["port[0].hots: unknown key; did you mean 'host'?"],
            id="a key misspelt in an array",
        ),
        pytest.param(IMAGE + "port = 80", ["port: must be an array, not the number 80"], id="no array"),
        pytest.param(IMAGE + "port = [80]", ["port[0]: must be a table, not the number 80"], id="no table"),
        pytest.param(
            IMAGE + "health = 3", ["health: must be a table, not the number 3"], id="no table either"
        ),
        pytest.param(IMAGE + "init = 'yes'", ["init: must be true or false, not 'yes'"], id="no boolean"),
        pytest.param(
            IMAGE + "restart = 'maybe'",
            ["restart: must be 'no', 'on-failure', 'always' or 'oneshot', not 'maybe'"],
            id="no policy",
        ),
        pytest.param(
            IMAGE + "[[port]]\nhost = 80", ["port[0].container: must be given"], id="no container's port"
        ),
        pytest.param(
            IMAGE + "[[port]]\nhost = 80\ncontainer = '80-81'",
            ["port[0].host: must be as many ports as container (2), not 1"],
            id="spans of different lengths",
        ),
        pytest.param(
            IMAGE + "[[port]]\ncontainer = '80/udp'\nprotocol = 'tcp'",
            ["port[0].protocol: must agree with container (udp), not 'tcp'"],
            id="two protocols",
        ),
        pytest.param(
            IMAGE + "[[volume]]\nname = 'a'\nhost = '/b'\npath = '/c'",
            ["volume[0]: must have exactly one of name, host and external, not name and host"],
            id="two sources of a volume",
        ),
        pytest.param(
            IMAGE + "[[secret]]\nname = 'a'\nenv = 'A'\nuid = 1\nmode = '0400'",
            [
                "secret[0].mode: must not be given together with env",
                "secret[0].uid: must not be given together with env",
            ],
            id="a variable with a mode",
        ),
        pytest.param(
            IMAGE + "[health]\ntcp = 1\ndisable = true",
            ["health: must have at most one of command, http, tcp and disable, not tcp and disable"],
            id="a check that is disabled",
        ),
        pytest.param(
            IMAGE + "[health]\ninterval = 0\ntimeout = '0ms'",
            [
                "health.interval: must be more than 0s, not the number 0",
                "health.timeout: must be more than 0s, not '0ms'",
            ],
            id="a check that takes no time",
        ),
        pytest.param(
            IMAGE + "[resources]\ncpus = 0",
            ["resources.cpus: must be greater than 0.0, not the number 0"],
            id="no processor",
        ),
        pytest.param(
            IMAGE + "[resources]\ncpus = nan",
            ["resources.cpus: must be a finite number, not the number nan"],
            id="no number of processors",
        ),
        pytest.param(
            IMAGE + "env.A = []",
            ["env.A: must be a string, a number or a boolean, not an array"],
            id="a list as variable",
        ),
        pytest.param(
            IMAGE + "env.A = 1979-05-27",
            ["env.A: must be a string, a number or a boolean, not a date"],
            id="a date as variable",
        ),
        pytest.param(
            IMAGE + 'env.A = "a\\u0000"',
            ["env.A: must not hold a NUL character, which no unit file can"],
            id="a NUL",
        ),
        pytest.param(
            IMAGE + "labels.'io.beacon.x' = ''",
            ['labels."io.beacon.x": io.beacon.* is reserved for Beacon'],
            id="a label of Beacon's",
        ),
        pytest.param(
            f'image = "ghcr.io/me/web@{DIGEST}"\nupdate.follow = "tag"',
            ["update.follow: must be 'pinned' or unset, as image has a digest, not 'tag'"],
            id="a digest that is to follow a tag",
        ),
        pytest.param(
            IMAGE + "needs = ['web']", ["needs: must not name the service itself (web)"], id="itself"
        ),
        pytest.param(IMAGE + "needs = ['a', 'a']", ["needs: must not name 'a' twice"], id="twice"),
        pytest.param(
            IMAGE + "networks = ['host', 'a']",
            ["networks: must be 'host' alone, or without it"],
            id="host and more",
        ),
        pytest.param(
            IMAGE + "networks = ['host']\n[[port]]\ncontainer = 1",
            ["port: must not be given with networks = ['host']: it has no ports of its own to publish"],
            id="ports of the host's network",
        ),
        pytest.param(
            IMAGE + "tmpfs = ['/a']\n[[volume]]\nname = 'a'\npath = '/a/'",
            ["tmpfs[0]: must not use the container's path '/a' again, which is volume[0].path's"],
            id="two mounts on one path",
        ),
        pytest.param(
            IMAGE + "env.A = ''\n[[secret]]\nname = 'a'\nenv = 'A'",
            ["secret[0].env: must not set the variable 'A' again, which is env.A's"],
            id="a variable that is a secret too",
        ),
        pytest.param(
            IMAGE + "[[volume]]\nname = 'a'\npath = '/a'\n[[volume]]\nname = 'a'\npath = '/b'",
            ["volume[1].name: must not use the volume 'a' again, which is volume[0].name's"],
            id="a volume twice",
        ),
        pytest.param(
            IMAGE
            + "[[port]]\nhost = '80-90'\ncontainer = '80-90'\n"
            + "[[port]]\nhost = '127.0.0.1:85'\ncontainer = 85",
            ["port[1].host: must not be 127.0.0.1:85/tcp, which port[0].host (80-90/tcp) has already"],
            id="a port within a span",
        ),
    ],
)
def test_a_fault_names_its_key_and_what_it_must_be(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize(
    ("text", "start"),
    [
        pytest.param('image = "a\nb = 1', "line 1 is not TOML: ", id="an open quote"),
        pytest.param(IMAGE + "\n[env\n", "line 3 is not TOML: ", id="an open bracket"),
        pytest.param(IMAGE + "a = ", "line 2 is not TOML: ", id="an end that is too early"),
        pytest.param(IMAGE + "image = 'x'", "line 2 is not TOML: cannot overwrite a value", id="a key twice"),
        pytest.param(
            IMAGE + "env.A = 1\nenv.A = 2",
            "line 3 is not TOML: cannot overwrite a value",
            id="a variable twice",
        ),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, start: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(start)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(f"a = {'[' * 3000}", "too deep within each other", id="arrays"),
        pytest.param(f"a = {'9' * 5000}", "a whole number that is too long", id="digits"),
    ],
)
def test_what_is_too_much_for_the_parser_is_refused(text: str, problem: str) -> None:
    (fault,) = faults(text)
    assert problem in fault


def test_a_byte_order_mark_is_no_fault() -> None:
    assert decode("\ufeff" + IMAGE, name="web", file="web.toml") == decode(IMAGE, name="web", file="web.toml")


def test_all_faults_come_at_once_also_those_between_keys() -> None:
    text = """
        imag = "x"
        init = 3
        needs = ["b", "b"]
        networks = ["host", "a"]
        [health]
        interval = "soon"
        [[volume]]
        path = "relative"
    """
    keys = [fault.partition(":")[0] for fault in faults(text, name="web-pod")]
    assert keys == [
        "a service name must not end in '-pod'",
        "health.interval",
        "imag",
        "image",
        "init",
        "needs",
        "networks",
        "volume[0].path",
    ]


def test_what_was_read_before_is_not_read_again() -> None:
    known = decode(IMAGE + "description = 'known'", name="web", file="web.toml")
    (found,) = decode_all({"/etc/web.toml": "no TOML, and nobody looks"}, {"web": known})
    assert found is known


def test_what_was_read_before_is_judged_with_the_others() -> None:
    known = decode(IMAGE + "needs = ['db']", name="web", file="web.toml")
    texts = {"web.toml": "", "db.toml": IMAGE}
    assert {service.name for service in decode_all(texts, {"web": known})} == {"web", "db"}
    with pytest.raises(DefinitionError, match="must name a service that is defined"):
        decode_all({"web.toml": ""}, {"web": known})


def test_services_of_many_files_are_sorted_by_name() -> None:
    services = decode_all({"/etc/b.toml": IMAGE + "needs = ['a']", "/etc/a.toml": IMAGE})
    assert [found.name for found in services] == ["a", "b"]


def ports(*lines: str) -> str:
    return IMAGE + "".join(f"[[port]]\n{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("host = 80\ncontainer = 1", "host = 80\ncontainer = 2", id="the same port"),
        pytest.param(
            "host = 80\ncontainer = 1", "host = '127.0.0.1:80'\ncontainer = 2", id="every address and one"
        ),
        pytest.param(
            "host = '0.0.0.0:80'\ncontainer = 1",
            "host = '127.0.0.1:80'\ncontainer = 2",
            id="all of IPv4 and one",
        ),
        pytest.param(
            "host = '[::]:80'\ncontainer = 1", "host = '[::1]:80'\ncontainer = 2", id="all of IPv6 and one"
        ),
        pytest.param(
            "host = '80-90'\ncontainer = '80-90'", "host = '90-95'\ncontainer = '90-95'", id="spans that meet"
        ),
        pytest.param(
            "host = 53\ncontainer = '53/udp'", "host = 53\ncontainer = 1\nprotocol = 'udp'", id="both of UDP"
        ),
    ],
)
def test_a_port_of_the_host_belongs_to_one_service(one: str, other: str) -> None:
    (fault,) = faults_of(a=ports(one), b=ports(other))
    assert fault.startswith("b.toml: port[0].host: must not be ")
    assert "which a.toml (port[0].host: " in fault


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("host = 80\ncontainer = 1", "host = 81\ncontainer = 1", id="other ports"),
        pytest.param(
            "host = 53\ncontainer = '53/udp'", "host = 53\ncontainer = '53/tcp'", id="other protocols"
        ),
        pytest.param(
            "host = '127.0.0.1:80'\ncontainer = 1",
            "host = '127.0.0.2:80'\ncontainer = 1",
            id="other addresses",
        ),
        pytest.param(
            "host = '0.0.0.0:80'\ncontainer = 1", "host = '[::]:80'\ncontainer = 1", id="IPv4 and IPv6"
        ),
        pytest.param("container = 80", "container = 80", id="ports that the engine chooses"),
    ],
)
def test_these_ports_live_together(one: str, other: str) -> None:
    assert len(decode_all({"a.toml": ports(one), "b.toml": ports(other)})) == 2


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(
            {"a": IMAGE + "needs = ['nix']"},
            ["a.toml: needs[0]: must name a service that is defined; there is no nix.toml"],
            id="a service that is not there",
        ),
        pytest.param(
            {"a": IMAGE + "networks = ['service:nix']"},
            ["a.toml: networks[0]: must name a service that is defined; there is no nix.toml"],
            id="a network of a service that is not there",
        ),
        pytest.param(
            {
                "a": IMAGE + "needs = ['b']",
                "b": IMAGE + "needs = ['c']",
                "c": IMAGE + "networks = ['service:a']",
            },
            ["a.toml: needs[0]: must not form a cycle: a → b → c → a (also b.toml, c.toml)"],
            id="a cycle",
        ),
        pytest.param(
            {"a": IMAGE + "needs = ['b']", "b": "image = 3"},
            ["b.toml: image: must be a string, not the number 3"],
            id="a service with faults is there all the same",
        ),
        pytest.param(
            {"a": IMAGE + "needs = ['b']", "b": "x"},
            ["b.toml: line 1 is not TOML: expected '=' after a key in a key/value pair"],
            id="a file that is no TOML is there all the same",
        ),
        pytest.param(
            {
                "web": IMAGE + "[[volume]]\nname = 'a-b'\npath = '/a'",
                "web-a": IMAGE + "[[volume]]\nname = 'b'\npath = '/a'",
            },
            [
                (
                    "web.toml: volume[0].name: must not be 'a-b': "
                    "its unit would be that of web-a.toml (volume[0].name)"
                ),
            ],
            id="volumes whose units would be one",
        ),
    ],
)
def test_faults_between_services_name_both_files(texts: dict[str, str], expected: list[str]) -> None:
    assert faults_of(**texts) == expected


def test_importing_the_package_does_not_import_what_only_decode_needs() -> None:
    check = (
        "import sys, beacon.definition; sys.exit(bool({'pydantic', 'tomllib', 'tomli_w'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", check], cwd=root, check=True)
