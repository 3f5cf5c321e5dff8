"""The lab itself: what other tests stand on is proved first."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.faulty_registry import AddHeaders, Answer, Delay, FaultyRegistry, Hang, Login, ReplaceBody
from tests.lab.ground import Ground
from tests.lab.host import CommandError, LabHost, wait_until
from tests.lab.images import Broken, ImageConfig, Pushed, Registry

ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
WEB = "registry.example:5000/me/web"
QUADLET = """\
[Container]
Image={image}
PublishPort=127.0.0.1:8080:8080

[Service]
Restart=no

[Install]
WantedBy=multi-user.target
"""

FreshHost = Callable[..., LabHost]
Push = Callable[..., Pushed]


def test_systemd_runs_and_nothing_has_failed(host: LabHost) -> None:
    assert host.run("systemctl", "is-system-running", "--wait").stdout == "running\n"


def test_a_command_that_fails_says_what_it_said(host: LabHost) -> None:
    with pytest.raises(CommandError, match=r"(?s)exit status 3.*out of luck"):
        host.run("sh", "-c", "echo out of luck >&2; exit 3")
    assert host.run("false", check=False).returncode == 1
    assert host.run("cat", input="through").stdout == "through"
    assert host.run("printenv", "LAB", env={"LAB": "yes"}).stdout == "yes\n"


def test_a_command_that_hangs_is_killed(host: LabHost) -> None:
    with pytest.raises(CommandError, match="killed after"):
        host.run("sleep", "4242", timeout=0.2)
    wait_until(lambda: host.run("pgrep", "-f", "sleep 4242", check=False).returncode == 1)


def test_a_quadlet_unit_serves_its_image(host: LabHost, push: Push) -> None:
    serve(host, push(WEB, version="1.0").pinned)
    assert version(host) == "1.0"
    host.run("systemctl", "stop", "beacon-web.service")


@pytest.mark.parametrize("docker", [False, True])
def test_an_index_leads_to_the_manifest_of_this_machine(host: LabHost, push: Push, *, docker: bool) -> None:
    pushed = push(WEB, version="2.0", index=True, docker=docker)
    raw = host.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{pushed.tagged}").stdout
    platforms = {entry["platform"]["architecture"]: entry["digest"] for entry in json.loads(raw)["manifests"]}
    assert platforms.keys() == {"amd64", "arm64", "unknown"}
    assert pushed.manifest_digest in platforms.values()
    host.run("podman", "pull", "--quiet", pushed.pinned)
    assert host.run("podman", "run", "--rm", pushed.pinned, "cat", "/www/version").stdout == "2.0\n"


def test_the_same_image_has_the_same_digest_and_others_do_not(push: Push) -> None:
    first, again, other = push(WEB, version="1"), push(WEB, version="1"), push(WEB, version="2")
    assert first.digest == again.digest != other.digest


def test_pushing_is_quick(push: Push) -> None:
    push(WEB)
    began = time.monotonic()
    for number in range(10):
        push(WEB, version=f"quick-{number}", index=True)
    assert time.monotonic() - began < 30


def test_an_image_keeps_its_configuration(host: LabHost, push: Push) -> None:
    config = ImageConfig(
        env={"GREETING": "hello"},
        volumes=["/data"],
        labels={"io.beacon.port": "8080"},
        user="web",
        stop_signal="SIGINT",
        healthcheck={"Test": ["CMD-SHELL", "wget -qO- http://127.0.0.1:8080/"], "Retries": 2},
    )
    pushed = push(WEB, config=config)
    host.run("podman", "pull", "--quiet", pushed.tagged)
    (image,) = json.loads(host.run("podman", "image", "inspect", pushed.tagged).stdout)
    assert image["Healthcheck"]["Retries"] == 2
    assert image["User"] == "web"
    assert {"StopSignal": "SIGINT", "Volumes": {"/data": {}}}.items() <= image["Config"].items()
    assert image["Labels"] == {"io.beacon.port": "8080"}


@pytest.mark.parametrize(("broken", "state"), [("exit", "failed"), ("unstartable", "failed")])
def test_an_image_that_cannot_run_fails(host: LabHost, push: Push, broken: Broken, state: str) -> None:
    host.write(
        "/etc/containers/systemd/beacon-web.container", QUADLET.format(image=push(WEB, broken=broken).pinned)
    )
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "beacon-web.service", check=False)
    wait_until(lambda: host.run("systemctl", "is-active", "beacon-web", check=False).stdout.strip() == state)


def test_an_image_that_is_slow_answers_later_and_one_that_is_unhealthy_never(
    host: LabHost, push: Push
) -> None:
    for broken in ("slow", "unhealthy"):
        serve(host, push(WEB, broken=broken).pinned)
        host.run("systemctl", "is-active", "beacon-web")
        if broken == "slow":
            wait_until(lambda: version(host) == "1")
        else:
            assert version(host) == ""
        host.run("systemctl", "stop", "beacon-web")


def test_an_image_that_ignores_sigterm_must_be_killed(host: LabHost, push: Push) -> None:
    serve(host, push(WEB, broken="ignores-term").pinned)
    wait_until(lambda: version(host) == "1")
    host.run("podman", "kill", "--signal", "TERM", "systemd-beacon-web")
    time.sleep(0.5)
    host.run("systemctl", "is-active", "beacon-web")
    host.run("podman", "kill", "systemd-beacon-web")


def test_the_host_is_clean_between_tests(host: LabHost) -> None:
    assert not host.exists("/etc/containers/systemd/beacon-web.container")
    assert host.run("podman", "ps", "--all", "--quiet").stdout == ""
    assert host.run("podman", "images", "--quiet").stdout == ""
    assert Registry(host.registry, "me/web").tags() == []


def test_a_program_can_be_watched_with_strace(host: LabHost) -> None:
    seen = host.run("strace", "-f", "-e", "trace=execve", "sh", "-c", "/bin/true").stderr
    assert 'execve("/bin/true"' in seen


def test_a_user_runs_containers_without_root(host: LabHost, push: Push) -> None:
    owner = host.add_user("owner")
    image = push(WEB, version="rootless").pinned
    host.write(f"{owner.home}/.config/containers/systemd/beacon-web.container", QUADLET.format(image=image))
    host.run("chown", "-R", "owner:", owner.home)
    owner.run("systemctl", "--user", "daemon-reload")
    owner.run("systemctl", "--user", "start", "beacon-web")
    wait_until(lambda: version(host) == "rootless")


def test_docker_runs_beside_podman(host: LabHost, push: Push) -> None:
    host.run("systemctl", "start", "docker")
    pushed = push(WEB, version="docker")
    host.run("docker", "run", "--detach", "--publish", "127.0.0.1:8080:8080", pushed.pinned)
    wait_until(lambda: version(host) == "docker")


def test_a_reboot_and_a_power_cut_keep_the_disk(fresh_host: FreshHost) -> None:
    host = fresh_host()
    boots = set()
    for boot_again in (None, host.reboot, host.power_cut):
        if boot_again:
            boot_again()
        host.run("sh", "-c", "echo again >>/var/lib/count")
        boots.add(
            host.read("/proc/sys/kernel/random/boot_id") + host.run("stat", "-c", "%Z", "/proc/1").stdout
        )
        host.run("systemctl", "is-system-running", "--wait")
    assert host.read("/var/lib/count") == "again\n" * 3
    assert len(boots) == 3


def test_hosts_see_each_other_until_the_cable_is_pulled(fresh_host: FreshHost) -> None:
    venus, mars = fresh_host("venus", beacon=False), fresh_host("mars", beacon=False)
    venus.run("ping", "-c1", "-W1", "mars")
    mars.disconnect()
    assert venus.run("ping", "-c1", "-W1", "mars", check=False).returncode == 1
    mars.connect()
    venus.run("curl", "--fail", "--silent", f"http://{mars.registry}/v2/")


def test_a_killed_test_run_leaves_nothing(ground: Ground) -> None:
    script = "from tests.lab.ground import Ground\nfrom tests.lab.host import LabHost\n"
    script += (
        "ground = Ground.open()\nLabHost(ground, 'doomed').boot()\nprint(ground.slot.number, flush=True)\n"
    )
    script += "import time\ntime.sleep(60)\n"
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.stdout
    number = int(run.stdout.readline())
    assert number != ground.slot.number
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    bridge = f"beacon-lab-{number}"
    wait_until(lambda: not Path("/sys/class/net", bridge).exists())
    wait_until(lambda: f"/runs/{number}/" not in Path("/proc/mounts").read_text())
    wait_until(lambda: not (ground.slot.folder.parent / str(number)).exists())


# The faulty registry


def test_the_proxy_passes_on_and_remembers(
    host: LabHost, push: Push, faulty_registry: FaultyRegistry
) -> None:
    digest = push(WEB).digest
    host.run("podman", "pull", "--quiet", f"{faulty_registry.address}/me/web:latest")
    (asked,) = faulty_registry.seen("/manifests/latest")
    assert (asked.method, asked.status) == ("GET", 200)
    assert Registry(proxied(faulty_registry), "me/web").digest("latest") == digest


def test_the_proxy_answers_wrongly_as_often_as_told(push: Push, faulty_registry: FaultyRegistry) -> None:
    push(WEB)
    faulty_registry.when("/manifests/", Answer(429, {"Retry-After": "7"}), times=2)
    faulty_registry.when("/manifests/other", Answer(404))
    answers = [ask(faulty_registry, "/v2/me/web/manifests/latest") for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 200]
    assert answers[0].getheader("Retry-After") == "7"
    assert ask(faulty_registry, "/v2/me/web/manifests/other").status == 404
    faulty_registry.reset()
    assert faulty_registry.seen() == []


def test_the_proxy_lies_and_limits(push: Push, faulty_registry: FaultyRegistry) -> None:
    push(WEB)
    lie = {"Docker-Content-Digest": f"sha256:{'0' * 64}", "ratelimit-remaining": "1;w=21600"}
    faulty_registry.when("/manifests/", AddHeaders(lie), ReplaceBody(b"{}"))
    answer = ask(faulty_registry, "/v2/me/web/manifests/latest", read=b"{}")
    assert {**lie, "Content-Length": "2"}.items() <= dict(answer.getheaders()).items()


def test_the_proxy_waits_and_hangs(push: Push, faulty_registry: FaultyRegistry) -> None:
    push(WEB)
    faulty_registry.when("", Delay(0.2))
    began = time.monotonic()
    assert ask(faulty_registry, "/v2/").status == 200
    assert time.monotonic() - began >= 0.2

    faulty_registry.when("", Hang())
    threading.Timer(0.2, faulty_registry.release).start()
    with pytest.raises(http.client.RemoteDisconnected):
        ask(faulty_registry, "/v2/")
    assert faulty_registry.seen()[-1].status == 0


def test_the_proxy_serves_old_tags_like_a_mirror(push: Push, faulty_registry: FaultyRegistry) -> None:
    old = push(WEB, version="1").digest
    faulty_registry.freeze_tags()
    mirror = Registry(proxied(faulty_registry), "me/web")
    assert mirror.digest("latest") == old
    new = push(WEB, version="2").digest
    assert mirror.digest("latest") == old
    faulty_registry.reset()
    assert mirror.digest("latest") == new


def test_the_proxy_asks_for_a_login(host: LabHost, push: Push, faulty_registry: FaultyRegistry) -> None:
    push(WEB)
    image = f"docker://{faulty_registry.address}/me/web:latest"
    inspect = ("skopeo", "inspect", "--tls-verify=false")
    for basic in (False, True):
        faulty_registry.login = Login(accounts={"me": "secret"}, basic=basic)
        host.run(*inspect, "--creds=me:secret", image)
        assert "unauthorized" in host.run(*inspect, "--creds=me:wrong", image, check=False).stderr.lower()
    faulty_registry.login = Login(accounts={}, anonymous=True)
    host.run(*inspect, "--no-creds", image)


def test_the_proxy_refuses_a_token_for_two_scopes(faulty_registry: FaultyRegistry) -> None:
    faulty_registry.login = Login(accounts={"me": "secret"}, combined_scopes=False)
    scopes = "scope=repository:me/web:pull&scope=repository:me/db:pull"
    login = {"Authorization": f"Basic {b64encode(b'me:secret').decode()}"}
    assert ask(faulty_registry, f"/token?{scopes}", headers=login).status == 400
    assert ask(faulty_registry, "/token?scope=repository:me/web:pull", headers=login).status == 200


def test_the_proxy_is_quick(push: Push, faulty_registry: FaultyRegistry) -> None:
    push(WEB)
    mirror = Registry(proxied(faulty_registry), "me/web")
    began = time.monotonic()
    for _ in range(100):
        mirror.digest("latest")
    assert time.monotonic() - began < 100 * 0.01


def serve(host: LabHost, image: str) -> None:
    """Run an image as a Quadlet unit written by hand."""
    host.write("/etc/containers/systemd/beacon-web.container", QUADLET.format(image=image))
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "beacon-web.service")


def version(host: LabHost) -> str:
    """Return what is served on port 8080, or nothing."""
    url = "http://127.0.0.1:8080/version"
    return host.run("curl", "--silent", "--max-time", "1", url, check=False).stdout.strip()


def proxied(proxy: FaultyRegistry) -> str:
    """Return where the proxy is for the test itself."""
    address, port = proxy.listening
    return f"{address}:{port}"


def ask(
    proxy: FaultyRegistry, path: str, headers: dict[str, str] | None = None, *, read: bytes | None = None
) -> http.client.HTTPResponse:
    """Ask the proxy one thing, and check what it says when told to."""
    connection = http.client.HTTPConnection(proxied(proxy), timeout=5)
    try:
        connection.request("GET", path, headers={"Accept": ACCEPT} | (headers or {}))
        answer = connection.getresponse()
        body = answer.read()
        assert read in (None, body)
        return answer
    finally:
        connection.close()
