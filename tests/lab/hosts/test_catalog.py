"""Apps from one command to their removal: reached, changed, updated and put back as a whole, found again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.kinds import DOCKER, OLD_PODMAN, ROOTLESS
from tests.lab.stage import REGISTRY, Stage

pytestmark = pytest.mark.every_kind

SHOP = f"""schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "1"
revision = 1
summary = "Sells things"
license = "MIT"
[web]
port = 8080
[[option]]
name = "password"
type = "secret"
label = "Password"
[[option]]
name = "greeting"
label = "Greeting"
default = "hello"
[[option]]
name = "media"
type = "library"
label = "Pictures"
default = "photos"
[service.main]
image = "{REGISTRY}/me/shop:1"
networks = ["{{{{ instance }}}}"]
needs = ["{{{{ service.db }}}}"]
env = {{ GREETING = "{{{{ option.greeting }}}}", DB = "{{{{ service.db }}}}" }}
secret = [{{ name = "{{{{ secret.password }}}}" }}]
volume = [{{ name = "data", path = "/data" }}, {{ host = "{{{{ option.media }}}}", path = "/media" }}]
health = {{ command = "test -s /www/version", interval = "1s" }}
update = {{ settle = "1s" }}
[service.db]
image = "{REGISTRY}/me/db:1"
networks = ["{{{{ instance }}}}"]
update = {{ settle = "1s" }}
[[file]]
path = "/etc/shop.conf"
content = "greeting={{{{ option.greeting }}}}"
[result]
login = "admin"
password = "password"
text = "Welcome"
"""


def manifest(stage: Stage, text: str) -> None:
    """Write the manifest of the owner."""
    stage.write(f"{stage.config}/catalog/shop.toml", text)


def app(stage: Stage, *words: str, status: int = 0) -> dict[str, Any]:
    """Do something to an app; return its answer."""
    return dict(json.loads(stage.beacon("app", *words, "--json", status=status, timeout=180).stdout))


def inside(stage: Stage, script: str) -> str:
    """Return what a script prints in the main container."""
    return stage.engine("exec", "beacon-shop", "sh", "-c", script).strip()


@pytest.mark.not_on(OLD_PODMAN, why="apps are services like any others")
def test_one_command_installs_an_app_and_nothing_of_it_is_lost(stage: Stage) -> None:
    for name in ("shop", "db"):
        stage.push(name, tag="1")
    manifest(stage, SHOP)
    port = str(stage.port("shop"))
    answer = app(stage, "install", "shop", "--set", f"port={port}")
    assert (answer["login"], answer["text"]) == ("admin", "Welcome")
    assert answer["installation"]["url"].endswith(f":{port}/")
    wait_until(lambda: stage.version("shop") == "1")
    assert inside(stage, "cat /run/secrets/shop.password") == answer["password"]
    seen = inside(stage, "cat /etc/shop.conf; echo; echo $GREETING; wget -qO- http://$DB:8080/version")
    assert seen.split() == ["greeting=hello", "hello", "1"]
    inside(stage, "echo kept >/data/file")
    assert answer["password"] not in stage.beacon("show", "shop").stdout
    assert "is installed" in stage.beacon("app", "install", "shop", status=2).stderr

    app(stage, "set", "shop", "greeting=hi")
    assert inside(stage, "cat /etc/shop.conf; echo; echo $GREETING").split() == ["greeting=hi", "hi"]

    stage.push("shop", "2", tag="2")
    stage.push("db", "2", tag="2", broken="exit")
    newer = (
        SHOP.replace("revision = 1", "revision = 2")
        .replace("me/shop:1", "me/shop:2")
        .replace("me/db:1", "me/db:2")
    )
    manifest(stage, newer)
    assert app(stage, "status")["installed"][0]["newest"] == 2
    app(stage, "update", "shop", status=20)
    wait_until(lambda: stage.version("shop") == "1")
    assert stage.live("shop-db")["reference"]["tag"] == "1", "all go back together"
    assert app(stage, "status")["installed"][0]["revision"] == 1
    stage.push("db", "2", tag="3")
    manifest(stage, newer.replace("revision = 2", "revision = 3").replace("db:2", "db:3"))
    app(stage, "update", "shop")
    wait_until(lambda: stage.version("shop") == "2")
    assert inside(stage, "cat /data/file; echo $GREETING").split() == ["kept", "hi"]

    gone = app(stage, "remove", "shop")
    assert gone["kept"] == ["shop.password"]
    assert stage.engine("ps", "--all", "--quiet") == ""
    again = app(stage, "install", "shop", "--set", f"port={port}")
    assert again["password"] == answer["password"]
    wait_until(lambda: stage.version("shop") == "2")
    assert inside(stage, "cat /data/file") == "kept"
    app(stage, "remove", "shop", "--purge", "--yes")
    assert stage.engine("volume", "ls", "--quiet") == ""
    assert app(stage, "status")["installed"] == []
    assert json.loads(stage.beacon("secret", "list", "--json").stdout)["secrets"] == []


@pytest.mark.not_on(OLD_PODMAN, ROOTLESS, DOCKER, why="nothing is run")
def test_an_app_that_cannot_be_had_leaves_nothing_behind(stage: Stage) -> None:
    manifest(stage, SHOP)
    stage.beacon("app", "install", "shop", status=None)
    assert stage.run("ls", f"{stage.config}/services").stdout == ""
    assert app(stage, "status")["installed"] == []
    assert stage.beacon("status", status=None).stdout.count("shop") == 0
    assert "deluge" in stage.beacon("app", "list", "torrent").stdout
    refused = stage.beacon(
        "app", "install", "shop", "--set", "greting=x", "--set", "port=no", status=2
    ).stderr
    assert "did you mean 'greeting'" in refused
    assert "port must be a whole number" in refused
