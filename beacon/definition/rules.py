"""What must hold between the keys of one service, and between services."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from beacon.definition import endpoints
from beacon.definition.handover import hindrances
from beacon.errors import Fault
from beacon.model.service import Handover, Port, Service

Problem = tuple[str, str]
"""A key path and what is wrong there."""

_LONE_NETWORKS = re.compile(r"host|none|service:.*")


def service_problems(service: Service) -> Iterator[Problem]:
    """Yield what is wrong between the keys of *service*."""
    yield from _duplicates(service)
    yield from _networking(service)
    yield from _port_clashes(service)
    yield from endpoints.own_problems(service)
    if service.handover is Handover.SWAP:
        yield from (("handover", f"must not be 'swap': {why} ({key})") for key, why in hindrances(service))
    if service.name in service.needs:
        yield "needs", f"must not name the service itself ({service.name})"
    if service.image.digest is not None and service.update.follow != "pinned":
        yield (
            "update.follow",
            f"must be 'pinned' or unset, as image has a digest, not {service.update.follow!r}",
        )


def _duplicates(service: Service) -> Iterator[Problem]:
    lists = {
        "groups": service.groups,
        "env_file": service.env_files,
        "networks": service.networks,
        "dns": service.dns,
        "needs": service.needs,
        "devices": service.devices,
        "capabilities.add": service.capabilities.add,
        "capabilities.drop": service.capabilities.drop,
    }
    for key, items in lists.items():
        for item in _repeated(items):
            yield key, f"must not name {item!r} twice"
    for path, keys in _collisions(_mounts(service)):
        yield keys[1], f"must not use the container's path {path!r} again, which is {keys[0]}'s"
    for name, keys in _collisions(_variables(service)):
        yield keys[1], f"must not set the variable {name!r} again, which is {keys[0]}'s"
    for name, keys in _collisions(_names(service)):
        yield keys[1], f"must not use the volume {name!r} again, which is {keys[0]}'s"


def _repeated(items: Iterable[str]) -> list[str]:
    return [item for item, times in Counter(items).items() if times > 1]


def _collisions(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield each thing that several keys lay claim to: the first key, and each later one."""
    first: dict[str, str] = {}
    for thing, key in pairs:
        if thing in first:
            yield thing, [first[thing], key]
        else:
            first[thing] = key


def _mounts(service: Service) -> Iterator[tuple[str, str]]:
    for index, volume in enumerate(service.volumes):
        yield volume.path, f"volume[{index}].path"
    for index, mount in enumerate(service.tmpfs):
        yield mount.partition(":")[0], f"tmpfs[{index}]"
    for index, secret in enumerate(service.secrets):
        if secret.env is None:
            yield secret.path or f"/run/secrets/{secret.name}", f"secret[{index}].path"


def _variables(service: Service) -> Iterator[tuple[str, str]]:
    for name in service.env:
        yield name, f"env.{name}"
    for index, secret in enumerate(service.secrets):
        if secret.env is not None:
            yield secret.env, f"secret[{index}].env"


def _names(service: Service) -> Iterator[tuple[str, str]]:
    for index, volume in enumerate(service.volumes):
        if volume.name is not None:
            yield volume.name, f"volume[{index}].name"


def _networking(service: Service) -> Iterator[Problem]:
    lone = next((name for name in service.networks if _LONE_NETWORKS.fullmatch(name)), None)
    if lone is None:
        return
    if len(service.networks) > 1:
        yield "networks", f"must be {lone!r} alone, or without it"
    if service.ports:
        why = "publish them there" if lone.startswith("service:") else "it has no ports of its own to publish"
        yield "port", f"must not be given with networks = [{lone!r}]: {why}"


class _Claim(Struct, frozen=True):
    """A span of ports of the host that a service publishes on."""

    start: int
    end: int
    ip: str
    owner: int
    key: str
    text: str

    def meets(self, other: _Claim) -> bool:
        """Whether one socket would be refused because of the other."""
        if self.end < other.start or other.end < self.start:
            return False
        return _addresses_meet(self.ip, other.ip)


def _addresses_meet(one: str, other: str) -> bool:
    if "" in {one, other} or one == other:
        return True
    if (":" in one) != (":" in other):
        return False
    return bool({"0.0.0.0", "::"} & {one, other})  # noqa: S104 -- compared, not bound


def _claims(services: Iterable[Service]) -> dict[str, list[_Claim]]:
    """Return what each protocol's ports are claimed by, in the order of the first port."""
    claims: dict[str, list[_Claim]] = {}
    for owner, service in enumerate(services):
        for index, port in enumerate(service.ports):
            if port.host_port is not None:
                claims.setdefault(port.protocol, []).append(_claim(owner, index, port, port.host_port))
    for found in claims.values():
        found.sort(key=lambda claim: claim.start)
    return claims


