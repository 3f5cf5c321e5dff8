"""Who fetches: a process of its own, and where root asks a unit that may read and write nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, field

from beacon.catalog.sources import LARGEST, MOST_BYTES, MOST_FILES, Fetched, Source
from beacon.errors import MachineError
from beacon.sources.tally import SourceError

_SECONDS = 300
_MOST_ANSWERED = 2 * MOST_BYTES
_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.(toml|svg)")
_PROPERTIES = (
    *("DynamicUser=yes", "ProtectHome=yes", "PrivateDevices=yes", "CapabilityBoundingSet=", "UMask=0077"),
    *("ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes"),
    *("ProtectProc=invisible", "RestrictNamespaces=yes", "LockPersonality=yes"),
    *("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "MemoryMax=768M", "TasksMax=64"),
    *(f"RuntimeMaxSec={_SECONDS}", "InaccessiblePaths=-/run/podman -/run/docker.sock -/etc/beacon"),
)
_HANDED_ON = re.compile("(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)", re.IGNORECASE)


class FetchReply(Struct, frozen=True):
    """What the process answers: files, or why there are none."""

    revision: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    error: str = ""
    hint: str = ""


class Fetcher:
    """Fetches sources; *confined* is whether a unit of systemd's does."""

    def __init__(self, environment: Mapping[str, str], *, confined: bool) -> None:
        self._environment = environment
        self._confined = confined

    def fetch(self, source: Source) -> Fetched:
        """Return what a source holds. Raises SourceError, or MachineError if nobody can fetch."""
        command = [sys.executable, "-P", "-m", "beacon.sources"]
        try:
            done = subprocess.run(
                [*self._unit(), *command] if self._confined else command,
                env=dict(self._environment),
                input=msgspec.json.encode(source),
                capture_output=True,
                timeout=_SECONDS + 30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MachineError(f"cannot fetch {source.location}: {error}") from error
        reply = _read(done.stdout) if done.returncode == 0 else None
        if reply is None:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            said = lines[-1] if lines else f"status {done.returncode}"
            raise MachineError(f"cannot fetch {source.location}: {said}")
        if reply.error:
            raise SourceError(reply.error, hint=reply.hint or None)
        return plain(reply)

    def _unit(self) -> Sequence[str]:
        handed = [
            f"--setenv={name}={value}"
            for name, value in self._environment.items()
            if _HANDED_ON.fullmatch(name)
        ]
        before = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec")
        properties = [f"--property={one}" for one in _PROPERTIES]
        return [
            *before,
            "--description=Fetch a source of apps",
            *properties,
            "--setenv=HOME=/tmp",
            *handed,
            "--",
        ]


def _read(answer: bytes) -> FetchReply | None:
    if len(answer) > _MOST_ANSWERED:
        return None
    try:
        return msgspec.json.decode(answer, type=FetchReply)
    except (ValueError, msgspec.MsgspecError):
        return None


def plain(reply: FetchReply) -> Fetched:
    """Return what was answered. Raises SourceError if a name of it could lead anywhere."""
    odd = next((name for name in reply.files if not _PLAIN.fullmatch(name)), None)
    if odd is not None:
        hint = "names are those of apps: small letters, digits and '-'"
        raise SourceError(f"{odd[:200]!r} is no name of a manifest or an icon", hint=hint)
    sizes = [len(data) for data in reply.files.values()]
    if len(sizes) > MOST_FILES or sum(sizes) > MOST_BYTES or max(sizes, default=0) > LARGEST:
        raise SourceError("it is larger than a source may be")
    return Fetched(reply.revision, reply.files)
