"""Beacon is killed at random instants while apps come, change and go; `make soak` does so longer."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.report import note_soak
from tests.lab.host import wait_until
from tests.lab.stage import REGISTRY, Stage

IS_SOAK = "BEACON_SOAK_APPS" in os.environ
ROUNDS = int(os.environ.get("BEACON_SOAK_APPS", "10"))
MANIFEST = """schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "{revision}"
revision = {revision}
summary = "Sells things"
license = "MIT"
[web]
port = 8080
[[option]]
name = "password"
type = "secret"
label = "Password"
[service.main]
image = "{registry}/me/shop:{revision}"
networks = ["{{{{ instance }}}}"]
needs = ["{{{{ service.db }}}}"]
secret = [{{ name = "{{{{ secret.password }}}}" }}]
health = {{ command = "test -s /www/version", interval = "1s" }}
update = {{ settle = "300ms" }}
[service.db]
image = "{registry}/me/db:{revision}"
networks = ["{{{{ instance }}}}"]
volume = [{{ name = "data", path = "/data" }}]
update = {{ settle = "300ms" }}
[[file]]
path = "/etc/shop.conf"
content = "revision {revision} of {{{{ instance }}}}"
"""
INSTALL, REVISE, SPOIL, REMOVE = "install", "revise", "spoil", "remove"
VERBS = {
    INSTALL: ("app", "install", "shop"),
    REVISE: ("app", "update", "shop"),
    SPOIL: ("app", "update", "shop"),
    REMOVE: ("app", "remove", "shop"),
}


@dataclass
class Shop:
    """An app, and what is to be true of it."""

    stage: Stage
    revision: int = 0
    """Of what is installed; 0 is nothing."""
    newest: int = 0
    killed: int = 0
    said: list[str] = field(default_factory=list)
    """What the runs after a kill said."""
    whole: dict[str, float] = field(default_factory=dict)
    """How long each takes that is left alone."""

    def offer(self, *, is_bad: bool) -> None:
        """Have the catalog offer one revision more."""
        self.newest += 1
        version = str(self.newest)
        # Each is an image of its own: one that is bad in one service would not be tried in the others.
        self.stage.push("shop", version, tag=version, files={"name": "shop"})
        self.stage.push("db", version, tag=version, files={"name": "db"}, broken="exit" if is_bad else None)
        manifest = MANIFEST.format(revision=version, registry=REGISTRY)
        self.stage.write(f"{self.stage.config}/catalog/shop.toml", manifest)

    def do(self, what: str) -> None:
        """Do one of VERBS and leave it alone."""
        self.offer(is_bad=what == SPOIL)
        began = time.monotonic()
        self.stage.beacon(*VERBS[what], status=20 if what == SPOIL else 0, timeout=120)
        self.whole[what] = time.monotonic() - began
        self.now_is(what)

    def kill(self, what: str, chance: random.Random) -> None:
        """Do one of VERBS and kill it at a random instant."""
        self.offer(is_bad=what == SPOIL)
        run = self.stage.start("beacon", *VERBS[what])
        time.sleep(chance.uniform(0, self.whole[what]))
        with contextlib.suppress(OSError):  # it has ended
            self.stage.host.kill(run)
        run.communicate(timeout=120)
        self.killed += run.returncode < 0 or run.returncode > 128  # a shell's word for a signal

    def end(self, what: str) -> None:
        """Let the next run find what was begun: it is finished or undone, and then what was wanted is so."""
        self.said = [self._said("update")]
        if what in {REVISE, SPOIL}:
            assert self.running() in ({self.revision}, {self.newest}), "one revision runs"
            assert self.recorded() in (self.revision, self.newest)
        self.said.append(self._said(*VERBS[what]))
        self.now_is(what)

    def _said(self, *words: str) -> str:
        """Return what a command says and how it ends."""
        done = self.stage.beacon(*words, status=None, timeout=120)
        return f"beacon {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"

    def now_is(self, what: str) -> None:
        """Hold that all is as after one of VERBS."""
        if what == REMOVE:
            assert self.stage.engine("ps", "--all", "--quiet") == ""
            assert "beacon-shop" not in self.stage.host.run("ls", self.stage.units).stdout
            assert self.recorded() == 0
            assert self.stage.host.run("ls", f"{self.stage.config}/services").stdout == ""
            self.revision = 0
        else:
            self.revision = self.revision if what == SPOIL else self.newest
            assert (self.recorded(), self.running()) == (self.revision, {self.revision})
            assert self.stage.engine("exec", "beacon-shop", "cat", "/etc/shop.conf") == (
                f"revision {self.revision} of shop"
            )
        assert self.kept() == 1, "its secret stays"
        assert "beacon-shop-db-data" in self.stage.engine("volume", "ls", "--quiet")

    def running(self) -> set[int]:
        """Return the revisions whose images run, each of which is consistent."""
        names = ("shop", "shop-db")
        assert [self.stage.state(name)["rollout"] for name in names] == [None, None]
        # One that was killed on its way up may be restarted once more by systemd.
        wait_until(lambda: all(self._version(name) for name in names), 30)
        assert [self.stage.active(f"beacon-{name}.service") for name in names] == ["active"] * 2
        return {int(self._version(name)) for name in names}

    def _version(self, name: str) -> str:
        """Return the version that a service runs, or nothing."""
        command = (self.stage.kind.engine, "exec", f"beacon-{name}", "cat", "/www/version")
        return self.stage.run(*command, check=False).stdout.strip()

    def recorded(self) -> int:
        """Return the revision that is installed by Beacon's account."""
        found = json.loads(self.stage.beacon("app", "status", "--json").stdout)["installed"]
        return int(found[0]["revision"]) if found else 0

    def kept(self) -> int:
        """Return the version of the secret; a second one would be another password."""
        (secret,) = json.loads(self.stage.beacon("secret", "list", "--json").stdout)["secrets"]
        return int(secret["version"])


def test_whenever_it_is_killed_the_next_run_finishes_or_undoes(stage: Stage) -> None:
    seed = int(os.environ.get("BEACON_SOAK_SEED", str(time.time_ns() % 10**6)))
    chance = random.Random(seed)  # noqa: S311 (nothing secret)
    shop = Shop(stage)
    for what in (INSTALL, REVISE, SPOIL, REMOVE):
        shop.do(what)
    ways: Sequence[str] = (INSTALL, REVISE, SPOIL, REMOVE)
    for number in range(ROUNDS):
        what = ways[number % len(ways)]
        shop.kill(what, chance)
        try:
            shop.end(what)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, round {number}, {what}: {error}") from error
    ended = f"{shop.killed} of {ROUNDS} installations, revisions and removals were killed, seed {seed}"
    assert shop.killed > ROUNDS // 4, ended  # the others had ended before
    if IS_SOAK:
        note_soak("apps killed", f"{ended}: all ended well")
