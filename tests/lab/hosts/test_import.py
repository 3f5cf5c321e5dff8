"""What others describe, taken over on a real host: a compose project, and containers that run."""

from __future__ import annotations

import json
import signal

import pytest

from tests.lab.conftest import Push
from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig

API = "registry.example:5000/me/api"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"}, env={"FROM": "image"})
COMPOSE = """\
name: shop
x-common: &common
  image: ${IMAGE:?set IMAGE}
  restart: unless-stopped
services:
  api:
    <<: *common
    container_name: shop_api
    volumes: [data:/data]
    depends_on: {migrate: {condition: service_completed_successfully}}
    networks: {default: , back: {ipv4_address: 10.98.0.53}}
  migrate:
    image: ${IMAGE}
    entrypoint: [sh, -c, "sleep 2; echo done > /data/migrated; test ! -e /data/broken"]
    volumes: [data:/data]
  web_front:
    <<: *common
    ports: ["127.0.0.1:8081:8080"]
    environment: {GREETING: "100% $$HOME"}
    depends_on: {api: {condition: service_started}}
volumes: {data: }
networks:
  back: {internal: true, ipam: {config: [{subnet: 10.98.0.0/24}]}}
"""


@pytest.fixture
def image(push: Push) -> str:
    """Return the reference of an image that answers at once."""
    return push(API, version="1", config=QUICK).tagged


def test_a_compose_project_is_imported_and_applied(host: LabHost, image: str) -> None:
    host.write("/srv/shop/compose.yaml", COMPOSE)
    refused = host.run("beacon", "import", "/srv/shop/compose.yaml", check=False)
    assert refused.returncode == 65
    assert (
        "/srv/shop/compose.yaml:3: services.api.image: needs the variable IMAGE: set IMAGE" in refused.stderr
    )
    assert not host.exists("/etc/beacon/services/api.toml")

    host.write("/srv/shop/.env", f"IMAGE={image}\n")
    dry = host.run("beacon", "import", "--dry-run", "/srv/shop/compose.yaml")
    assert 'external = "shop_data"' in dry.stdout
    assert not host.exists("/etc/beacon/services/api.toml")

    said = host.run("beacon", "import", "/srv/shop/compose.yaml").stdout
    assert "its name is web-front now" in said
    host.run("beacon", "apply")
    greeting = host.run("podman", "exec", "beacon-web-front", "sh", "-c", "echo $GREETING").stdout
    assert greeting == "100% $HOME\n"
    for name in ("api", "shop_api"):
        asked = ("podman", "exec", "beacon-web-front", "wget", "-qO-", f"http://{name}:8080/version")
        assert host.run(*asked).stdout.strip() == "1"
    back = ("podman", "exec", "beacon-api", "wget", "-qO-", "http://web_front:8080/version")
    assert host.run(*back).stdout.strip() == "1"
    assert host.run("podman", "volume", "exists", "shop_data").returncode == 0

    # the job ran to its end before what requires it; its network is as the file says
    assert host.run("podman", "exec", "beacon-api", "cat", "/data/migrated").stdout == "done\n"
    shown = ("systemctl", "show", "--value", "-p", "ActiveState,SubState", "beacon-migrate.service")
    assert host.run(*shown).stdout.split() == ["active", "exited"]
    assert "10.98.0.53" in host.run("podman", "inspect", "beacon-api").stdout
    assert json.loads(host.run("podman", "network", "inspect", "beacon-shop-back").stdout)[0]["internal"]

    # again: nothing is new, and nothing is written over without being asked
    host.run("beacon", "import", "/srv/shop/compose.yaml")
    assert host.run("beacon", "plan").stdout == "nothing to do\n"
    host.write("/etc/beacon/services/api.toml", f'image = "{image}"\n')
    held = host.run("beacon", "import", "/srv/shop/compose.yaml", check=False)
    assert held.returncode == 2
    assert "nothing is written: there is /etc/beacon/services/web-front.toml already" in held.stderr
    host.run("podman", "exec", "beacon-api", "sh", "-c", "touch /data/broken")
    host.run("systemctl", "stop", "beacon-api", "beacon-migrate")
    assert host.run("systemctl", "start", "beacon-api", check=False).returncode != 0
    assert host.run("systemctl", "is-active", "beacon-api", check=False).stdout == "inactive\n"
    host.run("beacon", "rm", "--all")


