"""The text that a new definition begins with: what most services need, for its owner to fill in."""

from __future__ import annotations

import tomli_w

_STUB = """\
# Service {name} of Beacon. beacon.toml(5) explains every key; `beacon show --example` shows them all.
# What is left out comes from the image. Take the # away from what is to count.

# What to run, with its registry; its tag is followed.
{image}
# Services that must be up first.
#needs = ["database"]

# A network on which services find each other by their names.
#networks = ["backend"]

# What is published: of the machine, and of the container.
#[[port]]
#host = "127.0.0.1:8080"
#container = 8080

# Data that stays: a volume of the service, or host = "/srv/media" for a folder of the machine.
#[[volume]]
#name = "data"
#path = "/data"

# A secret that only the container knows: beacon secret set database-password
#[[secret]]
#name = "database-password"
#env = "DATABASE_PASSWORD"

#[env]
#GREETING = "hello"

#[resources]
#memory = "512M"

# When a release is healthy; without it, once it has run for ten seconds.
#[health]
#http = {{ port = 8080, path = "/" }}
"""


def stub(name: str, image: str) -> str:
    """Return the text of a definition that has *image*, which may be empty, and all else as comments."""
    return _STUB.format(name=name, image=tomli_w.dumps({"image": image}))
