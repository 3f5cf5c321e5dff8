"""Another user of a test host, who reads whatever a user may: files, command lines, what systemd tells."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Iterable
from subprocess import Popen

from tests.lab.host import LabHost, wait_until

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")
_MARK = "/run/eavesdropper"
_WATCH = """
import json, os, signal, sys
needles = json.loads(sys.stdin.readline())
seen, over = {}, []
signal.signal(signal.SIGTERM, lambda *_: over.append(True))
print("watching", flush=True)
while not over:
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            continue
        for needle in needles:
            if needle.encode() in line:
                seen[needle] = line.decode(errors="replace")
print(json.dumps(seen), flush=True)
"""
_FILES = """
cd /
find / \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o \\
    -type f -newer "$0" -readable -print0 2>/dev/null |
    xargs -0 -r grep --text --fixed-strings --files-with-matches --regexp="$1" || true
"""
_UNITS = """
cd /
systemctl show --all '*'
systemctl list-units --all --plain --no-legend --full | cut -d' ' -f1 | xargs -r systemctl cat -- 2>/dev/null
journalctl --quiet --output=export
exit 0
"""


class Eavesdropper:
    """Looks for *secrets*, as they are and in base64, from when it is made; `found` ends it."""

    def __init__(self, host: LabHost, secrets: Iterable[str]) -> None:
        self._host = host
        plain = [part for secret in secrets for part in secret.splitlines() if part]
        self._needles = [*plain, *(base64.b64encode(one.encode()).decode().rstrip("=")[:-1] for one in plain)]
        self._since = host.run("date", "+@%s").stdout.strip()
        host.run("touch", _MARK)
        time.sleep(0.01)  # newer is newer, by the kernel's ticks
        self._watch: Popen[str] = host.start(*NOBODY, "python3", "-c", _WATCH, stdin=-1)
        assert self._watch.stdin is not None
        assert self._watch.stdout is not None
        self._watch.stdin.write(json.dumps(self._needles) + "\n")
        self._watch.stdin.flush()
        wait_until(lambda: self._watch.stdout is not None and self._watch.stdout.readline())

    def found(self) -> dict[str, list[str]]:
        """Return where each of the secrets could be read."""
        self._host.kill(self._watch, signal.SIGTERM)
        said, wrong = self._watch.communicate(timeout=30)
        assert not wrong, wrong
        lines: dict[str, str] = json.loads(said.splitlines()[-1])
        found = {needle: [f"command line {line}"] for needle, line in lines.items()}
        logged = self._host.run(*NOBODY, "sh", "-c", _UNITS).stdout
        logged += self._host.run("journalctl", "--quiet", f"--since={self._since}", "--output=export").stdout
        for needle in self._needles:
            if needle in logged:
                found.setdefault(needle, []).append("what systemd tells")
            files = self._host.run(*NOBODY, "sh", "-c", _FILES, _MARK, needle, timeout=120).stdout
            found.setdefault(needle, []).extend(files.splitlines())
        return {needle: places for needle, places in found.items() if places}
