"""The version of systemd."""

from __future__ import annotations

import subprocess

from beacon.errors import MachineError

_PATIENCE = 15.0


def installed_version() -> int:
    """Return the major version of the installed systemd; raises MachineError where it is not known."""
    try:
        said = subprocess.run(
            ["systemctl", "--version"], capture_output=True, text=True, check=True, timeout=_PATIENCE
        ).stdout
        return int(said.split()[1].partition(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise MachineError("cannot tell the version of systemd", hint="is systemd installed?") from error
