"""Run the owner's commands around a rollout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping


class HostHooks:
    """Runs hooks on the host, without a shell, with what Beacon's own environment holds."""

    def run(self, command: tuple[str, ...], environment: Mapping[str, str], timeout: float) -> str | None:
        """Run *command*; None when it exits 0, else what went wrong."""
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            return f"{command[0]} was not found"
        except subprocess.TimeoutExpired:
            return f"{command[0]} did not end within {timeout:.0f} s"
        except OSError as error:
            return f"{command[0]} cannot run: {error.strerror}"
        if done.returncode == 0:
            return None
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        return f"{command[0]} exited with status {done.returncode}{said}"
