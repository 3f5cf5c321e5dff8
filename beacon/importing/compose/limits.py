"""Limits, restarts, health checks, and what ``deploy`` says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from beacon.definition.grammar import quantities, strings
from beacon.importing.compose.context import Context
from beacon.importing.draft import Draft
from beacon.importing.node import Item
from beacon.model.service import START_INTERVAL, Health, Restart, RestartPolicy

_DEPLOY_NOTES = {
    "mode": "a Swarm's; Beacon runs one container per service",
    "endpoint_mode": "a Swarm's",
    "labels": "a Swarm service's, not the container's",
    "update_config": "Beacon replaces a release through its own health gate: [update]",
    "rollback_config": "Beacon puts the previous release back by itself",
    "placement": "a Swarm's",
}
_POLICIES = {
    "no": RestartPolicy.NO,
    "none": RestartPolicy.NO,
    "always": RestartPolicy.ALWAYS,
    "any": RestartPolicy.ALWAYS,
    "unless-stopped": RestartPolicy.ALWAYS,
    "on-failure": RestartPolicy.ON_FAILURE,
}
_JOB = re.compile(
    r"(?:^|[-_.])(?:init|setup|migrat\w*|seed\w*|provision\w*|bootstrap|create\w*|configurator|install\w*"
    r"|job|permissions?|chown|certgen)(?:[-_.]|$)"
)
"""Names of services that end when they are done."""
_JOB_IMAGES = {"minio/mc"}
_CPU_PERIOD = 100_000.0


def memory(item: Item, draft: Draft, context: Context) -> None:
    """Read ``mem_limit`` and its equals."""
    del context
    if item.value not in (0, "0"):
        size = item.read(_size)
        if size is not None:
            draft.resources = replace(draft.resources, memory=size)


def _size(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        return quantities.size(int(value))
    return quantities.size(value)


def cpus(item: Item, draft: Draft, context: Context) -> None:
    """Read ``cpus``."""
    del context
    number = item.number()
    if number is not None and number < 0:
        item.fault(f"must not be negative, as {number:g} is")
    elif number:
        draft.resources = replace(draft.resources, cpus=number)


def cpu_quota(item: Item, draft: Draft, context: Context) -> None:
    """Read ``cpu_quota``, against the usual period; ``cpu_period`` comes after it."""
    del context
    quota = item.number()
    if quota is not None and quota > 0:
        draft.resources = replace(draft.resources, cpus=quota / _CPU_PERIOD)


def cpu_period(item: Item, draft: Draft, context: Context) -> None:
    """Read ``cpu_period``: what the quota read before is measured against."""
    del context
    period = item.number()
    if period and draft.resources.cpus is not None:
        draft.resources = replace(draft.resources, cpus=draft.resources.cpus * _CPU_PERIOD / period)
    elif period:
        item.drop("says nothing without cpu_quota")


def pids(item: Item, draft: Draft, context: Context) -> None:
    """Read ``pids_limit``."""
    del context
    number = item.integer()
    if number is not None and number <= 0:
        item.drop("no limit is the engine's default limit; set resources.pids where that is too low")
    elif number is not None:
        draft.resources = replace(draft.resources, pids=number)


def restart(item: Item, draft: Draft, context: Context) -> None:
    """Read ``restart``: ``no``, ``always``, ``unless-stopped``, ``on-failure[:TIMES]``."""
    del context
    if item.value is False:  # an unquoted no, as YAML 1.1 has it
        draft.restart = replace(draft.restart, policy=RestartPolicy.NO)
        return
    text = item.text()
    if text is None:
        return
    word, colon, times = text.partition(":")
    if word not in _POLICIES or (colon and not times.isdigit()):
        item.fault(f"must be no, always, unless-stopped or on-failure, not {strings.shown(text)}")
        return
    draft.restart = replace(draft.restart, policy=_POLICIES[word])
    if times and int(times):
        draft.restart = replace(draft.restart, limit=int(times))
        item.change(_gives_up(draft.restart))
    if word == "unless-stopped":
        item.change("always: what was stopped starts again at boot")


def restart_missing(item: Item, draft: Draft, context: Context) -> None:
    """Say what it means that nothing is said of restarts; what is a job by its name is left to end."""
    del context
    image = "" if draft.image is None else draft.image.repository
    if _JOB.search(str(item.path[-2])) or image in _JOB_IMAGES:
        draft.restart = replace(draft.restart, policy=RestartPolicy.NO)
        item.change('not given, which is never: restart = "no", as it is a job by its name')
        return
    item.change(
        'not given, which is never; Beacon starts it again when it ends: restart = "no" for the other'
    )


def stop_grace_period(item: Item, draft: Draft, context: Context) -> None:
    """Read ``stop_grace_period``."""
    del context
    seconds = item.read(duration)
    if seconds is not None:
        draft.stop = replace(draft.stop, timeout=seconds)


def duration(value: object) -> float:
    """Read a duration of compose's, which may have microseconds."""
    if isinstance(value, str) and (match := re.fullmatch(r"(.*?)(\d+)us", value.strip())):
        return (quantities.duration(match[1]) if match[1] else 0.0) + int(match[2]) / 1_000_000
    return quantities.duration(value)


