"""beacon endpoint check, open and name: which link between a domain and its service is broken, on a real host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import Stage


@pytest.fixture(autouse=True)
def _quiet(stage: Stage) -> None:
    """Have the machine wait for no network before Caddy starts: it has the loopback."""
    stage.host.run("systemctl", "start", "network-online.target")


def resolve(stage: Stage, **addresses: str) -> None:
    """Have names lead somewhere, dots written as ``_``."""
    lines = [f"{address} {name.replace('_', '.')}\n" for name, address in addresses.items()]
    stage.host.run("sh", "-c", f"printf '%s' '{''.join(lines)}' >> /etc/hosts")


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


def test_each_link_from_a_domain_to_its_service(stage: Stage) -> None:
    host = stage.host
    resolve(stage, web_internal=host.address, far_internal="10.9.8.7")
    for name in ("web", "far"):
        stage.push(name)
        stage.define(name, port=False, top=f'domain = "{name}.internal"')
    stage.apply()

    # no proxy yet: name and service, and the port is where it is reached
    alone = check(stage, "web")["web.internal"]
    assert links(alone) == {"dns": "ok", "proxy": "info", "service": "ok"}
    assert alone["broken"] is None
    assert stage.beacon("endpoint", "open", "web").stdout.startswith("http://127.0.0.1:2")

    # a chain that holds, and a name that leads elsewhere
    stage.beacon("endpoint", "setup")
    wait_until(lambda: links(check(stage, "web.internal")["web.internal"]) == WELL, 30)
    whole = stage.beacon("endpoint", "check", "web.internal")
    assert "web.internal: no link is broken" in whole.stdout
    assert "Caddy answers at ports 80 and 443" in whole.stdout
    assert f"web.internal leads here: {host.address}" in whole.stdout
    assert "of Caddy's own authority" in whole.stdout or "of Caddy Local Authority" in whole.stdout
    far = check(stage)["far.internal"]
    assert (far["broken"], links(far)) == ("dns", WELL | {"dns": "error"})
    assert what(far, "dns") == "far.internal leads to 10.9.8.7, and not to this machine"
    every = stage.beacon("endpoint", "check", status=31)
    assert "2 endpoints: 1 ok, 1 error" in every.stdout

    # the service is down: Caddy is not at fault
    stage.beacon("stop", "web")
    down = check(stage, "web")["web.internal"]
    assert (down["broken"], links(down)) == ("service", WELL | {"service": "error"})
    (said,) = [one for one in down["links"] if one["link"] == "service"]
    assert (said["what"], said["mend"]) == ("beacon-web.service is inactive", "beacon start web")
    stage.beacon("start", "web")
    wait_until(lambda: links(check(stage, "web")["web.internal"]) == WELL, 30)

    # a container that does not listen where it is said to
    stage.push("deaf")
    stage.define("deaf", port=False, top='domain = "deaf.internal:http=8081"')
    resolve(stage, deaf_internal=host.address)
    stage.apply()
    deaf = check(stage, "deaf")["deaf.internal"]
    assert deaf["broken"] == "service"
    assert "does not answer" in what(deaf, "service")
    stage.beacon("rm", "deaf")

    # Caddy stopped, and somebody else in its place
    host.run("systemctl", "stop", "caddy")
    stopped = check(stage, "web.internal")["web.internal"]
    assert (stopped["broken"], links(stopped)) == ("port", {"dns": "ok", "port": "error", "service": "ok"})
    assert what(stopped, "port") == "nobody answers at ports 80 and 443: caddy.service is inactive"
    other = host.start("python3", "-m", "http.server", "443", "--bind", "0.0.0.0")
    try:
        wait_until(lambda: "listens at port 443" in what(check(stage, "web")["web.internal"], "port"))
        assert "python3 listens at port 443" in what(check(stage, "web")["web.internal"], "port")
    finally:
        host.run("sh", "-c", "kill $(pidof -x python3 -o %PPID) 2>/dev/null; true", check=False)
        other.wait(10)
    host.run("systemctl", "start", "caddy")
    wait_until(lambda: links(check(stage, "web")["web.internal"]) == WELL, 30)

    # Caddy runs with something older than the definitions
    host.run("mv", "/etc/caddy/beacon.caddy", "/etc/caddy/away")
    host.write("/etc/caddy/beacon.caddy", 'http://other.internal {\n\trespond "other"\n}\n')
    host.run("systemctl", "reload", "caddy")
    host.run("mv", "/etc/caddy/away", "/etc/caddy/beacon.caddy")
    old = check(stage, "web")["web.internal"]
    assert what(old, "proxy") == "Caddy runs without web.internal" or old["broken"] == "port"
    host.run("systemctl", "reload", "caddy")

    # what is not there is told with what is
    unknown = stage.beacon("endpoint", "check", "wbe.internal", status=2)
    assert "did you mean 'web.internal'?" in unknown.stderr


def test_tcp_is_reached_at_its_port_and_a_url_is_shown_where_somebody_sees_it(stage: Stage) -> None:
    host = stage.host
    resolve(stage, db_internal=host.address)
    stage.push("db")
    stage.define("db", more='[[endpoint]]\ndomain = "db.internal"\nport = 8080\nscheme = "tcp"\n')
    stage.push("web")
    stage.define("web", port=False, top='domain = "web.internal"')
    stage.apply()
    found = check(stage, "db")["db.internal"]
    assert links(found) == {"dns": "ok", "port": "ok", "service": "ok"}
    assert "is published, for everywhere" in what(found, "port")
    assert stage.beacon("endpoint", "open", "db").stdout == f"tcp://db.internal:{stage.port('db')}\n"

    stage.beacon("endpoint", "setup")
    assert stage.beacon("endpoint", "open", "web").stdout == "https://web.internal/\n"
    host.write("/usr/local/bin/shows", '#!/bin/sh\necho "$1" >/tmp/shown\n', 0o755)
    said = stage.run("env", "BROWSER=fails:shows", "DISPLAY=", "beacon", "endpoint", "open", "web.internal")
    assert said.stdout == "https://web.internal/\n"
    assert host.read("/tmp/shown") == "https://web.internal/\n"
    nobody = stage.run("env", "BROWSER=false", "DISPLAY=:0", "beacon", "endpoint", "open", "web")
    assert nobody.stdout == "https://web.internal/\n"
