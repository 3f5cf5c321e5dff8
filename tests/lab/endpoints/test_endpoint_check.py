"""beacon endpoint check, open and name, with the real Caddy: which link to a service is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import QUICK, Stage


@pytest.fixture(autouse=True)
def _quiet(stage: Stage) -> None:
    """Have the machine wait for no network before Caddy starts: it has the loopback."""
    stage.host.run("systemctl", "start", "network-online.target")


def check(stage: Stage, *domains: str) -> dict[str, dict[str, Any]]:
    """Return what is found, by domain."""
    said = json.loads(stage.beacon("endpoint", "check", "--json", *domains, status=None).stdout)
    return {one["domain"]: one for one in said["endpoints"]}


def links(found: dict[str, Any]) -> dict[str, str]:
    """Return the severity of each link."""
    return {one["link"]: one["severity"] for one in found["links"]}


def what(found: dict[str, Any], link: str) -> str:
    """Return what is said of a link."""
    return " ".join(one["what"] for one in found["links"] if one["link"] == link)


WELL = dict.fromkeys(("dns", "port", "certificate", "proxy", "service"), "ok")


def set_up(stage: Stage, *names: str) -> None:
    """Have Caddy answer ``NAME.internal`` for services, by names that lead to the machine."""
    for name in names:
        stage.host.resolve(**{f"{name}_internal": stage.host.address})
        stage.push(name)
        stage.define(name, port=False, top=f'domain = "{name}.internal"')
    stage.apply()
    stage.beacon("endpoint", "setup")
    for name in names:
        holds(stage, name)


def holds(stage: Stage, name: str = "web") -> None:
    """Return as soon as no link of a service's domain is broken."""
    wait_until(lambda: links(check(stage, name)[f"{name}.internal"]) == WELL, 30)


def test_a_chain_that_holds_and_a_name_that_leads_elsewhere(stage: Stage) -> None:
    host = stage.host
    stage.host.resolve(web_internal=host.address, far_internal="10.9.8.7")
    for name in ("web", "far"):
        stage.push(name)
        stage.define(name, port=False, top=f'domain = "{name}.internal"')
    assert (
        "which was not applied: beacon apply web" in stage.beacon("endpoint", "check", "web", status=4).stderr
    )
    stage.apply()

    # no proxy yet: name and service, and the port is where it is reached
    alone = check(stage, "web")["web.internal"]
    assert links(alone) == {"dns": "ok", "proxy": "info", "service": "ok"}
    assert alone["broken"] is None
    assert stage.beacon("endpoint", "open", "web").stdout.startswith("http://127.0.0.1:2")

    stage.beacon("endpoint", "setup")
    holds(stage)
    whole = stage.beacon("endpoint", "check", "web.internal").stdout
    assert "web.internal: no link is broken" in whole
    assert "Caddy answers at ports 80 and 443" in whole
    assert f"web.internal leads here: {host.address}" in whole
    assert "of Caddy's own authority, until 20" in whole
    far = check(stage)["far.internal"]
    assert (far["broken"], links(far)) == ("dns", WELL | {"dns": "error"})
    assert what(far, "dns") == "far.internal leads to 10.9.8.7, and not to this machine"
    assert "2 endpoints: 1 ok, 1 error" in stage.beacon("endpoint", "check", status=31).stdout
    unknown = stage.beacon("endpoint", "check", "wbe.internal", status=4)
    assert "did you mean 'web.internal'?" in unknown.stderr


def test_a_service_that_is_down_or_deaf_is_not_caddy_s_fault(stage: Stage) -> None:
    set_up(stage, "web")
    stage.beacon("stop", "web")
    down = check(stage, "web")["web.internal"]
    assert (down["broken"], links(down)) == ("service", WELL | {"service": "error"})
    (said,) = [one for one in down["links"] if one["link"] == "service"]
    assert (said["what"], said["mend"]) == ("beacon-web.service is inactive", "beacon start web")
    stage.beacon("start", "web")
    holds(stage)

    stage.host.resolve(deaf_internal=stage.host.address)
    stage.push("deaf")
    stage.define("deaf", port=False, top='domain = "deaf.internal:http=8081"')
    assert stage.apply(status=1)["deaf"] == "failed"
    deaf = check(stage, "deaf")["deaf.internal"]
    assert deaf["broken"] == "service"
    assert "does not answer" in what(deaf, "service")


