"""What `docker compose config` makes of compose files, beside what an import makes of them: key by key."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beacon.definition.decode import decode
from beacon.definition.names import MAX_LENGTH
from beacon.errors import DefinitionError
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.dotenv import parse_plain_env
from beacon.importing.compose.reading.files import Source
from beacon.importing.names import origin_of, slug
from beacon.importing.node import ImportNote
from beacon.importing.result import Imported
from beacon.model.notice import NoteKind
from beacon.model.service import Health, RestartPolicy, Service
from tests.lab.host import LabHost

Config = Mapping[str, Any]
_SAID = {NoteKind.DROPPED, NoteKind.CHANGED, NoteKind.RAW}
"""What tells that a key is not what it was; a thing to do does not."""
SCRIPT = """\
cd "$1" || exit
for folder in *; do
    cd "$1/$folder" || exit
    HOME=/root docker compose $(cat arguments) config --format json >oracle.json 2>/dev/null || rm oracle.json
done
"""
"""Asks docker of every folder below the one that it is given."""


@dataclass(frozen=True)
class Files:
    """A project's files by name below its *folder*, and the options that name them."""

    folder: str
    texts: Mapping[str, str]
    files: tuple[str, ...] = ("compose.yaml",)
    profiles: tuple[str, ...] = ()

    @property
    def arguments(self) -> str:
        """Docker's options."""
        words = [word for file in self.files for word in ("-f", file)]
        return " ".join([*words, *(word for one in self.profiles for word in ("--profile", one))])

    def read(self, path: str) -> str | None:
        """Return the text of a file."""
        return self.texts.get(posixpath.relpath(path, self.folder))

    def imported(self) -> Imported:
        """Return what the import makes of it."""
        source = Source(self.read, lambda path: self.read(path) is not None, {"HOME": "/root"}, self.folder)
        return import_compose(ComposeRequest(self.files, profiles=self.profiles), source, {})


def differences(project: Files, config: Config) -> list[str]:
    """Return what an import makes of *project* otherwise than docker does, and does not tell."""
    try:
        imported = project.imported()
    except DefinitionError as error:
        return [f"refused: {fault}" for fault in error.faults]
    made = {_key(definition.text): definition for definition in imported.definitions}
    found = [f"{key}: is no service of docker's" for key in made if key not in config["services"]]
    for key, said in config["services"].items():
        if key not in made:
            if not any(note.key == f"services.{key}" for note in imported.notes):
                found.append(f"{key}: is not imported")
            continue
        definition = made[key]
        service = decode(definition.text, name=definition.name, file=f"{definition.name}.toml")
        names = {one: made[one].name for one in made}
        pair = Pair(key, said, service, config, project, names, imported.notes)
        found += [f"{key}: {line}" for line in pair.differences()]
    return found


def _key(text: str) -> str:
    match = re.match(r"service (\S+) of", origin_of(text) or "")
    assert match is not None
    return match[1]


@dataclass
class Pair:
    """A service as docker has it, and as Beacon does."""

    key: str
    said: Config
    service: Service
    config: Config
    project: Files
    names: Mapping[str, str]
    notes: tuple[ImportNote, ...]
    seen: set[str] = field(default_factory=set)

    def differences(self) -> Iterator[str]:
        """Yield the keys that are not the same, and not told."""
        for key, value in self.said.items():
            if value in (None, [], {}, "", False) or key in SETTLED:
                continue
            if key not in READERS:
                if not self.is_reported(key):
                    yield f"{key}: nothing is said of {value!r}"
                continue
            theirs, ours = READERS[key](self, value)
            if theirs != ours and not self.is_reported(key):
                yield f"{key}: {theirs!r} is {ours!r}"
        for key, found in self.additions():
            if found and not self.said.get(key) and not self.is_reported(key):
                yield f"{key}: docker has nothing, and it is {found!r}"

    def is_reported(self, key: str) -> bool:
        """Whether the report has something on *key*."""
        return any(
            note.kind in _SAID and note.service == self.service.name and re.match(rf"{key}\b", note.key)
            for note in self.notes
        )

    def additions(self) -> Iterator[tuple[str, object]]:
        """Yield what the definition has, by the keys of compose."""
        service = self.service
        yield from {
            "command": service.command, "entrypoint": service.entrypoint, "environment": self.env(),
            "ports": service.ports, "user": service.user, "working_dir": service.workdir,
            "hostname": service.hostname, "labels": service.labels, "dns": service.dns,
            "extra_hosts": service.hosts, "cap_add": service.capabilities.add,
            "cap_drop": service.capabilities.drop, "healthcheck": service.health != Health(),
            "sysctls": service.sysctls, "ulimits": service.ulimits, "stop_signal": service.stop.signal,
            "platform": service.platform, "group_add": service.groups, "userns_mode": service.userns,
        }.items()  # fmt: skip
        if not any(self.said.get(key) for key in ("volumes", "volumes_from", "configs", "tmpfs")):
            yield "volumes", service.volumes

    def env(self) -> dict[str, str]:
        """Return the variables, of files too."""
        found: dict[str, str] = {}
        for path in self.service.env_files:
            found |= parse_plain_env(self.project.read(path) or "", {})
        return found | dict(self.service.env)

    def resource(self, part: str, key: str) -> Config:
        """Return what the file says of a volume or network."""
        return dict(self.config.get(part, {}).get(key) or {})


