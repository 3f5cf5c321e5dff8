"""Compose files: what is carried over, what is told, and what is a fault."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.errors import DefinitionError
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.files import Source
from beacon.importing.result import Imported
from beacon.model.notice import NoteKind
from beacon.model.service import Port, Protocol, Service, Volume

FOLDER = "/srv/shop"


REQUEST = ComposeRequest(("compose.yaml",))


def run(
    text: str,
    *,
    request: ComposeRequest = REQUEST,
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    existing: Mapping[str, str] | None = None,
) -> Imported:
    """Import *text* as /srv/shop/compose.yaml, with *files* beside it."""
    there = {f"{FOLDER}/{name}": body for name, body in {"compose.yaml": text, **(files or {})}.items()}
    source = Source(there.get, there.__contains__, environment or {}, FOLDER)
    return import_compose(request, source, existing or {})


def one(
    text: str,
    *,
    request: ComposeRequest = REQUEST,
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Service:
    """Return the first service that *text* comes to."""
    definition = run(text, request=request, files=files, environment=environment).definitions[0]
    return decode(definition.text, name=definition.name, file="it.toml")


def service(*lines: str) -> str:
    """Return a file with the service web."""
    return "services:\n  web:\n    image: nginx\n" + "".join(f"    {line}\n" for line in lines)


def faults(
    text: str, *, request: ComposeRequest = REQUEST, existing: Mapping[str, str] | None = None
) -> list[str]:
    """Return what is wrong with *text*."""
    with pytest.raises(DefinitionError) as caught:
        run(text, request=request, existing=existing)
    return [str(fault) for fault in caught.value.faults]


# Every key of the service schema of the compose specification, with a value that is not its default.
KEYS = {
    "annotations": "{a: b}", "attach": "false", "build": ".", "blkio_config": "{weight: 300}",
    "cap_add": "[NET_ADMIN]", "cap_drop": "[ALL]", "cgroup": "host", "cgroup_parent": "x", "command": "x",
    "configs": "[conf]", "container_name": "x", "cpu_count": "2", "cpu_percent": "50", "cpu_shares": "5",
    "cpu_quota": "50000", "cpu_period": "1000", "cpu_rt_period": "'1'", "cpu_rt_runtime": "'1'", "cpus": "2",
    "cpuset": "0-1", "credential_spec": "{file: x}", "depends_on": "[other]", "deploy": "{replicas: 2}",
    "develop": "{watch: []}", "device_cgroup_rules": "['c 1:3 mr']", "devices": "[/dev/null]",
    "dns": "1.1.1.1", "dns_opt": "[use-vc]", "dns_search": "lan", "domainname": "lan", "entrypoint": "x",
    "env_file": "x.env", "environment": "{A: b}", "expose": "[80]", "external_links": "[x]",
    "extra_hosts": "['a:1.2.3.4']", "gpus": "all", "group_add": "[video]", "healthcheck": "{test: x}",
    "hostname": "x", "init": "true", "ipc": "host", "isolation": "x", "label_file": "x.env",
    "labels": "{a: b}", "links": "[other]", "logging": "{driver: syslog}",
    "mac_address": "'02:42:ac:11:00:02'",
    "mem_limit": "1g", "mem_reservation": "1g", "mem_swappiness": "5", "memswap_limit": "2g", "models": "[x]",
    "network_mode": "host", "networks": "[back]", "oom_kill_disable": "true", "oom_score_adj": "5",
    "pid": "host", "pids_limit": "5", "platform": "linux/arm64", "ports": "['80']",
    "post_start": "[{command: x}]", "pre_stop": "[{command: x}]", "privileged": "true",
    "provider": "{type: x}",
    "pull_policy": "always", "pull_refresh_after": "1d", "read_only": "true", "restart": "'no'",
    "runtime": "x", "scale": "2", "secrets": "[pw]", "security_opt": "['label:disable']", "shm_size": "1g",
    "stdin_open": "true", "stop_grace_period": "5s", "stop_signal": "SIGINT", "storage_opt": "{size: 1G}",
    "sysctls": "{a.b: 1}", "tmpfs": "/run", "tty": "true", "ulimits": "{nofile: 5}", "use_api_socket": "true",
    "user": "me", "userns_mode": "host", "uts": "host", "volumes": "['/x:/x']", "volumes_from": "[other]",
    "working_dir": "/x",
}  # fmt: skip
BESIDE = """
  other: {image: redis}