def test_caddy_stopped_replaced_and_behind(stage: Stage) -> None:
    host = stage.host
    set_up(stage, "web")
    host.run("systemctl", "stop", "caddy")
    stopped = check(stage, "web.internal")["web.internal"]
    assert (stopped["broken"], links(stopped)) == ("port", {"dns": "ok", "port": "error", "service": "ok"})
    assert what(stopped, "port") == "nobody answers at ports 80 and 443: caddy.service is inactive"

    host.run("systemd-run", "--unit=other", "python3", "-m", "http.server", "443")
    wait_until(lambda: "python3 listens at port 443" in what(check(stage, "web")["web.internal"], "port"))
    host.run("systemctl", "stop", "other")
    host.run("systemctl", "start", "caddy")
    holds(stage)

    # Caddy runs with something older than the definitions
    own = host.read("/etc/caddy/beacon.caddy")
    host.write("/etc/caddy/beacon.caddy", 'other.internal {\n\ttls internal\n\trespond "other"\n}\n')
    host.run("systemctl", "reload", "caddy")
    host.write("/etc/caddy/beacon.caddy", own)
    old = check(stage, "web")["web.internal"]
    assert what(old, "proxy") == "Caddy runs without web.internal"
    assert links(old) == {"dns": "ok", "port": "ok", "proxy": "error", "service": "ok"}
    host.run("systemctl", "reload", "caddy")
    holds(stage)


def test_tcp_and_udp_are_reached_at_their_ports_and_a_url_is_shown_where_somebody_sees_it(
    stage: Stage,
) -> None:
    host = stage.host
    stage.host.resolve(db_internal=host.address, dns_internal=host.address)
    stage.push("db")
    stage.define("db", more='[[endpoint]]\ndomain = "db.internal"\nport = 8080\nscheme = "tcp"\n')
    stage.push("dns")
    udp = '[[endpoint]]\ndomain = "dns.internal"\nport = 8080\nscheme = "udp"\n'
    stage.define("dns", port=False, more=udp)
    stage.push("web")
    stage.define("web", port=False, top='domain = "web.internal"')
    stage.apply()
    every = check(stage)
    assert links(every["dns.internal"]) == {"dns": "ok", "port": "warning", "service": "ok"}
    assert "is published on the loopback" in what(every["dns.internal"], "port")
    found = every["db.internal"]
    assert links(found) == {"dns": "ok", "port": "ok", "service": "ok"}
    assert "is published, for everywhere" in what(found, "port")
    assert stage.beacon("endpoint", "open", "db").stdout == f"tcp://db.internal:{stage.port('db')}\n"

    stage.beacon("endpoint", "setup")
    assert stage.beacon("endpoint", "open", "web").stdout == "https://web.internal/\n"
    host.write("/usr/local/bin/shows", '#!/bin/sh\necho "$1" >/run/shown\n', 0o755)
    said = stage.run("env", "BROWSER=fails:shows", "DISPLAY=", "beacon", "endpoint", "open", "web.internal")
    assert said.stdout == "https://web.internal/\n"
    assert host.read("/run/shown") == "https://web.internal/\n"
    nobody = stage.run("env", "BROWSER=false", "DISPLAY=:0", "beacon", "endpoint", "open", "web")
    assert nobody.stdout == "https://web.internal/\n"


def test_a_domain_that_nobody_has_to_think_of(stage: Stage) -> None:
    host = stage.host
    chosen = stage.beacon("endpoint", "name", "web").stdout.strip()
    adjective, noun = chosen.partition(".")[0].split("-")
    assert adjective.isalpha()
    assert noun.isalpha()
    assert chosen.endswith(".internal")
    assert stage.beacon("endpoint", "name").stdout != stage.beacon("endpoint", "name").stdout

    image = stage.push("web", config=QUICK).tagged
    added = stage.beacon("add", "web", image, "--domain=auto:http=8080")
    assert f"web has the domain {chosen}" in added.stderr
    host.resolve(**{chosen: host.address})
    stage.beacon("endpoint", "setup")
    wait_until(lambda: links(check(stage, "web")[chosen]) == WELL, 30)
    assert chosen in host.read("/etc/caddy/beacon.caddy")
    assert stage.beacon("endpoint", "open", "web").stdout == f"https://{chosen}/\n"

    # another service that asks gets another one; updates and rollbacks change neither
    stage.push("shop")
    stage.define("shop", port=False, top='domain = "auto:http=8080"')
    stage.apply()
    assert len(check(stage)) == 2
    stage.push("web", "2", config=QUICK)
    stage.update()
    assert stage.live()["domain"] == chosen
    stage.beacon("rollback", "web")
    assert stage.live()["domain"] == chosen
    assert stage.beacon("plan").stdout == "nothing to do\n"

    # below another base, and free again
    host.write("/etc/beacon/beacon.toml", 'base_domain = "apps.home.arpa"\n')
    stage.apply()
    moved = f"{chosen.partition('.')[0]}.apps.home.arpa"
    assert stage.live()["domain"] == moved
    assert moved in host.read("/etc/caddy/beacon.caddy")
    stage.beacon("rm", "web")
    assert moved not in check(stage)
