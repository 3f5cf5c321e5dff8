"""Volumes, file systems in memory, secrets and configs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from beacon.definition import grammar, values
from beacon.definition.effective import volume_name
from beacon.importing.compose.context import Context, is_external
from beacon.importing.draft import Draft
from beacon.importing.node import Item, Node
from beacon.model.service import Secret, Volume

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


def volumes(item: Item, draft: Draft, context: Context) -> None:
    """Read ``volumes``, short and long."""
    for entry in item.each():
        if isinstance(entry.value, dict):
            _long(entry, draft, context)
        else:
            _short(entry, draft, context)


def _short(item: Item, draft: Draft, context: Context) -> None:
    text = item.text()
    if text is None:
        return
    match text.split(":"):
        case [path]:
            _anonymous(item, path, draft)
        case [source, path]:
            _add(item, draft, context, source=source, path=path, words=[])
        case [source, path, options]:
            _add(item, draft, context, source=source, path=path, words=options.split(","))
        case _:
            item.fault(f"must be SOURCE:PATH or SOURCE:PATH:OPTIONS, not {grammar.shown(text)}")


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
        fields["source"].fault(f"must be a path, not {grammar.shown(source)}")
    else:
        _add(item, draft, context, source=source, path=target, words=words)


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
    if "size" in options and (size := options["size"].read(grammar.size)) is not None:
        words.append(f"size={size}")
    if "mode" in options and (mode := options["mode"].text()):
        words.append(f"mode={mode}")
    _tmpfs(item, f"{target}:{','.join(words)}" if words else target, draft)


def tmpfs(item: Item, draft: Draft, context: Context) -> None:
    """Read ``tmpfs``."""
    del context
    for entry in item.one_or_each():
        _tmpfs(entry, entry.text() or "", draft)


def _tmpfs(item: Item, text: str, draft: Draft) -> None:
    try:
        draft.tmpfs.append(values.tmpfs(text))
    except ValueError as fault:
        item.fault(str(fault))


def _anonymous(item: Item, path: str, draft: Draft, words: Sequence[str] = ()) -> None:
    """Give storage without a name one, so that it outlives its container."""
    try:
        where = grammar.mount_point(path)
    except ValueError as fault:
        item.fault(str(fault))
        return
    name = volume_name(where, {volume.name for volume in draft.volumes if volume.name})
    draft.volumes.append(_with_options(Volume(path=where, name=name), words, item))
    item.change(f"a volume of the service, {name}, that outlives the container; it starts empty")


def _add(  # noqa: PLR0913 -- the parts of one volume
    item: Item, draft: Draft, context: Context, *, source: str, path: str, words: list[str]
) -> None:
    try:
        where = grammar.mount_point(path)
        host, external = _source(item, source, context)
    except ValueError as fault:
        item.fault(str(fault))
        return
    volume = Volume(path=where, host=host, external=external)
    if external is not None and external in context.unnamed:
        volume = Volume(path=where, name=_name_of(external, where, item, draft))
    draft.volumes.append(_with_options(volume, words, item))
    if host is not None:
        _tell_of_host_path(item, host, context)


def _with_options(volume: Volume, words: Sequence[str], item: Item) -> Volume:
    """Return the volume with the options that Beacon knows; the others are told."""
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
    if source.startswith("/"):
        return grammar.absolute_path(source), None
    if source.startswith("~"):
        raise ValueError(f"must be an absolute path, not {grammar.shown(source)}")
    known = context.project.volumes
    if source not in known and not context.project.loose:
        near = grammar.did_you_mean(source, list(known))
        raise ValueError(f"must name a volume of the file or a path, not {grammar.shown(source)}{near}")
    device = _bound_device(known.get(source))
    if device is not None:
        item.change(f"the volume {source} is the host's folder {device}, and is mounted as that")
        return grammar.absolute_path(device), None
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


def _tell_of_host_path(item: Item, host: str, context: Context) -> None:
    if host in _DOCKER_SOCKET:
        item.todo(
            "docker's socket; Podman's is /run/podman/podman.sock, and gives whoever has it the machine",
            "systemctl enable --now podman.socket",
        )
    elif not context.source.exists(host):
        item.todo("the folder is not there, and is not made", f"mkdir -p {shlex.quote(host)}")


def secrets(item: Item, draft: Draft, context: Context) -> None:
    """Read ``secrets``: they become secrets of the engine, of the names that compose gives."""
    for entry, key, fields in _grants(item, context.project.secrets, context, "secret"):
        name = context.resource_name(context.project.secrets, key)
        target = (fields["target"].text() if "target" in fields else None) or key
        path = target if target.startswith("/") else f"/run/secrets/{target}"
        _secret(entry, draft, name, path, fields)
        node = context.project.secrets.get(key)
        if node is not None:
            _tell_to_create(Item(node, ("secrets", key), item.log, item.service), name, "secret")


def configs(item: Item, draft: Draft, context: Context) -> None:
    """Read ``configs``: files are mounted; texts become secrets of the engine, which are mounted too."""
    for entry, key, fields in _grants(item, context.project.configs, context, "config"):
        node = context.project.configs[key]
        target = (fields["target"].text() if "target" in fields else None) or f"/{key}"
        path = target if target.startswith("/") else f"/{target}"
        file = node.get("file")
        if file is not None and isinstance(file.value, str):
            _add(entry, draft, context, source=file.value, path=path, words=["ro"])
            for name in ("uid", "gid", "mode"):
                if name in fields:
                    fields[name].drop("a mounted file keeps the owner and mode that it has on the host")
            continue
        name = context.resource_name(context.project.configs, key)
        _secret(entry, draft, name, path, fields)
        entry.change("Beacon has no configs; it is a secret of the engine, mounted at the same path")
        _tell_to_create(Item(node, ("configs", key), item.log, item.service), name, "config")


def _grants(
    item: Item, known: Mapping[str, Node], context: Context, what: str
) -> list[tuple[Item, str, Mapping[str, Item]]]:
    """Return what the service is given: the entry, its source and the fields of the long form."""
    found: list[tuple[Item, str, Mapping[str, Item]]] = []
    for entry in item.each():
        fields = entry.fields() if isinstance(entry.value, dict) else {}
        entry.require(fields, "source", "target", "uid", "gid", "mode", "type")
        key = (fields["source"].text() if "source" in fields else None) if fields else entry.text()
        if key is None:
            entry.fault(f"must name a {what}: {{source: NAME}}")
        elif key not in known and not context.project.loose:
            entry.fault(
                f"must name a {what} of the file, not {key!r}{grammar.did_you_mean(key, list(known))}"
            )
        else:
            found.append((entry, key, fields))
    return found


def _secret(item: Item, draft: Draft, name: str, path: str, fields: Mapping[str, Item]) -> None:
    numbers = {
        key: fields[key].integer() if key in fields and fields[key].value != "" else None
        for key in ("uid", "gid")
    }
    mode = fields["mode"].text() if "mode" in fields else None
    if "type" in fields and fields["type"].text() == "env":
        draft.secrets.append(Secret(name=name, env=path.rpartition("/")[2]))
        return
    try:
        where = grammar.mount_point(path)
        if mode is not None:
            mode = values.pattern("0?o?[0-7]{3,4}", "a mode such as 0440")(mode).replace("o", "")
    except ValueError as fault:
        item.fault(str(fault))
        return
    usual = where == f"/run/secrets/{name}"
    draft.secrets.append(
        Secret(name=name, path=None if usual else where, uid=numbers["uid"], gid=numbers["gid"], mode=mode)
    )


def _tell_to_create(item: Item, name: str, what: str) -> None:
    """Give the command that makes the engine's secret."""
    fields = item.fields()
    item.require(
        fields,
        "name",
        "file",
        "environment",
        "content",
        "external",
        "driver",
        "driver_opts",
        "labels",
        "template_driver",
    )
    for key in ("driver", "driver_opts", "labels", "template_driver"):
        if key in fields:
            fields[key].drop("give it to podman secret create where it is needed")
    quoted = shlex.quote(name)
    if "file" in fields and (file := fields["file"].text()):
        item.todo("the engine's secret must be made", f"podman secret create {quoted} {shlex.quote(file)}")
    elif "environment" in fields and (variable := fields["environment"].text()):
        command = f'printf %s "${variable}" | podman secret create {quoted} -'
        item.todo(f"the engine's secret must be made of the variable {variable}", command)
    elif "content" in fields and (content := fields["content"].text()) is not None:
        command = f"printf %s {shlex.quote(content)} | podman secret create {quoted} -"
        item.todo("the engine's secret must be made of the text in the file", command)
    elif is_external(item.node):
        item.todo("must be there as a secret of the engine", f"podman secret create {quoted} FILE")
    else:
        item.fault(f"must say what the {what} is: file, environment, content or external")


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