def stop_signal(item: Item, draft: Draft, context: Context) -> None:
    """Read ``stop_signal``."""
    del context
    name = item.read(strings.signal_name)
    if name is not None:
        draft.stop = replace(draft.stop, signal=name)


def healthcheck(item: Item, draft: Draft, context: Context) -> None:
    """Read ``healthcheck``."""
    del context
    fields = item.fields()
    item.require(
        fields, "test", "disable", "interval", "timeout", "start_period", "start_interval", "retries"
    )
    if "disable" in fields and fields["disable"].boolean():
        draft.health = Health(disable=True)
        return
    health = draft.health
    if "test" in fields:
        if _is_none(fields["test"]):
            draft.health = Health(disable=True)
            return
        health = replace(health, command=_health_command(fields["test"]))
    times = {
        key: fields[key].read(duration) for key in ("interval", "timeout", "start_period") if key in fields
    }
    health = replace(
        health,
        interval=times.get("interval") or health.interval,
        timeout=times.get("timeout") or health.timeout,
        start_period=times.get("start_period") or health.start_period,
    )
    if "retries" in fields and (retries := fields["retries"].integer()):
        health = replace(health, retries=retries)
    if "start_interval" in fields:
        fields["start_interval"].drop("Podman checks every interval, in the beginning too")
    draft.health = health


def _is_none(test: Item) -> bool:
    plain = test.plain()
    return plain in (["NONE"], "NONE")


def _health_command(test: Item) -> tuple[str, ...] | None:
    """Return the command of a check; none where engines would run none."""
    if not isinstance(test.value, list):
        return test.read(strings.health_command)
    words = [word for entry in test.each() if (word := entry.text()) is not None]
    if words[:1] and words[0] not in {"CMD", "CMD-SHELL"}:
        known = strings.shown(words[0])
        test.drop(f"must begin with CMD, CMD-SHELL or NONE: docker runs no check that begins with {known}")
        return None
    return test.read(lambda _: strings.health_command(words)) if len(words) > 1 else None


def deploy(item: Item, draft: Draft, context: Context) -> None:
    """Read ``deploy``."""
    fields = item.fields()
    for key, why in _DEPLOY_NOTES.items():
        if key in fields:
            fields[key].drop(why)
    item.require(fields, "replicas", "resources", "restart_policy", *_DEPLOY_NOTES)
    if "replicas" in fields:
        scale(fields["replicas"], draft, context)
    if "restart_policy" in fields:
        _restart_policy(fields["restart_policy"], draft)
    if "resources" in fields:
        parts = fields["resources"].fields()
        fields["resources"].require(parts, "limits", "reservations")
        if "limits" in parts:
            _limits(parts["limits"], draft, context)
        if "reservations" in parts:
            _reservations(parts["reservations"], draft)


def scale(item: Item, draft: Draft, context: Context) -> None:
    """Read ``scale`` and ``deploy.replicas``: one is what Beacon runs."""
    del context
    number = item.integer()
    if number == 0:
        item.change(f"Beacon runs one: beacon stop {draft.name}")
    elif number is not None and number > 1:
        item.drop(f"Beacon runs one container per service, not {number}")


def _limits(item: Item, draft: Draft, context: Context) -> None:
    fields = item.fields()
    readers = {"memory": memory, "cpus": cpus, "pids": pids}
    for key, read in readers.items():
        if key in fields:
            read(fields[key], draft, context)
    item.require(fields, *readers)


def _restart_policy(item: Item, draft: Draft) -> None:
    fields = item.fields()
    item.require(fields, "condition", "delay", "max_attempts", "window")
    policy = draft.restart
    word = (fields["condition"].text() if "condition" in fields else None) or "any"
    if word not in _POLICIES:
        fields["condition"].fault(f"must be none, on-failure or any, not {strings.shown(word)}")
    else:
        policy = replace(policy, policy=_POLICIES[word])
    if "delay" in fields and (delay := fields["delay"].read(duration)) is not None:
        policy = replace(policy, delay=delay)
    window = fields["window"].read(duration) if "window" in fields else None
    if "max_attempts" in fields and (attempts := fields["max_attempts"].integer()) is not None:
        # Without a number of attempts, the window counts none.
        usual = window in {None, 0.0, START_INTERVAL}
        policy = replace(policy, limit=attempts, interval=None if usual else window)
        if attempts:
            fields["max_attempts"].change(_gives_up(policy))
    draft.restart = policy


