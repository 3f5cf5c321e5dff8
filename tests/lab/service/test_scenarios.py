"""The defects of podman auto-update, and what else goes wrong with images and registries: Beacon stands it.

D1 to D6 are defects that were reproduced with Podman 5.4.2; E1 to E18 the scenarios that follow from them and
from Podman's open issues. Each is told on every kind of host, with the same end.
"""

from __future__ import annotations

import http.client
import json
import time

import pytest

from tests.lab.faulty_registry import AddHeaders, Answer, FaultyRegistry, Hang, Login
from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig, Registry
from tests.lab.kinds import DOCKER
from tests.lab.stage import REGISTRY, Stage, blobs, outcomes, polled

pytestmark = pytest.mark.every_kind

ROLLED_BACK, UNAVAILABLE, TEMPFAIL, NOPERM = 20, 69, 75, 77
SIDE_UNIT = """\
[Unit]
{relation}=beacon-web.service
After=beacon-web.service

[Service]
ExecStart=sleep infinity
"""


def test_an_image_that_exits_after_its_start_is_put_back(stage: Stage) -> None:
    """D1, E1: Podman reports a dead application as updated. The old one answers within settle plus 3 s."""
    stage.push()
    stage.define(update='settle = "1s"')
    stage.apply()
    stage.push(version="2", broken="exit")
    with polled(stage) as answers:
        wait_until(lambda: stage.version() == "1")
        assert stage.update(status=ROLLED_BACK) == {"web": "rolled_back"}
        assert stage.agrees() == "1"
    down = [moment for moment, answer in answers if answer != "1"]
    assert down
    assert max(down) - min(down) < 1 + 3
    assert "2" not in {answer for _, answer in answers}
    assert stage.told().count("rolled-back") == 1


@pytest.mark.parametrize("limit", [2, 50])
def test_a_service_that_fails_is_mended_by_the_next_image(stage: Stage, limit: int) -> None:
    """D2, E2 (podman#28925): a service that has given up, or that crashes on and on, takes a mended image."""
    stage.push(broken="exit")
    stage.define(more=f'[restart]\nlimit = {limit}\ndelay = "200ms"')
    assert stage.apply(status=1) == {"web": "failed"}
    if limit == 2:
        wait_until(lambda: stage.active() == "failed")
    stage.push(version="2")
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "2"


