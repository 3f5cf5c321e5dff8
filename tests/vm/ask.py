"""Run a command on a virtual machine as if it were a local one: `python ask.py ADDRESS COMMAND …`.

Environment and input go there; output and exit status come back when it has ended. Killed, it takes the
command with it.
"""

from __future__ import annotations

import json
import os
import socket
import sys

PORT = 1023
"""Where root/usr/local/lib/lab/agent.py listens."""
KEEPALIVE = (
    ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 5),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 5),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 12),
)
"""The machine is asked every five seconds whether it is there; a minute of silence means that it is not."""
LOST = 255
"""The exit status when the machine went away in the meantime, as ssh has it."""


def ask(address: str, argv: list[str]) -> int:
    """Have *argv* run at *address*, and return its exit status."""
    request = {"argv": argv, "env": dict(os.environ), "input": sys.stdin.read()}
    try:
        with socket.create_connection((address, PORT), timeout=10) as connection:
            connection.settimeout(None)
            # A machine that lost its power never says so.
            for option, value in KEEPALIVE:
                connection.setsockopt(*option, value)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
        answer = json.loads(line)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the virtual machine at {address} does not answer: {error}\n")
        return LOST
    sys.stdout.write(answer["stdout"])
    sys.stderr.write(answer["stderr"])
    status: int = answer["status"]
    # As a shell reports a death by a signal.
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