networks: {back: }
secrets: {pw: {file: ./pw}}
configs: {conf: {file: ./conf}}
"""


@pytest.mark.parametrize("key", KEYS)
def test_no_key_is_dropped_in_silence(key: str) -> None:
    bare = run(service("restart: always") + BESIDE)
    lines = [f"{key}: {KEYS[key]}"]
    lines += ["restart: always"] if key != "restart" else []
    lines += ["cpu_quota: 5"] if key == "cpu_period" else []
    imported = run(service(*lines) + BESIDE, files={"x.env": "A=b\n"})
    noted = [note for note in imported.notes if note.key.startswith(key) and note.service == "web"]
    carried = imported.definitions[0].text != bare.definitions[0].text
    assert carried or any(note.kind in {NoteKind.DROPPED, NoteKind.CHANGED} for note in noted)


def test_an_unknown_key_is_told_with_what_may_be_meant() -> None:
    (note,) = [note for note in run(service("restart: always", "imagee: x")).notes if note.key == "imagee"]
    assert note.text == "no key of the compose specification; did you mean 'image'?"


def test_extensions_say_nothing() -> None:
    assert run("x-a: 1\n" + service("restart: always", "x-b: {c: d}")).notes == ()


def test_ports_are_never_sexagesimal_numbers() -> None:
    listed = "22:22, 3000, '6060:6060/udp', '127.0.0.1:80-81:8080-8081', '[::1]:90:91', '8000-8010:9'"
    assert one(service(f"ports: [{listed}]")).ports == (
        Port(22, 22),
        Port(3000),
        Port(6060, 6060, "", Protocol.UDP),
        Port(8080, 80, "127.0.0.1", Protocol.TCP, 2),
        Port(91, 90, "::1"),
        Port(9, 8000),
    )


def test_scalars_are_read_as_compose_reads_them() -> None:
    text = service("environment: {A: yes, B: off, C: 0o17, D: 1_000, E: 2001-01-01, F: 1.10, G: 0x1F, H: ~}")
    env = one(text).env
    assert env == {
        "A": "yes",
        "B": "off",
        "C": "15",
        "D": "1000",
        "E": "2001-01-01",
        "F": "1.1",
        "G": "31",
    }


def test_merge_keys_and_anchors() -> None:
    text = "x-e: &e {A: 1, B: 1}\nx-f: &f {B: 2, C: 2}\n" + service("environment: {<<: [*f, *e], C: 3}")
    assert one(text).env == {"A": "1", "B": "2", "C": "3"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${A}", "a"), ("$A-", "a-"), ("$$A", "$A"), ("${N:-d}", "d"), ("${E:-d}", "d"), ("${E-d}", ""),
        ("${A:+yes}", "yes"), ("${E:+yes}", ""), ("${E+yes}", "yes"), ("${N:-${A}$$}", "a$"),
        ("${A:?no}", "a"),
        ("${N-a}}", "a}"),
    ],
)  # fmt: skip
def test_variables(value: str, expected: str) -> None:
    text = service(f"environment: {{X: '{value}'}}")
    assert one(text, files={".env": "A=a\nE=\n"}).env["X"] == expected


def test_the_environment_goes_before_the_file_of_variables() -> None:
    text = service("environment: {X: '$A'}")
    assert one(text, files={".env": "A=file"}, environment={"A": "shell"}).env == {"X": "shell"}
    assert one(text, files={"b.env": "A=b"}, request=replace(REQUEST, env_files=("b.env",))).env == {"X": "b"}


def test_names_that_are_taken_get_the_project_s() -> None:
    text = service("restart: always")
    first = run(text)
    assert [one.name for one in first.definitions] == ["web"]
    again = run(text, existing={"web": first.definitions[0].text})
    assert [one.name for one in again.definitions] == ["web"]
    (other,) = run(text, existing={"web": 'image = "x.example/y"\n'}).definitions
    assert other.name == "shop-web"
    (third,) = run(text, existing={"web": "", "shop-web": ""}).definitions
    assert third.name == "web-1"


def test_services_are_chosen_by_profile_and_name() -> None:
    text = """
services:
  a: {image: a, depends_on: [b]}
  b: {image: b}
  c: {image: c, profiles: [more]}
  d: {image: d}
"""
    assert [one.name for one in run(text).definitions] == ["a", "b", "d"]
    assert [one.name for one in run(text, request=replace(REQUEST, profiles=("more",))).definitions] == [
        "a",
        "b",
        "c",
        "d",
    ]
    assert [one.name for one in run(text, request=replace(REQUEST, services=("a",))).definitions] == [
        "a",
        "b",
    ]
    assert [one.name for one in run(text, request=replace(REQUEST, services=("c",))).definitions] == ["c"]


def test_a_file_that_podman_reads_the_same_stays_a_file() -> None:
    text = service("env_file: [plain.env]")
    assert one(text, files={"plain.env": "A=b c\n# no\n"}).env_files == ("/srv/shop/plain.env",)
    quoted = one(text, files={"plain.env": 'A="b c" # d\n'})
    assert (quoted.env_files, quoted.env) == ((), {"A": "b c"})


def test_volumes_keep_the_names_that_compose_gave_them() -> None:
    text = (
        service("volumes: [data:/data:ro, ../x:/x, '~/y:/y', anon:/anon]")
        + "volumes: {data: , anon: {name: n}}\n"
    )
    assert one(text, environment={"HOME": "/root"}).volumes == (
        Volume("/data", external="shop_data", read_only=True),
        Volume("/x", host="/srv/x"),
        Volume("/y", host="/root/y"),
        Volume("/anon", external="n"),
    )


@pytest.mark.parametrize(
    ("host", "command"),
    [
        ("./data", "mkdir -p /srv/shop/data"),
        ("./conf.d", "mkdir -p /srv/shop/conf.d"),
        ("./example.org", "mkdir -p /srv/shop/example.org"),
        ("./nginx/nginx.conf", "install -D -m 644 /dev/stdin /srv/shop/nginx/nginx.conf < FILE"),
        ("./Caddyfile", "install -D -m 644 /dev/stdin /srv/shop/Caddyfile < FILE"),
        ("/etc/my/a b.yml", "install -D -m 644 /dev/stdin '/etc/my/a b.yml' < FILE"),
    ],
)
def test_what_is_to_be_mounted_and_is_not_there_is_told_with_how_to_make_it(host: str, command: str) -> None:
    notes = run(service(f"volumes: ['{host}:/x']")).notes
    assert [note.command for note in notes if note.command] == [command]


def test_a_volume_without_a_name_keeps_its_options() -> None:
    found = one(service("volumes: [{type: volume, target: /a, read_only: true, bind: {selinux: z}}]"))
    assert found.volumes == (Volume("/a", name="a", read_only=True, options=("z",)),)


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    text = """\
services:
  web:
    image: NGINX:1:2
    ports: ["80:x", "1-3:4-5", {published: 1}]
    volumes: [nowhere:/x, "a:b:c:d"]
    depends_on: [nobody]
    environment: {"1A": x, B: {c: d}}
    networks: [missing]
    healthcheck: {test: [curl], interval: often}
    restart: sometimes
    user: [me]
    mem_limit: lots
