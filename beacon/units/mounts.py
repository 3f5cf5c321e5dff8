"""Volumes, temporary file systems and secrets of a container."""

from __future__ import annotations

import re

from beacon.model.sensitive import SecretVersion
from beacon.model.service import Secret, Service, Volume
from beacon.model.unit import container_name
from beacon.units.directives import Section, Sheet
from beacon.units.quoting import InexpressibleError, encode_path_setting

_UNUSUAL = re.compile(r"[\s:%$\"'\\\x00-\x1f\x7f]|^\.|\.(?:volume|image)$")
"""What ``Volume=`` splits at, or Quadlet hands to systemd unquoted as RequiresMountsFor=."""

_MOUNT_OPTIONS = {
    "ro": "readonly=true",
    "rw": "readonly=false",
    "z": "relabel=shared",
    "Z": "relabel=private",
    "U": "U=true",
    **{
        name: f"bind-propagation={name}"
        for name in ("shared", "rshared", "slave", "rslave", "private", "rprivate")
    },
    **{name: name for name in ("exec", "noexec", "suid", "nosuid", "dev", "nodev", "idmap")},
}


def volume_name(service: str, volume: str) -> str:
    """Return the engine's name of a service's named volume, which is also the stem of its file."""
    return f"{container_name(service)}-{volume}"


def render_volumes(sheet: Sheet, service: Service, own: tuple[Volume, ...]) -> None:
    """Write every volume, and that host paths must be mounted before the service starts.

    The first are the definition's *own*, the others those of the image.
    """
    _judge_names(sheet, own, service.volumes[len(own) :])
    for index, volume in enumerate(service.volumes):
        path = f"volume[{index}]"
        if volume.host is not None:
            require_mount(sheet, volume.host, f"{path}.host")
        unit, source = _sources(sheet, service.name, volume)
        options = (*(["ro"] if volume.read_only and "ro" not in volume.options else []), *volume.options)
        unusual = any(
            _UNUSUAL.search(part) for part in (volume.path, *options, *([volume.host] if volume.host else []))
        )
        if unusual or sheet.prefers_mount(volume, options):
            _render_mount(sheet, volume, source, options, path)
            if unit != source:
                sheet.add(Section.UNIT, "Requires", f"{source}-volume.service")
                sheet.add(Section.UNIT, "After", f"{source}-volume.service")
            continue
        unknown = [option for option in options if not sheet.takes_mount_option(option, mount=False)]
        if unknown:
            sheet.fault(
                f"{path}.options", f"{unknown[0]!r} is no option of a volume that {sheet.engine} knows"
            )
            continue
        parts = [unit, volume.path, *([",".join(options)] if options else [])]
        sheet.option("Volume", ":".join(parts), path)


def _judge_names(sheet: Sheet, own: tuple[Volume, ...], of_image: tuple[Volume, ...]) -> None:
    """Refuse a volume of the image whose name, which is made of its path, another has as well.

    One would be given the data of the other, which would start with an empty volume.
    """
    owners = {volume.name: f"volume[{index}].name" for index, volume in enumerate(own)}
    paths: dict[str | None, str] = {}
    for volume in of_image:
        name, path = volume.name, volume.path
        if name in owners:
            sheet.fault(
                owners[name],
                f"must not be {name!r}, which is the volume of the image's {path}, unless {path} is given a "
                "[[volume]] of its own",
            )
        elif name in paths:
            sheet.fault(
                "volume",
                f"must give the image's {paths[name]} or {path} a volume of its own: both would be {name!r}",
            )
        paths[name] = path


def require_mount(sheet: Sheet, host_path: str, path: str) -> None:
    """Have systemd mount what holds *host_path* first."""
    try:
        value = encode_path_setting("RequiresMountsFor", host_path)
    except InexpressibleError as error:
        sheet.refuse(path, error)
        return
    sheet.add(Section.UNIT, "RequiresMountsFor", value)


def render_secret(sheet: Sheet, secret: Secret, number: int | None, path: str) -> None:
    """Write one secret: version *number* of Beacon's own, or else the engine's."""
    for text, key in ((secret.name, "name"), (secret.env, "env"), (secret.path, "path")):
        if text is not None and "," in text:
            sheet.fault(f"{path}.{key}", f"must not hold a comma, which separates settings, not {text!r}")
    version = SecretVersion(secret.name, number) if number is not None else None
    if version is None or not sheet.hand_on(secret, secret_path(secret), version, path):
        sheet.option("Secret", _setting(secret, version.in_engine if version else secret.name), path)


def secret_path(secret: Secret) -> str:
    """Return the file that holds *secret* in the container, which is given no variable."""
    return secret.path or f"/run/secrets/{secret.name}"


def _setting(secret: Secret, known_as: str) -> str:
    """Return the setting by which a container gets *secret*, of which the engine has another name, maybe."""
    if secret.env is not None:
        settings = [("type", "env"), ("target", secret.env)]
    else:
        path = secret.path if known_as == secret.name else secret_path(secret)
        settings = [("type", "mount"), *([("target", path)] if path is not None else [])]
    rest = (("uid", secret.uid), ("gid", secret.gid), ("mode", secret.mode))
    settings += [(key, str(value)) for key, value in rest if value is not None]
    return ",".join([known_as, *(f"{key}={value}" for key, value in settings)])


def _sources(sheet: Sheet, service: str, volume: Volume) -> tuple[str, str]:
    """Return what is mounted, as Volume= names it and as everything else does."""
    if volume.name is not None:
        return sheet.volume(volume_name(service, volume.name))
    source = volume.host or volume.external or ""
    return source, source


def _render_mount(sheet: Sheet, volume: Volume, source: str, options: tuple[str, ...], path: str) -> None:
    """Write a volume as ``podman run --mount``, whose fields are CSV and may hold anything."""
    unknown = [
        option
        for option in options
        if option not in _MOUNT_OPTIONS or not sheet.takes_mount_option(option, mount=True)
    ]
    if unknown:
        problem = (
            f"{unknown[0]!r} cannot be combined with a path that holds white space or any of : % $ ' \" \\"
        )
        sheet.fault(f"{path}.options", problem)
        return
    sort = "bind" if volume.host is not None else "volume"
    fields = [f"type={sort}", f"source={source}", f"target={volume.path}"]
    fields += [_MOUNT_OPTIONS[option] for option in options]
    sheet.argument("--mount", ",".join(_csv(field) for field in fields), path)


def _csv(field: str) -> str:
    if not any(character in field for character in ',"\n\r'):
        return field
    escaped = field.replace('"', '""')
    return f'"{escaped}"'
