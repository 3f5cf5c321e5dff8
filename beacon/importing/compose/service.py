"""One service of a project → a service of Beacon; every key has its handler, or is noted."""

from __future__ import annotations

from beacon.definition import rules
from beacon.definition.decode import decode
from beacon.definition.encode import encode
from beacon.definition.grammar import strings
from beacon.errors import DefinitionError
from beacon.formats.node import Node, plant
from beacon.importing.compose import grants, limits, needs, network, ports, process, raw, storage
from beacon.importing.compose.context import Context, Handler, without_empty
from beacon.importing.draft import Draft
from beacon.importing.node import Item, Log
from beacon.model.service import Health, Restart, RestartPolicy, Service

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
    "ports": ports.ports,
    "extra_hosts": ports.extra_hosts,
    "dns": process.dns,
    "depends_on": needs.depends_on,
    "links": needs.links,
    "volumes_from": storage.volumes_from,
    "volumes": storage.volumes,
    "tmpfs": storage.tmpfs,
    "secrets": grants.secrets,
    "configs": grants.configs,
    "devices": process.devices,
    "gpus": limits.gpus,
    "runtime": limits.runtime,
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
    node = without_empty(node)
    item = Item(node, ("services", key), log, name)
    fields = item.fields()
    draft = Draft(name)
    if _is_silent(node):
        network.default_network(draft, context)
    for field, handle in HANDLERS.items():
        if field in fields and not fields[field].is_null:
            handle(fields[field], draft, context)
    for field, unknown in fields.items():
        if field not in HANDLERS and field not in _SETTLED:
            near = strings.did_you_mean(field, list(HANDLERS))
            unknown.drop(f"no key of the compose specification{near}")
    _finish(item, draft, context)
    service = draft.service()
    if service is None:
        if "image" not in fields:
            item.fault("must have an image")
        return None
    if len(log.faults) == before:
        _judge(item, service)
    return service


def _is_silent(node: Node) -> bool:
    """Whether a service leaves its networks to the project."""
    networks = node.get("networks")
    return node.get("network_mode") is None and (networks is None or not networks.value)


def _finish(item: Item, draft: Draft, context: Context) -> None:
    """Do what depends on keys that are not there, and on the name that the service has now."""
    key = str(item.path[-1])
    node = item.node
    for alias in context.link_names(key):
        if network.has_names(draft) and alias not in {draft.name, *draft.aliases}:
            draft.aliases.append(alias)
            item.change(
                f"{alias} is its name too on its networks, by [podman] args: links of others call it so"
            )
    network.name_in_labels(item, draft, context)
    if draft.name != key and not context.project.loose:
        _note_name(item, draft, key)
    deploy = node.get("deploy")
    has_policy = node.get("restart") is not None or (
        deploy is not None and deploy.get("restart_policy") is not None
    )
    if context.is_job(key):
        draft.restart = Restart(RestartPolicy.ONESHOT)
        item.change(
            'others wait for its end: restart = "oneshot", and it runs at boot, when started and when updated'
        )
        if draft.health != Health():
            draft.health = Health()
            item.below(item.node, "healthcheck").drop("a job has none")
    elif not has_policy:
        limits.restart_missing(item.below(plant(None, node.place), "restart"), draft, context)


def _note_name(item: Item, draft: Draft, key: str) -> None:
    if network.has_names(draft):
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
