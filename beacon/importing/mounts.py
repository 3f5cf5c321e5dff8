"""What a container has mounted: volumes, folders and file systems in memory; and what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from beacon.importing.inspected import InspectedSection
from beacon.importing.reading import EMPTY, Reading
from beacon.model.unit import is_unnamed

_USUAL = {
    "volume": {"rbind", "rw", "ro", "nosuid", "nodev", "exec", "rprivate", ""},
    "bind": {"rbind", "rw", "ro", "rprivate", ""},
}
"""Options that mean nothing: engines give them to everything of the sort."""
_USUAL_TMPFS = {"rw", "rprivate", "nosuid", "nodev", "tmpcopyup"}
_HARMLESS = {
    "nocopy": "an empty volume is filled from the image; this one is not empty, or is a copy",
    "CreateMountpoint": "Beacon makes no folders of the host",
    "NoCopy": "an empty volume is filled from the image; this one is not empty, or is a copy",
    "Labels": "volumes that are there already get no labels",
    "DriverConfig": "the volume is there already, with its driver",
}
_RAW = "give it as [podman] args where it is needed"


def read_mounts(container: InspectedSection, reading: Reading) -> frozenset[str]:
    """Read what is mounted; return the volumes that never had a name."""
    asked = _asked(container.at("Config").words("CreateCommand"))
    specs = {spec.text("Target"): spec for spec in container.at("HostConfig").sections("Mounts")}
    found: list[str | dict[str, object]] = []
    unnamed: set[str] = set()
    tmpfs = list(_memory(container.at("HostConfig"), specs, reading))
    images = {one.text("Destination") for one in container.sections("Mounts") if one.text("Type") == "image"}
    for mount in container.sections("Mounts"):
        sort, target = mount.text("Type"), mount.text("Destination")
        if sort == "tmpfs" and any(entry.partition(":")[0] == target for entry in tmpfs):
            continue
        if not _is_mountable(mount, images, reading):
            continue
        name = mount.text("Name")
        if sort == "volume" and is_unnamed(name):
            unnamed.add(name)
        spec = specs.get(target, InspectedSection({}))
        _judge_spec(spec, target, reading)
        if inside := mount.text("SubPath") or spec.at("VolumeOptions").text("Subpath"):
            _refuse_subpath(inside, target, reading)
        words = list(dict.fromkeys([*_options(mount, spec, reading), *asked.get(target, ())]))
        source = name if sort == "volume" else mount.text("Source")
        found.append(_written(source, target, sort, words, reading))
    reading.put("volumes", found, "Mounts")
    reading.put("tmpfs", tmpfs, "HostConfig.Tmpfs")
    return frozenset(unnamed)


def _written(
    source: str, target: str, sort: str, words: list[str], reading: Reading
) -> str | dict[str, object]:
    """Return a mount in compose's short form, or in the long one, where paths may have colons."""
    if ":" not in source + target:
        return f"{source}:{target}:{','.join(words)}" if words else f"{source}:{target}"
    for word in words:
        if word != "ro":
            reading.drop("Mounts", f"the option {word} of {target}, whose path has a colon")
    return {"type": sort, "source": source, "target": target, "read_only": "ro" in words}


def _is_mountable(mount: InspectedSection, images: set[str], reading: Reading) -> bool:
    """Say whether Beacon has a word for a mount; where it has none, that is noted."""
    sort, target = mount.text("Type"), mount.text("Destination")
    source = mount.text("Name") or mount.text("Source")
    changes = [one for one in mount.words("Options") if one.startswith(("upperdir=", "lowerdir="))]
    if sort == "image":
        reading.drop("Mounts", f"the image {source} at {target}: Beacon mounts none; {_RAW}")
    elif changes and target in images:
        pass  # how Podman mounts an image
    elif changes or "O" in mount.words("Options"):
        below = next((one.partition("=")[2] for one in changes if one.startswith("lowerdir=")), source)
        reading.drop("Mounts", f"{below} at {target}, of which the container had changes of its own; {_RAW}")
    elif sort not in _USUAL:
        reading.drop("Mounts", f"what is mounted at {target}, of type {sort or 'unknown'}; {_RAW}")
    elif sort == "bind" and not source.startswith("/"):
        reading.drop("Mounts", f"a file system of type {source} at {target}; {_RAW}")
    else:
        return True
    return False


