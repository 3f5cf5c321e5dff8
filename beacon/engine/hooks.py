"""Run the owner's commands around a rollout."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from beacon.model.machine import Scope
from beacon.model.unit import hook_unit

_GRACE = 15.0
"""How long, in seconds, systemd may take to end a command whose time is over."""


class MachineHooks:
    """Runs each hook as a transient unit, without a shell: see systemd-run(1).

    A hook may be anything, a dump of a database by `podman exec` say. Started by Beacon itself it would be in
    the confinement of beacon-update.service when the timer runs it, and not when its owner tries it.
    """

    def __init__(self, scope: Scope) -> None:
        self._manager = "--user" if scope is Scope.USER else "--system"

    def run(self, command: tuple[str, ...], environment: Mapping[str, str], timeout: float) -> str | None:
        """Run *command*; None when it exits 0, else what went wrong."""
        service = environment["BEACON_SERVICE"]
        unit = f"--unit={hook_unit(service)}"
        return self._run(command, f"Hook of Beacon's service {service}", environment, timeout, unit)

    def outside(self, command: tuple[str, ...], description: str, timeout: float) -> str | None:
        """Run a *command* of Beacon's own in a unit of that *description*; as :meth:`run`.

        What it starts in the background, a container's conmon say, outlives it.
        """
        return self._run(command, description, {}, timeout, "--property=KillMode=process")

    def _run(
        self,
        command: tuple[str, ...],
        description: str,
        environment: Mapping[str, str],
        timeout: float,
        *options: str,
    ) -> str | None:
        limits = [f"--property=RuntimeMaxSec={timeout:.0f}s", *options]
        began = time.monotonic()
        try:
            done = subprocess.run(
                [*self._transient(description, environment), *limits, "--", *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout + _GRACE,
                process_group=0,  # the unit goes on whoever interrupts, and is waited for
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{command[0]} did not end within {timeout:.0f} s"
        except OSError as error:
            return f"{command[0]} cannot run: systemd-run: {error.strerror}"
        if done.returncode == 0:
            return None
        if time.monotonic() - began >= timeout:
            return f"{command[0]} did not end within {timeout:.0f} s"
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        return f"{command[0]} exited with status {done.returncode}{said}"

    def _transient(self, description: str, environment: Mapping[str, str]) -> list[str]:
        variables = {"HOME": str(Path.home()), **environment}
        return [
            *("systemd-run", self._manager, "--quiet", "--wait", "--pipe", "--collect"),
            "--service-type=exec",
            f"--description={description}",
            *(f"--setenv={name}={value}" for name, value in variables.items()),
        ]
