"""Volumes, and file systems in memory."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from beacon.definition.effective import volume_name
from beacon.definition.grammar import quantities, strings, values
from beacon.formats.node import Node
from beacon.importing.compose.context import Context, is_external
from beacon.importing.draft import Draft
from beacon.importing.node import Item, Log
from beacon.model.service import Volume

_FILE = re.compile(
    r"(?:.*\.(?:conf|cfg|cnf|ini|toml|ya?ml|json|xml|env|properties|txt|pem|crt|cert|key|sh|sql|db|sqlite3?"
    r"|log|lua|py|js|html|htpasswd)|\.env|[A-Z][a-z]+file)"
)
"""Names that files have, and folders hardly ever."""
_OPTIONS = {
    "z", "Z", "U", "exec", "noexec", "suid", "nosuid", "dev", "nodev",
    "shared", "rshared", "slave", "rslave", "private", "rprivate", "idmap",
}  # fmt: skip
_NO_OPTIONS = {
    "nocopy": "Podman fills an empty volume from the image; that is harmless",
    "cached": "Docker Desktop's",
    "delegated": "Docker Desktop's",
    "consistent": "Docker Desktop's",
    "volume-nocopy": "Podman fills an empty volume from the image; that is harmless",
}
_DOCKER_SOCKET = ("/var/run/docker.sock", "/run/docker.sock")
_SOCKET_UNIT = "podman.socket"
_MACHINES_OWN = {"/etc/timezone": "timedatectl show --property=Timezone --value > /etc/timezone"}
"""What makes files that many containers want, and that not every machine has: Debian 13 has no such one."""
_KNOWN_FILES = re.compile(
    r"/etc/(?:timezone|localtime|machine-id|hostname|hosts|resolv\.conf|passwd|group|shadow|fstab|os-release|mtab)"
    r"|.*\.sock(?:et)?|.*/[^/]*[^/.]\.(?!d$)[A-Za-z][A-Za-z0-9]{0,9}"
)
"""Paths that are files: by what every system has there, or by an ending."""


def volumes_from(item: Item, draft: Draft, context: Context) -> None:
    """Read ``volumes_from``: what another service has mounted that both can have."""
    if context.project.loose:
        item.drop("give both services the same external volumes")
        return
    for entry in item.each():
        text = (entry.text() or "").removeprefix("container:")
        other, _, option = text.partition(":")
        node = context.project.services.get(other) or context.project.others.get(other)
        if node is None:
            entry.drop(f"there is no service {other}: give both the same volumes")
            continue
        given = node.get("volumes")
        if (name := context.names.get(other)) is not None:
            draft.needs.append(name)
        theirs = Draft(other)
        quiet = Item(node, ("services", other), Log())
        volumes(quiet.below(given or node.with_value(None), "volumes"), theirs, context)
        kept = [one for one in theirs.volumes if one.name is None]
        draft.volumes += [replace(one, read_only=True) if option == "ro" else one for one in kept]
        lost = ", ".join(one.path for one in theirs.volumes if one.name is not None)
        also = f"; without {lost}, which has no name" if lost else ""
        entry.change(f"the volumes and folders that {other} has by name{also}")


def volumes(item: Item, draft: Draft, context: Context) -> None:
    """Read ``volumes``, short and long."""
    entries = list(item.each())
    last = {_place(entry): index for index, entry in enumerate(entries)}
    for index, entry in enumerate(entries):
        if last[_place(entry)] != index:
            entry.drop(f"of two mounts at {_place(entry)} the last counts, as in docker compose")
        elif isinstance(entry.value, dict):
            _long(entry, draft, context)
        else:
            _short(entry, draft, context)
    # Its own go before those that it has from others.
    draft.volumes = list({volume.path: volume for volume in draft.volumes}.values())


def _place(entry: Item) -> str:
    """Return the path in the container of a mount."""
    if isinstance(entry.value, dict):
        target = entry.node.get("target")
        return "" if target is None else posixpath.normpath(str(target.value))
    parts = str(entry.value).split(":")
    return posixpath.normpath(parts[0] if len(parts) == 1 else parts[1])


def _short(item: Item, draft: Draft, context: Context) -> None:
    text = item.text()
    if text is None:
        return
    match text.split(":"):
        case [path]:
            _anonymous(item, path, draft)
        case [source, path]:
            add(item, draft, context, source=source, path=path, words=[])
        case [source, path, options]:
            add(item, draft, context, source=source, path=path, words=options.split(","))
        case _:
            item.fault(f"must be SOURCE:PATH or SOURCE:PATH:OPTIONS, not {strings.shown(text)}")


def _long(item: Item, draft: Draft, context: Context) -> None:
    fields = item.fields()
    sort = (fields["type"].text() if "type" in fields else None) or "volume"
    target = fields["target"].text() if "target" in fields else None
    if target is None:
        item.fault("must have a target, the path in the container")
        return
    item.require(
        fields, "type", "source", "target", "read_only", "bind", "volume", "tmpfs", "consistency", "image"
    )
    if "consistency" in fields:
        fields["consistency"].drop("Docker Desktop's")
    if sort == "tmpfs":
        _memory(fields, target, item, draft)
        return
    if sort not in {"bind", "volume"}:
        item.drop(f"Beacon mounts volumes and folders of the host, not what is of type {sort}")
        return
    words = ["ro"] if "read_only" in fields and fields["read_only"].boolean() else []
    words += _settings(fields)
    source = (fields["source"].text() if "source" in fields else None) or ""
    if not source:
        _anonymous(item, target, draft, words)
    elif sort == "bind" and not source.startswith("/"):
        fields["source"].fault(f"must be a path, not {strings.shown(source)}")
    else:
        add(item, draft, context, source=source, path=target, words=words)


def _settings(fields: Mapping[str, Item]) -> list[str]:
    """Return the options that ``bind`` and ``volume`` of the long form come to."""
    words: list[str] = []
    bind = fields["bind"].fields() if "bind" in fields else {}
    words += [word for key in ("propagation", "selinux") if key in bind and (word := bind[key].text())]
    if "create_host_path" in bind:
        bind["create_host_path"].drop("Beacon makes no folders of the host")
    if "recursive" in bind:
        bind["recursive"].drop("Podman mounts what is below as well")
    if "bind" in fields:
        fields["bind"].require(bind, "propagation", "selinux", "create_host_path", "recursive")
    volume = fields["volume"].fields() if "volume" in fields else {}
    reasons = {
        "nocopy": _NO_OPTIONS["nocopy"],
        "subpath": "the whole volume is mounted; give its folder as [podman] args --mount with subpath",
        "labels": "volumes that are there already get no labels",
    }
    for key, why in reasons.items():
        if key in volume:
            volume[key].drop(why)
    if "volume" in fields:
        fields["volume"].require(volume, *reasons)
    return words


def _memory(fields: Mapping[str, Item], target: str, item: Item, draft: Draft) -> None:
    options = fields["tmpfs"].fields() if "tmpfs" in fields else {}
    words = []
    if "size" in options and (size := options["size"].read(quantities.size)) is not None:
        words.append(f"size={size}")
    if "mode" in options and (mode := options["mode"].written()):
        words.append(f"mode={mode}")
    if "tmpfs" in fields:
        fields["tmpfs"].require(options, "size", "mode")
    _tmpfs(item, f"{target}:{','.join(words)}" if words else target, draft)


def tmpfs(item: Item, draft: Draft, context: Context) -> None:
    """Read ``tmpfs``."""
    del context
    for entry in item.one_or_each():
        _tmpfs(entry, entry.text() or "", draft)


def _tmpfs(item: Item, text: str, draft: Draft) -> None:
    path, _, words = text.partition(":")
    options = [word for word in words.split(",") if word]
    for word in [word for word in options if word.partition("=")[0] in {"uid", "gid"}]:
        item.drop(f"{word}: Podman has no such option; give mode=1777, or a volume")
        options.remove(word)
    try:
        found = values.tmpfs(f"{path}:{','.join(options)}" if options else path)
    except ValueError as fault:
        item.fault(str(fault))
        return
    where = found.partition(":")[0]
    if any(volume.path == where for volume in draft.volumes):
        item.drop(f"a volume is mounted at {where}")
        return
    for other in [one for one in draft.tmpfs if one.partition(":")[0] == where]:
        if other != found:
            item.change(f"of two mounts at {where} the last counts")
        draft.tmpfs.remove(other)
    draft.tmpfs.append(found)


def _mount_point(path: str) -> str:
    return strings.mount_point(posixpath.normpath(path) if path.startswith("/") else path)


def _anonymous(item: Item, path: str, draft: Draft, words: Sequence[str] = ()) -> None:
    """Give storage without a name one, so that it outlives its container."""
    try:
        where = _mount_point(path)
    except ValueError as fault:
        item.fault(str(fault))
        return
    name = volume_name(where, {volume.name for volume in draft.volumes if volume.name})
    draft.volumes.append(_with_options(Volume(path=where, name=name), words, item))
    item.change(f"a volume of the service, {name}, that outlives the container; it starts empty")


def add(  # noqa: PLR0913 -- the parts of one volume
    item: Item, draft: Draft, context: Context, *, source: str, path: str, words: list[str]
) -> None:
    """Mount a volume or a path of the host."""
    try:
        where = _mount_point(path)
        host, external = _source(item, source, context)
    except ValueError as fault:
        item.fault(str(fault))
        return
    volume = Volume(path=where, host=host, external=external)
    if external is not None and external in context.unnamed:
        volume = Volume(path=where, name=_name_of(external, where, item, draft))
    draft.volumes.append(_with_options(volume, words, item))
    if host is not None:
        _note_host_path(item, host, where, draft, context)


def _with_options(volume: Volume, words: Sequence[str], item: Item) -> Volume:
    """Return the volume with the options that Beacon knows; the others are noted."""
    for word in words:
        if word not in _OPTIONS | {"ro", "rw", ""}:
            item.drop(f"its option {word}: {_NO_OPTIONS.get(word, 'Beacon does not know it')}")
    options = tuple(word for word in words if word in _OPTIONS)
    return replace(volume, read_only="ro" in words, options=options)


def _name_of(volume: str, path: str, item: Item, draft: Draft) -> str:
    """Return what the service's own volume is called that is to have the data of one without a name."""
    if volume in draft.named:
        return draft.named[volume]
    name = volume_name(path, {one.name for one in draft.volumes if one.name})
    draft.named[volume] = name
    item.change(
        f"a volume of the service, {name}, in the place of {volume}, which never had a name; "
        "an adoption copies its data, else it starts empty"
    )
    return name


