"""Sources of apps on a booted host: who fetches them may touch nothing, and what they bring is followed."""

from __future__ import annotations

import json

import pytest

from tests.lab.host import wait_until
from tests.lab.kinds import DOCKER, OLD_PODMAN
from tests.lab.stage import REGISTRY, Stage

MANIFEST = """schema = "beacon-app/1"
[app]
id = "greeter"
name = "Greeter"
version = "{version}"
revision = {revision}
summary = "Says hello"
license = "MIT"
[web]
port = 8080
[service.main]
image = "{registry}/me/web:{version}"
health = {{ tcp = 8080 }}
"""
UPDATE = "beacon-update.service"
SERVE = """
import http.server, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/pem", "/srv/key")
server = http.server.HTTPServer(("127.0.0.1", 8443), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
CERTIFICATE = """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout /srv/key -out /srv/pem
cp /srv/pem /usr/local/share/ca-certificates/lab.crt
update-ca-certificates
"""


@pytest.fixture
def published(stage: Stage) -> Stage:
    """Return a stage with a server of archives that it trusts."""
    stage.host.run("sh", "-euc", CERTIFICATE)
    stage.host.write("/srv/serve.py", SERVE)
    stage.host.run("systemctl", "stop", "archives", check=False)
    stage.host.run(
        *("systemd-run", "--unit=archives", "--collect", "--working-directory=/srv"),
        *("--", "python3", "/srv/serve.py"),
    )
    wait_until(lambda: stage.host.run("curl", "-fsS", "https://localhost:8443/", check=False).returncode == 0)
    return stage


def publish(stage: Stage, version: str, revision: int) -> str:
    """Pack the catalog anew; return the SHA-256 of the archive."""
    text = MANIFEST.format(version=version, revision=revision, registry=REGISTRY)
    stage.host.write("/srv/catalog/apps/greeter.toml", text)
    stage.host.run("tar", "-C", "/srv/catalog", "-czf", "/srv/apps.tar.gz", "apps")
    return stage.host.run("sha256sum", "/srv/apps.tar.gz").stdout.split()[0]


@pytest.mark.every_kind
@pytest.mark.not_on(OLD_PODMAN, DOCKER)
def test_an_archive_is_fetched_and_its_apps_are_installed(published: Stage) -> None:
    stage, url = published, "https://localhost:8443/apps.tar.gz"
    stage.push(version="1", tag="1")
    digest = publish(stage, "1", 1)
    wrong = stage.beacon("app", "source", "add", "friends", url, "--sha256", "0" * 64, status=None)
    assert wrong.returncode
    assert digest in wrong.stderr, "what it is, beside what it should be"
    assert json.loads(stage.beacon("app", "source", "list", "--json").stdout)["sources"] == []
    stage.beacon("app", "source", "add", "friends", url, "--sha256", digest)
    installed = json.loads(stage.beacon("app", "install", "greeter", "--json").stdout)
    assert [one["outcome"] for one in installed["outcomes"]] == ["installed"]
    left = stage.host.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "run-*").stdout
    assert "source of apps" not in left


def test_a_folder_s_new_revision_is_brought_by_the_timer(stage: Stage) -> None:
    for version in ("1", "2"):
        stage.push(version=version, tag=version)
    publish(stage, "1", 1)
    stage.beacon("app", "source", "add", "mine", "/srv/catalog")
    stage.beacon("app", "install", "greeter")
    publish(stage, "2", 2)
    stage.host.run("systemctl", "start", UPDATE, timeout=120)
    assert now(stage) == (2, "2", False)
    stage.push(version="3", tag="3", broken="exit")
    publish(stage, "3", 3)
    assert stage.host.run("systemctl", "start", UPDATE, check=False, timeout=120).returncode
    assert stage.systemctl("show", "--property=ExecMainStatus", UPDATE).strip() == "ExecMainStatus=20"
    assert now(stage) == (2, "2", False)
    stage.host.run("systemctl", "start", UPDATE, timeout=120)  # which does not try it again


def now(stage: Stage) -> tuple[int, str, bool]:
    """Return the revision and version of the app, and whether it is being changed."""
    (app,) = json.loads(stage.beacon("app", "status", "--json").stdout)["installed"]
    return app["revision"], app["version"], app["changing"]
