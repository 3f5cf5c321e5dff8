"""Services → TOML: the text that ``beacon add`` and others write as a new definition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import tomli_w
from msgspec.structs import fields

from beacon.definition.grammar import portspec, quantities, strings
from beacon.model.endpoints.network import Network
from beacon.model.parts.job import Job
from beacon.model.parts.raw import Directives
from beacon.model.reference import ImageReference
from beacon.model.service import (
    PINNED,
    TAG,
    Capabilities,
    Endpoint,
    Health,
    Hooks,
    HttpProbe,
    Port,
    Protocol,
    Resources,
    Restart,
    Secret,
    Service,
    Stop,
    UpdatePolicy,
    Volume,
    VolumeKind,
)

_COMMENT = """\
# Service {name} of Beacon. beacon.toml(5) explains every key; `beacon show --example` shows them all.
# After a change: `beacon plan {name}`, then `beacon apply {name}`.

"""

_COLUMNS = 100
_Table = Mapping[str, object]
_Part = (
    Capabilities
    | Endpoint
    | Health
    | Hooks
    | HttpProbe
    | Job
    | Network
    | Resources
    | Restart
    | Secret
    | Stop
    | UpdatePolicy
    | Volume
)


def new_definition(  # noqa: PLR0913 -- one parameter for each option of `beacon add`
    name: str,
    image: str,
    *,
    ports: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    volumes: Iterable[str] = (),
    domains: Iterable[str] = (),
    secrets: Iterable[str] = (),
    networks: Iterable[str] = (),
    needs: Iterable[str] = (),
    memory: str = "",
    health: str = "",
    command: Sequence[str] | None = None,
    description: str = "",
) -> str:
    """Return the text of a new definition; options are as on the command line.

    Raises ValueError where an option has no sense; decode says all that is wrong with their values.
    """
    service = Service(
        name=name,
        image=ImageReference.parse(image),
        description=description,
        command=None if command is None else tuple(command),
        env=dict(env or {}),
        domain=" ".join(domains),
        ports=tuple(parse_port_option(option) for option in ports),
        volumes=tuple(parse_volume_option(option) for option in volumes),
        secrets=tuple(parse_secret_option(option) for option in secrets),
        networks=tuple(networks),
        needs=tuple(needs),
        resources=Resources(memory=quantities.size(memory)) if memory else Resources(),
        health=parse_health_option(health) if health else Health(),
    )
    return encode(service)


def parse_port_option(option: str) -> Port:
    """Read ``--port [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]``; one number alone is both ports."""
    host, container = portspec.split_publish(option)
    first, count, protocol = portspec.container_port(container)
    ip, host_port, host_count = portspec.host_port(
        portspec.format_span(first, count) if host is None else host
    )
    if host_port is not None and host_count != count:
        raise ValueError(f"must be as many ports on the host as in the container, not {option!r}")
    return Port(first, host_port, ip, protocol or Protocol.TCP, count)


def parse_volume_option(option: str) -> Volume:
    """Read ``--volume NAME:PATH`` or ``--volume /HOST:PATH``, each with ``:ro`` or other options."""
    source, colon, rest = option.partition(":")
    path, _, options = rest.partition(":")
    if not source or not colon or not path:
        raise ValueError(f"must be NAME:PATH or /HOST/PATH:PATH, not {option!r}")
    words = tuple(word for word in options.split(",") if word not in {"", "ro", "rw"})
    path = strings.mount_point(path)
    read_only = "ro" in options.split(",")
    if source.startswith("/"):
        return Volume(path=path, host=strings.absolute_path(source), read_only=read_only, options=words)
    return Volume(path=path, name=source, read_only=read_only, options=words)


def parse_secret_option(option: str) -> Secret:
    """Read ``--secret NAME``, ``NAME:VARIABLE`` or ``NAME:/PATH``."""
    name, colon, place = option.partition(":")
    if not name or (colon and not place):
        raise ValueError(f"must be NAME, NAME:VARIABLE or NAME:/PATH, not {option!r}")
    if place.startswith("/"):
        return Secret(name, path=strings.mount_point(place))
    return Secret(name, env=strings.env_name(place) if place else None)


def parse_health_option(option: str) -> Health:
    """Read ``--health http:PORT[/PATH]``, ``tcp:PORT``, or a command for the container's shell."""
    match = _PROBE.fullmatch(option)
    if match is None:
        return Health(command=strings.health_command(option))
    port = strings.integer(int(match["http"] or match["tcp"]), 1, 65535)
    return Health(http=HttpProbe(port, match["path"] or "/")) if match["http"] else Health(tcp=port)


