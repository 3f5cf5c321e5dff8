"""Domains answered by the machine's Caddy, as its owner and the world meet them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from subprocess import CompletedProcess

import pytest

from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig
from tests.lab.stage import QUICK, Stage

OWN = "/etc/caddy/beacon.caddy"
MAIN = "/etc/caddy/Caddyfile"
ROOT = "/root/caddy-root.pem"
LOGIN = "anna:$2a$14$5WX2/sRTO6cWb2Io75rH9elwy1gcBGLwszPjrtcY59g1cEU3Y.0IC"
"""The password is hiccup."""


@dataclass(frozen=True)
class Answer:
    """What came back: 0 is no answer at all."""

    status: int
    headers: dict[str, str]
    body: str


def fetch(host: LabHost, url: str, *options: str) -> Answer:
    """Ask the host's Caddy for a URL, as a browser does that trusts its authority."""
    done = host.run(
        *("curl", "--silent", "--include", "--http1.1", "--max-time", "15", "--cacert", ROOT),
        *("--resolve", "*:443:127.0.0.1", "--resolve", "*:80:127.0.0.1", *options, url),
        check=False,
    )
    head, _, body = done.stdout.partition("\n\n")
    if done.returncode:
        return Answer(0, {}, done.stderr)
    lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return Answer(
        int(lines[0].split()[1]), {key.lower(): value for key, value in headers.items()}, body.strip()
    )


def define(stage: Stage, name: str, domain: str, more: str = "") -> None:
    """Define a service with a domain; Beacon chooses its port."""
    stage.push(name)
    stage.define(name, port=False, top=f'domain = "{domain}"' if domain else "", more=more)


def set_up(stage: Stage) -> CompletedProcess[str]:
    """Have Caddy answer, and trust its authority."""
    done = stage.beacon("endpoint", "setup")
    pem = stage.beacon("endpoint", "trust").stdout
    assert pem.startswith("-----BEGIN CERTIFICATE-----")
    stage.host.write(ROOT, pem)
    return done


def wait_for(host: LabHost, url: str, status: int, body: str = "") -> None:
    """Return as soon as a URL answers so."""

    def answers() -> bool:
        found = fetch(host, url)
        return found.status == status and body in found.body

    wait_until(answers, 30, interval=0.2)


def test_from_a_domain_to_https(stage: Stage) -> None:
    host = stage.host
    pushed = stage.push("web", config=QUICK)
    stage.beacon("add", "web", pushed.tagged, "--domain=web.internal")
    said = stage.beacon("endpoint", "list")
    assert "no proxy answers these domains; sudo beacon endpoint setup has Caddy do it" in said.stderr
    assert "sudo beacon endpoint setup" in stage.beacon("doctor", status=None).stdout

    assert "is now one line: import beacon.caddy" in set_up(stage).stderr
    assert host.read(MAIN) == "import beacon.caddy\n"
    wait_for(host, "https://web.internal/version", 200, "1")
    sent_on = fetch(host, "http://web.internal/a?b=c")
    assert (sent_on.status, sent_on.headers["location"]) == (308, "https://web.internal/a?b=c")
    (one,) = json.loads(stage.beacon("endpoint", "list", "--json").stdout)["endpoints"]
    assert (one["url"], one["problem"]) == ("https://web.internal/", None)

    # nobody else's names, neither by name nor by what is asked for
    assert fetch(host, "http://other.internal/").status == 404
    assert fetch(host, "https://other.internal/").status == 0
    assert fetch(host, "https://web.internal/", "--header", "Host: other.internal").status == 404

    # a new release, and a stop: nothing of it is Caddy's to be told
    written = host.run("stat", "--format=%Y.%i", OWN).stdout
    stage.push("web", "2", config=QUICK)
    assert stage.update() == {"web": "updated"}
    wait_for(host, "https://web.internal/version", 200, "2")
    stage.beacon("stop", "web")
    down = fetch(host, "https://web.internal/")
    assert (down.status, down.headers["retry-after"]) == (503, "10")
    assert "Back soon" in down.body
    assert "text/html" in down.headers["content-type"]
    stage.beacon("start", "web")
    wait_for(host, "https://web.internal/", 200, "2")
    stage.beacon("rollback", "web")
    wait_for(host, "https://web.internal/version", 200, "1")
    assert host.run("stat", "--format=%Y.%i", OWN).stdout == written
    assert stage.beacon("plan").stdout == "nothing to do\n"

    # a reboot, another domain beside it, and the end of one
    host.reboot()
    wait_for(host, "https://web.internal/version", 200, "1")
    define(stage, "shop", "shop.home.arpa")
    stage.apply()
    wait_for(host, "https://shop.home.arpa/version", 200, "1")
    stage.beacon("rm", "web")
    wait_until(lambda: fetch(host, "https://web.internal/").status == 0)
    assert fetch(host, "https://shop.home.arpa/version").body == "1"
    assert "Caddy answers 1 domain" in stage.beacon("doctor", "--all", status=None).stdout