def _plain(value: Any) -> Any:  # noqa: ANN401 (a value of JSON)
    """Return a value without the dollars that docker doubles in what it prints."""
    match value:
        case str():
            return value.replace("$$", "$")
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {_plain(key): _plain(one) for key, one in value.items()}
        case _:
            return value


def _image(pair: Pair, value: str) -> tuple[object, object]:
    head, slash, _ = value.partition("/")
    has_registry = slash and ("." in head or ":" in head or head == "localhost")
    full = value if has_registry else f"docker.io/{value}" if slash else f"docker.io/library/{value}"
    full = re.sub(r"^docker\.io/(?=[^/]+$)", "docker.io/library/", full)
    is_named = ":" in full.rpartition("/")[2] or "@" in full
    return full if is_named else f"{full}:latest", str(pair.service.image)


def _environment(pair: Pair, value: Config) -> tuple[object, object]:
    theirs = {name: text for name, text in _plain(value).items() if text is not None}
    return theirs, pair.env()


def _ports(pair: Pair, value: list[Config]) -> tuple[object, object]:
    theirs = {
        (
            port["target"],
            str(port.get("published") or "").partition("-")[0],
            port.get("host_ip", ""),
            port["protocol"].lower(),
        )
        for port in value
    }
    ours = {
        (
            port.container + step,
            "" if port.host_port is None else str(port.host_port + step),
            port.host_ip,
            str(port.protocol),
        )
        for port in pair.service.ports
        for step in range(port.count)
    }
    return theirs, ours


def _volumes(pair: Pair, value: list[Config]) -> tuple[object, object]:
    theirs: dict[str, object] = {}
    for one in value:
        target = posixpath.normpath(_plain(one["target"]))
        source = _plain(one.get("source"))
        if one["type"] == "volume" and source is not None:
            resource = pair.resource("volumes", source)
            device = resource.get("driver_opts", {}).get("device")
            bound = "bind" in str(resource.get("driver_opts", {}).get("o"))
            source = device if bound else resource["name"]
        if one["type"] == "bind" and source in {"/var/run/docker.sock", "/run/docker.sock"}:
            source = "/run/podman/podman.sock"
        if one["type"] == "tmpfs":
            continue
        source = posixpath.normpath(source) if source else source
        theirs[target] = (source, bool(one.get("read_only")))
    configured = {_target(one) for one in pair.said.get("configs") or ()}
    ours = {
        one.path: (one.host or one.external, one.read_only)
        for one in pair.service.volumes
        if one.path not in configured
    }
    return theirs, ours


def _target(entry: Config) -> str:
    return str(entry.get("target") or f"/{entry['source']}")


def _tmpfs(pair: Pair, value: str | list[str]) -> tuple[object, object]:
    theirs = [value] if isinstance(value, str) else value
    given = {
        posixpath.normpath(one["target"]) for one in pair.said.get("volumes") or () if one["type"] == "tmpfs"
    }
    return sorted(theirs), sorted(one for one in pair.service.tmpfs if one.partition(":")[0] not in given)


