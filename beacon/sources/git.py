"""Git repositories: one commit is fetched, and its manifests are read; nothing of it is checked out."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from beacon.catalog.sources import MOST_BYTES
from beacon.sources.tally import SourceError, Tally, is_kept

_SECONDS = 240.0
_ENTRY = re.compile(rb"([0-7]{6}) (blob|commit) ([0-9a-f]{40,64}) +([0-9-]+)\t(.*)", re.DOTALL)
_LINK, _SUBMODULE = b"120000", b"160000"
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "credential.helper=", "-c", "transfer.fsckObjects=true"),
    *("-c", "protocol.ext.allow=never", "-c", "core.fsmonitor=false"),
)


def clone(url: str, environment: Mapping[str, str], protocol: str = "https") -> tuple[str, dict[str, bytes]]:
    """Return the commit that *url* has now, and its manifests and icons by their paths.

    Raises SourceError if git is missing, or if the repository is not to be had or holds what it must not.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    variables = {
        **kept,
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "LC_ALL": "C",
    }
    with tempfile.TemporaryDirectory(prefix="beacon-source-") as folder:
        place = str(Path(folder) / "repository")
        options = ("--bare", "--depth=1", "--single-branch", "--no-tags", "--template=", "--quiet")
        _git(["clone", *options, "--", url, place], variables)
        inside = (f"--git-dir={place}",)
        commit = _git([*inside, "rev-parse", "--verify", "HEAD"], variables).decode().strip()
        wanted = _listed(_git([*inside, "ls-tree", "-r", "-l", "-z", "--full-tree", "HEAD"], variables))
        asked = "".join(f"{one}\n" for one in wanted.values()).encode()
        return commit, _contents(_git([*inside, "cat-file", "--batch"], variables, asked), tuple(wanted))


def _listed(answer: bytes) -> dict[str, str]:
    """Return the object of each file that is to be read."""
    tally, found = Tally(), {}
    for line in answer.split(b"\0"):
        match = _ENTRY.fullmatch(line)
        if match is None:
            continue
        mode, _, identity, size, written = match.groups()
        path = written.decode(errors="replace")
        is_file = mode not in {_LINK, _SUBMODULE}
        tally.add(path, int(size) if size.isdigit() else 0, is_link=mode == _LINK and is_kept(path))
        if is_file and is_kept(path):
            found[path] = identity.decode()
    return found


def _contents(answer: bytes, paths: Sequence[str]) -> dict[str, bytes]:
    """Return what git-cat-file says of *paths*, which it was asked for in this order."""
    found, rest = {}, answer
    for path in paths:
        head, _, rest = rest.partition(b"\n")
        words = head.split()
        if len(words) != 3 or not words[2].isdigit():  # noqa: PLR2004 -- object, type and size
            raise SourceError(f"git does not have {path!r}")
        size = int(words[2])
        found[path], rest = rest[:size], rest[size + 1 :]
    return found


def _git(words: Sequence[str], environment: Mapping[str, str], given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(
            ["git", *_SAFE, *words],
            env=dict(environment),
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            cwd="/",
            preexec_fn=_bounded,  # this process has one thread
        )
    except FileNotFoundError:
        raise SourceError("git is not installed", hint="sudo apt install git") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"git did not end within {_SECONDS:.0f} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = next(
            (line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else ""
        )
        raise SourceError(f"git: {said.partition(': ')[2] or said or f'status {done.returncode}'}")
    return done.stdout


def _bounded() -> None:
    """Let git write no file that is larger than a whole source may be."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    os.umask(0o077)
