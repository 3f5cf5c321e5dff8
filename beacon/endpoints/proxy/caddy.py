"""Debian's Caddy: its configuration checked in place, its service, its own certificate authority."""

from __future__ import annotations

import grp
import http.client
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Protocol

from beacon.errors import MachineError, StoreError
from beacon.formats.jsontext import read_json
from beacon.model.endpoints.proxy import CADDY_FILE

MAIN = Path("/etc/caddy/Caddyfile")
OWN = Path(CADDY_FILE)
UNIT = "caddy.service"
IMPORT = f"import {OWN.name}"
_IMPORTS = re.compile(r"^[ \t]*import[ \t]+(\S+)", re.MULTILINE)
ADMIN = ("localhost", 2019)
_LIMIT = 60.0
_IN_PLACE = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 99; shift 2; done; shift; exec "$@"'
"""Puts each file in the place of another, within the mount namespace that only this command is in."""


class Write(Protocol):
    """Puts a file in place atomically."""

    def __call__(self, owner: tuple[int, int], path: Path, data: bytes, *, mode: int) -> None:
        """Put *data* at *path*, for the user and the group *owner*."""


Rewrite = Callable[[Path, bytes], None]
"""Replaces what is in a file, which stays whose it is, and where it is."""


def is_installed() -> bool:
    """Say whether the machine has Caddy, as Debian packages it."""
    return shutil.which("caddy") is not None and MAIN.exists()


def imports_own(text: str) -> bool:
    """Say whether a Caddyfile with that *text* takes Beacon's file in."""
    return any(
        fnmatch(str(OWN), str(MAIN.parent / pattern.strip("\"'`"))) for pattern in _IMPORTS.findall(text)
    )


