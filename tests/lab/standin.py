"""Images that stand in for those of an app: made from its manifest, they check all that they are given.

Such an image runs a program of its own. It checks its arguments, environment, volumes, secrets, rendered
files and devices, and whether it reaches what it needs; a fault ends it with a line that says which. Then it
listens at its ports, answers with 200 wherever something asks, and the health check of the manifest finds
what it looks for. So an app is covered by its manifest alone.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from beacon.catalog.answers import answer
from beacon.catalog.expansion import Expansion, Place, expand, surroundings
from beacon.catalog.manifest import options_of, read_manifest
from beacon.definition.tables.app import ManifestTable
from beacon.model.service import Protocol, Service, Volume
from beacon.model.unit import job_unit
from tests.catalog import app, services_of
from tests.lab import images
from tests.lab.stage import REGISTRY, SETTLE, Stage

MEETING_PORT = 4321
"""Where each listens for the others that need it."""
_BROKEN = ["fail this revision is broken"]
_IMAGE = re.compile(r'^(\[service\.([a-z0-9-]+)\]\n(?:(?!\[)[^\n]*\n)*?image = )".*"$', re.MULTILINE)
_MOVED = """\
[[registry]]
prefix = "{name}"
location = "{registry}/{name}"
insecure = true
"""
_HEAD = """\
#!/bin/busybox sh
# The stand-in for {service}, version {version}.
fail() { echo "stand-in of {service}: $*" >&2; exit 1; }
"""
_SHELL = """\
# Its program is the shell, which health checks are run by, too.
mkdir /tmp/began 2>/dev/null || exec /bin/busybox sh "$@"
"""
_SERVE = """\
cp -r /www /tmp/www
for folder in {volumes}; do
    [ -e "$folder/.born" ] || cat /proc/sys/kernel/random/uuid >"$folder/.born"