_PROBE = re.compile(r"(?:http:(?P<http>[0-9]{1,5})(?P<path>/\S*)?|tcp:(?P<tcp>[0-9]{1,5}))")


def encode(service: Service, *, comment: str = _COMMENT) -> str:
    """Return the definition of *service*, without what is at its default; decode reads the same."""
    follow = PINNED if service.image.digest else TAG
    silent = Service(name=service.name, image=service.image, update=UpdatePolicy(follow=follow))
    sections = [("", _plain_keys(service), _plain_keys(silent))]
    sections += [
        (f"[{header}]", table, default)
        for (header, table), (_, default) in zip(_tables(service), _tables(silent), strict=True)
    ]
    texts = [_section(header, table, default) for header, table, default in sections]
    texts[1:1] = [_section(f"[[{header}]]", table, {}) for header, table in _arrays(service)]
    for name, one in service.network.items():
        texts.append(_section(f"[network.{name}]", _network(one), {}))
        texts.append(_section(f"[network.{name}.options]", one.options, {}))
    return comment.format(name=service.name) + "\n".join(text for text in texts if text)


def _section(header: str, table: _Table, default: _Table) -> str:
    """Return one section with the keys that are not at their default; nothing if all are."""
    said = {
        key: value
        for key, value in table.items()
        if value is not None and (key == "image" or key not in default or value != default[key])
    }
    lines = "".join(_line(key, value) for key, value in said.items())
    return f"{header}\n{lines}" if header and said else lines


def _line(key: str, value: object) -> str:
    """Return one key; a short array is one line, which tomli_w would spread over several."""
    line = tomli_w.dumps({key: value})
    if not isinstance(value, list):
        return line
    head = tomli_w.dumps({key: 0}).removesuffix(" = 0\n")
    items = [tomli_w.dumps({"_": item}).removeprefix("_ = ").rstrip("\n") for item in value]
    short = f"{head} = [{', '.join(items)}]\n"
    return short if len(short) <= _COLUMNS else line


def _plain_keys(service: Service) -> _Table:
    return {
        "image": str(service.image),
        "description": service.description,
        "platform": None if service.platform is None else str(service.platform),
        "entrypoint": _words(service.entrypoint),
        "command": _words(service.command),
        "user": service.user,
        "groups": list(service.groups),
        "workdir": service.workdir,
        "hostname": service.hostname,
        "userns": service.userns,
        "domain": service.domain,
        "compat": service.compat,
        "handover": None if service.handover is None else str(service.handover),
        "drain": _duration(service.drain),
        "drain_websockets": _duration(service.drain_websockets),
        "init": service.init,
        "read_only": service.read_only,
        "no_new_privileges": service.no_new_privileges,
        "env_file": list(service.env_files),
        "tmpfs": list(service.tmpfs),
        "networks": list(service.networks),
        "dns": list(service.dns),
        "needs": list(service.needs),
        "requires": list(service.requires),
        "devices": list(service.devices),
        "shm_size": None if service.shm_size is None else quantities.format_size(service.shm_size),
    }


def _arrays(service: Service) -> Iterator[tuple[str, _Table]]:
    yield from (("port", _port(port)) for port in service.ports)
    yield from (("endpoint", _endpoint(endpoint)) for endpoint in service.endpoints)
    yield from (("volume", _volume(volume)) for volume in service.volumes)
    yield from (("secret", _fields(secret)) for secret in service.secrets)
    yield from (("job", _job(job)) for job in service.jobs)