class Caddy:
    """Caddy as the managed proxy. *write* and *rewrite* put files in place, *scratch* is for checks."""

    def __init__(self, write: Write, rewrite: Rewrite, scratch: Path) -> None:
        self._write = write
        self._rewrite = rewrite
        self._scratch = scratch

    def read(self) -> str | None:
        """Return Beacon's file as it is, or None where there is none."""
        return _read(OWN)

    def is_managed(self) -> bool:
        """Say whether Beacon's file is there: without it Caddy is its owner's alone."""
        return OWN.exists()

    def main(self) -> str:
        """Return the owner's Caddyfile."""
        return _read(MAIN) or ""

    def put(self, text: str) -> None:
        """Write Beacon's file: for Caddy alone, since hashes of passwords are in it."""
        self._write((0, _group()), OWN, text.encode(), mode=_MODE)

    def guard(self) -> None:
        """Keep others from Beacon's file, where an older Beacon has let all read it."""
        try:
            if OWN.stat().st_mode & stat.S_IROTH:
                os.chown(OWN, 0, _group())
                OWN.chmod(_MODE)
        except FileNotFoundError:
            return
        except OSError as error:
            raise MachineError(f"cannot keep others from {OWN}: {error.strerror}") from error

    def put_main(self, text: str) -> None:
        """Write the Caddyfile, which its owner has asked for."""
        self._rewrite(MAIN, text.encode())

    def refuses(self, text: str, main: str | None = None) -> str | None:
        """Say why Caddy would refuse its configuration with Beacon's file being *text*.

        The whole is checked as it would be loaded, as the user that Caddy runs as: it makes folders and
        keys that are to be its own. What is checked lies over the real files in a mount namespace, so that
        nobody else ever meets it, with their owners and modes: whether Caddy can read them is checked, too.
        """
        texts = {OWN: text} | ({MAIN: main} if main is not None else {})
        if not OWN.exists():
            self.put(text)  # a mount needs a place, and nobody imports it yet
        pairs: list[str] = []
        shutil.rmtree(self._scratch, ignore_errors=True)  # of a check that was killed
        self._scratch.mkdir(mode=0o700, parents=True)
        try:
            for place, content in texts.items():
                new = self._scratch / f"{place.name}.check"
                new.write_text(content, encoding="utf-8")
                status = place.stat()
                os.chown(new, status.st_uid, status.st_gid)
                new.chmod(stat.S_IMODE(status.st_mode))
                pairs += [str(new), str(place)]
            check = ["caddy", "validate", "--config", str(MAIN), "--adapter", "caddyfile"]
            command = ["unshare", "--mount", "sh", "-c", _IN_PLACE, "sh", *pairs, "--", *_as_caddy(), *check]
            done = _run(command)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return None if done.returncode == 0 else _last_error(done.stderr)

    def is_up(self) -> bool:
        """Say whether Caddy runs."""
        return _run(["systemctl", "is-active", "--quiet", UNIT]).returncode == 0

    def reload(self) -> str | None:
        """Have Caddy read its configuration again; say why it does not, or None."""
        done = _run(["systemctl", "reload", UNIT])
        return None if done.returncode == 0 else _last_error(done.stderr)

    def enable(self) -> None:
        """Have Caddy run now and from each boot on."""
        done = _run(["systemctl", "enable", "--now", "--quiet", UNIT])
        if done.returncode:
            raise MachineError(
                f"Caddy does not start: {_last_error(done.stderr)}", hint="journalctl -u caddy says why"
            )

    def is_pristine(self) -> bool:
        """Say whether the Caddyfile is still the package's, which only shows a page of welcome."""
        try:
            done = _run(["dpkg-query", "--show", "--showformat=${Conffiles}", "caddy"])
            sums = re.findall(rf"{re.escape(str(MAIN))} ([0-9a-f]{{32}})", done.stdout)
            said = _run(["md5sum", str(MAIN)]).stdout.split()
        except MachineError:
            return False
        return bool(said) and said[0] in sums

    def root_certificate(self) -> str:
        """Return the root certificate of Caddy's own authority, as PEM."""
        try:
            return str(_asked("/pki/ca/local")["root_certificate"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"Caddy does not tell its root certificate: {error}",
                hint="it has one while it runs and answers an internal name such as web.home.arpa",
            ) from error

    def hosts(self) -> frozenset[str] | None:
        """Return the domains of the configuration that Caddy runs with; None where it does not say."""
        try:
            return frozenset(_hosts(_asked("/config/")))
        except (OSError, http.client.HTTPException, ValueError):
            return None


def _asked(path: str) -> Any:  # noqa: ANN401 -- JSON
    connection = http.client.HTTPConnection(*ADMIN, timeout=10)
    try:
        connection.request("GET", path)
        return read_json(connection.getresponse().read())
    finally:
        connection.close()


def _hosts(config: object) -> Iterator[str]:
    """Yield the domains that requests are matched with, anywhere in a configuration."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "host" and isinstance(value, list):
                yield from (one for one in value if isinstance(one, str))
            else:
                yield from _hosts(value)
    elif isinstance(config, list):
        for value in config:
            yield from _hosts(value)


_MODE = 0o640


def _group() -> int:
    """Return the group that Debian's Caddy runs as; root's where there is none: then root runs it."""
    try:
        return grp.getgrnam("caddy").gr_gid
    except KeyError:
        return 0


def _as_caddy() -> list[str]:
    try:
        user = pwd.getpwnam("caddy")
    except KeyError:
        return []
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    return ["setpriv", *ids, "env", "-u", "XDG_DATA_HOME", "-u", "XDG_CONFIG_HOME", f"HOME={user.pw_dir}"]


def _run(argv: list[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            check=False,
        )
    except OSError as error:
        raise MachineError(f"{argv[0]} cannot run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{' '.join(argv[:2])} did not end within {_LIMIT:.0f} s") from error


def _last_error(said: str) -> str:
    """Return the last line that is an error: Caddy's others are a log in JSON."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("{")]
    return lines[-1].removeprefix("Error: ") if lines else "it says nothing"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"cannot read {path}: {error}") from error
