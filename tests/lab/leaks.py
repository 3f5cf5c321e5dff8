"""Looks on a test host for a value that nobody is to read but the container that it is for."""

from __future__ import annotations

import base64

from tests.lab.stage import Stage

FOLDERS = ("/etc", "/run", "/home", "/root", "/srv", "/usr/local", "/var")
ENGINES_OWN = (
    "/containers/storage/overlay-containers/",
    "/containers/storage/secrets/",
    "/overlay-containers/",
    "/var/lib/docker/containers/",
    "/run/docker/",
    "/containerd/",
    "/run/crun/",
    "/crun/",
    "/db.sql",
    "/bolt_state.db",
)
"""The record of the running container, and the store of the engine, which is its user's alone."""
ELSEWHERE = ("/run/credentials/beacon-{name}", "/run/beacon-{name}.secrets/", "test_kept_secrets.py")
"""What systemd decrypts for the unit, in memory, in folders of root alone; and a test."""


def leaks(stage: Stage, value: str, name: str = "web") -> list[str]:
    """Return where *value* is found that it should not be: on disks, in processes, the journal, and D-Bus.

    The service *name* has it.
    """
    forms = [value, base64.b64encode(value.encode()).decode()]
    stage.write("/dev/shm/forms", "".join(f"{one}\n" for one in forms))  # noqa: S108 (on a host of our own)
    search = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--file=/dev/shm/forms"]
    said = stage.host.run(*search, "--devices=skip", "--text", *FOLDERS, check=False, timeout=120).stdout
    allowed = (*ENGINES_OWN, *(one.format(name=name) for one in ELSEWHERE))
    found = [path for path in said.splitlines() if not any(part in path for part in allowed)]
    unit, manager = f"beacon-{name}.service", "--user " if stage.user else ""
    shows = {
        "processes": "cat /proc/[0-9]*/cmdline",
        "journal": "journalctl --output=export",
        "units": f"systemctl {manager}show {unit}; systemctl {manager}cat {unit}",
        "answers": f"for verb in status plan 'history {name}' 'secret list'; do beacon $verb --json; done",
        "definition": f"beacon show {name}",
    }
    for what, script in shows.items():
        counted = stage.run("sh", "-c", f"{{ {script}; }} | grep -aFc -f /dev/shm/forms", check=False)
        found += [what] if counted.stdout.strip() != "0" else []
    return found
