"""Boot a test host with Beacon on it and give a root shell there; the host is gone when the shell ends."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.lab.host import ENVIRONMENT
from tests.lab.images import push
from tests.lab.installation import booted

with booted() as host:
    image = push(host, "registry.example:5000/me/web")
    sys.stderr.write(f"a web service to try: {image.tagged}; the shell ends with `exit`\n")
    shell = [*host.entering, "/bin/bash", "-l"]
    subprocess.run(shell, env=ENVIRONMENT | {"TERM": os.environ.get("TERM", "dumb")}, check=False)