def test_who_may_ask_and_what_lies_below_a_domain(stage: Stage) -> None:
    host = stage.host
    define(stage, "web", "site.internal")
    path = '[[endpoint]]\ndomain = "site.internal"\nport = 8080\npath = "{}"\n'
    define(stage, "shut", "", path.format("/shut") + 'allow = ["192.0.2.0/24"]')
    define(stage, "open", "", path.format("/version") + 'allow = ["127.0.0.0/8"]\nhsts = true')
    define(stage, "login", "", path.format("/login") + f'basic_auth = ["{LOGIN}"]')
    asked = 'forward_auth = "http://127.0.0.1:{}/version"'
    define(stage, "asked", "", path.format("/asked") + asked.format(8000))
    define(stage, "old", "", '[[endpoint]]\ndomain = "old.internal"\nredirect = "site.internal"\n')
    define(stage, "plain", "", '[[endpoint]]\ndomain = "plain.internal"\nport = 8080\ntls = false\n')
    define(stage, "guard", "")
    stage.write(
        stage.definition("guard"),
        'image = "registry.example:5000/me/guard"\nport = [{ host = 8000, container = 8080 }]\n'
        '[update]\nsettle = "400ms"\n',
    )
    stage.apply()
    set_up(stage)
    wait_for(host, "https://site.internal/", 200, "1")
    assert fetch(host, "https://site.internal/shut/x").status == 403
    inside = fetch(host, "https://site.internal/version")
    assert (inside.status, inside.headers["strict-transport-security"]) == (200, "max-age=31536000")
    assert fetch(host, "https://site.internal/login").status == 401
    assert (
        fetch(host, "https://site.internal/login", "--user", "anna:hiccup").status == 404
    )  # the service's own
    assert fetch(host, "https://site.internal/login", "--user", "anna:wrong").status == 401
    assert fetch(host, "https://site.internal/asked").status == 404
    sent_on = fetch(host, "https://old.internal/x?y")
    assert (sent_on.status, sent_on.headers["location"]) == (308, "https://site.internal/x?y")
    assert fetch(host, "http://plain.internal/version").body == "1"
    stage.beacon("stop", "guard")
    assert fetch(host, "https://site.internal/asked").status == 503


def test_sites_of_the_owner_stay_and_win(stage: Stage) -> None:
    host = stage.host
    own = ':80 {\n\trespond "mine"\n}\n\nweb.internal {\n\ttls internal\n\trespond "mine too"\n}\n'
    host.write(MAIN, own)
    define(stage, "web", "web.internal")
    define(stage, "shop", "shop.internal")
    stage.apply()
    done = set_up(stage)
    assert host.read(MAIN) == f"{own}\nimport beacon.caddy\n"
    logged = "web.internal of web is not answered: another site in /etc/caddy/Caddyfile has it already"
    assert logged in done.stderr
    wait_for(host, "https://shop.internal/version", 200, "1")
    assert fetch(host, "https://web.internal/").body == "mine too"
    assert fetch(host, "http://whatever.internal/").body == "mine"
    assert fetch(host, "http://shop.internal/").status == 308
    shop, web = json.loads(stage.beacon("endpoint", "list", "--json").stdout)["endpoints"]
    assert (shop["url"], web["url"]) == ("https://shop.internal/", None)
    assert web["problem"] == "another site in /etc/caddy/Caddyfile has it already"

    # the owner gives way
    host.write(MAIN, ':80 {\n\trespond "mine"\n}\nimport beacon.caddy\n')
    stage.apply()
    wait_for(host, "https://web.internal/version", 200, "1")


