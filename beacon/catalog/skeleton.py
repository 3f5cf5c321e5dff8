"""A manifest to begin with."""

from __future__ import annotations

_TEXT = """\
schema = "beacon-app/1"

[app]
id = "{id}"
name = "{name}"
version = "1.0"
revision = 1                             # raise it with each change: beacon app update brings it
summary = "One line about {name}"
license = "MIT"                          # an SPDX identifier

# Where people open it, in the container. Options port and domain come with it.
[web]
port = 8080

# A question, with an answer of its own. beacon app install {id} --set greeting=hi
[[option]]
name = "greeting"
label = "What it says first"
default = "hello"

# A secret is made if nobody types one; containers get it, and nobody else.
[[option]]
name = "password"
type = "secret"
label = "Password of the first user"

# A definition, as beacon.toml(5) has them, with what is answered filled in. More services: [service.db]
[service.main]
image = "{image}"
env = {{ GREETING = "{{{{ option.greeting }}}}", TZ = "{{{{ machine.timezone }}}}" }}
secret = [{{ name = "{{{{ secret.password }}}}", env = "PASSWORD" }}]
volume = [{{ name = "data", path = "/data" }}]
health = {{ http = {{ port = 8080, path = "/" }} }}

[result]
login = "admin"
password = "password"
"""


def skeleton(name: str, image: str) -> str:
    """Return a manifest that is in order, for an app *name*."""
    made = image or f"ghcr.io/me/{name}:1.0"
    return _TEXT.format(id=name, name=name.replace("-", " ").title(), image=made)