def test_a_container_is_adopted_with_its_volume(host: LabHost, image: str) -> None:
    host.run(
        "podman", "run", "-d", "--name", "Old_Api", "-p", "127.0.0.1:8082:8080", "-v", "kept:/data",
        "-e", "GREETING=hello", image,
    )  # fmt: skip
    host.run("podman", "exec", "Old_Api", "sh", "-c", "echo precious > /data/file")
    only = json.loads(host.run("beacon", "import", "--container", "Old_Api", "--dry-run", "--json").stdout)
    text = only["definitions"][0]["text"]
    assert 'external = "kept"' in text
    assert "FROM" not in text
    assert host.run("podman", "exec", "Old_Api", "cat", "/data/file").stdout == "precious\n"

    host.run("beacon", "import", "--container", "Old_Api", "--adopt")
    assert host.run("podman", "container", "exists", "Old_Api", check=False).returncode == 1
    assert host.run("podman", "exec", "beacon-old-api", "cat", "/data/file").stdout == "precious\n"
    assert host.run("podman", "exec", "beacon-old-api", "sh", "-c", "echo $GREETING").stdout == "hello\n"
    wait_until(lambda: "1" in host.run("curl", "-s", "http://127.0.0.1:8082/version", check=False).stdout)
    assert host.run("beacon", "plan").stdout == "nothing to do\n"
    refused = host.run("beacon", "import", "--container", "beacon-old-api", "--adopt", check=False)
    assert refused.returncode == 2
    assert "Beacon's already" in refused.stderr
    host.run("beacon", "rm", "old-api")
    assert host.run("podman", "volume", "exists", "kept").returncode == 0
    host.run("podman", "volume", "rm", "kept")


def test_a_container_whose_service_does_not_stand_is_put_back(host: LabHost, push: Push) -> None:
    image = push(API, version="1", config=QUICK).tagged
    host.run("podman", "run", "-d", "--name", "old", "-v", "kept:/data", image)
    push(API, version="2", config=QUICK, broken="exit")
    done = host.run("beacon", "import", "--container", "old", "--adopt", check=False, timeout=180)
    assert done.returncode == 1
    assert "the container old is as it was" in done.stderr
    assert host.run("podman", "inspect", "--format", "{{.State.Running}}", "old").stdout == "true\n"
    assert not host.exists("/etc/beacon/services/old.toml")
    assert not host.exists("/etc/containers/systemd/beacon-old.container")
    host.run("podman", "rm", "--force", "old")
    host.run("podman", "volume", "rm", "kept")


def test_killed_while_its_service_does_not_stand_the_container_is_put_back(host: LabHost, push: Push) -> None:
    """A first release that failed stays installed, which is not to be taken for one that stands."""
    points = [("fsync", number) for number in (6, 8, 9, 10, 11, 12)]
    image = push(API, version="1", config=QUICK).tagged
    for name in (names := [f"old{number}" for number in range(len(points))]):
        host.run("podman", "run", "-d", "--name", name, image)
        host.run("podman", "exec", name, "sh", "-c", f"echo {name} > /precious")
    push(API, version="2", config=QUICK, broken="exit")
    runs = [
        host.start_doomed(*point, "beacon", "import", "--container", name, "--adopt", "--discard-layer")
        for name, point in zip(names, points, strict=True)
    ]
    killed = 0
    for run in runs:
        run.communicate(timeout=180)
        killed += run.returncode == -signal.SIGKILL
    assert killed
    host.run("systemctl", "start", "beacon-update.service", timeout=180, check=False)
    for name, point in zip(names, points, strict=True):
        assert host.run("podman", "exec", name, "cat", "/precious").stdout == f"{name}\n", point
        assert not host.exists(f"/etc/beacon/services/{name}.toml"), point
    assert not host.run("find", "/var/lib/beacon/adoptions", "-name", "*.json").stdout
    host.run("podman", "rm", "--force", *names)


def test_killed_at_any_instant_the_next_run_ends_the_adoption(host: LabHost, push: Push) -> None:
    """Either the service stands and the container is gone, or the container runs as before: never neither."""
    points = [("fsync", number) for number in (1, 2, 3, 4, 5, 8, 11, 14, 17)] + [("?vfork,?fork,clone", 3)]
    image = push(API, version="1", config=QUICK).tagged
    for name in (names := [f"old{number}" for number in range(len(points))]):
        host.run("podman", "run", "-d", "--name", name, "-v", f"kept-{name}:/data", image)
        host.run("podman", "exec", name, "sh", "-c", f"echo {name} > /data/file")
    runs = [
        host.start_doomed(*point, "beacon", "import", "--container", name, "--adopt")
        for name, point in zip(names, points, strict=True)
    ]
    killed = 0
    for run in runs:
        run.communicate(timeout=120)
        killed += run.returncode == -signal.SIGKILL
    assert killed >= len(points) - 2

    host.run("beacon", "import", "--adopt", timeout=180)
    ended = {}
    for name, point in zip(names, points, strict=True):
        stands = host.run("podman", "container", "exists", name, check=False).returncode == 1
        assert host.exists(f"/etc/beacon/services/{name}.toml") == stands, point
        running = f"beacon-{name}" if stands else name
        assert host.run("podman", "exec", running, "cat", "/data/file").stdout == f"{name}\n", point
        ended[point] = stands
    assert set(ended.values()) == {True, False}, ended
    assert not host.run("find", "/var/lib/beacon/adoptions", "-name", "*.json").stdout
    assert host.run("beacon", "plan").stdout == "nothing to do\n"
    host.run("beacon", "rm", "--all")
    left = [name for name, point in zip(names, points, strict=True) if not ended[point]]
    host.run("podman", "rm", "--force", *left)
    host.run("podman", "volume", "rm", *(f"kept-{name}" for name in names))