def _networks(pair: Pair, value: Config) -> tuple[object, object]:
    default = slug(pair.config["name"])
    names = {pair.resource("networks", key)["name"] for key in value}
    named = {default if name == f"{pair.config['name']}_default" else slug(name) for name in names}
    theirs = {"default" if name == default else name[:MAX_LENGTH].rstrip("-") for name in named}
    ours = {"default" if one == default else one for one in pair.service.networks} or {"default"}
    if theirs != ours:
        return theirs, ours
    said = [one or {} for one in value.values()]
    fixed = {one[key] for one in said for key in ("ipv4_address", "ipv6_address") if one.get(key)}
    names = {alias for one in said for alias in one.get("aliases") or ()} - {pair.service.name}
    args = {arg.removeprefix("--network-alias=") for arg in pair.service.podman.args}
    addresses = {address for one in pair.service.network.values() for address in one.address}
    return (fixed, names), (addresses, names & args)


def _mode(pair: Pair, value: str) -> tuple[object, object]:
    kind, _, other = value.partition(":")
    theirs = {f"service:{pair.names.get(other)}"} if kind == "service" else {value}
    raw = {arg.removeprefix("--network=") for arg in pair.service.podman.args if arg.startswith("--network=")}
    return theirs - {"bridge"}, {*pair.service.networks, *raw}


def _health(pair: Pair, value: Config) -> tuple[object, object]:
    health = pair.service.health
    if value.get("disable") or value.get("test") == ["NONE"]:
        return True, health.disable
    test = _plain(value.get("test")) or None
    if test is not None:
        test = test[1:] if test[0] == "CMD" else test[:2]  # a shell takes what follows for its parameters
    ours = {
        "test": None if health.command is None else list(health.command),
        "interval": health.interval,
        "timeout": health.timeout,
        "start_period": health.start_period,
        "retries": health.retries,
    }
    theirs = {
        "test": test,
        **{key: _seconds(value.get(key)) for key in ("interval", "timeout", "start_period")},
        "retries": value.get("retries") or None,
    }
    return theirs, ours


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|us|h|m|s)", text))


def _depends_on(pair: Pair, value: Config) -> tuple[object, object]:
    return {pair.names.get(other) for other in value}, {*pair.service.needs, *pair.service.requires}


def _ulimits(pair: Pair, value: Config) -> tuple[object, object]:
    def one(limit: Any) -> str:  # noqa: ANN401 (a value of JSON)
        if not isinstance(limit, dict):
            return str(limit)
        soft, hard = limit.get("soft", 0), limit.get("hard", 0)
        return f"{soft}" if soft == hard in (-1, 0) else f"{soft}:{hard}"

    return {name: one(limit) for name, limit in value.items()}, dict(pair.service.ulimits)


def _hosts(pair: Pair, value: list[str]) -> tuple[object, object]:
    ours = {f"{name}={address}" for name, address in pair.service.hosts.items()}
    more = [arg.removeprefix("--add-host=").replace(":", "=", 1) for arg in pair.service.podman.args]
    return set(value), ours | {line for line in more if line in value}


def _devices(pair: Pair, value: list[Config]) -> tuple[object, object]:
    theirs = [(one["source"], one["target"], one.get("permissions") or "rwm") for one in value]
    ours = []
    for device in pair.service.devices:
        if device.startswith("nvidia.com/"):
            continue
        source, target, permissions = (*device.split(":"), "", "")[:3]
        ours.append((source, target or source, permissions or "rwm"))
    return theirs, ours


def _secrets(pair: Pair, value: list[Config]) -> tuple[object, object]:
    theirs = {}
    for one in value:
        target = _plain(one.get("target") or one["source"])
        path = target if target.startswith("/") else f"/run/secrets/{target}"
        mode = one.get("mode")
        theirs[path] = (pair.resource("secrets", one["source"])["name"], None if mode is None else int(mode))
    configured = {_target(one) for one in pair.said.get("configs") or ()}
    ours = {
        path: (one.name, None if one.mode is None else int(one.mode, 8))
        for one in pair.service.secrets
        if (path := one.path or f"/run/secrets/{one.name}") not in configured
    }
    return theirs, ours


def _configs(pair: Pair, value: list[Config]) -> tuple[object, object]:
    theirs = {_target(one) for one in value}
    given = {one.path for one in pair.service.volumes} | {one.path for one in pair.service.secrets}
    return theirs, theirs & given


def _restart(pair: Pair, value: str) -> tuple[object, object]:
    word, _, times = value.partition(":")
    if (pair.said.get("deploy") or {}).get("restart_policy"):
        return (), ()  # which goes before it
    limit = int(times) if times and int(times) else None
    word = "always" if word == "unless-stopped" else word
    if pair.service.restart.policy is RestartPolicy.ONESHOT:
        return (), ()  # others wait for its end
    return (word, limit), (str(pair.service.restart.policy), pair.service.restart.limit)


