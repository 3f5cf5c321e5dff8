"""What bare hosts have of the internet: Debian's archive and PyPI, on the outside's address of the bridge.

Both come as this machine's own apt and pip get them. What was fetched once is kept beside the roots, so that
the second test run fetches little more than the archive's index of indexes.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.ground import HERE, Ground
from tests.lab.wheels import make_wheels

PORT = 3142
_ARCHIVE = re.compile(r"/debian/((?:dists|pool)/[A-Za-z0-9._/+:~-]+)")
_INDEX = re.compile(r"/simple/([a-z0-9-]+)/")
_FILE = re.compile(r"/files/([A-Za-z0-9._+-]+)")
_LASTS_FOR_EVER = re.compile(r"pool/.*\.deb|.*/by-hash/.*")
"""Files whose name says what is in them."""
_UNUSED = 7 * 24 * 3600.0
"""Seconds after which a kept file goes that nobody asked for."""


class Relay:
    """A server of both for the hosts of one test run, for the time of the context."""

    def __init__(self, ground: Ground) -> None:
        cache = ground.root.parent
        self._archive = _Archive(cache / "archive")
        self._wheels = make_wheels(cache)
        handler = type("Handler", (_Handler,), {"archive": self._archive, "wheels": self._wheels})
        self._server = ThreadingHTTPServer((ground.slot.address(1), PORT), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"http://{ground.slot.address(1)}:{PORT}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sources(self, suite: str) -> str:
        """Return the sources.list of a host with *suite*."""
        return f"deb {self.address}/debian {suite} main\n"

    def pip_conf(self) -> str:
        """Return the pip.conf of a host."""
        host = urllib.parse.urlsplit(self.address).hostname
        return f"[global]\nindex-url = {self.address}/simple/\ntrusted-host = {host}\n"


class _Archive:
    """Debian's archive, fetched file by file with this machine's apt and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mirror = subprocess.run(
            [HERE / "mirror.sh"], capture_output=True, text=True, check=True
        ).stdout.strip()
        folder.mkdir(exist_ok=True)
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):  # another run may do the same
                if path.is_file() and path.stat().st_mtime < time.time() - _UNUSED:
                    path.unlink()

    def get(self, name: str) -> Path | None:
        """Return a file of the archive; nothing where it has none of that name."""
        kept = self._folder / name
        if not (kept.is_file() and _LASTS_FOR_EVER.fullmatch(name)):
            self._fetch(name, kept)
        if not kept.is_file():
            return None
        with contextlib.suppress(OSError):
            os.utime(kept)
        return kept

    def _fetch(self, name: str, kept: Path) -> None:
        """Fetch a file; where that fails, one that was kept does."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="fetching.") as scratch:
            new = Path(scratch) / "file"
            helper = ["/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=root", "download-file"]
            done = subprocess.run(
                [*helper, f"{self._mirror}/{name}", str(new)], capture_output=True, check=False
            )
            if done.returncode == 0:
                kept.parent.mkdir(parents=True, exist_ok=True)
                new.rename(kept)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET for the archive, and for what PyPI's simple API (PEP 503) is asked."""

    protocol_version = "HTTP/1.1"
    archive: _Archive
    wheels: Path

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if ".." in path:
            self._say(HTTPStatus.NOT_FOUND)
        elif asked := _ARCHIVE.fullmatch(path):
            self._send(self.archive.get(asked[1]))
        elif asked := _FILE.fullmatch(path):
            self._send(self.wheels / asked[1])
        elif asked := _INDEX.fullmatch(path):
            self._list(asked[1])
        else:
            self._say(HTTPStatus.NOT_FOUND)

    def _list(self, project: str) -> None:
        names = [path.name for path in sorted(self.wheels.iterdir()) if _project(path.name) == project]
        links = "".join(f'<a href="/files/{html.escape(name)}">{html.escape(name)}</a>\n' for name in names)
        self._say(HTTPStatus.OK if names else HTTPStatus.NOT_FOUND, f"<!DOCTYPE html>\n{links}".encode())

    def _send(self, file: Path | None) -> None:
        if file is None or not file.is_file():
            self._say(HTTPStatus.NOT_FOUND)
            return
        with file.open("rb") as content:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(os.fstat(content.fileno()).st_size))
            self.end_headers()
            shutil.copyfileobj(content, self.wfile)

    def _say(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what fails, apt and pip on the host tell."""


def _project(file: str) -> str:
    """Return the normalized name (PEP 503) of the project that a wheel or source archive is of."""
    return re.sub(r"[-_.]+", "-", re.split(r"-\d", file)[0]).lower()