done
cat {born} /dev/null >/tmp/www/born
for port in {ports}; do busybox httpd -f -p "$port" -h /tmp/www & done
trap 'kill $(jobs -p); exit 0' TERM INT
while :; do wait; done
"""
_HEALTHY = """\
#!/bin/busybox sh
for port in {ports}; do wget -q -T 2 -O /dev/null "http://127.0.0.1:$port/" || exit 1; done
"""
_JOB = """\
#!/bin/busybox sh
echo "$(id -un) $*" >>/tmp/jobs
"""


@dataclass(frozen=True)
class StandIns:
    """An app of the catalog on a stage, whose images are those of the stage's registry.

    *answers* are given to its options.
    """

    stage: Stage
    name: str
    answers: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> ManifestTable:
        """The manifest."""
        return app(self.name).manifest

    @cached_property
    def services(self) -> list[Service]:
        """The services that it comes to here."""
        return self._services(self.manifest)

    @property
    def secrets(self) -> Mapping[str, str]:
        """The secrets of its options."""
        return self._expanded(self.manifest).secrets

    @property
    def options(self) -> list[str]:
        """The words of the command line that give the answers."""
        return [word for name, value in self.answers.items() for word in ("--set", f"{name}={value}")]

    def offer(self, revision: int = 1, *, broken: bool = False) -> None:
        """Have the owner's catalog offer a revision whose images are there; *broken* is the main one."""
        text = self._revised(revision)
        manifest = read_manifest(text, file=f"{self.name}.toml")
        for service in self._services(manifest):
            self._push(service, str(service.image), revision, broken=broken and service.name == self.name)
        self.stage.write(f"{self.stage.config}/catalog/{self.name}.toml", text)

    def stand_in(self) -> None:
        """Push images of the names that the built-in manifest has, and have Podman look for those here."""
        registries = {service.image.registry for service in self.services}
        entries = (_MOVED.format(name=name, registry=REGISTRY) for name in sorted(registries))
        self.stage.host.write("/etc/containers/registries.conf.d/catalog.conf", "".join(entries))
        for service in self.services:
            image = service.image
            name = f"{REGISTRY}/{image.registry}/{image.repository}:{image.tag}"
            self._push(service, name, 1, broken=False)

    def born(self) -> dict[str, str]:
        """Return what each service keeps in its volumes since it first had them."""
        return {
            one.name: self.stage.engine("exec", f"beacon-{one.name}", "cat", "/tmp/www/born")  # noqa: S108
            for one in self.services
            if any(volume.name for volume in one.volumes)
        }

    def jobs(self) -> Iterator[tuple[str, str]]:
        """Run the jobs; yield how each was to be called, and how each was."""
        for service in self.services:
            for job in service.jobs:
                self.stage.systemctl("start", job_unit(service.name, job.name))
                called = self.stage.engine("exec", f"beacon-{service.name}", "tail", "-n", "1", "/tmp/jobs")  # noqa: S108
                yield f"{job.user or 'root'} {' '.join(job.command[1:])}", called.strip()

    def _revised(self, revision: int) -> str:
        """Return the manifest with another revision, and images of that."""
        text, count = _IMAGE.subn(
            lambda match: f'{match[1]}"{REGISTRY}/{self.name}/{match[2]}:{revision}"', app(self.name).text
        )
        assert count == len(self.manifest.service), "an image is not where it is looked for"
        # The machine around a test host lets nobody raise a limit.
        text = re.sub(r"^(revision|ulimits) = .*\n", "", text, flags=re.MULTILINE)
        return text.replace("[app]\n", f"[app]\nrevision = {revision}\n", 1)

    def _services(self, manifest: ManifestTable) -> list[Service]:
        """Return what a manifest comes to, in its order."""
        expansion = self._expanded(manifest)
        made = {one.name: one for one in services_of(expansion)}
        return [made[name] for name in expansion.definitions]

    def _expanded(self, manifest: ManifestTable) -> Expansion:
        place = place_on(self.stage, self.name)
        return expand(manifest, answer(manifest, self.answers, surroundings(place)), place, {})

    def _push(self, service: Service, image: str, version: int, *, broken: bool) -> None:
        expansion, place = self._expanded(self.manifest), place_on(self.stage, self.name)
        ports, program = listening(self.manifest, service, self.name), _program(service)
        checks = [*(_BROKEN if broken else ()), *_checks(service, expansion, place)]
        kept = [one.path for one in service.volumes if one.name]
        serve = _SERVE.replace("{volumes}", shlex.join(kept)).replace("{ports}", " ".join(map(str, ports)))
        serve = serve.replace("{born}", shlex.join(f"{path}/.born" for path in kept))
        head = _HEAD.replace("{service}", service.name).replace("{version}", str(version))
        text = head + (_SHELL if program == "/bin/sh" else "") + "\n".join(checks) + "\n" + serve
        owner = int((service.user or "0").partition(":")[0])
        images.push(
            self.stage.host,
            image.rpartition(":")[0],
            tag=image.rpartition(":")[2],
            version=str(version),
            config=images.ImageConfig(
                entrypoint=(program,), cmd=(), ports=(), labels={"io.beacon.update.settle": SETTLE}
            ),
            files={
                program: text,
                **_health_program(service, ports),
                **_job_programs(service),
                **_pages(self.manifest, service),
            },
            folders={one.path: owner for one in service.volumes if one.name},
        )


def place_on(stage: Stage, instance: str) -> Place:
    """Return where an app is on a stage."""
    zone = stage.run("readlink", "--canonicalize", "/etc/localtime", check=False).stdout.strip()
    owner = 0 if stage.user else 1000
    return Place(
        instance=instance,
        host=stage.host.name,
        timezone=zone.partition("/zoneinfo/")[2] or "Etc/UTC",
        uid=owner,
        gid=owner,
        record=f"{stage.config}/apps/{instance}.toml",
        files=f"{stage.memory}/apps/{instance}/files",
        libraries=stage.user.home if stage.user else "/srv",
    )


def listening(manifest: ManifestTable, service: Service, instance: str) -> list[int]:
    """Return the ports at which a service listens."""
    found = {one.container for one in service.ports if one.protocol is Protocol.TCP}
    found |= {one.port for one in service.endpoints if one.port is not None}
    found |= {service.health.http.port} if service.health.http else set()
    found |= {service.health.tcp} if service.health.tcp else set()
    local = re.findall(r"127\.0\.0\.1:(\d+)", " ".join(service.health.command or ()))
    found |= {int(port) for port in local}
    if manifest.web is not None and service.name == _named(manifest.web.service, instance):
        found.add(manifest.web.port)
    return sorted({*found, MEETING_PORT})


def ports_of(manifest: ManifestTable) -> dict[str, int]:
    """Return the ports of the host that an app has by default, by option."""
    options = [one for one in options_of(manifest) if one.type == "port" and one.default is not None]
    return {one.name: int(str(one.default)) for one in options}


def _named(service: str, instance: str) -> str:
    return instance if service == "main" else f"{instance}-{service}"