def test_the_caddyfile_stays_where_it_is_and_whose_it_is(stage: Stage) -> None:
    """It may be a link, and hold secrets; so may Beacon's own, which an older one let everybody read."""
    host = stage.host
    real = "/srv/site/main.caddyfile"
    shut = f'[[endpoint]]\ndomain = "shut.internal"\nbasic_auth = ["{LOGIN}"]\n'
    define(stage, "web", "web.internal", shut)
    stage.apply()
    host.run("mkdir", "-p", "/srv/site")
    host.write(real, 'mine.internal {\n\ttls internal\n\trespond "mine"\n}\n', 0o640)
    host.run("chown", "games:caddy", real)
    host.run("ln", "-sf", real, MAIN)
    set_up(stage)
    assert host.run("readlink", MAIN).stdout.strip() == real
    assert host.run("stat", "--format=%a %U %G", real, OWN).stdout == "640 games caddy\n640 root caddy\n"
    assert host.read(real).endswith("\nimport beacon.caddy\n")
    wait_for(host, "https://web.internal/version", 200, "1")
    assert fetch(host, "https://mine.internal/").body == "mine"
    assert fetch(host, "https://shut.internal/").status == 401
    assert not host.exists("/run/beacon/check")

    host.run("chmod", "644", OWN)
    define(stage, "shop", "shop.internal")
    stage.apply()
    assert host.run("stat", "--format=%a %U %G", OWN).stdout == "640 root caddy\n"
    wait_for(host, "https://shop.internal/version", 200, "1")
    host.run("rm", MAIN)


def test_whatever_is_wrong_with_caddy_the_last_good_routes_stay(stage: Stage) -> None:
    host = stage.host
    define(stage, "web", "web.internal")
    stage.apply()
    host.run("mv", "/usr/bin/caddy", "/usr/bin/caddy.away")
    try:
        missing = stage.beacon("endpoint", "setup", status=71)
        assert "sudo apt install caddy" in missing.stderr
    finally:
        host.run("mv", "/usr/bin/caddy.away", "/usr/bin/caddy")
    good = host.read(MAIN)
    host.write(MAIN, "example.org {\n\trevers_proxy\n}\n")
    refused = stage.beacon("endpoint", "setup", status=71)
    assert "unrecognized directive: revers_proxy" in refused.stderr
    assert "import" not in host.read(MAIN)
    host.write(MAIN, good)
    set_up(stage)
    wait_for(host, "https://web.internal/version", 200, "1")

    # the owner breaks it afterwards
    written = host.read(OWN)
    host.write(MAIN, "import beacon.caddy\nmine.internal {\n\tno_such_directive\n}\n")
    define(stage, "shop", "shop.internal")
    said = stage.beacon("apply")
    assert "Caddy goes on as before: Caddy refuses its own configuration" in said.stderr
    assert host.read(OWN) == written
    assert fetch(host, "https://web.internal/version").body == "1"
    host.write(MAIN, "import beacon.caddy\n")
    stage.apply()
    wait_for(host, "https://shop.internal/version", 200, "1")

    # stopped, and edited by hand
    host.run("systemctl", "stop", "caddy")
    define(stage, "late", "late.internal")
    assert "Caddy does not run: no domain is answered" in stage.beacon("apply").stderr
    assert "caddy.service is inactive" in stage.beacon("doctor", status=31).stdout
    host.run("systemctl", "start", "caddy")
    wait_for(host, "https://late.internal/version", 200, "1")
    host.write(OWN, host.read(OWN) + "# mine\n")
    assert "was edited by hand, and is left as it is" in stage.beacon("apply").stderr
    assert host.read(OWN).endswith("# mine\n")
    stage.beacon("endpoint", "setup", "--overwrite")
    assert not host.read(OWN).endswith("# mine\n")
    assert fetch(host, "https://late.internal/version").body == "1"


def test_the_confined_update_tells_caddy_too(stage: Stage) -> None:
    host = stage.host
    stage.push("web")
    stage.define("web", port=False)
    stage.apply()
    stage.beacon("endpoint", "setup")
    stage.push("web", "2", config=ImageConfig(labels={"io.beacon.endpoints": "label.internal"}))
    host.run("systemctl", "start", "beacon-update.service")
    stage.host.write(ROOT, stage.beacon("endpoint", "trust").stdout)
    wait_for(host, "https://label.internal/version", 200, "2")
    assert host.run("find", "/var/lib/caddy", "-not", "-user", "caddy", "-name", "*.key").stdout == ""


def test_users_are_told_that_caddy_is_the_machine_s(stage: Stage) -> None:
    user = stage.host.add_user()
    done = user.run("beacon", "endpoint", "setup", check=False)
    assert done.returncode == 2
    assert "not for those of a user" in done.stderr


@pytest.fixture(autouse=True)
def _quiet(stage: Stage) -> None:
    """Have the machine wait for no network before Caddy starts: it has the loopback."""
    stage.host.run("systemctl", "start", "network-online.target")