def _options(mount: InspectedSection, spec: InspectedSection, reading: Reading) -> Iterator[str]:
    """Yield the options of a mount that mean something, as ``--volume`` has them."""
    sort, target = mount.text("Type"), mount.text("Destination")
    if mount.value("RW") is False:
        yield "ro"
    propagation = mount.text("Propagation")
    options = {*mount.words("Options"), *mount.text("Mode").split(",")}
    if "bind" in options or spec.at("BindOptions").value("NonRecursive"):
        reading.drop("Mounts", f"only {target} itself: what is mounted below it is there as well")
        options.discard("bind")
        propagation = ""
    if propagation not in {"", "rprivate"}:
        yield propagation
    if sort == "volume" and not mount.words("Options"):
        options.discard("z")  # docker says so of every volume
    for option in sorted(options - _USUAL[sort] - {propagation}):
        if option in _HARMLESS:
            reading.drop("Mounts", f"the option {option} of {target}: {_HARMLESS[option]}")
        else:
            yield option


def _judge_spec(spec: InspectedSection, target: str, reading: Reading) -> None:
    """Say what docker's ``--mount`` asked for that is noted nowhere else."""
    said = {"Propagation", "NonRecursive", "Subpath"}
    for group in ("BindOptions", "VolumeOptions", "ClusterOptions", "ImageOptions"):
        for key, value in sorted(spec.at(group).fields.items()):
            if key not in said and value not in EMPTY:
                reading.drop("HostConfig.Mounts", f"{group}.{key} of {target}: {_HARMLESS.get(key, _RAW)}")


def _refuse_subpath(inside: str, target: str, reading: Reading) -> None:
    reading.drop("Mounts", f"that {target} is only {inside} of its volume: the whole volume is mounted")
    reading.obstacles.append(
        f"{target} is a part of a volume, {inside}, and Beacon mounts whole ones: "
        "its data would not be where it was"
    )


def _memory(host: InspectedSection, specs: Mapping[str, InspectedSection], reading: Reading) -> Iterator[str]:
    """Yield the file systems in memory as ``--tmpfs`` has them."""
    for path, words in host.strings("Tmpfs").items():
        yield _joined(path, [one for one in words.split(",") if one and one not in _USUAL_TMPFS])
    for target, spec in specs.items():
        if spec.text("Type") != "tmpfs":
            continue
        options = spec.at("TmpfsOptions")
        size, mode, more = options.number("SizeBytes"), options.number("Mode"), options.value("Options")
        asked = [f"size={size}"] if size else []
        asked += [f"mode={mode:o}"] if mode else []
        asked += ["ro"] if spec.value("ReadOnly") else []
        asked += ["=".join(map(str, pair)) for pair in more if pair] if isinstance(more, list) else []
        for key in sorted(options.fields.keys() - {"SizeBytes", "Mode", "Options"}):
            reading.drop("HostConfig.Mounts", f"TmpfsOptions.{key} of {target}: {_RAW}")
        yield _joined(target, asked)


def _joined(path: str, options: list[str]) -> str:
    return f"{path}:{','.join(options)}" if options else path


def _asked(command: list[str]) -> dict[str, list[str]]:
    """Return target → the options that Podman shows nowhere but in the command that made the container."""
    found: dict[str, list[str]] = {}
    for index, word in enumerate(command):
        flag, equals, value = word.partition("=")
        value = value if equals else command[index + 1] if index + 1 < len(command) else ""
        if flag in {"-v", "--volume"}:
            _, _, rest = value.partition(":")
            target, _, options = rest.partition(":")
            found[target] = [one for one in options.split(",") if one in {"z", "Z", "U"}]
        elif flag == "--mount":
            pairs = dict(pair.partition("=")[::2] for pair in value.split(","))
            target = pairs.get("dst") or pairs.get("target") or pairs.get("destination") or ""
            relabel = {"shared": ["z"], "private": ["Z"]}.get(pairs.get("relabel", ""), [])
            owned = ["U"] if {pairs.get("U"), pairs.get("chown")} & {"true", ""} else []
            found[target] = [*relabel, *owned]
    return found
