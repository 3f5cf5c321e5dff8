"""Validated tables → the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from beacon.model.endpoints.network import Network
from beacon.model.parts.job import Job
from beacon.model.parts.raw import RawDocker, RawPodman
from beacon.model.service import (
    PINNED,
    START_INTERVAL,
    START_LIMIT,
    TAG,
    Capabilities,
    Endpoint,
    Health,
    Hooks,
    HttpProbe,
    Port,
    Protocol,
    Resources,
    Restart,
    Secret,
    Service,
    Stop,
    UpdatePolicy,
    Volume,
)

if TYPE_CHECKING:
    from beacon.definition import schema
    from beacon.definition.tables.network import EndpointTable, NetworkTable, PortTable
    from beacon.definition.tables.running import (
        HealthTable,
        JobTable,
        PodmanTable,
        ResourcesTable,
        RestartTable,
        UpdateTable,
    )
    from beacon.definition.tables.storage import SecretTable, VolumeTable


def to_service(name: str, table: schema.ServiceTable, given: tuple[str, ...]) -> Service:
    """Return the service *name* that *table* defines; *given* are the paths of the keys that it sets."""
    return replace(
        _process(name, table),
        ports=tuple(_port(port) for port in table.port),
        domain=table.domain,
        compat=table.compat,
        endpoints=tuple(_endpoint(endpoint) for endpoint in table.endpoint),
        handover=table.handover,
        drain=table.drain,
        drain_websockets=table.drain_websockets,
        volumes=tuple(_volume(volume) for volume in table.volume),
        tmpfs=tuple(table.tmpfs),
        networks=tuple(table.networks),
        network={name: said for name, one in table.network.items() if (said := _network(one)) != Network()},
        hosts=table.hosts,
        dns=tuple(table.dns),
        needs=tuple(table.needs),
        requires=tuple(table.requires),
        devices=tuple(table.devices),
        secrets=tuple(_secret(secret) for secret in table.secret),
        resources=_resources(table.resources),
        health=_health(table.health),
        restart=_restart(table.restart),
        stop=Stop(table.stop.timeout, table.stop.signal),
        update=_update(table.update, digest=table.image.digest is not None),
        hooks=Hooks(table.hooks.before_update, table.hooks.after_update, table.hooks.after_rollback),
        jobs=tuple(_job(job) for job in table.job),
        podman=_podman(table.podman),
        docker=RawDocker(table.docker.args, table.docker.unit, table.docker.service),
        given=given,
    )


def _process(name: str, table: schema.ServiceTable) -> Service:
    """Return the service with what its process is and may do, and nothing around it."""
    return Service(
        name=name,
        image=table.image,
        description=table.description,
        platform=table.platform,
        entrypoint=table.entrypoint,
        command=table.command,
        user=table.user,
        groups=tuple(table.groups),
        workdir=table.workdir,
        hostname=table.hostname,
        userns=table.userns,
        init=table.init,
        read_only=table.read_only,
        env=table.env,
        env_files=table.env_file,
        labels=table.labels,
        capabilities=Capabilities(tuple(table.capabilities.add), tuple(table.capabilities.drop)),
        no_new_privileges=table.no_new_privileges,
        sysctls=table.sysctls,
        ulimits=table.ulimits,
        shm_size=table.shm_size,
    )


def _port(table: PortTable) -> Port:
    container, count, written = table.container
    ip, host_port, _ = table.host or ("", None, 1)
    protocol = table.protocol or written or Protocol.TCP
    return Port(container=container, host_port=host_port, host_ip=ip, protocol=protocol, count=count)


def _endpoint(table: EndpointTable) -> Endpoint:
    return Endpoint(
        domain=table.domain,
        port=table.port,
        path=table.path,
        scheme=table.scheme,
        redirect=table.redirect,
        tls=table.tls,
        internal=table.internal,
        health=table.health,
        allow=tuple(table.allow),
        basic_auth=tuple(table.basic_auth),
        forward_auth=table.forward_auth,
        forward_headers=tuple(table.forward_headers),
        hsts=table.hsts,
        compress=table.compress,
    )


def _network(table: NetworkTable) -> Network:
    return Network(
        internal=table.internal,
        subnet=table.subnet,
        gateway=table.gateway,
        driver=table.driver,
        ipv6=table.ipv6,
        options=table.options,
        address=table.address,
    )


def _job(table: JobTable) -> Job:
    return Job(table.name, table.schedule, table.command, table.user, table.timeout, table.delay)


def _volume(table: VolumeTable) -> Volume:
    return Volume(
        path=table.path,
        name=table.name,
        host=table.host,
        external=table.external,
        read_only=table.read_only,
        options=tuple(table.options),
        kind=table.kind,
    )


def _secret(table: SecretTable) -> Secret:
    return Secret(
        name=table.name,
        env=table.env,
        path=table.path,
        uid=table.uid,
        gid=table.gid,
        mode=table.mode,
    )


def _resources(table: ResourcesTable) -> Resources:
    return Resources(memory=table.memory, cpus=table.cpus, pids=table.pids, io_weight=table.io_weight)


def _health(table: HealthTable) -> Health:
    return Health(
        command=table.command,
        http=HttpProbe(table.http.port, table.http.path, table.http.host) if table.http else None,
        tcp=table.tcp,
        disable=table.disable,
        interval=table.interval,
        timeout=table.timeout,
        start_period=table.start_period,
        retries=table.retries,
        on_failure=table.on_failure,
    )


def _restart(table: RestartTable) -> Restart:
    limit, interval = table.limit, table.interval
    if interval == START_INTERVAL:  # as if only a limit were said: see Restart.said
        limit, interval = START_LIMIT if limit is None else limit, None
    return Restart(policy=table.policy, delay=table.delay, limit=limit, interval=interval)


def _update(table: UpdateTable, *, digest: bool) -> UpdatePolicy:
    return UpdatePolicy(
        follow=table.follow or (PINNED if digest else TAG),
        every=table.every,
        window=table.window,
        min_age=table.min_age,
        apply=table.apply,
        settle=table.settle,
    )


def _podman(table: PodmanTable) -> RawPodman:
    return RawPodman(table.args, table.container, table.unit, table.service)
