"""Manifests made of what others say of an app."""

from __future__ import annotations

import pytest

from beacon.catalog.drafts.bcd import from_bcd
from beacon.catalog.drafts.compose import from_compose
from beacon.catalog.drafts.image import ImageFacts, from_image
from beacon.catalog.manifest import read_manifest
from beacon.definition.tables.app import ManifestTable, OptionTable
from beacon.errors import DefinitionError
from beacon.formats.tomltext import read_toml
from beacon.model.image import ImageConfig, ImageHealth, Platform
from tests.fakes.stage import digest

PLATFORM = Platform("linux", "amd64")


def read(text: str) -> ManifestTable:
    return read_manifest(text, file="draft.toml")


def options(manifest: ManifestTable) -> dict[str, OptionTable]:
    return {one.name: one for one in manifest.option}


def config(**said: object) -> ImageConfig:
    return ImageConfig(digest("config"), PLATFORM, **said)  # type: ignore[arg-type]


def test_an_image_tells_ports_volumes_secrets_health_and_what_it_is() -> None:
    image = config(
        env={"PATH": "/bin", "TZ": "UTC", "ADMIN_PASSWORD": "admin", "MODE": "fast"},
        exposed_ports=("6881/udp", "9999/tcp", "8080/tcp", "70000/tcp", "9" * 5000, "\N{SUPERSCRIPT TWO}"),
        volumes=("/var/lib/Shop Data", "/config"),
        health=ImageHealth(("CMD-SHELL", "curl -f {{ x }} || exit 1")),
        user="1000:1000",
        labels={
            "org.opencontainers.image.title": "My\nShop",
            "org.opencontainers.image.description": "A shop " * 40,
            "org.opencontainers.image.licenses": "MIT",
            "org.opencontainers.image.source": "https://shop.example/code",
            "org.opencontainers.image.url": "javascript:alert(1)",
        },
    )
    draft = from_image("shop", ImageFacts("r.example/shop:2.1", "2.1", image, ("amd64", "arm64")))
    found = read(draft.text)
    main = found.service["main"]
    assert (found.app.name, found.app.version, found.app.license) == ("My Shop", "2.1", "MIT")
    assert len(found.app.summary) <= 120
    assert (found.app.links.source, found.app.links.website) == ("https://shop.example/code", None)
    assert found.requires.arch == ["amd64", "arm64"]
    assert found.web is not None
    assert found.web.port == 8080
    assert set(options(found)) == {"port_6881_udp", "port_9999", "admin_password"}
    assert options(found)["port_9999"].default is None, "nothing is published that nobody asked for"
    assert main["env"] == {"TZ": "{{ machine.timezone }}"}
    assert main["secret"] == [{"name": "{{ secret.admin_password }}", "env": "ADMIN_PASSWORD"}]
    assert main["volume"] == [
        {"name": "config", "path": "/config"},
        {"name": "var-lib-shop-data", "path": "/var/lib/Shop Data"},
    ]
    assert main["health"] == {"command": "curl -f {{ '{{' }} x }} || exit 1"}
    assert 'admin"' not in draft.text.replace("ADMIN", ""), "no password of the image's"
    assert any("MODE" in note for note in draft.notes)
    assert any("1000:1000" in note for note in draft.notes)


def test_an_image_that_says_nothing_makes_a_manifest_all_the_same() -> None:
    draft = from_image("shop", ImageFacts("r.example/shop:1", "1", config()))
    found = read(draft.text)
    assert found.web is None
    assert "health" in found.service["main"]
    assert any("license" in note for note in draft.notes)


TABLES = """
[app]
image = "r.example/shop:2.1"
networks = ["shop", "host"]
needs = ["my-db"]
port = [
    { host = 8080, container = 80 },
    { host = "127.0.0.1:9000", container = 9001 },
    { host = "7000-7005", container = "7000-7005" },
]
volume = [
    { external = "shop_data", path = "/data" },
    { external = "shop_both", path = "/both" },
    { host = "/mnt/Movies", path = "/movies", read_only = true },
    { host = "/home/me/shop.conf", path = "/shop.conf" },
    { host = "/etc/localtime", path = "/etc/localtime" },
]
[app.env]
DB_HOST = "my-db"
DB_NAME = "my-db"
CACHE = "redis://my-db:6379/0"
DB_PASSWORD = "geheim123"
DB_PASSWORD_FILE = "/run/secrets/x"
DATABASE_URL = "postgres://shop:geheim123@my-db/shop"
PUID = "1000"
GREETING = "{{ hello }} {% x %}"

[my-db]
image = "r.example/db:16"
networks = ["shop"]
volume = [{ external = "shop_both", path = "/both" }]
env = { POSTGRES_PASSWORD = "geheim123", APP_KEY = "another1" }
[my-db.network.shop]
internal = true
"""