def _gives_up(policy: Restart) -> str:
    limit, interval = policy.gives_up or (0, 0.0)
    return f"systemd gives up after {limit} starts within {quantities.format_duration(interval)}"


def _reservations(item: Item, draft: Draft) -> None:
    fields = item.fields()
    for key in ("cpus", "memory", "generic_resources"):
        if key in fields:
            fields[key].drop("Beacon reserves nothing; it limits: [resources]")
    item.require(fields, "cpus", "memory", "generic_resources", "devices")
    for device in fields["devices"].each() if "devices" in fields else ():
        _device(device, draft)


def _device(item: Item, draft: Draft) -> None:
    """Read a device that is asked for by what it can do: NVIDIA's become names of the CDI."""
    fields = item.fields()
    item.require(fields, "driver", "count", "device_ids", "capabilities", "options")
    driver = fields["driver"].text() if "driver" in fields else "nvidia"
    words = [word.text() for word in fields["capabilities"].each()] if "capabilities" in fields else []
    if driver != "nvidia" or (words and not {"gpu", "compute", "utility", "video", "graphics"} & set(words)):
        item.drop("Beacon knows devices by path or CDI name only: devices = [...]")
        return
    if "options" in fields:
        fields["options"].drop("a CDI device has none")
    draft.devices += _gpus(item, fields)
    item.todo(*_NVIDIA)


_NVIDIA = (
    "NVIDIA devices are CDI names; the toolkit of NVIDIA must have written them",
    "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
)


def _gpus(item: Item, fields: Mapping[str, Item]) -> list[str]:
    if "device_ids" in fields:
        return [f"nvidia.com/gpu={one.text()}" for one in fields["device_ids"].each()]
    if "count" not in fields or fields["count"].value in ("all", -1, "-1"):
        return ["nvidia.com/gpu=all"]
    del item
    return [f"nvidia.com/gpu={index}" for index in range(fields["count"].integer() or 0)]


def gpus(item: Item, draft: Draft, context: Context) -> None:
    """Read ``gpus``: ``all``, or devices as in ``deploy``."""
    del context
    if isinstance(item.value, list):
        for entry in item.each():
            _device(entry, draft)
    elif item.value == "all":
        _device(item.below(item.node.with_value({}), "all"), draft)
    else:
        item.fault(f"must be all, or a list of devices, not {strings.shown(item.plain())}")


def runtime(item: Item, draft: Draft, context: Context) -> None:
    """Read ``runtime``: NVIDIA's stands for the devices that its variable names."""
    del context
    name = item.text()
    if name in {"runc", "crun", "io.containerd.runc.v2"}:
        return
    if name != "nvidia":
        item.drop("Podman's runtime is a setting of the machine: containers.conf(5)")
        return
    wanted = draft.env.get("NVIDIA_VISIBLE_DEVICES", "all")
    if wanted in {"", "void", "none"}:
        return
    if not any(device.startswith("nvidia.com/") for device in draft.devices):
        draft.devices += [f"nvidia.com/gpu={one.strip()}" for one in wanted.split(",")]
    item.todo(*_NVIDIA)


def blkio_config(item: Item, draft: Draft, context: Context) -> None:
    """Read ``blkio_config``: the weight of the unit, and limits of devices as Podman has them."""
    del context
    fields = item.fields()
    item.require(
        fields,
        "weight",
        "weight_device",
        "device_read_bps",
        "device_read_iops",
        "device_write_bps",
        "device_write_iops",
    )
    if "weight" in fields and (weight := fields["weight"].integer()):
        draft.resources = replace(draft.resources, io_weight=min(max(weight, 1), 10_000))
        fields["weight"].change("IOWeight of systemd, where 100 is normal and not 500")
    for key, unit in (
        ("weight_device", "weight"),
        ("device_read_bps", "rate"),
        ("device_read_iops", "rate"),
        ("device_write_bps", "rate"),
        ("device_write_iops", "rate"),
    ):
        flag = "--blkio-weight-device" if key == "weight_device" else f"--{key.replace('_', '-')}"
        for entry in fields[key].each() if key in fields else ():
            parts = entry.fields()
            entry.require(parts, "path", unit)
            if "path" in parts and unit in parts:
                argument = f"{flag}={parts['path'].text()}:{parts[unit].text()}"
                draft.args.append(argument)
                entry.note_raw(argument)
            else:
                entry.fault(f"must have path and {unit}")
