"""What must hold between the keys of one service, and between services."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from beacon.definition.conflicts import Precedence, conflicts, meetings, port_claims
from beacon.definition.endpoints import claims
from beacon.definition.endpoints.handover import hindrances
from beacon.errors import Fault
from beacon.model.endpoints.network import Network
from beacon.model.service import Handover, RestartPolicy, Service

Problem = tuple[str, str]
"""A key path and what is wrong there."""

_LONE_NETWORKS = re.compile(r"host|none|service:.*")


def service_problems(service: Service) -> Iterator[Problem]:
    """Yield what is wrong between the keys of *service*."""
    yield from _duplicates(service)
    yield from _networking(service)
    yield from _port_clashes(service)
    yield from claims.own_problems(service)
    if service.handover is Handover.SWAP:
        yield from (("handover", f"must not be 'swap': {why} ({key})") for key, why in hindrances(service))
    for key, names in (("needs", service.needs), ("requires", service.requires)):
        if service.name in names:
            yield key, f"must not name the service itself ({service.name})"
    yield from _job(service)
    if service.image.digest is not None and not service.update.is_pinned:
        yield (
            "update.follow",
            f"must be 'pinned' or unset, as image has a digest, not {service.update.follow!r}",
        )


def _job(service: Service) -> Iterator[Problem]:
    """Yield what a job cannot have: nothing of it runs once it is up."""
    if service.restart.policy is not RestartPolicy.ONESHOT:
        return
    health = service.health
    for key in ("command", "http", "tcp"):
        if getattr(health, key) is not None:
            yield (
                f"health.{key}",
                'must not be given with restart.policy = "oneshot": it is up once it has ended',
            )
    if service.endpoints or service.domain:
        yield "endpoint", 'must not be given with restart.policy = "oneshot": nobody would answer'
    if service.jobs:
        yield "job", 'must not be given with restart.policy = "oneshot": no container runs to do it in'


def _duplicates(service: Service) -> Iterator[Problem]:
    lists = {
        "groups": service.groups,
        "env_file": service.env_files,
        "networks": service.networks,
        "dns": service.dns,
        "needs": service.needs,
        "requires": service.requires,
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
    for name, keys in _collisions((one.name, f"job[{at}].name") for at, one in enumerate(service.jobs)):
        yield keys[1], f"must not use the name {name!r} again, which is {keys[0]}'s"


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
    for name in service.network:
        if name not in service.networks or _LONE_NETWORKS.fullmatch(name):
            yield f"network.{name}", "must be one of the networks that networks names"
    lone = next((name for name in service.networks if _LONE_NETWORKS.fullmatch(name)), None)
    if lone is None:
        return
    if len(service.networks) > 1:
        yield "networks", f"must be {lone!r} alone, or without it"
    if service.ports:
        why = "publish them there" if lone.startswith("service:") else "it has no ports of its own to publish"
        yield "port", f"must not be given with networks = [{lone!r}]: {why}"


def _port_clashes(service: Service) -> Iterator[Problem]:
    if len(service.ports) > 1:
        for pair in meetings((service.name, claim) for claim in port_claims(service)):
            first, second = sorted((claim for _, claim in pair), key=lambda claim: claim.key)
            yield second.key, f"must not be {second.text}, which {first.key} ({first.text}) has already"


def cross_faults(
    services: Mapping[str, Service], precedence: Precedence, *, also_defined: Iterable[str] = ()
) -> Iterator[Fault]:
    """Yield what is wrong between *services*, which are given by the file that defines each.

    *also_defined* are services whose files cannot be read at all; that is another fault than not being.
    """
    defined = list(services.values())
    by_name = {service.name: service for service in defined}
    known = {*by_name, *also_defined}
    file_of = {service.name: file for file, service in services.items()}
    for file, service in services.items():
        for key, target in requirements(service):
            if target not in known:
                yield Fault(file, key, f"must name a service that is defined; there is no {target}.toml")
    yield from _cycles(by_name, file_of)
    yield from _network_faults(services)
    yield from conflicts(services, precedence)


def _network_faults(services: Mapping[str, Service]) -> Iterator[Fault]:
    """Yield where services say different things of a network that they share, at the later file."""
    first: dict[str, tuple[str, Network]] = {}
    for file, service in sorted(services.items()):
        for name in service.networks:
            if _LONE_NETWORKS.fullmatch(name):
                continue
            said = service.network.get(name, Network()).shared
            place, other = first.setdefault(name, (file, said))
            if said != other:
                problem = f"must be the same as in {place}, but for the address: the network is shared"
                yield Fault(file, f"network.{name}", problem)


def requirements(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the services that must be there for this one, each with the key that says so."""
    for key, names in (("needs", service.needs), ("requires", service.requires)):
        for index, name in enumerate(names):
            if name != service.name:
                yield f"{key}[{index}]", name
    for index, name in enumerate(service.networks):
        if name.startswith("service:"):
            yield f"networks[{index}]", name.removeprefix("service:")


def _cycles(services: Mapping[str, Service], file_of: Mapping[str, str]) -> Iterator[Fault]:
    """Yield one fault per cycle, at the member that comes first by name."""
    edges = {
        name: sorted({target for _, target in requirements(service) if target in services})
        for name, service in services.items()
    }
    for cycle in _find_cycles(edges):
        way = " → ".join([*cycle, cycle[0]])
        others = ", ".join(file_of[name] for name in cycle[1:])
        also = f" (also {others})" if others else ""
        key = next(key for key, target in requirements(services[cycle[0]]) if target == cycle[1 % len(cycle)])
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
