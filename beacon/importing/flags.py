"""The options of ``docker run`` and ``podman run``: which take values, and what each one comes to."""

from __future__ import annotations

SHORT = {
    "a": "attach", "c": "cpu-shares", "d": "detach", "e": "env", "h": "hostname", "i": "interactive",
    "l": "label", "m": "memory", "p": "publish", "P": "publish-all", "q": "quiet", "t": "tty",
    "u": "user", "v": "volume", "w": "workdir",
}  # fmt: skip

OTHER_WORDS = {"net": "network", "net-alias": "network-alias", "dns-opt": "dns-option"}

LISTS = {
    "add-host": "extra_hosts",
    "annotation": "annotations",
    "cap-add": "cap_add",
    "cap-drop": "cap_drop",
    "device": "devices",
    "device-cgroup-rule": "device_cgroup_rules",
    "dns": "dns",
    "dns-option": "dns_opt",
    "dns-search": "dns_search",
    "env": "environment",
    "expose": "expose",
    "group-add": "group_add",
    "label": "labels",
    "label-file": "label_file",
    "link": "links",
    "publish": "ports",
    "security-opt": "security_opt",
    "storage-opt": "storage_opt",
    "sysctl": "sysctls",
    "tmpfs": "tmpfs",
    "volume": "volumes",
    "volumes-from": "volumes_from",
}
"""Options that may be given several times: the compose key of each."""

VALUES = {
    "cgroup-parent": "cgroup_parent",
    "cgroupns": "cgroup",
    "cpu-count": "cpu_count",
    "cpu-percent": "cpu_percent",
    "cpu-period": "cpu_period",
    "cpu-quota": "cpu_quota",
    "cpu-rt-period": "cpu_rt_period",
    "cpu-rt-runtime": "cpu_rt_runtime",
    "cpu-shares": "cpu_shares",
    "cpus": "cpus",
    "cpuset-cpus": "cpuset",
    "domainname": "domainname",
    "gpus": "gpus",
    "hostname": "hostname",
    "ipc": "ipc",
    "isolation": "isolation",
    "mac-address": "mac_address",
    "memory": "mem_limit",
    "memory-reservation": "mem_reservation",
    "memory-swap": "memswap_limit",
    "memory-swappiness": "mem_swappiness",
    "oom-score-adj": "oom_score_adj",
    "pid": "pid",
    "pids-limit": "pids_limit",
    "platform": "platform",
    "pull": "pull_policy",
    "restart": "restart",
    "runtime": "runtime",
    "shm-size": "shm_size",
    "stop-signal": "stop_signal",
    "user": "user",
    "userns": "userns_mode",
    "uts": "uts",
    "workdir": "working_dir",
}

SWITCHES = {
    "init": "init",
    "interactive": "stdin_open",
    "oom-kill-disable": "oom_kill_disable",
    "privileged": "privileged",
    "read-only": "read_only",
    "tty": "tty",
    "use-api-socket": "use_api_socket",
}

HEALTH = {
    "health-cmd": "test",
    "health-interval": "interval",
    "health-retries": "retries",
    "health-start-interval": "start_interval",
    "health-start-period": "start_period",
    "health-timeout": "timeout",
}

SPECIAL = {
    "entrypoint", "env-file", "log-driver", "log-opt", "mount", "name", "network", "secret",
    "stop-timeout", "ulimit",
}  # fmt: skip
"""Options with values that the reader of commands knows by itself."""

RAW = {
    "arch", "blkio-weight", "blkio-weight-device", "chrootdirs", "cpuset-mems", "device-read-bps",
    "device-read-iops", "device-write-bps", "device-write-iops", "env-merge", "gidmap", "group-entry",
    "health-log-destination", "health-max-log-count", "health-max-log-size", "health-on-failure",
    "health-startup-cmd", "health-startup-interval", "health-startup-retries", "health-startup-success",
    "health-startup-timeout", "hostuser", "image-volume", "init-path", "ip", "ip6", "network-alias", "os",
    "passwd-entry",
    "personality", "rdt-class", "seccomp-policy", "shm-size-systemd", "subgidname", "subuidname", "systemd",
    "timeout", "tz", "uidmap", "umask", "unsetenv", "variant",
}  # fmt: skip
"""Options with values that only podman run knows what to do with."""

RAW_SWITCHES = {
    "env-host", "http-proxy", "no-hostname", "no-hosts", "passwd", "read-only-tmpfs", "unsetenv-all",
}  # fmt: skip

SILENT = {"detach"}
"""What Beacon does in any case."""

IGNORED = {
    "attach": "Beacon's services log to the journal",
    "authfile": "credentials are the machine's: auth_file in beacon.toml(5)",
    "cert-dir": "certificates are the machine's: containers-certs.d(5)",
    "cgroup-conf": "limits are the unit's: [resources]",
    "cgroups": "Beacon's containers are in their unit's control group",
    "cidfile": "Beacon names containers beacon-NAME",
    "conmon-pidfile": "systemd knows the process",
    "creds": "credentials are the machine's: podman login",
    "decryption-key": "Beacon pulls images without it",
    "detach-keys": "nothing is attached",
    "ip-range": "Podman chooses the addresses",
    "kernel-memory": "it needs control groups of version 1",
    "link-local-ip": "Podman has no such option",
    "log-level": "of the engine's own messages",
    "pidfile": "systemd knows the process",
    "pod": 'Beacon has no pods: networks = ["service:OTHER"]',
    "pod-id-file": 'Beacon has no pods: networks = ["service:OTHER"]',
    "preserve-fd": "systemd starts it: its sockets are systemd.socket(5)'s",
    "preserve-fds": "systemd starts it: its sockets are systemd.socket(5)'s",
    "requires": "name the services that must be up first: needs = [...]",
    "retry": "Beacon tries again by itself",
    "retry-delay": "Beacon tries again by itself",
    "sdnotify": "Beacon decides when a service is ready: [health]",
    "volume-driver": "Beacon makes no volumes with options: podman volume create",
}
"""Options with values that a service of Beacon has no use for."""

IGNORED_SWITCHES = {
    "disable-content-trust": "docker's",
    "no-healthcheck": "",
    "publish-all": "publish the ports that are wanted: [[port]]",
    "quiet": "of the pull",
    "replace": "Beacon replaces its containers by itself",
    "rm": "Beacon's containers are always made anew; volumes stay",
    "rmi": "Beacon keeps the images that it may go back to",
    "rootfs": "Beacon runs images",
    "sig-proxy": "nothing is attached",
    "tls-verify": "registries are the machine's: containers-registries.conf(5)",
}

WITH_VALUE = {*LISTS, *VALUES, *HEALTH, *SPECIAL, *RAW, *IGNORED}
WITHOUT_VALUE = {*SWITCHES, *RAW_SWITCHES, *SILENT, *IGNORED_SWITCHES}
