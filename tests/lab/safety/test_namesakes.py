"""Services whose names or things are near each other's: nobody is taken for another."""

from __future__ import annotations

import json

import pytest

from tests.lab.conftest import Push
from tests.lab.host import LabHost
from tests.lab.images import ImageConfig

WEB = "registry.example:5000/me/web"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})
OLDER = """
import sys
import beacon.definition.names as names
names.validate_new_name = names.validate_name
from beacon.__main__ import main
sys.argv[0] = "beacon"
main()
"""
"""A Beacon that reserves no more names than the first one did."""


@pytest.fixture
def image(push: Push) -> str:
    """Return the reference of an image."""
    return push(WEB, version="1", config=QUICK).tagged


def define(host: LabHost, name: str, text: str) -> None:
    """Write a definition by hand."""
    host.write(f"/etc/beacon/services/{name}.toml", text)


def is_up(host: LabHost, name: str) -> bool:
    """Say whether a service runs."""
    return host.run("systemctl", "is-active", f"beacon-{name}", check=False).stdout == "active\n"


def test_no_new_service_is_called_as_the_unit_of_another(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "web", image, "--volume", "data:/data")
    for name in ("beacon-web", "backup", "hook-web", "operation-web"):
        done = host.run("beacon", "add", name, image, check=False)
        assert done.returncode == 2, name
        done = host.run("beacon", "import", "--run", f"docker run --name {name} {image}", check=False)
        assert done.returncode == 65, name
        define(host, name, f'image = "{image}"\n')
        for verb in ("plan", "apply"):
            done = host.run("beacon", verb, name, check=False)
            assert done.returncode == 65, name
            assert f"/etc/beacon/services/{name}.toml" in done.stderr
        assert host.run("beacon", "doctor", check=False).returncode == 31
        host.run("rm", f"/etc/beacon/services/{name}.toml")
    host.run("beacon", "apply")
    assert is_up(host, "web")


def test_of_a_name_and_a_unit_s_name_the_name_is_meant(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "web", image, "--volume", "data:/data")
    host.run("beacon", "rm", "beacon-web", "--yes")  # the unit's name, while there is no such service
    host.run("beacon", "add", "web", image, "--volume", "data:/data")
    for name in ("beacon-web", "backup"):
        host.run("python3", "-c", OLDER, "add", name, image, "--volume", "data:/data")
    host.run("beacon", "apply")
    host.run("beacon", "update")
    assert host.run("beacon", "status", "beacon-web").stdout.startswith("Service: beacon-web\n")
    assert host.run("beacon", "status", "beacon-web.service").stdout.startswith("Service: web\n")
    host.run("beacon", "edit", "backup", env={"EDITOR": "true"})
    host.run("beacon", "rm", "--purge", "--yes", "beacon-web")
    assert is_up(host, "web")
    assert not is_up(host, "beacon-web")
    assert sorted(host.run("podman", "volume", "ls", "--quiet").stdout.split()) == [
        "beacon-backup-data",
        "beacon-web-data",
    ]


@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_what_runs_keeps_what_another_asks_for(host: LabHost, image: str, name: str) -> None:
    host.run("beacon", "add", "web", image, "--port", "8080:8080", "--domain", "a.org")
    definition = f"/etc/beacon/services/{name}.toml"
    for option, key in (("--port=127.0.0.1:8080:8080", "port[0].host"), ("--domain=a.org", "domain")):
        done = host.run("beacon", "add", name, image, option, check=False)
        assert done.returncode == 65
        assert f"{definition}: {key}: " in done.stderr
        assert "which /etc/beacon/services/web.toml (" in done.stderr
        assert not host.exists(definition)
    # by hand, and by a change of one that runs
    host.run("beacon", "add", name, image)
    define(host, name, f'image = "{image}"\nport = [{{ host = 8080, container = 8080 }}]\n')
    for words in (("apply",), ("apply", name), ("plan", name)):
        done = host.run("beacon", *words, check=False)
        assert done.returncode == 65
        assert f"{definition}: port[0].host: " in done.stderr
    assert f"the definition of {name} is faulty" in host.run("beacon", "apply", "web").stderr
    assert is_up(host, "web")
    assert is_up(host, name)
    # what runs otherwise than its definition says has its port until that is applied
    define(host, name, f'image = "{image}"\n')
    define(host, "web", f'image = "{image}"\n')
    done = host.run("beacon", "add", "new", image, "--port", "8080:8080", check=False)
    assert done.returncode == 65
    assert "which web as it runs (port[0].host: 8080/tcp) has already" in done.stderr
    host.run("beacon", "apply", "web")
    host.run("beacon", "add", "new", image, "--port", "8080:8080")