def _program(service: Service) -> str:
    """Return what is started: what the definition says, or what the image says."""
    return service.entrypoint[0] if service.entrypoint else "/bin/stand-in"


def _checks(service: Service, expansion: Expansion, place: Place) -> Iterator[str]:
    """Yield the lines of shell that check what a service is given."""
    words = (*(service.entrypoint or ())[1:], *(service.command or ()))
    given = shlex.quote(" ".join(words))
    yield _check(f'[ "$*" = {given} ]', f"its arguments are not {given}")
    for name, value in service.env.items():
        yield _check(f'[ "${name}" = {shlex.quote(str(value))} ]', f"the variable {name} is not {value}")
    for secret in service.secrets:
        path = secret.path or f"/run/secrets/{secret.name}"
        if secret.env:
            yield _check(f'[ -n "${secret.env}" ]', f"the secret {secret.env} is empty")
        else:
            yield _check(f'[ -n "$(cat {path})" ]', f"the secret {path} cannot be read")
    for volume in service.volumes:
        yield from _volume_checks(volume, expansion, place)
    if service.user:
        yield _check(f'[ "$(id -u):$(id -g)" = {service.user} ]', f"it is not run as {service.user}")
    for device in service.devices:
        yield _check(f"[ -e {device.partition(':')[0]} ]", f"there is no {device}")
    for other in service.needs:
        reached = f"wget -q -T 2 -O /dev/null http://{other}:{MEETING_PORT}/"
        yield _check(f"{reached} || {{ sleep 1; {reached}; }}", f"it does not reach {other}")


def _volume_checks(volume: Volume, expansion: Expansion, place: Place) -> Iterator[str]:
    path, file = volume.path, f"{volume.path}/.written"
    mounted = f"awk -v path={path} '$5 == path {{ found = 1 }} END {{ exit !found }}' /proc/self/mountinfo"
    yield _check(mounted, f"nothing is mounted at {path}")
    rendered = expansion.files.get(volume.host or "")
    if rendered is not None:
        text, mode = rendered
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield _check(f'[ "$(sha256sum <{path})" = "{digest}  -" ]', f"{path} is not what was rendered")
        yield _check(f'[ "$(stat -c %a {path})" = {mode:o} ]', f"the mode of {path} is not {mode:o}")
    elif volume.read_only:
        yield _check(f"! touch {file} 2>/dev/null", f"{path} can be written to")
    else:
        yield _check(f"touch {file} && rm {file}", f"{path} cannot be written to")
    if volume.host in expansion.folders:
        yield _check(f'[ "$(stat -c %u {path})" = {place.uid} ]', f"{path} is not of {place.uid}")


def _check(condition: str, said: str) -> str:
    return f"{{ {condition}; }} || fail {shlex.quote(said)}"


def _health_program(service: Service, ports: list[int]) -> dict[str, str]:
    """Return what the health check runs, if the image is to have it."""
    command = service.health.command
    if command is None:
        return {}
    program = command[1].split()[0] if command[0] == "CMD-SHELL" else command[0]
    return {_path_of(program): _HEALTHY.replace("{ports}", " ".join(map(str, ports)))}


def _job_programs(service: Service) -> dict[str, str]:
    """Return what jobs run, which keeps how it was called, and the users that run it."""
    if not service.jobs:
        return {}
    names = sorted({job.user for job in service.jobs if job.user} - {"root"})
    users = "".join(f"{name}:x:{number}:{number}::/:/bin/sh\n" for number, name in enumerate(names, 33))
    programs = {_path_of(job.command[0]): _JOB for job in service.jobs}
    return {**programs, "etc/passwd": f"root:x:0:0:root:/:/bin/sh\n{users}"}


def _path_of(program: str) -> str:
    return program if program.startswith("/") else f"/bin/{program}"


def _pages(manifest: ManifestTable, service: Service) -> dict[str, str]:
    """Return the files below /www of paths that are asked for."""
    asked = {manifest.web.path} if manifest.web is not None else set()
    asked |= {service.health.http.path} if service.health.http else set()
    paths = {path.partition("?")[0].lstrip("/") for path in asked} - {""}
    folders = {path for path in paths if any(one.startswith(f"{path}/") for one in paths)}
    pages = {f"{path}/index.html" if path in folders else path for path in paths}
    return {f"www/{page}index.html" if page.endswith("/") else f"www/{page}": "here\n" for page in pages}