"""
    found = faults(text)
    assert [fault.split(": must")[0].split(": has")[0] for fault in found] == [
        "/srv/shop/compose.yaml:3: services.web.image",
        "/srv/shop/compose.yaml:4: services.web.ports[0]",
        "/srv/shop/compose.yaml:4: services.web.ports[1]",
        "/srv/shop/compose.yaml:4: services.web.ports[2]",
        "/srv/shop/compose.yaml:5: services.web.volumes[0]",
        "/srv/shop/compose.yaml:5: services.web.volumes[1]",
        "/srv/shop/compose.yaml:6: services.web.depends_on.nobody",
        "/srv/shop/compose.yaml:7: services.web.environment.B",
        "/srv/shop/compose.yaml:8: services.web.networks[0]",
        "/srv/shop/compose.yaml:9: services.web.healthcheck.interval",
        "/srv/shop/compose.yaml:10: services.web.restart",
        "/srv/shop/compose.yaml:11: services.web.user",
        "/srv/shop/compose.yaml:12: services.web.mem_limit",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must not be empty"),
        ("a: [", "is not YAML"),
        ("services:\n\tweb: x", "a tab is no indentation"),
        ("- a", "must be a mapping with the key services"),
        ("web:\n  image: nginx\n", "format version 1"),
        ("services: {a: {image: b, image: c}}", "must not be given twice"),
        ("services: &a {b: *a}", "must not hold itself"),
        ("services: {a: {image: b, depends_on: [c]}, c: {image: b, depends_on: [a]}}", "cycle: a → c → a"),
        ("services: {a: {extends: b}, b: {extends: {service: a}}}", "cycle: a → b → a"),
        ("services: {a: {extends: {service: x, file: no.yaml}}}", "there is no /srv/shop/no.yaml"),
        ("services: {a: {image: b, extends: zz}}", "must name a service of /srv/shop/compose.yaml, not 'zz'"),
        ("services: {a: {image: b, env_file: no.env}}", "there is no /srv/shop/no.env"),
        ("services: {a: {image: '${X:?give X}'}}", "needs the variable X: give X"),
        ("services: {a: {image: '${X'}}", "must be a variable such as"),
        ("services: {a: {build: .}}", "as Beacon builds none: podman build"),
        ("services: {a: 1}", "must be a mapping, not the number 1"),
        ("services: {}", "must have a service that is imported"),
        ("include: [compose.yaml]\nservices: {a: {image: b}}", "cycle"),
        ("services: {a: {image: b, network_mode: 'service:z'}}", "must name a service of the file, not 'z'"),
        ("services: {a: {image: b, secrets: [s]}}", "must name a secret of the file"),
        ("services: {a: !!python/name:os.system x}", "has no meaning"),
        ("services: {a: {image: b, ports: [[1]]}}", "must be a string"),
        ("services: {a: {image: b, cap_add: [NET_ADMINN]}}", "did you mean 'NET_ADMIN'?"),
    ],
)
def test_faults(text: str, problem: str) -> None:
    assert problem in "\n".join(faults(text))


def test_each_document_of_a_file_goes_over_those_before_it() -> None:
    text = "---\n" + service("user: '1'", "hostname: first") + "---\n" + service("user: '2'") + "---\n"
    web = one(text)
    assert (web.user, web.hostname) == ("2", "first")


def test_a_fault_of_a_later_document_has_its_line() -> None:
    (fault,) = faults(service() + "---\n" + service("ports: [[1]]"))
    assert "compose.yaml:8" in fault


def test_anchors_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "its anchors multiply" in faults("\n".join(lines))[0]


def test_a_file_that_is_not_there() -> None:
    assert "there is no /srv/shop/none.yaml" in faults("", request=ComposeRequest(("none.yaml",)))[0]
