"""A page as people see it: a real browser, and a certificate of Caddy's own authority."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import QUICK, Stage


class Browser:
    """Headless Chromium with a home of its own, for which every name is the host's."""

    def __init__(self, home: Path, address: str) -> None:
        self._home = home
        self._address = address

    def trust(self, pem: str) -> None:
        """Trust an authority, as whoever imports its certificate does."""
        file, store = self._home / "root.pem", self._home / ".pki/nssdb"
        file.write_text(pem, encoding="ascii")
        store.mkdir(parents=True)
        database = f"sql:{store}"
        self._run("certutil", "-d", database, "-N", "--empty-password")
        self._run("certutil", "-d", database, "-A", "-n", "caddy", "-t", "C,,", "-i", str(file))

    def show(self, url: str) -> str:
        """Return the document that the browser makes of a URL."""
        return self._run(
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={self._home}/profile", f"--host-resolver-rules=MAP * {self._address}"),
            *("--dump-dom", url),
        )

    def _run(self, *argv: str) -> str:
        environment = os.environ | {"HOME": str(self._home)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def browser(tmp_path: Path, stage: Stage) -> Browser:
    """Return a browser that has seen nothing yet."""
    return Browser(tmp_path, stage.host.address)


def test_a_page_is_shown_once_its_authority_is_trusted(stage: Stage, browser: Browser) -> None:
    pushed = stage.push(version="a page for people", config=QUICK)
    stage.beacon("add", "web", pushed.tagged, "--domain=web.internal")
    stage.beacon("endpoint", "setup")
    pem = stage.beacon("endpoint", "trust").stdout
    assert "a page for people" not in browser.show("https://web.internal/")
    browser.trust(pem)
    assert "a page for people" in browser.show("https://web.internal/")
    assert "a page for people" in browser.show("http://web.internal/")
    assert "a page for people" not in browser.show("https://other.internal/")
    stage.beacon("stop", "web")
    # Once, on a busy machine, the browser said of a page that it could not be had.
    url = "https://web.internal/?what-its-cache-has-not"
    wait_until(lambda: "<h1>Back soon</h1>" in browser.show(url), 30)