def _source(item: Item, source: str, context: Context) -> tuple[str | None, str | None]:
    """Return what a volume is: a path of the host, or a volume of the engine."""
    if source in _DOCKER_SOCKET and context.source.engine_socket not in _DOCKER_SOCKET:
        return context.source.engine_socket, None
    if source.startswith("/"):
        return strings.absolute_path(posixpath.normpath(source)), None
    if source.startswith("~"):
        raise ValueError(f"must be an absolute path, not {strings.shown(source)}")
    known = context.project.volumes
    if source not in known and not context.project.loose:
        near = strings.did_you_mean(source, list(known))
        raise ValueError(f"must name a volume of the file or a path, not {strings.shown(source)}{near}")
    device = _bound_device(known.get(source))
    if device is not None:
        item.change(f"the volume {source} is the host's folder {device}, and is mounted as that")
        return strings.absolute_path(device), None
    name = context.resource_name(known, source)
    return None, values.pattern("[A-Za-z0-9][A-Za-z0-9_.-]*", "a volume's name")(name)


def _bound_device(node: Node | None) -> str | None:
    """Return the host's folder that a volume of the local driver stands for."""
    options = None if node is None else node.get("driver_opts")
    if options is None:
        return None
    device, sort, how = (options.get(key) for key in ("device", "type", "o"))
    bound = {"bind", "rbind"} & set(str(how.value).split(",")) if how is not None else set()
    if device is None or not bound or (sort is not None and sort.value not in ("none", "bind", None)):
        return None
    return str(device.value)


