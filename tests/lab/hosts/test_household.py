"""docs/household.md, typed as it is written: each part of the household works.

`make screens` draws the pictures of the page anew.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from functools import partial

from tests.examples import HOUSEHOLD, Scene, fenced, scenes
from tests.lab.conftest import FreshHost
from tests.lab.faulty_registry import Dam, FaultyRegistry
from tests.lab.ground import Ground
from tests.lab.host import LabHost, LabUser, wait_until
from tests.lab.images import ImageConfig, push
from tests.lab.screens import Hand, Same, Screen, draw, prompt
from tests.lab.stage import QUICK

DRAWS = "BEACON_SCREENS" in os.environ
PICTURES = HOUSEHOLD.parent / "screens"

STATUSES = {
    ("rolled-back", "sudo beacon update"): 20,
    ("doctor", "sudo beacon doctor"): 31,  # no host of the lab has control of memory
}
MOMENTS = {"pulling": r"pulling 9\S*( MB)? of .* left"}
"""Pictures that are not of the end, and what is on the screen then."""

PORT = 5003
MB = 1_000_000
ALLOWED = 9 * MB
"""So much of the second release comes before the picture is taken."""
PATIENCE = 30.0
"""Seconds to wait for that picture."""
REGISTRY = '[[registry]]\nprefix = "{}"\nlocation = "proxy.example:{}"\ninsecure = true\n'
LATE = "[Timer]\nOnCalendar=\nOnCalendar=2099-01-01\nRandomizedDelaySec=0\nPersistent=false\n"

SERVE = """\
#!/bin/sh
[ -z "$NEEDED" ] || [ -n "$POSTGRES_PASSWORD" ] || { echo "no password is set" >&2; exit 1; }
chmod 755 /www/cgi-bin/*
trap 'kill $child; exit 0' TERM
echo "listening on port $PORT"
httpd -f -p "$PORT" -h /www & child=$!
wait
"""
GUARDED_ALBUMS = """\
#!/bin/sh
if [ "$QUERY_STRING" = "$POSTGRES_PASSWORD" ]; then answer='3 albums'; else answer='wrong password'; fi
printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "$answer"
"""
ALBUMS = """\
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
wget -qO- "http://$DATABASE_HOST:5432/cgi-bin/albums?$DATABASE_PASSWORD"
"""
DUMP = "#!/bin/sh\nprintf -- '--\\n-- PostgreSQL database cluster dump\\n--\\nCREATE TABLE albums;\\n'\n"
THUMBNAILS = """\
#!/bin/sh
trap 'exit 0' TERM
echo "thumbnails for $(wget -qO- http://photos:8080/cgi-bin/albums): done"
while :; do sleep 0.2; done
"""


def test_it_works_as_it_is_told(fresh_host: FreshHost, ground: Ground) -> None:
    host = fresh_host("house")
    with FaultyRegistry(host.registry, (ground.slot.address(1), PORT)) as registry:
        Household(host, registry).live()


class Household:
    """The machine with its owner, the developer who pushes images, and what is checked."""

    def __init__(self, host: LabHost, registry: FaultyRegistry) -> None:
        self._host = host
        self._registry = registry
        self._hand = Hand(settle_in(host))
        self._same = Same()
        self._patience = float("inf")
        self._before: dict[str, Callable[[], None]] = {
            "plan": self._add_the_hook,
            "status": self._grow_old,
            "check": self._push_the_second,
            "rolled-back": self._push_a_broken_one,
        }
        self._after: dict[str, Callable[[str], None]] = {
            "answers": self._both_answer,
            "apply": self._has_more_memory,
            "anna": self._notes_are_annas,
            "logs": self._worker_reached_the_app,
            "updated": self._second_is_live_after_a_backup,
            "rolled-back": self._second_is_back,
        }

    def live(self) -> None:
        """Do all that the page tells, in its order."""
        push_images(self._host)
        logged = list(scenes(HOUSEHOLD))
        assert {*self._before, *self._after, *MOMENTS} <= {
            name for scene in logged for name in scene.pictures
        }
        for scene in logged:
            if scene.name in self._before:
                self._before[scene.name]()
            said = self._play(scene)
            if scene.name in self._after:
                self._after[scene.name](said)

    def _play(self, scene: Scene) -> str:
        """Type the commands of a scene, and draw its pictures; return the last screen."""
        rows: list[str] = []
        said = ""
        for command in scene.commands:
            moments = scene.pictures[:-1]
            status, screen = self._hand.type(command, partial(self._look, command, moments))
            said = screen.text
            assert status == STATUSES.get((scene.name, command), 0), f"{command}: {status}\n{said}"
            assert not moments, f"{command}: {moments} never came\n{said}"
            assert not re.search(r"^\n|[⠀-⣿]", said), f"progress is left behind:\n{said}"
            rows += [*prompt(command), *screen.rows(self._same)]
        self._draw(scene.name, rows)
        return said.strip()

    def _look(self, command: str, moments: list[str], screen: Screen) -> None:
        """Draw the picture of this moment and let the pull go on, as it does after a while anyway."""
        if moments and re.search(MOMENTS[moments[0]], screen.text):
            self._draw(moments.pop(0), [*prompt(command), *screen.rows(self._same)])
            self._registry.let_through(float("inf"))
        elif time.monotonic() > self._patience:
            self._registry.let_through(float("inf"))

    def _draw(self, name: str, rows: list[str]) -> None:
        if DRAWS:
            (PICTURES / f"{name}.svg").write_text(draw(name, rows), encoding="utf-8")

    # What happens in between

    def _add_the_hook(self) -> None:
        path = "/etc/beacon/services/photos.toml"
        self._host.write(path, f"{self._host.read(path)}\n{fenced(HOUSEHOLD, 'toml')}", 0o600)

    def _grow_old(self) -> None:
        """Have all services run for minutes, so that columns are as wide in each drawing."""
        time.sleep(60 if DRAWS else 0)

    def _push_the_second(self) -> None:
        push_photos(self._host, "2", ballast=[random.Random(2).randbytes(14 * MB)])  # noqa: S311 (no secret)
        self._registry.let_through(ALLOWED)
        self._patience = time.monotonic() + PATIENCE
        self._registry.when("/blobs/", Dam())

    def _push_a_broken_one(self) -> None:
        push(self._host, "ghcr.io/me/photos", version="3", broken="exit")

    # What has to be so

    def _get(self, url: str) -> str:
        return self._host.run("curl", "--silent", "--insecure", "--max-time", "10", url).stdout.strip()

    def _both_answer(self, screen: str) -> None:
        assert screen == "Welcome to our blog"
        assert self._get("https://photos.home.arpa/cgi-bin/albums") == "3 albums"
        wrong = "http://database:5432/cgi-bin/albums?wrong"
        said = self._host.run("podman", "exec", "beacon-photos", "wget", "-qO-", wrong).stdout
        assert said == "wrong password\n"

    def _has_more_memory(self, _: str) -> None:
        limit = self._host.run("systemctl", "show", "--property=MemoryMax", "beacon-photos").stdout
        assert limit == f"MemoryMax={2**30}\n"

    def _notes_are_annas(self, _: str) -> None:
        assert self._get("http://127.0.0.1:8081/") == "Anna's notes"
        assert "notes" not in self._host.run("podman", "ps", "--all").stdout
        assert self._host.run("pgrep", "--euid=anna", "--full", "beacon-notes").stdout

    def _worker_reached_the_app(self, screen: str) -> None:
        assert "thumbnails for 3 albums: done" in screen

    def _second_is_live_after_a_backup(self, _: str) -> None:
        assert self._get("https://photos.home.arpa/version") == "2"
        assert self._get("https://photos.home.arpa/cgi-bin/albums") == "3 albums"
        backup = "/var/backups/photos-before-3.sql"
        assert "CREATE TABLE albums" in self._host.read(backup)
        property_ = ("--property=ActiveEnterTimestamp", "--value", "--timestamp=unix")
        started = self._host.run("systemctl", "show", *property_, "beacon-photos").stdout
        assert self._host.path(backup).stat().st_mtime < int(started.removeprefix("@")) + 1

    def _second_is_back(self, _: str) -> None:
        wait_until(lambda: self._get("https://photos.home.arpa/version") == "2")


def push_images(host: LabHost) -> None:
    """Push what stands in for the images that the page speaks of."""
    database = ImageConfig(
        env={"PORT": "5432", "NEEDED": "1"}, ports=("5432/tcp",), volumes=("/var/lib/postgresql/data",)
    )
    files = {"bin/web": SERVE, "www/cgi-bin/albums": GUARDED_ALBUMS, "bin/pg_dumpall": DUMP}
    push(host, "docker.io/library/postgres", tag="17", config=database, files=files)
    push_photos(host, "1")
    push(host, "ghcr.io/me/thumbnails", config=QUICK, files={"bin/web": THUMBNAILS})
    push(host, "ghcr.io/me/blog", config=QUICK, files={"www/index.html": "Welcome to our blog\n"})
    push(host, "ghcr.io/me/notes", config=QUICK, files={"www/index.html": "Anna's notes\n"})


def push_photos(host: LabHost, version: str, ballast: list[bytes] | None = None) -> None:
    """Push a release of the web app."""
    files = {"bin/web": SERVE, "www/cgi-bin/albums": ALBUMS}
    config = ImageConfig(env={"PORT": "8080"})
    push(host, "ghcr.io/me/photos", version=version, config=config, files=files, ballast=ballast or ())


def settle_in(host: LabHost) -> LabUser:
    """Give *host* an owner with an editor, who may do everything by sudo(8), and Anna an account."""
    owner = host.add_user()
    host.run("useradd", "--create-home", "--uid=2100", "--shell=/bin/bash", "anna")
    host.write("/etc/sudoers.d/owner", f"{owner.name} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    host.write("/usr/local/bin/backup-photos", fenced(HOUSEHOLD, "sh"), 0o755)
    typist = "/usr/local/bin/typist"
    host.write(typist, "#!/bin/sh\nsed -i 's/512M/1G/' \"$1\"\n", 0o755)
    host.run("update-alternatives", "--install", "/usr/bin/editor", "editor", typist, "10")
    host.resolve(photos_home_arpa="127.0.0.1", blog_home_arpa="127.0.0.1")
    registries = "".join(REGISTRY.format(name, PORT) for name in ("ghcr.io", "docker.io"))
    host.write("/etc/containers/registries.conf.d/household.conf", registries)
    for manager in ("system", "user"):
        host.write(f"/etc/systemd/{manager}/beacon-update.timer.d/late.conf", LATE)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "beacon-update.timer")
    host.run("systemctl", "start", "network-online.target")
    return owner
