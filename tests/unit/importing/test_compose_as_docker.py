"""Compose files as docker compose reads them: what it takes is taken, and what it makes of values is made."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.shellwords import split_words
from beacon.importing.node import ImportNote, go_float
from beacon.model.endpoints.network import Network
from beacon.model.notice import NoteKind
from beacon.model.service import Port, Protocol, RestartPolicy, Volume
from tests.unit.importing.test_compose import faults, one, run, service

WHOLE = ComposeRequest(("compose.yaml",), is_whole=True)


def noted(text: str, key: str) -> list[ImportNote]:
    return [note for note in run(text).notes if note.key.startswith(key)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("$(date)", "$(date)"),
        ("$2y$$10", "$2y$10"),
        ("^x$", "^x$"),
        ("a$", "a$"),
        ("${A:-$$b}", "$b"),
        ("${A:+x}y", "y"),
    ],
)
def test_a_dollar_that_begins_no_variable_is_itself(written: str, read: str) -> None:
    assert one(service(f"environment: {{X: '{written}'}}")).env == {"X": read}


def test_a_fault_of_a_variable_is_told_once_and_an_empty_one_beside_what_it_spoils() -> None:
    (fault,) = faults(service("environment: ['A=${1}']"))
    assert "must name a variable" in fault
    (fault,) = faults("services: {web: {image: 'me/web:${TAG}'}}")
    assert fault.endswith("$TAG is set nowhere, and is empty")


def test_extensions_are_not_looked_into() -> None:
    assert run("x-a: '${1}'\n" + service("x-b: '${2}'", "restart: always")).notes == ()


@pytest.mark.parametrize(
    "key",
    ["platform", "hostname", "working_dir", "stop_signal", "userns_mode", "restart", "user", "ipc", "image"],
)
def test_what_is_empty_after_its_variables_is_not_given(key: str) -> None:
    text = f"services: {{web: {{image: nginx, {key}: '${{NOWHERE-}}'}}}}"
    if key == "image":
        assert "must have an image" in faults(text.replace("image: nginx, ", ""))[0]
    else:
        assert one(text) == one("services: {web: {image: nginx}}")


@pytest.mark.parametrize(
    ("line", "env"),
    [
        ("environment: ['A=b']\t\t# a tab before a comment", {"A": "b"}),
        ("environment:\t{A:\tb,\n\t\tB: 'c'\t}", {"A": "b", "B": "c"}),
        ("environment:\n      A: one\ttwo\t\n       three", {"A": "one\ttwo three"}),
    ],
)
def test_a_tab_is_no_indentation_and_may_be_anywhere_else(line: str, env: dict[str, str]) -> None:
    assert one(service(line)).env == env


def test_a_tab_is_no_indentation_within_a_mapping_either() -> None:
    assert "a tab is no indentation" in faults(service("environment:\n\t  A: b"))[0]


@pytest.mark.parametrize(
    ("env", "shell", "command"),
    [
        ("TOKEN=a b\n", {}, "sed -n 's/^TOKEN=//p' /srv/shop/.env | tail -n 1 | tr -d '\\n'"),
        ("TOKEN='a b'\n", {}, 'printf %s "$TOKEN"'),
        ("TOKEN=a\n", {"TOKEN": "b"}, 'printf %s "$TOKEN"'),
        ("", {}, 'printf %s "$TOKEN"'),
    ],
)
def test_a_secret_of_a_variable_is_made_of_the_file_that_has_it(
    env: str, shell: dict[str, str], command: str
) -> None:
    text = service("secrets: [pw]") + "secrets: {pw: {environment: TOKEN}}"
    (note,) = run(text, files={".env": env}, environment=shell).notes[:1]
    assert note.command == f"{command} | beacon secret set shop_pw"


@pytest.mark.parametrize("name", ["localhost:8080", "-x", "my shop", "x" * 65])
def test_what_is_no_host_name_is_left_to_the_engine(name: str) -> None:
    text = service(f"hostname: '{name}'")
    assert one(text).hostname is None
    assert [note.kind for note in noted(text, "hostname")] == [NoteKind.DROPPED]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("arm64", "linux/arm64"),
        ("x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("windows/amd64", "windows/amd64"),
    ],
)
def test_a_platform_may_be_an_architecture_alone(written: str, read: str) -> None:
    assert str(one(service(f"platform: {written}")).platform) == read


@pytest.mark.parametrize("network", ["{name: host, external: true}", "{driver: host, name: host}"])
def test_the_engine_s_network_of_the_host_is_a_mode(network: str) -> None:
    text = service("networks: [lan]", "ports: ['80:80']") + f"networks: {{lan: {network}}}"
    assert one(text).networks == ("host",)
    assert noted(text, "networks") == []
    assert one(text.replace("host", "edge")).networks != ("host",)


def test_an_empty_network_mode_leaves_the_service_on_the_project_s_network() -> None:
    found = one("services: {web: {image: nginx, network_mode: ''}, db: {image: db}}")
    assert found.networks == ("shop",)


@pytest.mark.parametrize("word", ["always", "unless-stopped", "any"])
def test_restart_policies_of_deploy_have_all_words(word: str) -> None:
    found = one(service(f"deploy: {{restart_policy: {{condition: {word}}}}}"))
    assert found.restart.policy is RestartPolicy.ALWAYS


def test_ports_as_docker_takes_them() -> None:
    assert one(service("ports: ['53:53/UDP', ':80', '127.0.0.1:0:81']")).ports == (
        Port(53, 53, protocol=Protocol.UDP),
        Port(80),
        Port(81, host_ip="127.0.0.1"),
    )
    text = service("network_mode: host", "ports: ['80:80']")
    assert one(text).ports == ()
    assert [note.text for note in noted(text, "ports")] == ["on the network host no ports are published"]


def test_of_two_mounts_at_one_path_the_last_counts() -> None:
    text = service("volumes: ['/old:/data', '/new:/data']", "tmpfs: [/run, /run, '/data']")
    assert one(text).volumes == (Volume("/data", host="/new"),)
    assert one(text).tmpfs == ("/run",)
    (dropped, todo) = noted(text, "volumes")
    assert dropped.text == "of two mounts at /data the last counts, as in docker compose"
    assert todo.command == "mkdir -p /new"


@pytest.mark.parametrize(
    ("mount", "command"),
    [
        ("/etc/timezone:/etc/timezone:ro", "timedatectl show --property=Timezone --value > /etc/timezone"),
        ("./a:/etc/hosts", "install -D -m 644 /dev/stdin /srv/shop/a < FILE"),
        ("./x.template:/x.template", "install -D -m 644 /dev/stdin /srv/shop/x.template < FILE"),
        ("/run/app.sock:/run/app.sock", ""),
    ],
)
def test_a_file_that_is_not_there_comes_with_what_makes_it(mount: str, command: str) -> None:
    (todo,) = noted(service(f"volumes: ['{mount}']"), "volumes")
    assert (todo.kind, todo.command) == (NoteKind.TODO, command)


def test_memory_has_no_owner_in_podman() -> None:
    text = service("tmpfs: ['/run/app:uid=1,gid=2,mode=700']")
    assert one(text).tmpfs == ("/run/app:mode=700",)
    assert [note.kind for note in noted(text, "tmpfs")] == [NoteKind.DROPPED, NoteKind.DROPPED]


def test_a_later_file_needs_no_services_and_its_paths_are_seen_from_the_first_one_s_folder() -> None:
    request = ComposeRequest(("compose.yaml", "sub/over.yaml", "sub/nets.yaml"))
    files = {
        "sub/over.yaml": service("volumes: ['./two:/two']", "command: null"),
        "sub/nets.yaml": "networks: {default: {name: edge}}",
    }
    found = one(service("command: serve", "volumes: ['./one:/one']"), request=request, files=files)
    assert [volume.host for volume in found.volumes] == ["/srv/shop/one", "/srv/shop/two"]
    assert found.networks == ("edge",)
    assert found.command is None


def test_what_docker_compose_reads_beside_the_file_is_read() -> None:
    override = service("environment: {A: b}")
    found = run(service(), request=WHOLE, files={"compose.override.yaml": override})
    assert '[env]\nA = "b"' in found.definitions[0].text
    assert found.notes[0].key == "compose.override.yaml"
    named = {"more.yaml": override, ".env": "COMPOSE_FILE=compose.yaml:more.yaml\nCOMPOSE_PROJECT_NAME=own"}
    found = run(service() + "  db: {image: db}\n", request=WHOLE, files=named)
    assert '[env]\nA = "b"' in found.definitions[0].text
    assert 'networks = ["own"]' in found.definitions[0].text
    assert "[env]" not in run(service(), files={"compose.override.yaml": override}).definitions[0].text


def test_included_files_may_have_another_folder() -> None:
    files = {"sub/more.yaml": "services: {more: {image: more, volumes: ['./x:/x']}}"}
    text = "include: [{path: sub/more.yaml, project_directory: other}]\n"
    assert one(text, files=files).volumes == (Volume("/x", host="/srv/shop/other/x"),)


def test_the_older_form_of_external_names_the_resource() -> None:
    text = service("networks: [front]", "volumes: ['data:/data']")
    text += (
        "networks: {front: {external: {name: old_front}}}\nvolumes: {data: {external: {name: old_data}}}\n"
    )
    assert one(text).networks == ("old-front",)
    assert one(text).volumes == (Volume("/data", external="old_data"),)


def test_networks_that_would_be_called_the_same_stay_two() -> None:
    text = service("networks: [a_b, a.b, default]") + "networks: {a_b: , a.b: }\n"
    assert len(set(one(text).networks)) == 3
    long = "n" * 60
    text = service(f"networks: [{long}1, {long}2]") + f"networks: {{{long}1: , {long}2: }}\n"
    assert len(set(one(text).networks)) == 2


def test_names_that_no_service_can_have_get_near_ones() -> None:
    long = "consumer-of-the-events-of-generic-metrics-and-counters"
    text = "services:\n" + "".join(
        f"  {name}: {{image: x}}\n" for name in (long, "can-build", "a_b", "a.b", "a-b")
    )
    made = run(text).definitions
    names = [one.name for one in made]
    assert len(set(names)) == 5
    assert all(len(name) <= 48 for name in names)
    assert f'"--network-alias={long}"' in made[0].text
    again = run(text, existing={one.name: one.text for one in made})
    assert [one.name for one in again.definitions] == names


def test_a_service_that_is_only_built_does_not_stop_the_others() -> None:
    found = run(
        "services: {web: {image: nginx, depends_on: [tool]}, tool: {build: {context: ./src, target: x}}}"
    )
    assert [one.name for one in found.definitions] == ["web"]
    (note,) = [note for note in found.notes if note.kind is NoteKind.TODO]
    assert note.command.startswith(
        "podman build -t REGISTRY/shop-tool --target=x /srv/shop/src && podman push"
    )


def test_what_shares_with_a_service_that_is_only_built_is_left_out_too() -> None:
    text = """