def test_a_bad_image_of_five_services_disturbs_one_of_them_once(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    """D3, D4, E3, E4: one pull, one restart, no outcome that lies; not tried again until the tag moves."""
    names = [f"web{number}" for number in range(5)]
    stage.push("web")
    for name in names:
        stage.define(name, image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    before = stage.invocations(*names)
    bad = stage.push("web", "2", broken="exit")
    faulty_registry.requests.clear()
    ends = stage.update(status=ROLLED_BACK)
    assert ends == {"web0": "rolled_back", **dict.fromkeys(names[1:], "quarantined")}
    after = stage.invocations(*names)
    assert after[0] != before[0]
    assert after[1:] == before[1:]
    assert len(faulty_registry.seen(f"/manifests/({bad.digest}|latest)$", "HEAD")) <= 1
    assert blobs(faulty_registry) <= 3  # the new layer, and the configuration for Beacon and for Podman
    assert {stage.agrees(name) for name in names} == {"1"}

    faulty_registry.requests.clear()
    assert stage.update() == dict.fromkeys(names, "quarantined")
    assert stage.invocations(*names) == after
    assert faulty_registry.seen(method="GET") == []

    stage.push("web", "3")
    assert stage.update() == dict.fromkeys(names, "updated")
    assert {stage.agrees(name) for name in names} == {"3"}
    assert all(not stage.state(name)["quarantine"] for name in names)


def test_whatever_depends_on_a_service_is_as_before_after_it_was_put_back(stage: Stage) -> None:
    """D5, E5: units that require the service, or share its network, are up again; stopped ones stay so."""
    healthcheck = {"Test": ["CMD-SHELL", "wget -qO- localhost:8080"], "Interval": 10**9, "Retries": 1}
    config = ImageConfig(healthcheck={**healthcheck, "Timeout": 10**9})
    stage.push(config=config)
    stage.push("side", config=ImageConfig(cmd=("sleep", "1000"), stop_signal="SIGKILL"))
    stage.define(more='[health]\nretries = 1\ninterval = "1s"\ntimeout = "1s"')
    stage.define("side", top='networks = ["service:web"]', port=False)
    for name, relation in (("gateway", "Requires"), ("bound", "BindsTo"), ("stopped", "Requires")):
        path = f"{stage.systemd_units}/beacon-test-{name}.service"
        stage.write(path, SIDE_UNIT.format(relation=relation))
    units = ["beacon-test-gateway.service", "beacon-test-bound.service", "beacon-side.service"]
    stage.apply()
    stage.systemctl("start", *units)
    stage.push(version="2", config=config, broken="unhealthy")
    assert stage.update(status=ROLLED_BACK)["web"] == "rolled_back"
    assert stage.agrees() == "1"
    assert [stage.active(unit) for unit in units] == ["active"] * 3
    assert stage.active("beacon-test-stopped.service") == "inactive"
    shared = stage.running("side")["HostConfig"]["NetworkMode"]
    assert shared == f"container:{stage.running()['Id']}"

    stage.push(version="3", config=config)
    assert stage.update()["web"] == "updated"
    assert [stage.active(unit) for unit in units] == ["active"] * 3
    assert stage.running("side")["HostConfig"]["NetworkMode"] == f"container:{stage.running()['Id']}"


def test_services_that_stop_slowly_do_so_side_by_side(stage: Stage) -> None:
    """D6, E18: five containers that ignore SIGTERM take about one stop timeout to replace, not five."""
    names = [f"web{number}" for number in range(5)]
    timeout = 4
    for name in names:
        stage.push(name, f"1 of {name}", broken="ignores-term")
        stage.define(name, more=f'[stop]\ntimeout = "{timeout}s"')
    stage.apply()
    for name in names:
        stage.push(name, f"2 of {name}")
    began = time.monotonic()
    assert stage.update() == dict.fromkeys(names, "updated")
    assert timeout < time.monotonic() - began < 4 * timeout


def test_a_registry_that_hangs_delays_nobody_else(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """E6: each registry has its own deadline; what could not be checked says so, and stays as it is."""
    stage.write(f"{stage.config}/beacon.toml", '[registry]\ndeadline = "3s"\n')
    stage.push("web")
    stage.define("hung", image=f"{faulty_registry.address}/me/web:latest")
    stage.deploy("web")
    stage.push("web", "2")
    faulty_registry.when("", Hang())
    began = time.monotonic()
    assert stage.update(status=UNAVAILABLE) == {"hung": "unchecked", "web": "updated"}
    assert time.monotonic() - began < 15
    assert (stage.agrees("hung"), stage.agrees("web")) == ("1", "2")


def test_a_digest_in_the_definition_is_not_followed(stage: Stage) -> None:
    """E7 (podman#21190): tag and digest together fail nothing; the service stays where it is."""
    one = stage.push("fixed")
    stage.define("fixed", image=f"{one.reference}:latest@{one.digest}")
    stage.deploy("web")
    stage.push("fixed", "2")
    stage.push("web", "2")
    assert stage.update() == {"fixed": "pinned", "web": "updated"}
    assert (stage.agrees("fixed"), stage.agrees("web")) == ("1", "2")


@pytest.mark.parametrize("docker", [False, True])
def test_an_index_is_followed_by_the_image_in_it(
    stage: Stage, faulty_registry: FaultyRegistry, *, docker: bool
) -> None:
    """E8, E9: of an index or a Docker manifest list the own platform counts; churn around it is no update."""
    one = stage.push(index=True, docker=docker)
    stage.define(image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    assert stage.live()["digest"] == one.manifest_digest
    before = stage.invocations("web")
    churn(stage.host, "me/web")
    faulty_registry.requests.clear()
    assert [stage.update(), stage.update()] == [{"web": "up_to_date"}] * 2
    assert len(faulty_registry.seen("/manifests/latest", "HEAD")) == 2
    assert len(faulty_registry.seen("/manifests/", "GET")) <= 2  # the index and its child, in the first run
    assert blobs(faulty_registry) <= 1  # the configuration
    assert stage.invocations("web") == before
    two = stage.push(version="2", index=True, docker=docker)
    assert stage.update() == {"web": "updated"}
    assert stage.live()["digest"] == two.manifest_digest
    assert stage.agrees() == "2"


@pytest.mark.not_on(DOCKER, why="docker knows mirrors of Docker Hub alone, in its daemon's configuration")
def test_a_mirror_that_lags_behind_makes_no_loop(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """E10: an update that only the origin has is taken from there once, and is not undone by the mirror."""
    mirror = f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n[[registry.mirror]]\n'
    mirror += f'location = "{faulty_registry.address}"\ninsecure = true\n'
    stage.host.write("/etc/containers/registries.conf.d/lab.conf", mirror)
    try:
        faulty_registry.freeze_tags()
        stage.deploy("web")
        before = stage.invocations("web")
        stage.push("web", "2")
        assert [stage.update(), stage.update()] == [{"web": "up_to_date"}] * 2
        assert stage.invocations("web") == before
        faulty_registry.reset()
        faulty_registry.when("/(blobs|manifests)/sha256:", Answer(404))
        assert stage.update() == {"web": "updated"}
        after = stage.invocations("web")
        assert stage.update() == {"web": "up_to_date"}
        assert stage.invocations("web") == after
        assert stage.agrees() == "2"
    finally:
        stage.host.write("/etc/containers/registries.conf.d/lab.conf", LAB_REGISTRIES)


def test_an_old_login_does_not_lock_out_of_a_public_image(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    """E11: where the login is refused and the image public, it is checked and pulled without."""
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    faulty_registry.login = Login(accounts={}, anonymous=True)
    stale = {"auths": {faulty_registry.address: {"auth": "bWU6b2xk"}}}
    stage.write(stage.logins, json.dumps(stale), mode=0o600)
    try:
        stage.push(version="2")
        assert stage.update() == {"web": "updated"}
        assert stage.agrees() == "2"
    finally:
        stage.host.run("rm", stage.logins)


def test_a_login_is_the_timer_s_too(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """A private image is followed from `beacon login` on, by the timer's unit as by hand, until `logout`."""
    registry = faulty_registry.address
    stage.push()
    stage.define(image=f"{registry}/me/web:latest")
    faulty_registry.login = Login(accounts={"me": "secret"}, anonymous=False)
    assert f"beacon login {registry}" in stage.beacon("apply", status=UNAVAILABLE).stderr
    log_in = f"beacon login --username=me --password-stdin {registry}"
    assert stage.run("sh", "-c", f"echo wrong | {log_in}", check=False).returncode == NOPERM
    stage.run("sh", "-c", f"echo secret | {log_in}")
    assert stage.apply() == {"web": "installed"}
    stage.push(version="2")
    stage.systemctl("start", "beacon-update.service")
    assert stage.agrees() == "2"
    stage.beacon("logout", registry)
    stage.push(version="3")
    assert stage.update(status=UNAVAILABLE) == {"web": "unchecked"}
    assert stage.agrees() == "2"


def test_a_registry_that_asks_for_patience_gets_it(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """E12: 429 with Retry-After puts off what is there, says so in the status, and hinders nobody else."""
    stage.push("patient")
    stage.define("patient", image=f"{faulty_registry.address}/me/patient:latest")
    stage.deploy("web")
    stage.push("patient", "2")
    stage.push("web", "2")
    faulty_registry.when("/manifests/", Answer(429, {"Retry-After": "3600"}))
    assert stage.update(status=TEMPFAIL) == {"patient": "deferred", "web": "updated"}
    faulty_registry.reset()
    assert stage.update() == {"patient": "updated", "web": "up_to_date"}


def test_what_is_left_of_a_pull_limit_is_not_spent(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """E13: HEADs, which cost nothing, go on; the pull waits until the limit allows it."""
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    limited = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "3;w=21600"}
    faulty_registry.when("/manifests/", AddHeaders(limited))
    assert stage.update() == {"web": "up_to_date"}
    stage.push(version="2")
    faulty_registry.requests.clear()
    assert stage.update(status=TEMPFAIL) == {"web": "deferred"}
    assert {seen.method for seen in faulty_registry.seen("/manifests/")} == {"HEAD"}
    faulty_registry.reset()
    assert stage.update() == {"web": "updated"}


def test_an_update_without_a_way_back_is_refused(stage: Stage) -> None:
    """E14: where the image to roll back to is gone, nothing is touched, and what to do is said."""
    stage.deploy("web")
    image = stage.live()["image"]["image_id"].partition(":")[2]
    engine = stage.kind.engine
    stage.run("sh", "-c", f"{engine} rm --force beacon-web; {engine} rmi --force {image}", check=False)
    stage.push(version="2")
    done = stage.beacon("update", "--json", status=1)
    assert outcomes(done) == {"web": "failed"}
    assert "needed to roll back, is gone" in done.stdout
    assert f"{stage.kind.engine} pull" in done.stdout


def test_of_two_runs_at_once_one_works_and_the_other_says_busy(stage: Stage) -> None:
    """E16: the second run leaves the service to the first, and that is no error."""
    stage.push()
    stage.define(update='settle = "2s"')
    stage.apply()
    stage.push(version="2")
    first = stage.start("beacon", "update", "--json")
    wait_until(lambda: stage.state()["rollout"] is not None)
    assert stage.update() == {"web": "busy"}
    said, _ = first.communicate(timeout=30)
    assert (first.returncode, json.loads(said)["services"][0]["outcome"]) == (0, "updated")
    assert stage.agrees() == "2"


def test_a_service_that_its_owner_stopped_stays_stopped(stage: Stage) -> None:
    """E17: neither an update nor an apply starts it; once started again, it follows again."""
    stage.deploy("web")
    stage.systemctl("stop", "beacon-web")
    stage.push(version="2")
    assert stage.update() == {"web": "stopped"}
    assert stage.apply()["web"] == "unchanged"
    assert stage.active() == "inactive"
    stage.systemctl("start", "beacon-web")
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "2"


LAB_REGISTRIES = "".join(
    f'[[registry]]\nlocation = "{location}"\ninsecure = true\n\n'
    for location in (REGISTRY, "proxy.example:5001", "mirror.example:5002")
)


def churn(host: LabHost, repository: str) -> None:
    """Give the index that the tag latest names another annotation, as a rebuilt attestation does."""
    address, _, port = host.registry.partition(":")
    connection = http.client.HTTPConnection(address, int(port), timeout=5)
    kinds = (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
    connection.request("GET", f"/v2/{repository}/manifests/latest", headers={"Accept": ", ".join(kinds)})
    answer = connection.getresponse()
    index = json.loads(answer.read())
    connection.close()
    index["manifests"] = index["manifests"][:-1]
    kind = str(answer.getheader("Content-Type"))
    Registry(host.registry, repository).put_manifest("latest", json.dumps(index).encode(), kind)
