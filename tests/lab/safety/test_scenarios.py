"""The defects of podman auto-update, and what else goes wrong with images and registries: Beacon stands it.

D1 to D6 are defects that were reproduced with Podman 5.4.2; E1 to E18 the scenarios that follow from them and
from Podman's open issues. Each is told on every kind of host, with the same end.
"""

from __future__ import annotations

import http.client
import json
import socket
import time

import pytest

from tests.lab.faulty_registry import AddHeaders, Answer, FaultyRegistry, Hang, Login
from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig, Registry
from tests.lab.kinds import DOCKER, OLD_PODMAN
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
    assert stage.logged().count("rolled-back") == 1


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
    timeout = 10
    for name in names:
        stage.push(name, f"1 of {name}", broken="ignores-term")
        stage.define(name, more=f'[stop]\ntimeout = "{timeout}s"')
    stage.apply()
    for name in names:
        stage.push(name, f"2 of {name}")
    began = time.monotonic()
    assert stage.update() == dict.fromkeys(names, "updated")
    assert timeout < time.monotonic() - began < 3.5 * timeout


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
    assert stage.update(status=TEMPFAIL) == {"patient": "deferred", "web": "up_to_date"}
    assert not faulty_registry.seen()
    stage.run("rm", f"{stage.memory}/limits.json")  # as if the hour were over
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
    """E17: neither an update nor an apply starts it; it has the new release from its next start on."""
    stage.deploy("web")
    stage.systemctl("stop", "beacon-web")
    stage.push(version="2")
    done = stage.beacon("update", "--json")
    assert outcomes(done) == {"web": "updated"}
    assert "not started" in done.stdout
    assert stage.apply()["web"] == "unchanged"
    assert stage.active() == "inactive"
    stage.systemctl("start", "beacon-web")
    assert stage.agrees() == "2"
    assert stage.update() == {"web": "up_to_date"}


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


def test_a_service_comes_back_with_the_one_whose_network_it_shares(stage: Stage) -> None:
    """B3: after a crash, a stop and a start of the other; not where its owner had stopped it before."""
    stage.push()
    stage.push("side", config=ImageConfig(cmd=("sleep", "1000"), stop_signal="SIGKILL"))
    stage.define()
    stage.define("side", top='networks = ["service:web"]', port=False)
    stage.apply()
    stage.systemctl("kill", "--signal=KILL", "beacon-web.service")
    wait_until(lambda: stage.active() == "active" and stage.active("beacon-side.service") == "inactive", 30)
    assert stage.update()["side"] == "started"
    stage.systemctl("stop", "beacon-web.service")
    assert "along with" in stage.beacon("status", "side", status=3).stdout
    stage.beacon("start", "web")
    assert stage.active("beacon-side.service") == "active"
    stage.systemctl("stop", "beacon-side.service")
    time.sleep(2)
    stage.systemctl("restart", "beacon-web.service")
    stage.beacon("restart", "web")
    assert stage.update()["side"] == "up_to_date"
    assert stage.active("beacon-side.service") == "inactive"


@pytest.mark.every_kind
def test_what_the_engine_has_lost_is_there_again_with_the_next_start(stage: Stage) -> None:
    """D7: the image is pulled; the unit of the network is still up, and would not make that again."""
    stage.push()
    stage.define(top='networks = ["back"]')
    stage.apply()
    stage.beacon("stop", "web")
    stage.engine("system", "prune", "--all", "--force")
    assert "beacon-back" not in stage.engine("network", "ls")
    stage.beacon("start", "web")
    assert stage.agrees() == "1"


def test_a_job_that_has_ended_takes_a_new_release_for_its_next_start(stage: Stage) -> None:
    """B4: to end with 0 is what it is for."""
    stage.push("job", config=ImageConfig(cmd=("true",)))
    stage.define("job", top='restart = "no"', port=False)
    stage.apply()
    assert stage.live("job")["state"] == "live"
    stage.push("job", "2", config=ImageConfig(cmd=("sleep", "1000"), stop_signal="SIGKILL"))
    assert stage.update() == {"job": "updated"}
    assert stage.active("beacon-job.service") == "inactive"
    stage.beacon("start", "job")
    assert stage.running("job")["Config"]["Labels"]["io.beacon.release"] == "2"


@pytest.mark.not_on(OLD_PODMAN, DOCKER, why="it is systemd alone that counts")
def test_who_crashes_again_and_again_is_seen_to(stage: Stage) -> None:
    """What the timer tells owners of after ten minutes: systemd's listing, and its entries in the journal."""
    stage.push("crasher", broken="exit")  # of a name of its own: others have crashed on this host, too
    stage.define("crasher")
    stage.apply(status=1)
    unit, scope = "beacon-crasher.service", "Scope.USER" if stage.user else "Scope.SYSTEM"
    script = (
        "from beacon.model.machine import Scope; from beacon.systemd.journal import failing_since; "
        "from beacon.systemd.listing import unwell; "
        f"print(*unwell({scope}).restarting, *failing_since(['{unit}'], {scope}).values())"
    )

    def seen() -> bool:
        """Say whether it is about to be started again, and since when it is."""
        name, *since = [*stage.run("python3", "-c", script).stdout.split(), ""]
        return name == unit and time.time() - int(since[0] or 0) / 1e6 < 300

    wait_until(seen, 60)  # between two starts it is up for a moment


def test_what_a_start_lacks_is_said_before_anything_is_stopped(stage: Stage) -> None:
    """C6: a missing folder and a port that somebody else has are no fault of the image."""
    stage.deploy("web")
    before = stage.running()["Id"]
    folder, port = f"{stage.memory}/media", 21900
    script = f"import socket; socket.create_server(('', {port})).accept()"  # and ends
    other = stage.start("python3", "-c", script)
    wait_until(lambda: f":{port} " in stage.run("ss", "-lnt").stdout)
    more = f'[[volume]]\nhost = "{folder}"\npath = "/media"\n[[port]]\nhost = {port}\ncontainer = 9000\n'
    stage.define(more=more)
    planned = stage.beacon("plan")
    assert f"web: port {port}→9000 added; volume /media ({folder}) added" in planned.stdout
    assert "checksum" not in planned.stdout
    assert f"mkdir -p {folder}" in planned.stderr
    assert f"port {port}/tcp is taken" in planned.stderr
    done = stage.beacon("apply", "--json", status=1)
    assert outcomes(done) == {"web": "failed"}
    assert f"{folder} is not there" in done.stdout
    assert f"port {port}/tcp is taken" in done.stdout
    assert stage.running()["Id"] == before
    assert stage.agrees() == "1"
    assert not stage.state()["quarantine"]
    stage.run("mkdir", folder)
    socket.create_connection((stage.host.address, port), timeout=5).close()
    other.communicate(timeout=10)
    assert stage.apply() == {"web": "updated"}
    assert stage.agrees() == "1"
