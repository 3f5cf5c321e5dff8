"""Where images really come from: containers-registries.conf(5) and containers-certs.d(5).

A check that asked another place than the pull uses would see updates that no pull brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field

from beacon.errors import ConfigError
from beacon.formats.tomltext import read_toml
from beacon.model.reference import DOCKER_HUB, ImageReference, ReferenceFaultError
from beacon.registry.results import FailureKind, Refusal, failed
from beacon.registry.settings.files import SettingsTable, read_document

DEFAULT_HELPERS = ("containers-auth.json",)


class PullFromMirror(StrEnum):
    """Which references a mirror serves."""

    ALL = "all"
    DIGEST_ONLY = "digest-only"
    TAG_ONLY = "tag-only"


class Mirror(NamedTuple):
    """``[[registry.mirror]]``."""

    location: str
    insecure: bool = False
    pull_from_mirror: PullFromMirror = PullFromMirror.ALL


class RegistryTable(Struct, frozen=True, kw_only=True):
    """``[[registry]]``: what holds for the references that begin with *prefix*; *file* says so."""

    prefix: str
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = False
    mirrors: tuple[Mirror, ...] = ()
    file: str = "registries.conf"


class RegistryEndpoint(NamedTuple):
    """A place to ask: *registry* as references name it (``docker.io``), and the repository there."""

    registry: str
    repository: str
    insecure: bool = False

    @property
    def host(self) -> str:
        """The host and port that serve the registry: Docker Hub lives elsewhere than its name says."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry


class TlsFiles(NamedTuple):
    """What certs.d holds for one host: authorities to trust, and pairs of certificate and key."""

    authorities: tuple[Path, ...] = ()
    pairs: tuple[tuple[Path, Path], ...] = ()


class RegistriesConfig(Struct, frozen=True):
    """The settings of all files together."""

    registries: tuple[RegistryTable, ...] = ()
    certificate_folders: tuple[Path, ...] = ()
    """The certs.d folders; the first that knows a host serves it."""
    credential_helpers: tuple[str, ...] = field(default=DEFAULT_HELPERS)

    @classmethod
    def load(cls, env: Mapping[str, str], home: Path, *, root: Path = Path("/")) -> RegistriesConfig:
        """Read the files that podman reads for the user whose home is *home*; raises ConfigError."""
        registries: dict[str, RegistryTable] = {}
        helpers: tuple[str, ...] = ()
        for path in _config_files(env, home, root):
            document = read_document(path, read_toml)
            if document is None:
                if str(path) == env.get("CONTAINERS_REGISTRIES_CONF"):
                    raise ConfigError(
                        f"CONTAINERS_REGISTRIES_CONF names {str(path)!r}, which does not exist",
                        hint="unset the variable, or write the file",
                    )
                continue
            settings = SettingsTable(path, document)
            registries.update((registry.prefix, registry) for registry in _registries(settings))
            helpers = settings.texts("credential-helpers") or helpers
        return cls(
            tuple(registries.values()),
            (
                home / ".config/containers/certs.d",
                root / "etc/containers/certs.d",
                root / "etc/docker/certs.d",
            ),
            helpers or DEFAULT_HELPERS,
        )

    def registry_of(self, reference: ImageReference) -> RegistryTable | None:
        """Return the entry with the longest prefix of *reference*, or None."""
        text = str(reference)
        matching = [registry for registry in self.registries if _matched(text, registry.prefix) is not None]
        return max(matching, key=lambda registry: len(registry.prefix), default=None)

    def endpoints(self, reference: ImageReference) -> tuple[RegistryEndpoint, ...]:
        """Return where a pull of *reference* asks, in order; Refusal where pulls are blocked."""
        registry = self.registry_of(reference)
        if registry is None:
            return (RegistryEndpoint(reference.registry, reference.repository),)
        if registry.blocked:
            raise Refusal(
                failed(
                    FailureKind.BLOCKED,
                    f"registries.conf blocks {registry.prefix!r}",
                    f"remove blocked = true for it from {registry.file}, or take another image",
                )
            )
        places = [(mirror.location, mirror.insecure) for mirror in _usable_mirrors(registry, reference)]
        places.append((registry.location, registry.insecure))
        return tuple(_endpoint(registry, reference, *place) for place in places)

    def primary(self, reference: ImageReference) -> RegistryEndpoint:
        """Return the endpoint that is no mirror; Refusal where pulls are blocked."""
        return self.endpoints(reference)[-1]

    def tls_files(self, registry: str) -> TlsFiles:
        """Return what certs.d holds for *registry*, a host with its port as references name it."""
        for folder in self.certificate_folders:
            try:
                names = sorted(path.name for path in (folder / registry).iterdir())
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            return _tls_files(folder / registry, names)
        return TlsFiles()