def test_an_image_takes_no_domain_of_another_service(host: LabHost, push: Push, image: str) -> None:
    def claiming(domains: str) -> ImageConfig:
        return ImageConfig(labels={"io.beacon.update.settle": "1s", "io.beacon.endpoints": domains})

    def problems() -> dict[tuple[str, str], str | None]:
        found = json.loads(host.run("beacon", "endpoint", "list", "--json").stdout)["endpoints"]
        return {(one["service"], one["domain"]): one["problem"] for one in found}

    shop = push("registry.example:5000/me/shop", version="1", config=claiming("shop.org:http=8080"))
    host.run("beacon", "add", "owner", image, "--domain", "*.example.org:http=8080")
    host.run("beacon", "add", "shop", shop.tagged)
    thief = push("registry.example:5000/me/thief", version="1", config=QUICK)
    host.run("beacon", "add", "a-thief", thief.tagged)
    domains = ("login.example.org", "shop.org", "free.org")
    push(
        "registry.example:5000/me/thief",
        version="2",
        config=claiming(" ".join(f"{domain}:http=8080" for domain in domains)),
    )
    host.run("beacon", "update")
    assert problems() == {
        ("owner", "*.example.org"): None,
        ("shop", "shop.org"): None,
        ("a-thief", "login.example.org"): "owner has *.example.org already",
        ("a-thief", "shop.org"): "shop has shop.org already",
        ("a-thief", "free.org"): None,
    }
    findings = json.loads(host.run("beacon", "doctor", "--json", check=False).stdout)["findings"]
    logged = {one["what"] for one in findings if one["check"] == "endpoint"}
    assert logged == {f"{domain} of a-thief is not answered" for domain in domains[:2]}
    # an owner goes before an image that was there first, and what is given up is free
    host.run("beacon", "add", "late", image, "--domain", "free.org:http=8080")
    assert problems()["a-thief", "free.org"] == "late has free.org already"
    host.run("beacon", "rm", "late", "shop")
    assert problems()["a-thief", "free.org"] is None
    assert problems()["a-thief", "shop.org"] is None


def test_a_volume_of_an_image_is_not_taken_for_that_of_another_service(host: LabHost, push: Push) -> None:
    def image(repository: str, version: str, *volumes: str) -> str:
        config = ImageConfig(labels={"io.beacon.update.settle": "1s"}, volumes=volumes)
        return push(f"registry.example:5000/me/{repository}", version=version, config=config).tagged

    host.run("beacon", "add", "web", image("web", "1", "/db/data"))
    host.run("podman", "exec", "beacon-web", "sh", "-c", "echo web > /db/data/file")
    done = host.run("beacon", "add", "web-db", image("db", "1", "/data"), check=False)
    assert done.returncode == 65
    assert "web-db.toml: volume: must give /data a volume of another name" in done.stderr
    assert "beacon-web-db-data is web's, for /db/data" in done.stderr
    assert not host.exists("/etc/beacon/services/web-db.toml")
    # an image that gets such a VOLUME with an update is not even pulled
    host.run("beacon", "add", "web-db", image("db", "2"))
    image("db", "3", "/data")
    done = host.run("beacon", "update", "web-db", check=False)
    assert done.returncode == 1
    assert "beacon-web-db-data is web's" in done.stdout
    assert is_up(host, "web-db")
    assert host.run("podman", "exec", "beacon-web-db", "ls", "/data", check=False).returncode
    # the same for data that its service left behind, until nobody wants it
    host.run("beacon", "rm", "web")
    done = host.run("beacon", "update", "web-db", check=False)
    assert done.returncode == 1
    assert "beacon-web-db-data is what is left of web's data" in done.stdout
    host.run("podman", "volume", "rm", "beacon-web-db-data")
    host.run("beacon", "update", "web-db")
    assert host.run("podman", "exec", "beacon-web-db", "ls", "/data").stdout == ""