services:
  web: {image: nginx}
  side: {image: side, network_mode: "service:tool"}
  more: {image: more, pid: "service:side"}
  tool: {build: .}
"""
    found = run(text)
    assert [one.name for one in found.definitions] == ["web"]
    assert {note.key for note in found.notes if note.text.startswith("not imported")} == {
        "services.tool",
        "services.side",
        "services.more",
    }


def test_docker_s_socket_becomes_podman_s() -> None:
    found = one(service("volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']"))
    assert found.volumes == (Volume("/var/run/docker.sock", host="/run/podman/podman.sock", read_only=True),)
    assert found.podman.unit == {"Wants": ("podman.socket",), "After": ("podman.socket",)}


def test_what_another_service_has_is_found() -> None:
    text = """
services:
  web: {image: web, links: ["db:database"], volumes_from: ["db:ro"], network_mode: bridge}
  db: {image: db, volumes: ["data:/data", /own], container_name: the-db}
  side: {image: side, network_mode: "container:the-db", pid: "service:db", runtime: nvidia}
volumes: {data: }
"""
    web, db, side = (one_text.text for one_text in run(text).definitions)
    assert 'external = "shop_data"' in web
    assert "read_only = true" in web
    assert "--network-alias=database" not in db  # it is alone on no network that knows names
    assert 'networks = ["service:db"]' in side
    assert "init = false" in side
    assert 'devices = ["nvidia.com/gpu=all"]' in side


def test_labels_that_name_a_network_name_it_as_the_engine_does() -> None:
    text = service("networks: [proxy]", "labels: {traefik.docker.network: proxy}")
    assert one(text + "networks: {proxy: {external: true}}\n").labels == {
        "traefik.docker.network": "beacon-proxy"
    }


def test_variables_that_are_passed_through_are_counted() -> None:
    listed = ", ".join(f"V{number}" for number in range(30))
    (note,) = noted(service(f"environment: [{listed}]"), "environment")
    assert note.text == "30 variables (V0, V1, V2, …) are passed through, and set nowhere"


@pytest.mark.parametrize(
    ("line", "words", "rest"),
    [
        ('a \'b c\' "d\\"e" f\\ g', ("a", "b c", 'd"e', "f g"), ""),
        ("serve > /dev/null 2>&1", ("serve",), "> /dev/null 2>&1"),
        ("serve 2>&1", ("serve",), "2>&1"),
        ("a && b", ("a",), "&& b"),
        ("", (), ""),
    ],
)
def test_lines_are_split_as_compose_splits_them(line: str, words: tuple[str, ...], rest: str) -> None:
    assert split_words(line) == (words, rest)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.5, "1.5"),
        (1000.0, "1000"),
        (1e6, "1e+06"),
        (1234567.5, "1.2345675e+06"),
        (0.0001, "0.0001"),
        (1e-5, "1e-05"),
    ],
)
def test_numbers_are_written_as_go_writes_them(number: float, text: str) -> None:
    assert go_float(number) == text


@pytest.mark.parametrize("text", ["${UID}:${GID}", "${UID-}:"])
def test_a_user_of_variables_that_are_unset_is_the_image_s(text: str) -> None:
    assert one(service(f"user: '{text}'")).user is None


def test_networks_are_described_in_each_service_on_them() -> None:
    text = """
