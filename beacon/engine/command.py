"""Run an engine's command and turn what it says into errors for the owner."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence

from beacon.errors import BeaconError, LimitError, MachineError, RegistryError

_COPY_LIMIT = 24 * 3600.0
_FLUSH_LIMIT = 3600.0
"""Seconds: old memory cards take their time."""

_MOTIVES: tuple[tuple[str, type[BeaconError], str, str | None], ...] = (
    (
        "no space left on device",
        MachineError,
        "the disk is full",
        "free some space: {engine} image prune --all",
    ),
    ("disk quota exceeded", MachineError, "the disk quota is exhausted", "free some space and try again"),
    (
        "toomanyrequests",
        LimitError,
        "the registry's limit of pulls is spent",
        "wait, or beacon login {registry}: who is logged in may pull more",
    ),
    ("unauthorized", RegistryError, "the registry needs a login", "beacon login {registry}"),
    ("authentication required", RegistryError, "the registry needs a login", "beacon login {registry}"),
    ("access to the resource is denied", RegistryError, "access is denied", "beacon login {registry}"),
    ("manifest unknown", RegistryError, "the registry does not have it", "look at the tag that you follow"),
    ("connection refused", RegistryError, "the registry is not reachable", None),
    (
        "no such host",
        RegistryError,
        "the registry's name is unknown",
        "check the name, and the machine's DNS",
    ),
    ("i/o timeout", RegistryError, "the registry does not answer", None),
    ("does not match", RegistryError, "what the registry sent does not match its digest", None),
)


class CommandFailedError(MachineError):
    """An engine's command that failed: *said* is its stderr, *answer* what it printed all the same."""

    def __init__(self, message: str, said: str, answer: str = "") -> None:
        super().__init__(message)
        self.said = said
        self.answer = answer

    def mentions(self, marks: Iterable[str]) -> bool:
        """Say whether stderr has one of *marks*, which are in small letters."""
        said = self.said.lower()
        return any(mark in said for mark in marks)


def run(
    argv: Sequence[str], environment: Mapping[str, str], *, timeout: float = 60.0, given: bytes = b""
) -> str:
    """Return what *argv* prints, which reads *given*.

    Raises CommandFailedError if it fails, MachineError if it cannot run.
    """
    try:
        done = subprocess.run(
            argv,
            env=dict(environment),
            input=given,
            capture_output=True,
            timeout=timeout,
            check=False,
            process_group=0,  # Ctrl-C at the terminal is for Beacon, which ends what has to end
        )
    except FileNotFoundError as error:
        raise MachineError(f"cannot find {argv[0]}", hint=f"apt install {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{' '.join(argv[:3])} did not end within {timeout:.0f} s") from error
    answer, said = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if done.returncode:
        raise CommandFailedError(failure(argv, said), said, answer)
    return answer


def copy_folder(source: str, target: str, prefix: Sequence[str] = ()) -> None:
    """Copy all that is in *source* into *target*, with owners, modes, links and attributes: cp(1).

    Raises MachineError also if the two differ afterwards: something wrote to *source* meanwhile, say.
    """
    # Attributes that cannot be kept are an error only if they are asked for by name.
    command = [*prefix, "cp", "--archive", "--preserve=xattr", "--reflink=auto"]
    try:
        before = _described(source, prefix, _TIMES)
        _in_english([*command, f"{source}/.", f"{target}/"])
        is_still = _described(source, prefix, _TIMES) == before
        is_whole = _described(source, prefix) == _described(target, prefix)
    except CommandFailedError as error:
        raise explain(error, f"cannot copy {source}", "") from error
    if not is_still:
        raise MachineError(
            f"cannot copy {source}: it changed meanwhile", hint=f"see what writes to it: lsof +D {source}"
        )
    if not is_whole:
        raise MachineError(f"cannot copy {source}: {target} is not the same afterwards")


_TIMES = "%T@ %C@ "
"""Of find(1): what changes with every write. File systems round it, so that a copy may have other times."""


def _described(folder: str, prefix: Sequence[str], also: str = "") -> list[str]:
    """Return a line for everything in *folder*: path, kind, mode, owners, a link's target, a file's size."""
    shape = f"{also}%P %y %m %U %G %l"
    files, others = rf"{shape} %s\0", rf"{shape}\0"
    said = _in_english([*prefix, "find", folder, "-type", "f", "-printf", files, "-o", "-printf", others])
    return sorted(said.split("\0"))


def _in_english(command: Sequence[str]) -> str:
    return run(command, {**os.environ, "LC_ALL": "C"}, timeout=_COPY_LIMIT)


def has_files(folder: str, environment: Mapping[str, str], *, within: Sequence[str] = ()) -> bool:
    """Say whether there is anything but folders in *folder*; nothing is in one that is not there: find(1).

    *within* is the command that looks where this process may not. Raises MachineError where that is nowhere.
    """
    command = [*within, "find", "-H", folder, "-mindepth", "1", "!", "-type", "d", "-print", "-quit"]
    try:
        return bool(run(command, {**environment, "LC_ALL": "C"}))
    except CommandFailedError as error:
        if error.answer:
            return True
        if f"'{folder}': No such file" in error.said:
            return False
        raise


def flush_folder(folder: str, environment: Mapping[str, str]) -> None:
    """Have all that was written to the file system of *folder*, or to all, on the disk: sync(1)."""
    where = ["--file-system", folder] if folder else []
    try:
        run(["sync", *where], {**environment, "LC_ALL": "C"}, timeout=_FLUSH_LIMIT)
    except CommandFailedError as error:
        if "permission denied" not in error.said.lower():  # a daemon's folder, seen by a user of its group
            raise


def explain(error: CommandFailedError, what: str, registry: str, *, engine: str = "podman") -> BeaconError:
    """Return *error* in the owner's words: *what* was attempted, why it failed, what to do."""
    said = error.said.lower()
    for mark, kind, reason, hint in _MOTIVES:
        if mark in said:
            words = f"{what}: {reason}"
            advice = hint.format(registry=registry, engine=engine) if hint else None
            if kind is LimitError:
                return LimitError(words, hint=advice, retry_after=_retry_after(said))
            return kind(words, hint=advice)
    return MachineError(f"{what}: {error.message}")


_RETRY_AFTER = re.compile(r"retry-after:? ?(\d+(?:\.\d+)?)(ms|s|m|h)?(?!\w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _retry_after(said: str) -> float | None:
    """Return the seconds to wait of which an answer told that an engine repeats, as ghcr.io's does."""
    match = _RETRY_AFTER.search(said)
    return float(match[1]) * _SECONDS[match[2] or "s"] if match else None


def is_login_trouble(error: CommandFailedError) -> bool:
    """Say whether a login would have helped, or a wrong one was in the way."""
    return error.mentions(mark for mark, _, _, hint in _MOTIVES if hint and "login" in hint)


def failure(argv: Sequence[str], stderr: str) -> str:
    """Return in a sentence how a command failed that said *stderr*."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    words = lines[-1].removeprefix("Error: ") if lines else "it gave no reason"
    return f"{' '.join(argv[:2])} failed: {words}"
