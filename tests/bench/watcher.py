"""Do something to a web service and watch what it answers meanwhile, on a test host with its own Python.

Reads {"commands": [[word, ...], ...], "port": N, "until": text, "timeout": seconds} from standard input, runs
the commands one after another, and asks the service all the time. Answers, in seconds since the beginning:
when *until* was answered first after another answer or none, when the service began to be silent, how long
it was silent in all, and when the commands had ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time

PAUSE = 0.005
PATIENCE = 0.1
"""Seconds for an answer: a connection into a container that is just going down may hang."""


def answer(port: int) -> str:
    """Return the version that the service answers, or nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/version")
        return connection.getresponse().read().decode().strip()
    return ""


def main() -> None:
    """Do what standard input asks for."""
    asked = json.load(sys.stdin)
    said: list[dict[str, object]] = []
    began = time.monotonic()
    ended: list[float] = []

    def work() -> None:
        for command in asked["commands"]:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            said.append({"status": done.returncode, "output": done.stdout + done.stderr})
        ended.append(time.monotonic() - began)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    answered = silent_since = None
    silent, last = 0.0, began
    while time.monotonic() - began < asked["timeout"]:
        found = answer(asked["port"])
        now = time.monotonic()
        if not found:
            silent_since = silent_since or now - began
            silent += now - last
        last = now
        # The version that is awaited may be the one that was there before: then it has to come back.
        if found == asked["until"] and answered is None and (silent_since or not asked["back"]):
            answered = now - began
        if answered is not None and ended:
            break
        time.sleep(PAUSE)
    worker.join(0.1)
    json.dump(
        {
            "answered": answered,
            "silent_since": silent_since,
            "silent": silent,
            "ended": ended[0] if ended else None,
            "said": said,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
