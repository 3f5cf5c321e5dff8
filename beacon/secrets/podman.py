"""Podman's own store of secrets (podman-secret(1))."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence

from beacon.engine.command import failure
from beacon.errors import MachineError
from beacon.formats.jsontext import read_json

_LIMIT = 60.0


class PodmanSecrets:
    """The secrets of whoever runs this."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def names(self) -> frozenset[str]:
        """Return the names of all secrets."""
        said = self._run("ls", "--format", "{{.Name}}")
        return frozenset(said.decode(errors="replace").splitlines())

    def make(self, name: str, value: bytes) -> None:
        """Keep *value* in Podman's file, which only its user may read."""
        self._run("create", name, "-", given=value)

    def lend(self, name: str, command: Sequence[str]) -> None:
        """Have Podman ask *command* for the value whenever a container needs it, and keep nothing itself."""
        lookup = f"exec {shlex.join(command)}"
        driver = f"list=true,delete=true,store=cat >/dev/null,lookup={lookup}"
        self._run("create", "--driver=shell", f"--driver-opts={driver}", name, "-", given=b"kept elsewhere")

    def value(self, name: str) -> bytes:
        """Return a value that Podman keeps. Raises MachineError if it cannot tell it."""
        said = self._run("inspect", "--showsecret", name)
        try:
            (row,) = read_json(said.decode())
            return str(row["SecretData"]).encode()
        except (LookupError, TypeError, ValueError) as error:
            raise MachineError(f"cannot understand what podman secret inspect says of {name}") from error

    def remove(self, name: str) -> None:
        """Remove a secret; one that is gone is fine."""
        if name in self.names():
            self._run("rm", name)

    def _run(self, *words: str, given: bytes = b"") -> bytes:
        command = ["podman", "secret", *words]
        try:
            done = subprocess.run(
                command, env=self._environment, input=given, capture_output=True, timeout=_LIMIT, check=False
            )
        except FileNotFoundError as error:
            raise MachineError("cannot find podman", hint="apt install podman") from error
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"podman secret {words[0]} did not end within {_LIMIT:.0f} s") from error
        if done.returncode:
            raise MachineError(failure(command[:3], done.stderr.decode(errors="replace")))
        return done.stdout
