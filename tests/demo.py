"""Show Beacon at work: on a machine booted for it, with real commands and what they really say.

Run by `make demo`. Ends with an error where the story does not come true; leaves nothing running.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from types import FrameType

from tests.lab.ground import Ground, LabUnavailableError
from tests.lab.host import LabHost
from tests.lab.images import push
from tests.lab.installation import build_deb

WEB = "registry.example:5000/me/web"
DROP_IN = """\
[Timer]
OnCalendar=
OnCalendar=*:*:0/5
RandomizedDelaySec=0
AccuracySec=100ms
"""


class StoryError(Exception):
    """Something did not come about as it was told."""


class Narrator:
    """Tells the story on the terminal, each command with what it says."""

    def __init__(self, host: LabHost) -> None:
        self._host = host

    def chapter(self, title: str, text: str = "") -> None:
        """Begin a new part."""
        _write(f"\n{_bold(title)}\n")
        if text:
            _write(f"{text}\n")

    def run(self, command: str, *, expect: str = "", status: int = 0) -> None:
        """Run a command on the host, and show it with its output; *expect* must be in it."""
        _write(f"\n  {_bold(f'# {command}')}\n")
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_PAGER": "cat"}
        done = self._host.run("bash", "-c", f"exec 2>&1; {command}", check=False, env=quiet, timeout=120)
        _write(textwrap.indent(done.stdout, "  "))
        if done.returncode != status:
            raise StoryError(f"{command}: exit status {done.returncode}, not {status}")
        if expect not in done.stdout:
            raise StoryError(f"{command}: does not say {expect!r}")

    def wait(self, what: str, holds: Callable[[], bool], limit: float) -> None:
        """Wait until *holds*, and say how long that took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > limit:
                raise StoryError(f"not within {limit:.0f} s: {what}")
            time.sleep(0.1)
        _write(f"  … {what}, after {time.monotonic() - began:.0f} s\n")