def test_a_compose_file_becomes_one_app_of_several_services() -> None:
    draft = from_compose("shop", read_toml(TABLES), ["app.x: not carried over"])
    found = read(draft.text)
    main, db = found.service["main"], found.service["mydb"]
    named = options(found)
    assert main["networks"] == ["{{ instance }}", "host"]
    assert main["needs"] == ["{{ service.mydb }}"]
    assert found.web is not None
    assert (found.web.port, found.web.host) == (80, 8080)
    assert named["port_9001"].default == 9000
    assert main["port"] == [
        {"when": "option.port_9001", "host": "127.0.0.1:{{ option.port_9001 }}", "container": 9001},
        {"host": "7000-7005", "container": "7000-7005"},
    ]
    assert main["env"] == {
        "DB_HOST": "{{ service.mydb }}",
        "DB_NAME": "my-db",
        "CACHE": "redis://{{ service.mydb }}:6379/0",
        "DB_PASSWORD_FILE": "/run/secrets/x",
        "PUID": "{{ machine.uid }}",
        "GREETING": "{{ '{{' }} hello }} {{ '{%' }} x %}",
    }
    assert "geheim123" not in draft.text
    assert "another1" not in draft.text
    assert main["secret"] == [{"name": "{{ secret.db_password }}", "env": "DB_PASSWORD"}]
    assert db["secret"] == [
        {"name": "{{ secret.db_password }}", "env": "POSTGRES_PASSWORD"},
        {"name": "{{ secret.app_key }}", "env": "APP_KEY"},
    ]
    assert main["volume"] == [
        {"name": "data", "path": "/data"},
        {"host": "{{ option.shop_both }}", "path": "/both"},
        {"host": "{{ option.movies }}", "path": "/movies", "read_only": True},
        {"host": "{{ option.shop_conf }}", "path": "/shop.conf"},
        {"host": "/etc/localtime", "path": "/etc/localtime"},
    ]
    assert db["volume"] == [{"host": "{{ option.shop_both }}", "path": "/both"}]
    assert (named["movies"].type, named["shop_conf"].type, named["shop_conf"].default) == (
        "library",
        "path",
        "/home/me/shop.conf",
    )
    text = " ".join(draft.notes)
    for told in ("DATABASE_URL", "7000-7005", "/etc/localtime", "mydb.network", "app.x"):
        assert told in text


BCD = """
name: Deluge
rpc_name: DelugeRPC
version: 1
description: "BitTorrent: with a page"
web_url_format: "http://##ip##:##web_port##/ui"
exposed_methods: [Install, Restart, Stop, Start, Dance]
show_options: [web_port, password, media_folder, mood]
extra: 3
method_options:
  Install:
    - {name: password, default_value: "", type: string, hint: Password of the page}
    - {name: web_port, default_value: "9112", type: string, hint: ""}
    - {name: run_as_user, default_value: bytesized, type: string}
    - {name: username, default_value: "", type: string}
    - {name: config_folder, default_value: "", type: string, hint: "", allow_deletion: true}
    - {name: media_folder, default_value: "", type: string, hint: Media}
    - {name: "Watch Me_folder", default_value: "", type: string, hint: Watch}
    - {name: daemon_port, default_value: "58846", type: string}
    - {name: other_port, default_value: "", type: string}
    - {name: plex_pass, default_value: false, type: boolean, hint: "Pass?"}
    - {name: mode, default_value: fast, type: enum, hint: Mode, shape: round}
    - {default_value: nameless}
  Reinstall:
    - {name: password, default_value: "", type: string}
  Explode: []
"""


def test_a_manifest_of_bytesized_connect_is_carried_over_and_the_rest_is_told() -> None:
    draft = from_bcd(BCD, "manifest.yml", "r.example/deluge:2.2")
    found = read(draft.text)
    main, named = found.service["main"], options(found)
    assert (found.app.id, found.app.summary) == ("deluge", "BitTorrent: with a page")
    assert found.web is not None
    assert (found.web.port, found.web.host, found.web.path) == (8112, 9112, "/ui")
    assert {name: one.type for name, one in named.items()} == {
        "password": "secret",
        "username": "string",
        "media": "library",
        "watch_me": "library",
        "port_58846": "port",
        "plex_pass": "boolean",
        "mode": "string",
    }
    assert (named["media"].show, found.result.password) == (True, "password")
    assert {"name": "config", "path": "/config"} in main["volume"]  # type: ignore[operator]
    assert main["image"] == "r.example/deluge:2.2"
    text = " ".join(draft.notes)
    for told in ("extra", "Dance", "mood", "other_port", "plex_pass", "mode.type", "mode.shape", "Explode"):
        assert told in text
    assert "without a name" in text
    assert "app install deluge" in text


def test_an_app_that_nobody_knows_is_carried_over_as_far_as_it_says() -> None:
    draft = from_bcd(
        'name: 3D Thing\nweb_url_format: "http://##ip##:##web_port##/?p=##password##"\n', "m.yml"
    )
    found = read(draft.text)
    assert found.app.id == "app-3d-thing"
    assert found.service["main"]["image"] == "docker.io/bytesized/3dthing:1"
    assert sum("guess" in note or "names none" in note for note in draft.notes) == 2


@pytest.mark.parametrize("text", ["", "[]", "name: [", "a: 1", "name: ''", "&a [*a]", "x" * 100])
def test_what_is_no_manifest_of_theirs_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        from_bcd(text, "manifest.yml")