def _config_files(env: Mapping[str, str], home: Path, root: Path) -> Iterator[Path]:
    """Yield the files in the order in which later ones override (sysregistriesv2, newConfigWrapper)."""
    mine = home / ".config/containers"
    chosen = env.get("CONTAINERS_REGISTRIES_CONF")
    system = root / "etc/containers"
    if chosen:
        yield Path(chosen)
    else:
        yield mine / "registries.conf" if (mine / "registries.conf").is_file() else system / "registries.conf"
    for folder in (system / "registries.conf.d", mine / "registries.conf.d"):
        yield from sorted(folder.glob("*.conf"))


def _registries(settings: SettingsTable) -> Iterator[RegistryTable]:
    old = settings.table("registries")
    for key, keyword in (("insecure", "insecure"), ("block", "blocked")):  # version 1 of the format
        for location in old.table(key).texts("registries"):
            insecure, blocked = keyword == "insecure", keyword == "blocked"
            yield RegistryTable(
                prefix=location,
                location=location,
                insecure=insecure,
                blocked=blocked,
                file=str(settings.path),
            )
    for entry in settings.tables("registry"):
        yield _registry(entry)


def _registry(entry: SettingsTable) -> RegistryTable:
    location = _location(entry)
    prefix = entry.text("prefix").rstrip("/") or location
    if not prefix:
        entry.refuse("location", "must name a registry such as registry.example:5000")
    if not location and not prefix.startswith("*."):
        entry.refuse("location", "must be given unless prefix is a wildcard such as *.example.org")
    by_digest = entry.flag("mirror-by-digest-only")
    return RegistryTable(
        prefix=prefix,
        location=location,
        insecure=entry.flag("insecure"),
        blocked=entry.flag("blocked"),
        mirror_by_digest_only=by_digest,
        mirrors=tuple(_mirror(mirror) for mirror in entry.tables("mirror")),
        file=str(entry.path),
    )


def _mirror(entry: SettingsTable) -> Mirror:
    location = _location(entry)
    if not location:
        entry.refuse("location", "must name a registry such as mirror.example:5000")
    which = entry.text("pull-from-mirror") or PullFromMirror.ALL
    try:
        return Mirror(location, entry.flag("insecure"), PullFromMirror(which))
    except ValueError:
        entry.refuse("pull-from-mirror", f"must be all, digest-only or tag-only, not {which!r}")


def _location(entry: SettingsTable) -> str:
    location = entry.text("location").rstrip("/")
    if "://" in location:
        entry.refuse("location", f"must be a host and path without a scheme, not {location!r}")
    return location


def _usable_mirrors(registry: RegistryTable, reference: ImageReference) -> Iterable[Mirror]:
    by_digest = reference.digest is not None
    if registry.mirror_by_digest_only:
        return registry.mirrors if by_digest else ()
    unwanted = PullFromMirror.TAG_ONLY if by_digest else PullFromMirror.DIGEST_ONLY
    return [mirror for mirror in registry.mirrors if mirror.pull_from_mirror is not unwanted]


def _matched(text: str, prefix: str) -> int | None:
    """Return how much of *text* the prefix covers, or None (sysregistriesv2, refMatchingPrefix)."""
    if prefix.startswith("*."):
        start = text.find(prefix[1:])
        if start < 0 or "/" in text[:start]:
            return None
        end = start + len(prefix) - 1
    elif text.startswith(prefix):
        end = len(prefix)
    else:
        return None
    return end if end == len(text) or text[end] in ":@/" else None


def _endpoint(
    registry: RegistryTable,
    reference: ImageReference,
    location: str,
    insecure: bool,  # noqa: FBT001
) -> RegistryEndpoint:
    name = str(reference)
    if location:
        name = location + name[_matched(name, registry.prefix) or 0 :]
    try:
        moved = ImageReference.parse(name)
    except ReferenceFaultError as error:
        raise ConfigError(
            f"{registry.file}: location {location!r} for {str(reference)!r}: {error}"
        ) from error
    return RegistryEndpoint(moved.registry, moved.repository, insecure)


def _tls_files(folder: Path, names: Iterable[str]) -> TlsFiles:
    present = tuple(names)
    authorities = tuple(folder / name for name in present if name.endswith(".crt"))
    pairs = []
    for name in present:
        stem, dot, kind = name.rpartition(".")
        partner = {"cert": "key", "key": "cert"}.get(kind) if dot else None
        if partner is None:
            continue
        if f"{stem}.{partner}" not in present:
            raise ConfigError(
                f"{folder / name}: must have {stem}.{partner} beside it",
                hint="an authority to trust is named *.crt; *.cert and *.key log in to the registry",
            )
        if kind == "cert":
            pairs.append((folder / name, folder / f"{stem}.key"))
    return TlsFiles(authorities, tuple(pairs))