def _claim(owner: int, index: int, port: Port, first: int) -> _Claim:
    last = first + port.count - 1
    ports = f"{first}" if last == first else f"{first}-{last}"
    ip = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    text = f"{ip}:{ports}/{port.protocol}" if ip else f"{ports}/{port.protocol}"
    return _Claim(first, last, port.host_ip, owner, f"port[{index}].host", text)


def _clashes(services: Iterable[Service]) -> Iterator[tuple[_Claim, _Claim]]:
    """Yield every two claims that meet, by one sweep over the ports of each protocol."""
    for claims in _claims(services).values():
        open_claims: list[_Claim] = []
        for claim in claims:
            open_claims = [earlier for earlier in open_claims if earlier.end >= claim.start]
            yield from ((earlier, claim) for earlier in open_claims if earlier.meets(claim))
            open_claims.append(claim)


def _port_clashes(service: Service) -> Iterator[Problem]:
    if len(service.ports) > 1:
        for one, other in _clashes([service]):
            first, second = sorted((one, other), key=lambda claim: claim.key)
            yield second.key, f"must not be {second.text}, which {first.key} ({first.text}) has already"


def cross_faults(services: Mapping[str, Service], *, also_defined: Iterable[str] = ()) -> Iterator[Fault]:
    """Yield what is wrong between *services*, which are given by the file that defines each.

    *also_defined* are services whose files cannot be read at all; that is another fault than not being.
    """
    files, defined = list(services), list(services.values())
    for one, other in _clashes(defined):
        if one.owner != other.owner:
            mine, theirs = sorted((one, other), key=lambda claim: files[claim.owner], reverse=True)
            yield Fault(
                files[mine.owner],
                mine.key,
                f"must not be {mine.text}, "
                f"which {files[theirs.owner]} ({theirs.key}: {theirs.text}) has already",
            )
    by_name = {service.name: service for service in defined}
    known = {*by_name, *also_defined}
    file_of = {service.name: file for file, service in services.items()}
    for file, service in services.items():
        for key, target in _edges(service):
            if target not in known:
                yield Fault(file, key, f"must name a service that is defined; there is no {target}.toml")
    yield from _cycles(by_name, file_of)
    yield from _shared_volume_units(services)
    yield from endpoints.clashes(services)


def _edges(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the services that must be there for this one, each with the key that says so."""
    for index, name in enumerate(service.needs):
        if name != service.name:
            yield f"needs[{index}]", name
    for index, name in enumerate(service.networks):
        if name.startswith("service:"):
            yield f"networks[{index}]", name.removeprefix("service:")


def _cycles(services: Mapping[str, Service], file_of: Mapping[str, str]) -> Iterator[Fault]:
    """Yield one fault per cycle, at the member that comes first by name."""
    edges = {
        name: sorted({target for _, target in _edges(service) if target in services})
        for name, service in services.items()
    }
    for cycle in _find_cycles(edges):
        way = " → ".join([*cycle, cycle[0]])
        others = ", ".join(file_of[name] for name in cycle[1:])
        also = f" (also {others})" if others else ""
        key = next(key for key, target in _edges(services[cycle[0]]) if target == cycle[1 % len(cycle)])
        yield Fault(file_of[cycle[0]], key, f"must not form a cycle: {way}{also}")


def _find_cycles(edges: Mapping[str, list[str]]) -> Iterator[list[str]]:
    done: set[str] = set()
    for root in sorted(edges):
        path: list[str] = []
        stack = [(root, iter(edges[root]))] if root not in done else []
        path.extend(name for name, _ in stack)
        while stack:
            name, targets = stack[-1]
            target = next((target for target in targets if target not in done), None)
            if target is None:
                done.add(name)
                stack.pop()
                path.pop()
            elif target in path:
                yield path[path.index(target) :]
            else:
                path.append(target)
                stack.append((target, iter(edges[target])))


def _shared_volume_units(services: Mapping[str, Service]) -> Iterator[Fault]:
    """Yield volumes whose unit another service's would be: web's ``a-b`` and web-a's ``b``."""
    owners: dict[str, tuple[str, str]] = {}
    for file, service in sorted(services.items()):
        for index, volume in enumerate(service.volumes):
            if volume.name is None:
                continue
            key = f"volume[{index}].name"
            other, other_key = owners.setdefault(f"{service.name}-{volume.name}", (file, key))
            if other != file:
                problem = f"must not be {volume.name!r}: its unit would be that of {other} ({other_key})"
                yield Fault(file, key, problem)
