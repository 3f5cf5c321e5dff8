"""What it costs that services are an ordinary user's: the same services, as root and rootless."""

from __future__ import annotations

from tests.bench.measure import Bar, Section, Table, number, time_commands
from tests.lab.host import LabHost
from tests.lab.images import push

SERVICES = 10
MORE = 0.2

_IMAGE = "registry.example:5000/bench/owned"
_DEFINITION = f"""image = "{_IMAGE}:latest"

[update]
settle = "1s"

[stop]
timeout = "1s"
"""
_VERBS = (("status",), ("plan",), ("render",), ("update", "--check"))


def measure(host: LabHost) -> Section:
    """Time the same verbs on the same services of the machine and of a user."""
    push(host, _IMAGE)
    owner = host.add_user("owner")
    host.run("systemctl", "start", "network-online.target")
    for number_ in range(SERVICES):
        name = f"services/owned-{number_:02}.toml"
        host.write(f"/etc/beacon/{name}", _DEFINITION)
        owner.write(f"{owner.home}/.config/beacon/{name}", _DEFINITION)
    host.run("beacon", "apply", timeout=300)
    owner.run("beacon", "apply", timeout=300)
    section = Section(
        "Rootless",
        f"{SERVICES} running services of the machine, and as many of an ordinary user on the same host. "
        "Seconds of the whole process.",
    )
    rows = []
    for verb in _VERBS:
        as_root, as_user = time_commands(host, ("beacon", *verb), owner.command("beacon", *verb))
        more = as_user.seconds.least - as_root.seconds.least
        rows.append((f"beacon {' '.join(verb)}", str(as_root.seconds), str(as_user.seconds), number(more)))
        section.bars.append(
            Bar(f"beacon {' '.join(verb)}: {number(more)} s more for a user, at most {MORE}", more <= MORE)
        )
    section.tables.append(Table(("command", "as root", "as a user", "more"), tuple(rows)))
    return section
