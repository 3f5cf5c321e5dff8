"""A public name gets its certificate by ACME (RFC 8555): from an authority that is another host's Caddy."""

from __future__ import annotations

import json

from tests.lab.conftest import FreshHost
from tests.lab.host import LabHost, wait_until
from tests.lab.stage import Stage

DOMAIN = "shop.example.org"
AUTHORITY = "https://ca.example/acme/local/directory"
ROOT = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
"""What the machine trusts, Caddy among those who read it."""


def start_authority(host: LabHost) -> str:
    """Have Caddy issue certificates to who proves to be reached by a name; return its own certificate."""
    host.write("/etc/caddy/Caddyfile", "ca.example {\n\ttls internal\n\tacme_server\n}\n")
    host.run("systemctl", "restart", "caddy")
    wait_until(lambda: host.exists(ROOT), 30)
    return host.read(ROOT)


def test_a_public_name_gets_its_certificate_by_acme(fresh_host: FreshHost) -> None:
    authority, host = fresh_host("ca"), fresh_host("web")
    authority.resolve(shop_example_org=host.address)
    host.resolve(ca_example=authority.address, shop_example_org=host.address)
    host.write("/usr/local/share/ca-certificates/lab.crt", start_authority(authority))
    host.run("update-ca-certificates")

    # What the owner has in the Caddyfile holds for Beacon's domains too.
    host.write("/etc/caddy/Caddyfile", f"{{\n\tacme_ca {AUTHORITY}\n\temail owner@example.org\n}}\n")
    stage = Stage(host)
    stage.push("web")
    stage.define("web", port=False, top=f'domain = "{DOMAIN}"')
    stage.apply()
    stage.beacon("endpoint", "setup")

    asked = ("curl", "--silent", "--fail", "--cacert", SYSTEM, f"https://{DOMAIN}/version")
    wait_until(lambda: host.run(*asked, check=False).returncode == 0, 60, interval=0.5)
    assert host.run(*asked).stdout.strip() == "1"
    sent_on = host.run(
        "curl", "--silent", "--output", "/dev/null", "--write-out", "%{redirect_url}", f"http://{DOMAIN}/a"
    )
    assert sent_on.stdout == f"https://{DOMAIN}/a"
    (found,) = json.loads(stage.beacon("endpoint", "check", "--json", DOMAIN).stdout)["endpoints"]
    assert {one["link"]: one["severity"] for one in found["links"]}["certificate"] == "ok"

    # The next release changes nothing of it.
    issued = "/var/lib/caddy/.local/share/caddy/certificates"
    before = host.run("find", issued, "-name", f"{DOMAIN}.crt", "-printf", "%i %T@\n").stdout
    assert before
    stage.push("web", "2")
    assert stage.update() == {"web": "updated"}
    assert host.run(*asked).stdout.strip() == "2"
    assert host.run("find", issued, "-name", f"{DOMAIN}.crt", "-printf", "%i %T@\n").stdout == before
