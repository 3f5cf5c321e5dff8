"""Commands of docker and podman."""

from __future__ import annotations

import pytest

from beacon.definition.decode import decode
from beacon.errors import DefinitionError
from beacon.importing import flags
from beacon.importing.command import import_command
from beacon.importing.compose.reading.files import Source
from beacon.importing.node import ImportNote
from beacon.model.service import Health, Port, Protocol, Secret, Service, Volume

FILES = {"/srv/x.env": 'A="1"\n'}
SOURCE = Source(FILES.get, bool, {"TOKEN": "t"}, "/srv")


def read(text: str) -> Service:
    """Return the service that a command comes to."""
    (definition,) = import_command(text, SOURCE).definitions
    return decode(definition.text, name=definition.name, file="it.toml")


def notes(text: str) -> tuple[ImportNote, ...]:
    """Return the report of a command."""
    return import_command(text, SOURCE).notes


def faults(text: str) -> str:
    """Return what is wrong with a command."""
    with pytest.raises(DefinitionError) as caught:
        import_command(text, SOURCE)
    return str(caught.value)


def test_a_usual_command() -> None:
    service = read(
        """sudo docker run -d --name=web -p 8080:80 -p127.0.0.1:53:53/udp -e GREETING='hello you' -eTOKEN \\
          -v data:/data -v ./conf:/etc/conf:ro,z --env-file x.env --restart on-failure:3 \\
          -m 512m --cpus=1.5 -u 1000:1000 -w /srv -h shop --read-only --init=false \\
          ghcr.io/me/web:1 serve --port 80 -d"""
    )
    assert service.name == "web"
    assert str(service.image) == "ghcr.io/me/web:1"
    assert service.command == ("serve", "--port", "80", "-d")
    assert service.ports == (Port(80, 8080), Port(53, 53, "127.0.0.1", Protocol.UDP))
    assert service.env == {"GREETING": "hello you", "TOKEN": "t"}
    assert service.env_files == ("/srv/x.env",)
    assert service.volumes == (
        Volume("/data", external="data"),
        Volume("/etc/conf", host="/srv/conf", read_only=True, options=("z",)),
    )
    assert (service.restart.policy, service.restart.limit) == ("on-failure", 3)
    assert (service.resources.memory, service.resources.cpus) == (512 << 20, 1.5)
    assert (service.user, service.workdir, service.hostname) == ("1000:1000", "/srv", "shop")
    assert (service.read_only, service.init) == (True, False)


def test_podman_s_own() -> None:
    service = read(
        'podman container run --secret pw,type=env,target=PW --secret key --entrypoint \'["a", "b c"]\' '
        '--health-cmd \'["true", "x"]\' --health-interval 5s --userns keep-id --tmpfs /run:size=1m '
        "--mount type=bind,src=$PWD/m,dst=/m,ro=true --mount type=volume,source=v,target=/v "
        "--ulimit nofile=1:2 --network a --network b:ip=10.0.0.2 --stop-timeout 30 quay.io/me/x"
    )
    assert service.secrets == (Secret("pw", env="PW"), Secret("key"))
    assert service.entrypoint == ("a", "b c")
    assert service.health.command == ("true", "x")
    assert service.health.interval == 5
    assert service.userns == "keep-id"
    assert service.tmpfs == ("/run:size=1m",)
    assert service.volumes == (
        Volume("/m", host="/srv/m", read_only=True),
        Volume("/v", external="v"),
    )
    assert service.ulimits == {"nofile": "1:2"}
    assert service.networks == ("a", "b")
    assert service.stop.timeout == 30
    assert service.name == "x"


def test_no_health_check() -> None:
    assert read("docker run --no-healthcheck nginx").health == Health(disable=True)


def test_options_without_a_counterpart_are_told() -> None:
    noted = {
        note.key: note
        for note in notes("docker run --rm --cidfile /x -P --ip 1.2.3.4 --restart=always --frob=1 x")
    }
    assert set(noted) == {"--rm", "--cidfile", "--publish-all", "--ip", "--frob"}
    assert "--ip=1.2.3.4" in read("docker run --ip 1.2.3.4 nginx").podman.args


@pytest.mark.parametrize("flag", sorted(flags.WITH_VALUE | flags.WITHOUT_VALUE))
def test_every_option_is_carried_or_told(flag: str) -> None:
    values = {
        "add-host": "a:1.2.3.4", "annotation": "a=b", "cap-add": "CHOWN", "cap-drop": "CHOWN",
        "dns": "1.1.1.1",
        "device": "/dev/null", "env": "A=b", "env-file": "x.env", "label": "a=b", "label-file": "x.env",
        "publish": "80", "storage-opt": "a=b", "sysctl": "a=b", "tmpfs": "/run", "volume": "a:/b",
        "gpus": "all",
        "mount": "type=tmpfs,target=/x", "platform": "linux/arm64", "restart": "no", "stop-signal": "INT",
        "ulimit": "core=1", "workdir": "/x", "network": "host", "userns": "host", "log-opt": "a=b",
    }  # fmt: skip
    value = f"={values.get(flag, '5')}" if flag in flags.WITH_VALUE else ""
    bare = import_command("docker run --restart=always --cpu-quota=9 nginx", SOURCE)
    imported = import_command(f"docker run --restart=always --cpu-quota=9 --{flag}{value} nginx", SOURCE)
    carried = imported.definitions[0].text != bare.definitions[0].text
    noted = any(note.key == f"--{flag}" for note in imported.notes)
    assert carried or noted or flag in flags.SILENT


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("docker ps", "must be a docker run or podman run command"),
        ("docker run", "must name an image"),
        ("docker run --name", "must have a value"),
        ("docker run 'x", "must have its quotes closed"),
        ("docker run --publishh 80 nginx", "did you mean 'publish'?"),
        ("docker run -Z nginx", "-Z: must be an option"),
        ("docker run -p 80:x nginx", "--publish: must be a port"),
        ("docker run --env-file no.env nginx", "there is no /srv/no.env"),
        ("docker run --name update nginx", "reserved"),
        ("docker run --restart never nginx", "--restart: must be no, always"),
    ],
)
def test_faults(text: str, problem: str) -> None:
    assert problem in faults(text)