def _note_host_path(item: Item, host: str, path: str, draft: Draft, context: Context) -> None:
    if host == context.source.engine_socket and host not in _DOCKER_SOCKET:
        for key in ("Wants", "After"):
            draft.unit[key] = (_SOCKET_UNIT,)
        user = "--user " if host.startswith("/run/user/") else ""
        item.todo(
            "Podman's socket in the place of docker's, which must be there; whoever has it has the machine",
            f"systemctl {user}enable --now {_SOCKET_UNIT}",
        )
    elif not context.source.exists(host):
        name = host.rpartition("/")[2]
        made = _MACHINES_OWN.get(host, f"install -D -m 644 /dev/stdin {shlex.quote(host)} < FILE")
        if _FILE.fullmatch(name):
            item.todo("it is not there, and is not made; by its name it is a file", made)
        elif _KNOWN_FILES.fullmatch(path):
            is_socket = name.endswith((".sock", ".socket"))
            item.todo(
                f"there is no {host}, and it is not made; the container has a file at {path}",
                "" if is_socket else made,
            )
        else:
            item.todo("the folder is not there, and is not made", f"mkdir -p {shlex.quote(host)}")


def resources(volumes: dict[str, Node], used: set[str], context: Context, item: Item) -> None:
    """Say what becomes of the volumes that the file describes."""
    for key, node in volumes.items():
        entry = item.below(node, key)
        fields = entry.fields()
        entry.require(fields, "name", "external", "driver", "driver_opts", "labels")
        if "labels" in fields:
            fields["labels"].drop("volumes that are there already get no labels")
        if key not in used:
            entry.drop("no service that is imported has it")
            continue
        if _bound_device(node) is not None:
            continue
        name = context.resource_name(volumes, key)
        driver = fields["driver"].text() if "driver" in fields else None
        options = fields["driver_opts"].pairs() if "driver_opts" in fields else {}
        if (driver not in {None, "local", "default"} or options) and not is_external(node):
            words = [f"--opt={option}={value.text()}" for option, value in options.items()]
            words = [f"--driver={driver}", *words] if driver else words
            entry.todo(
                "Beacon makes no volumes with options",
                shlex.join(["podman", "volume", "create", *words, name]),
            )
            continue
        entry.change(
            f"the engine's volume {name}, as compose names it, so that its data stays; "
            "Beacon neither deletes it nor fetches it from docker",
            f"podman volume create --ignore {name} && "
            f"docker run --rm -v {name}:/from docker.io/library/busybox tar -C /from -cf - . | "
            f"podman volume import {name} -",
        )
