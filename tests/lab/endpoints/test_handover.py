"""A service is asked all the time while its releases are replaced: not one request is lost."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable

import pytest

from tests.lab.host import LabHost, wait_until
from tests.lab.images import Broken, draining_web
from tests.lab.kinds import OLD_PODMAN, ROOTLESS
from tests.lab.load import Load, loaded
from tests.lab.stage import Stage

ROLLED_BACK = 20
DOMAIN = "web.internal"
ENDPOINT = f'[[endpoint]]\ndomain = "{DOMAIN}"\nport = 8080\ntls = false\n'
VOLUME = '[[volume]]\nname = "data"\npath = "/data"\n'
SETTLE = 'settle = "1s"'
_CGI = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\n"
_SOCKET = """#!/bin/sh
while read -r line && [ "${#line}" -gt 1 ]; do :; done
printf 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n'
exec cat
"""
_WEB = draining_web(
    "mkdir -p /www/cgi-bin", "cp /bin/version /bin/slow /www/cgi-bin", "nc -ll -p 8081 -e /bin/socket &"
)
FILES = {
    "bin/version": f"{_CGI}cat /www/version\n",
    "bin/slow": f"{_CGI}sleep 12\necho slow\n",
    "bin/socket": _SOCKET,
    "bin/web": _WEB,
}
"""A web service with programs: the server itself takes no other requests than GET."""
MARKERS = "/run/beacon/routes"
HELPER = "beacon-web.next.service"

FreshHost = Callable[..., LabHost]


ELSEWHERE = pytest.mark.not_on(ROOTLESS, OLD_PODMAN, why="no Caddy there, or not for the services of users")


@pytest.fixture
def proxied(stage: Stage) -> Stage:
    """Return a stage whose Caddy answers a domain, with the first version of web behind it."""
    return set_up(stage)


def set_up(stage: Stage, more: str = "") -> Stage:
    stage.host.run("systemctl", "start", "network-online.target")
    stage.push("web", files=FILES)
    stage.define("web", port=False, update=SETTLE, more=ENDPOINT + more)
    stage.apply()
    stage.beacon("endpoint", "setup")
    wait_until(lambda: asked(stage.host) == "1", 30)
    return stage


def asked(host: LabHost) -> str:
    """Return the version that answers at the domain, or nothing."""
    done = host.run(
        *("curl", "--silent", "--fail", "--max-time", "3", "--header", f"Host: {DOMAIN}"),
        "http://127.0.0.1/version",
        check=False,
    )
    return done.stdout.strip()


def answered_beside(stage: Stage, load: Load) -> int:
    """Return how many requests the new release answered while the unit stopped the old one: beside it."""
    moments = ("ActiveExitTimestampMonotonic", "InactiveExitTimestampMonotonic")
    shown = stage.show("beacon-web.service", *moments)
    stops, starts = (int(shown[moment]) / 1e6 for moment in moments)
    answered = [(one.sent, one.sent + one.took) for one in load.replies if one.body == "2"]
    return sum(stops < sent and back < starts for sent, back in answered)


def assert_nothing_is_left(stage: Stage) -> None:
    """See that helper, marks and journal are gone."""
    host = stage.host
    assert host.run("ls", MARKERS, check=False).stdout == ""
    assert host.run("systemctl", "is-active", HELPER, check=False).stdout.strip() == "inactive"
    assert not host.exists(f"/run/systemd/system/{HELPER}")
    assert "beacon-web.next" not in stage.engine("ps", "--all")
    assert stage.state()["rollout"] is None


def assert_nothing_is_lost(load: Load) -> None:
    """See that every request was answered."""
    assert len(load.replies) > 200
    assert load.failed() == []


@ELSEWHERE
@pytest.mark.every_kind
def test_a_swap_loses_no_request(proxied: Stage) -> None:
    proxied.push("web", "2", files=FILES)
    address = proxied.host.address
    # What is sent a second time does no harm where it is a GET: Caddy does so, and must not for others.
    with (
        loaded(address, DOMAIN) as load,
        loaded(address, DOMAIN, rate=20, path="/cgi-bin/version", method="POST") as posts,
    ):
        time.sleep(1)
        assert proxied.update() == {"web": "updated"}
        time.sleep(1)
    assert_nothing_is_lost(load)
    assert posts.failed() == []
    assert set(load.versions()) == set(posts.versions()) == {"1", "2"}
    last_old = max(one.sent for one in load.replies if one.body == "1")
    first_new = min(one.sent + one.took for one in load.replies if one.body == "2")
    assert last_old < first_new + 0.2  # all moved at one time
    assert answered_beside(proxied, load) > 20
    assert asked(proxied.host) == "2"
    assert proxied.live()["number"] == 2
    assert proxied.active() == "active"
    assert_nothing_is_left(proxied)
    assert proxied.beacon("plan").stdout == "nothing to do\n"


@ELSEWHERE
@pytest.mark.every_kind
@pytest.mark.parametrize("broken", ["exit", "unstartable"])
def test_a_bad_candidate_is_never_asked(proxied: Stage, broken: Broken) -> None:
    started = proxied.invocations("web")
    proxied.push("web", "2", broken=broken)
    with loaded(proxied.host.address, DOMAIN) as load:
        time.sleep(1)
        assert proxied.update(status=ROLLED_BACK) == {"web": "rolled_back"}
    assert_nothing_is_lost(load)
    assert set(load.versions()) == {"1"}
    assert proxied.invocations("web") == started
    assert_nothing_is_left(proxied)
    assert proxied.update() == {"web": "quarantined"}


def test_a_rollback_and_a_changed_definition_are_swaps_too(proxied: Stage) -> None:
    proxied.push("web", "2")
    proxied.update()
    with loaded(proxied.host.address, DOMAIN) as load:
        proxied.beacon("rollback", "web")
        proxied.define("web", port=False, top='hostname = "other"', update=SETTLE, more=ENDPOINT)
        proxied.apply()
    assert_nothing_is_lost(load)
    assert set(load.versions()) == {"1", "2"}
    assert_nothing_is_left(proxied)


def test_a_service_that_is_stopped_while_its_helper_is_watched_stays_so(proxied: Stage) -> None:
    proxied.define("web", port=False, update='settle = "3s"', more=ENDPOINT)
    proxied.apply()
    proxied.push("web", "2", files=FILES)
    update = proxied.start("beacon", "update", "--json")
    wait_until(lambda: proxied.step() == "beside" and proxied.active(HELPER) == "active", 60)
    proxied.systemctl("stop", "beacon-web.service")
    said, _ = update.communicate(timeout=60)
    assert '"stopped"' in said
    assert_nothing_is_left(proxied)
    assert (proxied.active(), asked(proxied.host)) == ("inactive", "")
    assert (proxied.live()["number"], proxied.state()["quarantine"]) == (1, [])
    proxied.beacon("start", "web")
    wait_until(lambda: asked(proxied.host) == "1", 30)
    assert proxied.update() == {"web": "updated"}
    assert asked(proxied.host) == "2"


def test_the_timer_s_confined_update_swaps_too(proxied: Stage) -> None:
    proxied.push("web", "2")
    with loaded(proxied.host.address, DOMAIN) as load:
        proxied.host.run("systemctl", "start", "beacon-update.service", timeout=90)
    assert_nothing_is_lost(load)
    assert set(load.versions()) == {"1", "2"}
    assert_nothing_is_left(proxied)


def test_a_unit_with_a_drop_in_is_held_instead(proxied: Stage) -> None:
    proxied.host.write("/etc/systemd/system/beacon-web.service.d/own.conf", "[Service]\nNice=3\n")
    proxied.host.run("systemctl", "daemon-reload")
    proxied.push("web", "2")
    with loaded(proxied.host.address, DOMAIN) as load:
        assert "stands beside" not in proxied.beacon("update").stderr
    assert_nothing_is_lost(load)
    assert set(load.versions()) == {"1", "2"}


def test_what_is_under_way_is_answered(stage: Stage) -> None:
    """A slow answer that began before the swap ends well, and one that lasts too long is cut."""
    host = set_up(stage).host
    stage.push("web", "2", files=FILES)
    curl = (
        "curl",
        "--silent",
        "--show-error",
        "--header",
        f"Host: {DOMAIN}",
        "http://127.0.0.1/cgi-bin/slow",
    )
    waiting = host.start(*curl)
    time.sleep(0.5)
    assert stage.update() == {"web": "updated"}
    assert waiting.communicate()[0] == "slow\n"

    stage.define("web", port=False, top='drain = "1s"', update=SETTLE, more=ENDPOINT)
    stage.apply()
    stage.push("web", "3", files=FILES)
    waiting = host.start(*curl)
    time.sleep(0.5)
    done = stage.beacon("update")
    assert "1 connections to web still open after 1 s are cut" in done.stderr
    waiting.communicate()


def test_a_websocket_is_waited_for_as_long_as_the_definition_says(stage: Stage) -> None:
    more = ENDPOINT + ENDPOINT.replace("8080", "8081") + 'path = "/socket"\n'
    set_up(stage, ENDPOINT.replace("8080", "8081") + 'path = "/socket"\n')
    stage.define("web", port=False, top='drain = "1m"\ndrain_websockets = "3s"', update=SETTLE, more=more)
    stage.apply()
    stage.push("web", "2", files=FILES)
    with socket.create_connection((stage.host.address, 80), timeout=10) as open_one:
        head = f"GET /socket HTTP/1.1\r\nHost: {DOMAIN}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        open_one.sendall(head.encode())
        assert open_one.recv(1000).startswith(b"HTTP/1.1 101 ")
        open_one.sendall(b"still there?")
        assert open_one.recv(100) == b"still there?"
        done = stage.beacon("update")
        assert "1 connections to web still open after 3 s are cut" in done.stderr
        assert open_one.recv(100) == b""
    assert asked(stage.host) == "2"
    assert_nothing_is_left(stage)


def test_podman_keeps_no_port_of_a_service_behind_the_proxy_and_it_counts_as_taken(proxied: Stage) -> None:
    """Podman's own socket at the port is there before the firewall's rule, and swallows requests."""
    host = proxied.host
    port = proxied.live()["ports"]["8080/tcp"]

    def is_free() -> str:
        look = f"from beacon.engine.listening import is_free; print(is_free({port}, 'tcp'))"
        return host.run("python3", "-c", look).stdout.strip()

    assert host.run("ss", "--no-header", "-tln", f"sport = :{port}").stdout == ""
    assert is_free() == "False"
    proxied.beacon("stop", "web")
    assert is_free() == "True"


@ELSEWHERE
@pytest.mark.every_kind
def test_requests_wait_while_a_service_with_a_volume_restarts(stage: Stage) -> None:
    set_up(stage, VOLUME)
    stage.push("web", "2")
    with loaded(stage.host.address, DOMAIN) as load:
        time.sleep(1)
        assert stage.update() == {"web": "updated"}
        time.sleep(1)
    assert_nothing_is_lost(load)
    assert set(load.versions()) == {"1", "2"}
    stage.push("web", "3", broken="exit")
    assert stage.update(status=ROLLED_BACK) == {"web": "rolled_back"}
    assert asked(stage.host) == "2"
    assert_nothing_is_left(stage)


def test_what_must_not_be_sent_twice_waits_too(stage: Stage) -> None:
    """Podman's ports refuse who comes too early, so that Caddy knows that nobody has read a request."""
    set_up(stage, VOLUME)
    stage.push("web", "2", files=FILES)
    with loaded(stage.host.address, DOMAIN, path="/cgi-bin/version", method="POST", rate=50) as load:
        time.sleep(1)
        assert stage.update() == {"web": "updated"}
        time.sleep(1)
    names = ("InactiveEnterTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    shown = stage.show("beacon-web.service", *names)
    down, up = (int(shown[name]) / 1e6 for name in names)
    # What the old release has accepted and not read yet is lost where it stops: nobody may send it again.
    assert [one for one in load.failed() if one.sent > down] == []
    # While the old release is stopped, all workers may come to wait already.
    answered = [one for one in load.replies if one not in load.failed()]
    waited = [one for one in answered if one.sent < up and one.sent + one.took > down]
    assert waited
    assert {one.body for one in waited} == {"2"}


@pytest.mark.parametrize("step", ["beside", "files", "restart", "gate"])
def test_killed_at_any_step_of_a_swap_the_route_works_and_the_next_run_ends_it(
    proxied: Stage, step: str
) -> None:
    proxied.push("web", "2")
    with loaded(proxied.host.address, DOMAIN) as load:
        run = proxied.host.start("beacon", "update")
        wait_until(lambda: proxied.step() == step, 60, interval=0.002)
        proxied.host.kill(run, signal.SIGKILL)
        run.communicate()
        time.sleep(1)
        proxied.update()
    assert_nothing_is_lost(load)
    assert asked(proxied.host) == "2"
    assert_nothing_is_left(proxied)
    assert proxied.live()["number"] == 2


@pytest.mark.parametrize("step", ["beside", "restart", "gate"])
def test_a_machine_that_is_cut_off_in_a_swap_answers_after_a_boot(fresh_host: FreshHost, step: str) -> None:
    stage = set_up(Stage(fresh_host(f"cut-{step}")))
    host = stage.host
    host.run("systemctl", "stop", "beacon-update.timer", check=False)
    stage.push("web", "2")
    run = host.start("beacon", "update")
    wait_until(lambda: stage.step() == step, 60, interval=0.002)
    host.power_cut()
    run.communicate()
    host.run("systemctl", "start", "network-online.target")
    wait_until(lambda: asked(host) in {"1", "2"}, 60, interval=0.2)
    stage.beacon("update", status=None)
    wait_until(lambda: asked(host) == "2", 30)
    assert_nothing_is_left(stage)