def _deploy(pair: Pair, value: Config) -> tuple[object, object]:
    limits = (value.get("resources") or {}).get("limits") or {}
    resources = pair.service.resources
    theirs = {
        "cpus": float(limits["cpus"]) if limits.get("cpus") else resources.cpus,
        "memory": int(limits["memory"]) if limits.get("memory") else resources.memory,
        "pids": limits.get("pids") or resources.pids,
    }
    return theirs, {"cpus": resources.cpus, "memory": resources.memory, "pids": resources.pids}


def _list(get: Callable[[Service], tuple[str, ...] | None]) -> Callable[[Pair, Any], tuple[object, object]]:
    return lambda pair, value: (
        list(_plain(value)),
        None if (got := get(pair.service)) is None else list(got),
    )


def _capabilities(get: Callable[[Service], tuple[str, ...]]) -> Callable[[Pair, Any], tuple[object, object]]:
    def names(words: Iterable[str]) -> list[str]:
        return [word.upper().removeprefix("CAP_") for word in words]

    return lambda pair, value: (names(value), names(get(pair.service)))


def _same(
    get: Callable[[Service], object], make: Callable[[Any], object] = _plain
) -> Callable[[Pair, Any], tuple[object, object]]:
    return lambda pair, value: (make(value), get(pair.service))


def _options(words: list[str]) -> bool:
    return any(word.replace(":", "=") in {"no-new-privileges", "no-new-privileges=true"} for word in words)


SETTLED = {"runtime", "profiles", "build", "expose", "container_name", "links", "label_file"}
"""Keys that were followed, or that the report has in its own way."""
READERS: Mapping[str, Callable[[Pair, Any], tuple[object, object]]] = {
    "image": _image,
    "environment": _environment,
    "ports": _ports,
    "volumes": _volumes,
    "networks": _networks,
    "network_mode": _mode,
    "healthcheck": _health,
    "depends_on": _depends_on,
    "ulimits": _ulimits,
    "extra_hosts": _hosts,
    "devices": _devices,
    "secrets": _secrets,
    "configs": _configs,
    "restart": _restart,
    "deploy": _deploy,
    "command": _list(lambda one: one.command),
    "entrypoint": _list(lambda one: one.entrypoint),
    "dns": _list(lambda one: one.dns),
    "cap_add": _capabilities(lambda one: one.capabilities.add),
    "cap_drop": _capabilities(lambda one: one.capabilities.drop),
    "group_add": _list(lambda one: one.groups),
    "tmpfs": _tmpfs,
    "gpus": lambda pair, _: (True, any("nvidia.com/" in one for one in pair.service.devices)),
    "labels": _same(lambda one: dict(one.labels)),
    "sysctls": _same(lambda one: dict(one.sysctls)),
    "user": _same(lambda one: one.user),
    "userns_mode": _same(lambda one: one.userns),
    "working_dir": _same(lambda one: one.workdir),
    "hostname": _same(lambda one: one.hostname),
    "platform": _same(lambda one: str(one.platform), lambda text: text if "/" in text else f"linux/{text}"),
    "init": _same(lambda one: one.init),
    "read_only": _same(lambda one: one.read_only),
    "stop_signal": _same(
        lambda one: (one.stop.signal or "").removeprefix("SIG"), lambda text: text.removeprefix("SIG")
    ),
    "stop_grace_period": _same(lambda one: one.stop.timeout, _seconds),
    "mem_limit": _same(lambda one: one.resources.memory, int),
    "cpus": _same(lambda one: one.resources.cpus, float),
    "pids_limit": _same(lambda one: one.resources.pids),
    "shm_size": _same(lambda one: one.shm_size, int),
    "security_opt": _same(lambda one: one.no_new_privileges, _options),
}


def ask(host: LabHost, projects: Mapping[str, Files]) -> dict[str, Config | None]:
    """Return what docker makes of each project; None where it refuses it."""
    base = "/srv/oracle"
    host.run("rm", "-rf", base)
    for name, project in projects.items():
        for file, text in {**project.texts, "arguments": project.arguments}.items():
            host.write(f"{base}/{name}/{file}", text)
    host.run("sh", "-c", SCRIPT, "sh", base, timeout=300)
    found: dict[str, Config | None] = {}
    for name in projects:
        path = f"{base}/{name}/oracle.json"
        found[name] = json.loads(host.read(path)) if host.exists(path) else None
    return found
