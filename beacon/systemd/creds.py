"""Texts encrypted for this machine alone, by systemd-creds(1)."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from beacon.errors import MachineError

_COMMAND = "systemd-creds"
_LIMIT = 30.0


def encrypt(name: str, value: bytes) -> bytes:
    """Return *value* encrypted under the credential's *name*, with the key of this machine's disk.

    Not with that of a TPM, as systemd would choose where there is one: such a key is lost with a change of
    the firmware or of Secure Boot. Raises MachineError.
    """
    return _run([_COMMAND, "encrypt", "--with-key=host", f"--name={name}", "-", "-"], value)


def decrypt(name: str, encrypted: bytes) -> bytes:
    """Return the text that was encrypted under *name*. Raises MachineError."""
    return _run(decrypting(name, "-"), encrypted)


def decrypting(name: str, file: str) -> list[str]:
    """Return the command that prints the text in *file*."""
    return [_COMMAND, "decrypt", f"--name={name}", file, "-"]


def _run(command: Sequence[str], given: bytes) -> bytes:
    what = f"cannot {command[1]} a secret"
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=_LIMIT, check=False)
    except FileNotFoundError as error:
        raise MachineError(f"{what}: there is no {_COMMAND}", hint="apt install systemd") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{what}: {_COMMAND} did not end within {_LIMIT:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MachineError(
            f"{what}: {said[-1] if said else f'{_COMMAND} failed'}",
            hint="was it made on another machine, or the key in /var/lib/systemd/credential.secret replaced?"
            if command[1] == "decrypt"
            else None,
        )
    return done.stdout