def _tables(service: Service) -> Iterator[tuple[str, _Table]]:
    yield "env", service.env
    yield "labels", service.labels
    yield "hosts", service.hosts
    yield "capabilities", _fields(service.capabilities)
    yield "sysctls", service.sysctls
    yield "ulimits", service.ulimits
    yield "resources", _resources(service.resources)
    yield "health", _health(service.health)
    yield "health.http", {} if service.health.http is None else _fields(service.health.http)
    yield "restart", _timed(_fields(service.restart), "delay", "interval")
    yield "stop", _timed(_fields(service.stop), "timeout")
    yield "update", _timed(_fields(service.update), "every", "min_age", "settle")
    yield "hooks", _fields(service.hooks)
    yield "podman", {"args": _words(service.podman.args)}
    yield "podman.container", _directives(service.podman.container)
    yield "podman.unit", _directives(service.podman.unit)
    yield "podman.service", _directives(service.podman.service)
    yield "docker", {"args": _words(service.docker.args)}
    yield "docker.unit", _directives(service.docker.unit)
    yield "docker.service", _directives(service.docker.service)


def _fields(part: _Part) -> dict[str, object]:
    """Return a part of the model as the table it is: tuples are arrays, enums are words."""
    return {field.name: _value(getattr(part, field.name)) for field in fields(part)}


def _value(value: object) -> object:
    if isinstance(value, StrEnum):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _words(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)


def _port(port: Port) -> _Table:
    host = portspec.format_host_port(port)
    span = portspec.format_span(port.container, port.count)
    return {
        "host": (int(host) if host.isdigit() else host) if host else None,
        "container": port.container if port.count == 1 else span,
        "protocol": None if port.protocol == Protocol.TCP else str(port.protocol),
    }


def _endpoint(endpoint: Endpoint) -> _Table:
    """Return the table without what is at its default."""
    silent = _fields(Endpoint(endpoint.domain))
    said = _fields(endpoint)
    return {key: value for key, value in said.items() if key == "domain" or value != silent[key]}


def _job(job: Job) -> _Table:
    """Return the table without what is at its default."""
    silent = _fields(Job(job.name, job.schedule, job.command))
    said = _timed(_fields(job), "timeout", "delay")
    usual = _timed(silent, "timeout", "delay")
    needed = {"name", "schedule", "command"}
    return {key: value for key, value in said.items() if key in needed or value != usual[key]}


def _network(network: Network) -> _Table:
    """Return the table without what is at its default; a list of one is written as that."""
    silent, said = _fields(Network()), _fields(network)
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in said.items()
        if key != "options" and value != silent[key]
    }


def _volume(volume: Volume) -> _Table:
    table = _fields(volume)
    source = {key: table.pop(key) for key in ("name", "host", "external")}
    return {
        **source,
        "path": volume.path,
        "read_only": volume.read_only or None,
        "options": list(volume.options) or None,
        "kind": None if volume.kind is VolumeKind.DATA else str(volume.kind),
    }


def _resources(resources: Resources) -> _Table:
    memory = None if resources.memory is None else quantities.format_size(resources.memory)
    return {**_fields(resources), "memory": memory}


def _health(health: Health) -> _Table:
    table = _timed(_fields(health), "interval", "timeout", "start_period")
    del table["http"]
    if health.command is not None and health.command[0] == "CMD-SHELL":
        table["command"] = health.command[1]
    return table


def _timed(table: dict[str, object], *keys: str) -> dict[str, object]:
    """Return *table* with its durations as people write them."""
    return table | {key: _duration(value) for key in keys if isinstance(value := table[key], float)}


def _duration(seconds: float) -> str | float:
    text = quantities.format_duration(seconds)
    return text if quantities.duration(text) == seconds else seconds


def _directives(directives: Directives) -> _Table:
    return {key: lines[0] if len(lines) == 1 else list(lines) for key, lines in directives.items()}


def as_toml(table: Mapping[str, object]) -> str:
    """Return a definition that is a table already."""
    return tomli_w.dumps(table)
