"""Run commands for the machine outside: each connection brings one as a line of JSON and gets a line back."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import socketserver
import subprocess
import threading
from contextlib import suppress

PORT = 1023


class Command(socketserver.StreamRequestHandler):
    """A command; where the asker is gone before its end, it is killed with all of its process group."""

    def handle(self) -> None:
        """Run it to its end, and answer with what it said."""
        asked = json.loads(self.rfile.readline())
        try:
            process = subprocess.Popen(
                asked["argv"],
                env=asked["env"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._answer(127, b"", f"{error}\n".encode())
            return
        over, end = socket.socketpair()
        watcher = threading.Thread(target=self._watch, args=(process, over))
        watcher.start()
        stdout, stderr = process.communicate(asked["input"].encode())
        end.close()
        watcher.join()
        over.close()
        self._answer(process.returncode, stdout, stderr)

    def _watch(self, process: subprocess.Popen[bytes], over: socket.socket) -> None:
        """Kill the command when its asker goes; nothing else is ever sent after the request."""
        ready, _, _ = select.select([self.connection, over], [], [])
        if over not in ready:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _answer(self, status: int, stdout: bytes, stderr: bytes) -> None:
        said = {"stdout": stdout.decode(errors="replace"), "stderr": stderr.decode(errors="replace")}
        with suppress(OSError):
            self.wfile.write(json.dumps({"status": status, **said}).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    """Listens; commands run side by side."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    with Server(("", PORT), Command) as server:
        server.serve_forever()
