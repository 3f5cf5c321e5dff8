"""One service of a project → a service of Beacon; every key has its handler, or is told."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.definition import grammar, rules
from beacon.definition.decode import decode
from beacon.definition.encode import encode
from beacon.errors import DefinitionError
from beacon.importing.compose import limits, network, process, raw, storage
from beacon.importing.compose.context import Context, Handler
from beacon.importing.draft import Draft
from beacon.importing.node import Item, Log, Node, plant
from beacon.model.service import RestartPolicy, Service

HANDLERS: dict[str, Handler] = {
    "image": process.image,
    "platform": process.platform,
    "build": process.build,
    "networks": network.networks,
    "network_mode": network.network_mode,
    "container_name": process.container_name,
    "entrypoint": process.entrypoint,
    "command": process.command,
    "user": process.user,
    "userns_mode": process.userns,
    "group_add": process.groups,
    "working_dir": process.workdir,
    "hostname": process.hostname,
    "init": process.init,
    "read_only": process.read_only,
    "env_file": process.env_file,
    "environment": process.environment,
    "label_file": process.label_file,
    "labels": process.labels,
    "ports": network.ports,
    "extra_hosts": network.extra_hosts,
    "dns": process.dns,
    "depends_on": network.depends_on,
    "links": network.links,
    "volumes": storage.volumes,
    "tmpfs": storage.tmpfs,
    "secrets": storage.secrets,
    "configs": storage.configs,
    "devices": process.devices,
    "gpus": limits.gpus,
    "cap_add": process.cap_add,
    "cap_drop": process.cap_drop,
    "security_opt": process.security_opt,
    "sysctls": process.sysctls,
    "ulimits": process.ulimits,
    "shm_size": process.shm_size,
    "mem_limit": limits.memory,
    "cpu_quota": limits.cpu_quota,
    "cpu_period": limits.cpu_period,
    "cpus": limits.cpus,
    "pids_limit": limits.pids,
    "blkio_config": limits.blkio_config,
    "healthcheck": limits.healthcheck,
    "restart": limits.restart,
    "stop_signal": limits.stop_signal,
    "stop_grace_period": limits.stop_grace_period,
    "scale": limits.scale,
    "deploy": limits.deploy,
    "logging": raw.logging,
    "pull_policy": raw.pull_policy,
    **raw.ARGUMENTS,
    **{key: raw.reason(why) for key, why in raw.REASONS.items()},
}
"""In the order in which they are read: later ones look at what earlier ones found."""

_SETTLED = {"extends", "profiles"}
"""Keys that were followed when the project was loaded."""


def convert(key: str, node: Node, context: Context, log: Log) -> Service | None:
    """Return the service that *node* describes; None, with faults, where it cannot be."""
    before = len(log.faults)
    name = context.names[key]
    item = Item(node, ("services", key), log, name)
    fields = item.fields()
    draft = Draft(name)
    if _is_silent(node):
        network.default_network(draft, context)
    for field, handle in HANDLERS.items():
        if field in fields and not (fields[field].is_null and field != "pid"):
            handle(fields[field], draft, context)
    for field, unknown in fields.items():
        if field not in HANDLERS and field not in _SETTLED:
            near = grammar.did_you_mean(field, list(HANDLERS))
            unknown.drop(f"no key of the compose specification{near}")
    _finish(item, draft, context)
    service = draft.service()
    if service is None:
        if "image" not in fields:
            item.fault(_no_image(item, context))
        return None
    if len(log.faults) == before:
        _judge(item, service)
    return service


def _is_silent(node: Node) -> bool:
    """Whether a service leaves its networks to the project."""
    networks = node.get("networks")
    return node.get("network_mode") is None and (networks is None or not networks.value)


def _no_image(item: Item, context: Context) -> str:
    if item.node.get("build") is None:
        return "must have an image"
    slug = f"{context.project.name}-{item.path[-1]}"
    return (
        "must have an image, as Beacon runs images and builds none: "
        f"podman build -t REGISTRY/{slug} …, podman push REGISTRY/{slug}, then image: REGISTRY/{slug}"
    )


def _finish(item: Item, draft: Draft, context: Context) -> None:
    """Do what depends on keys that are not there, and on the name that the service has now."""
    key = str(item.path[-1])
    node = item.node
    if draft.name != key and not context.project.loose:
        _tell_of_name(item, draft, key)
    deploy = node.get("deploy")
    has_policy = node.get("restart") is not None or (
        deploy is not None and deploy.get("restart_policy") is not None
    )
    if context.is_job(key):
        draft.restart = replace(draft.restart, policy=RestartPolicy.NO)
        item.change(
            'others wait for its end, which is not how services end: it has restart = "no"; run it by hand'
        )
    elif not has_policy:
        limits.restart_missing(item.below(plant(None, node.place), "restart"), draft, context)


def _tell_of_name(item: Item, draft: Draft, key: str) -> None:
    joined = [name for name in draft.networks if name not in {"host", "none"} and ":" not in name]
    if joined:
        draft.aliases.append(key)
        item.change(f"its name is {draft.name} now; on its networks it is still {key}, by [podman] args")
    else:
        item.change(f"its name is {draft.name} now")


def _judge(item: Item, service: Service) -> None:
    """Have the definition's own rules say the last word."""
    for key, problem in rules.service_problems(service):
        item.fault(f"{problem} ({key})")
    try:
        decode(encode(service), name=service.name, file=str(item.node.place))
    except DefinitionError as error:
        for fault in error.faults:
            item.fault(f"{fault.problem} ({fault.key})")
