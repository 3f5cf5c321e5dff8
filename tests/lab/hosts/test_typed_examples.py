"""README.md and the EXAMPLES of the manual pages, typed as they are written and in their order.

A machine with what they speak of: images at ghcr.io, which another host is, a compose project, a container.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tests.examples import PAGES, Block, blocks
from tests.lab import images
from tests.lab.conftest import FreshHost
from tests.lab.endpoints.test_acme import ROOT
from tests.lab.host import LabHost, LabUser, wait_until
from tests.lab.images import ImageConfig
from tests.lab.stage import QUICK, SETTLE

SKIPPED: Mapping[str, str] = {
    "a picture": r"definition \(TOML\)",
    "works on a checkout, as tests/lab/package does": r"(sudo )?(make|\./install\.sh)( |$)",
}
"""Blocks that are not typed, by how they begin, each kind with why."""

STATUSES: Mapping[str, set[int]] = {
    r"systemctl status": {0, 3},  # of a service that has nothing to do just now
    r"sudo beacon doctor": {0, 30},  # it may warn: of the clock, say
    r".*--exit-code": {0, 10},
}
"""Exit statuses that are an answer."""

TYPED = {r"sudo beacon login": "me\nsecret\n"}
"""What is asked for at the terminal, and answered."""

MIRRORED = "ghcr.io, docker.io, registry-1.docker.io"
EDITOR = '#!/bin/sh\nsed -i \'1i description = "edited"\' "$1"\n'
COMPOSE = """\
services:
  app:
    image: nextcloud:30
    ports: ["127.0.0.1:8082:8080"]
    depends_on: [db]
    restart: unless-stopped
  db:
    image: mariadb:11
    restart: unless-stopped
    volumes: [data:/var/lib/mysql]
volumes:
  data: {}
"""
DATA = "/var/lib/db/data"


def test_they_do_what_they_say(fresh_host: FreshHost) -> None:
    hub, host = fresh_host("hub", beacon=False), fresh_host("web")
    offer(hub, host)
    owner = settle_in(host)
    furnish(hub, host, owner)
    skipped = set()
    for page in PAGES:
        for section, those in sections(page.name, blocks(page)):
            for block in those:
                kind = next((kind for kind, how in SKIPPED.items() if re.match(how, block.lines[0])), "")
                skipped.add(kind)
                if not kind:
                    for line in block.lines:
                        run_line(owner, line, f"{page.name}, {section}")
            host.run("sh", "-c", "beacon rm web 2>/dev/null || true")
    assert skipped == {"", *SKIPPED}


def sections(page: str, found: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    """Yield what of a page is to be typed: all of README.md, and the examples of a manual page."""
    for section in dict.fromkeys(block.section for block in found):
        if page == "README.md" or section == "EXAMPLES":
            yield section, [block for block in found if block.section == section]


def run_line(owner: LabUser, line: str, where: str) -> None:
    """Type a line, and check how it ends."""
    command = ["bash", "-c", f"cd; {line}"]
    answers = next((text for how, text in TYPED.items() if re.match(how, line)), None)
    if answers is not None:
        command = ["script", "--quiet", "--return", "--command", f"cd; {line}", "/dev/null"]
    done = owner.run(*command, check=False, input=answers, timeout=120)
    expected = next((statuses for how, statuses in STATUSES.items() if re.match(how, line)), {0})
    said = f"{where}: {line}\nexit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert done.returncode in expected, said


def offer(hub: LabHost, host: LabHost) -> None:
    """Have *hub* answer as the registries of the world, with certificates that *host* trusts."""
    hub.write("/etc/caddy/Caddyfile", f"{MIRRORED} {{\n\ttls internal\n\treverse_proxy 127.0.0.1:5000\n}}\n")
    hub.run("systemctl", "restart", "caddy")
    wait_until(lambda: hub.exists(ROOT), 30)
    host.write("/usr/local/share/ca-certificates/lab.crt", hub.read(ROOT))
    host.run("update-ca-certificates")
    names = MIRRORED.replace(",", "")
    host.run("sh", "-c", "cat >> /etc/hosts", input=f"{hub.address} {names}\n")


def settle_in(host: LabHost) -> LabUser:
    """Give *host* an owner, who may do everything by sudo(8), and has an editor."""
    owner = host.add_user()
    host.write("/etc/sudoers.d/owner", f"{owner.name} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    host.write("/usr/bin/editor", EDITOR, 0o755)
    host.run("systemctl", "start", "network-online.target")
    return owner


def furnish(hub: LabHost, host: LabHost, owner: LabUser) -> None:
    """Put there what the examples speak of."""
    for name in ("ghcr.io/me/web", "docker.io/gitea/gitea"):
        images.push(hub, name, config=QUICK)
    images.push(hub, "docker.io/library/nextcloud", tag="30", config=QUICK)
    images.push(hub, "docker.io/library/mariadb", tag="11", config=QUICK)
    owner.write(f"{owner.home}/nextcloud/compose.yaml", COMPOSE)
    host.run("podman", "run", "--detach", "--name=gitea", "--volume=gitea:/data", "docker.io/gitea/gitea")
    label = {"io.beacon.update.settle": SETTLE}
    database = "ghcr.io/me/database"
    images.push(hub, database, config=ImageConfig(volumes=(DATA,), labels=label))
    host.run("beacon", "add", "database", f"{database}:latest")
    host.run("podman", "exec", "beacon-database", "touch", f"{DATA}/table")
    images.push(hub, database, version="2", config=ImageConfig(volumes=("/var/lib/db",), labels=label))
    # The next run finds that it has its data elsewhere.
    assert host.run("beacon", "update", "database", check=False).returncode == 75
