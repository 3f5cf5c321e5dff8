"""Keys without a counterpart: carried as arguments of Podman where it has one, else noted with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from beacon.importing.compose.context import Context, Handler
from beacon.importing.compose.needs import service_name
from beacon.importing.draft import Draft
from beacon.importing.node import Item

REASONS = {
    "attach": "Beacon's services log to the journal",
    "cgroup_parent": "Beacon's services are in beacon.slice",
    "cpu_count": "Windows'",
    "cpu_percent": "Windows'",
    "cpu_rt_period": "real-time limits need control groups of version 1",
    "cpu_rt_runtime": "real-time limits need control groups of version 1",
    "credential_spec": "Windows'",
    "develop": "Beacon runs images, and watches no sources",
    "domainname": "write the whole name as hostname",
    "expose": "nothing to do: containers on one network reach every port of each other",
    "external_links": "put both services on one network: networks = [...]",
    "isolation": "Windows'",
    "mem_reservation": "Beacon reserves nothing; it limits: resources.memory",
    "mem_swappiness": "it needs control groups of version 1",
    "memswap_limit": "swap is the unit's: [podman.service] MemorySwapMax",
    "models": "Beacon runs containers, not models",
    "oom_kill_disable": "it needs control groups of version 1",
    "pre_start": "containers that run first: make each a service that ends, and have this one need it",
    "post_start": "Beacon runs commands around a rollout, on the host: [hooks]",
    "pre_stop": "Beacon runs commands around a rollout, on the host: [hooks]",
    "provider": "Beacon runs containers, not what a provider gives",
    "pull_refresh_after": "Beacon follows the tag: update.every",
    "use_api_socket": "mount Podman's socket where it is needed: /run/podman/podman.sock",
}


def reason(why: str) -> Handler:
    """Return a handler that says why a key is not carried over."""

    def handle(item: Item, draft: Draft, context: Context) -> None:
        del draft, context
        item.drop(why)

    return handle


def _argument(render: Callable[[Item], Iterable[str]]) -> Handler:
    """Return a handler that carries a key as arguments of podman run."""

    def handle(item: Item, draft: Draft, context: Context) -> None:
        del context
        arguments = list(render(item))
        if arguments:
            draft.args += arguments
            item.note_raw(*arguments)

    return handle


def _value(flag: str) -> Handler:
    return _argument(lambda item: [f"{flag}={text}"] if (text := item.text()) is not None else [])


def _switch(flag: str) -> Handler:
    return _argument(lambda item: [flag] if item.boolean() else [])


def _each(flag: str) -> Handler:
    return _argument(lambda item: [f"{flag}={entry.text()}" for entry in item.one_or_each()])


def _pairs(flag: str) -> Handler:
    return _argument(
        lambda item: [
            f"{flag}={key}={'' if entry.is_null else entry.text()}" for key, entry in item.pairs().items()
        ]
    )


def _namespace(flag: str) -> Handler:
    """Return a handler of a namespace that may be another service's."""

    def handle(item: Item, draft: Draft, context: Context) -> None:
        mode = None if item.is_null else item.text()
        if mode is None:
            return
        kind, _, other = mode.partition(":")
        if kind == "service":
            name = service_name(item, other, context)
            if name is None:
                return
            draft.needs.append(name)
            mode = f"container:beacon-{name}"
        if flag == "--pid" and mode != "private":
            if draft.init:
                away = Item(item.node, (*item.path[:-1], "init"), item.log, item.service)
                away.change("without one: it refuses to start where it is not process 1")
            draft.init = False
        draft.args.append(f"{flag}={mode}")
        item.note_raw(f"{flag}={mode}")

    return handle


def logging(item: Item, draft: Draft, context: Context) -> None:
    """Read ``logging``: Beacon's services log to the journal."""
    del context
    fields = item.fields()
    item.require(fields, "driver", "options")
    driver = fields["driver"].text() if "driver" in fields else None
    if driver == "none":
        draft.args.append("--log-driver=none")
        fields["driver"].note_raw("--log-driver=none")
    elif driver is not None and driver != "journald":
        fields["driver"].drop(f"Beacon's services log to the journal: journalctl -u beacon-{draft.name}")
    for option in fields["options"].fields().values() if "options" in fields else ():
        option.drop("the journal has limits of its own: journald.conf(5), SystemMaxUse=")


def pull_policy(item: Item, draft: Draft, context: Context) -> None:
    """Read ``pull_policy``."""
    del draft, context
    policy = item.text() or ""
    if policy in {"never", "if_not_present", "missing"}:
        item.change('Beacon follows the tag; update.follow = "pinned" for the other')
    elif policy == "build":
        item.drop("Beacon runs images; build it and push it")
    else:
        item.change("Beacon looks for a new image at every run of its timer; update.every for less often")


ARGUMENTS: dict[str, Handler] = {
    "annotations": _pairs("--annotation"),
    "cgroup": _value("--cgroupns"),
    "cpu_shares": _value("--cpu-shares"),
    "cpuset": _value("--cpuset-cpus"),
    "device_cgroup_rules": _each("--device-cgroup-rule"),
    "dns_opt": _each("--dns-option"),
    "dns_search": _each("--dns-search"),
    "ipc": _namespace("--ipc"),
    "mac_address": _value("--mac-address"),
    "oom_score_adj": _value("--oom-score-adj"),
    "pid": _namespace("--pid"),
    "privileged": _switch("--privileged"),
    "stdin_open": _switch("--interactive"),
    "storage_opt": _pairs("--storage-opt"),
    "tty": _switch("--tty"),
    "uts": _namespace("--uts"),
}