services:
  web: {image: nginx, networks: {back: {ipv4_address: 10.9.0.5}, lan: }}
  db: {image: db, networks: [back]}
networks:
  back:
    internal: true
    enable_ipv6: true
    driver_opts: {com.docker.network.driver.mtu: 1400, com.docker.network.bridge.name: br}
    ipam:
      config: [{subnet: 10.9.0.1/24, gateway: 10.9.0.9, ip_range: 10.9.0.128/25}, {subnet: "fd00:9::/64"}]
  lan: {driver: macvlan, driver_opts: {parent: eth0}}
"""
    web = one(text)
    back = Network(
        internal=True,
        subnet=("10.9.0.0/24", "fd00:9::/64"),
        gateway=("10.9.0.9", "fd00:9::1"),
        ipv6=True,
        options={"mtu": "1400"},
    )
    assert web.network == {
        "shop-back": replace(back, address=("10.9.0.5",)),
        "shop-lan": Network(driver="macvlan", options={"parent": "eth0"}),
    }
    dropped = {note.key for note in run(text).notes if note.kind is NoteKind.DROPPED}
    assert 'networks.back.driver_opts."com.docker.network.bridge.name"' in dropped
    assert "networks.back.ipam.config[0].ip_range" in dropped


def test_who_joins_a_network_of_another_project_says_the_same_of_it() -> None:
    own = "services: {a: {image: a, networks: {proxy: {ipv4_address: 10.9.0.5}}}}\n"
    own += "networks: {proxy: {name: proxy, ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n"
    (first,) = run(own).definitions
    other = service("networks: [proxy]") + "networks: {proxy: {external: true}}\n"
    (second,) = run(other, existing={"a": first.text}).definitions
    made = decode(second.text, name="web", file="it")
    assert made.network == {"proxy": Network(subnet=("10.9.0.0/24",))}


def test_the_end_of_a_job_is_waited_for() -> None:
    text = """
services:
  web:
    image: nginx
    depends_on: {migrate: {condition: service_completed_successfully}, db: {condition: service_started}}
  migrate: {image: app, restart: on-failure, healthcheck: {test: x}, depends_on: [db]}
  db: {image: db}
"""
    web, migrate, _ = (decode(made.text, name=made.name, file="it") for made in run(text).definitions)
    assert (web.requires, web.needs) == (("migrate",), ("db",))
    assert (migrate.restart.policy, migrate.health.command) == (RestartPolicy.ONESHOT, None)
    assert migrate.needs == ("db",)


def test_a_name_with_several_addresses_has_them_all() -> None:
    found = one(service("extra_hosts: ['a:1.2.3.4', 'a:5.6.7.8']"))
    assert found.hosts == {"a": "1.2.3.4"}
    assert found.podman.args == ("--add-host=a:5.6.7.8",)


@pytest.mark.parametrize(
    ("name", "policy"), [("db-init", "no"), ("create_buckets", "no"), ("minit", "always")]
)
def test_a_job_by_its_name_is_left_to_end(name: str, policy: str) -> None:
    assert one(f"services: {{{name}: {{image: nginx}}}}").restart.policy == policy