def main() -> int:
    """Tell the story; return the exit status."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        ground = Ground.open()
    except LabUnavailableError as reason:
        sys.stderr.write(f"demo: this machine cannot boot a host for it: {reason}\n")
        return 1
    try:
        host = LabHost(ground, "demo")
        with contextlib.closing(_Booted(host)):
            tell(host)
    except StoryError as error:
        sys.stderr.write(f"\ndemo: the story did not come true: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ndemo: interrupted\n")
        return 130
    finally:
        ground.close()
    _write(
        f"\nAll of this took {time.monotonic() - began:.0f} s. The machine is gone; nothing is left of it.\n"
    )
    return 0


class _Booted:
    """A host for the time of the story."""

    def __init__(self, host: LabHost) -> None:
        self._host = host
        host.boot()

    def close(self) -> None:
        self._host.destroy()


def tell(host: LabHost) -> None:
    """Tell the whole story."""
    story = Narrator(host)
    _install(story, host)
    _add(story, host)
    _update(story, host)
    _roll_back(story, host)
    _mend(story, host)


def _install(story: Narrator, host: LabHost) -> None:
    story.chapter(
        "A machine",
        "Debian 13 with systemd as PID 1, Podman and a registry has just booted, in a container of its own.",
    )
    package = build_deb()
    shutil.copy(package, host.path(f"/root/{package.name}"))
    story.run(
        f"apt-get install -qq -o Dpkg::Use-Pty=0 /root/{package.name} && beacon --version",
        expect="beacon ",
    )
    story.run("systemctl is-active beacon-update.timer", expect="active")
    host.write("/etc/systemd/system/beacon-update.timer.d/demo.conf", DROP_IN)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "beacon-update.timer")
    _write(
        "\nThe timer looks for new images every five minutes.\n"
        "For this demo a drop-in makes that every five seconds:\n"
    )
    story.run("systemctl cat beacon-update.timer | tail -n 5", expect="0/5")


def _add(story: Narrator, host: LabHost) -> None:
    story.chapter("A service", f"Version 1 of an image is pushed to {WEB}:latest.")
    push(host, WEB, version="1")
    story.run(f"beacon add web {WEB}:latest --port 127.0.0.1:8080:8080", expect="release 1")
    story.run("curl --silent http://127.0.0.1:8080/", expect="1")
    story.run("cat /etc/beacon/services/web.toml", expect="image =")
    story.run("cat /etc/containers/systemd/beacon-web.container", expect="@sha256:")


def _update(story: Narrator, host: LabHost) -> None:
    story.chapter("A push", "Version 2 is pushed to the same tag. Nobody touches the machine.")
    push(host, WEB, version="2")
    story.wait("the timer has taken it and it answers", lambda: _answer(host) == "2", 60)
    story.wait("it has stood its health gate and is live", lambda: _live(host) == "2", 60)
    story.run("curl --silent http://127.0.0.1:8080/", expect="2")
    story.run("beacon status", expect="web")
    story.run("beacon history web", expect="superseded")


def _roll_back(story: Narrator, host: LabHost) -> None:
    story.chapter("A bad push", "Version 3 is pushed. It is broken: its program exits at once.")
    push(host, WEB, version="3", broken="exit")
    outage = Outage(host)
    story.wait(
        "Beacon has tried it, and put version 2 back", lambda: outage.seen() and _has_failed(host, "3"), 60
    )
    _write(f"  In the meantime nobody answered for {outage.seconds:.1f} s.\n")
    story.run("curl --silent http://127.0.0.1:8080/", expect="2")
    story.run("beacon status web", expect="uarantine")
    story.run("beacon history web", expect="failed")
    told = "journalctl --unit=beacon-web --identifier=beacon --catalog --no-hostname"
    story.run(f"{told} BEACON_EVENT=rolled-back", expect="is back")
    story.run(
        "journalctl --unit=beacon-update --no-hostname | grep -B 4 -A 1 status=20", expect="rolled back"
    )
    runs = _runs(host)
    story.wait("the timer has run twice more", lambda: _runs(host) >= runs + 2, 30)
    _write("  The bad image is in quarantine: it is not tried again.\n")
    story.run("beacon update --check web", expect="quarantined")
    if _releases(host).keys() != {"1", "2", "3"} or _answer(host) != "2":
        raise StoryError("the broken image was tried again")


def _mend(story: Narrator, host: LabHost) -> None:
    story.chapter("A mended push", "Version 4 is pushed.")
    push(host, WEB, version="4")
    story.wait("it is live", lambda: _live(host) == "4" and _answer(host) == "4", 60)
    story.run("beacon history web", expect="live")
    host.run("systemctl", "stop", "beacon-update.timer")
    story.wait("the timer is stopped", lambda: not _updating(host), 30)
    story.chapter("Nothing stays resident", "The service runs under systemd; of Beacon there is no process.")
    story.run("pgrep --full /usr/bin/beacon", status=1)
    story.run("systemctl is-active beacon-web", expect="active")


class Outage:
    """Counts how long the service did not answer."""

    def __init__(self, host: LabHost) -> None:
        self._host = host
        self._since: float | None = None
        self.seconds = 0.0

    def seen(self) -> bool:
        """Look; tell whether the service answers now, and has not for a while."""
        now = time.monotonic()
        if _answer(self._host):
            self.seconds += now - self._since if self._since else 0.0
            self._since = None
        elif self._since is None:
            self._since = now
        return self._since is None and self.seconds > 0


def _has_failed(host: LabHost, release: str) -> bool:
    return _releases(host).get(release) == "failed"


def _answer(host: LabHost) -> str:
    url = "http://127.0.0.1:8080/version"
    return host.run("curl", "--silent", "--max-time", "1", url, check=False).stdout.strip()


def _releases(host: LabHost) -> dict[str, str]:
    """Return number and state of each release."""
    lines = host.run("beacon", "history", "web").stdout.splitlines()[1:]
    return {line.split()[0]: line.split()[1] for line in lines}


def _live(host: LabHost) -> str:
    return next((number for number, state in _releases(host).items() if state == "live"), "")


def _runs(host: LabHost) -> int:
    """Return how often the timer's service has ended."""
    return host.run("journalctl", "--unit=beacon-update", "--output=cat").stdout.count("Finished ")


def _updating(host: LabHost) -> bool:
    said = host.run("systemctl", "show", "--property=ActiveState", "--value", "beacon-update.service").stdout
    return said.strip() == "activating"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else text


if __name__ == "__main__":
    sys.exit(main())
