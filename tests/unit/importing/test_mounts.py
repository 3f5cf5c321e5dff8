"""What containers have mounted, as both engines tell of it, and what is beyond all that is read."""

from __future__ import annotations

from typing import Any

import pytest

from beacon.definition.decode import decode
from beacon.errors import DefinitionError
from beacon.importing.compose.reading.files import Source
from beacon.importing.container import import_container
from beacon.importing.layer import own_layer
from beacon.importing.result import Imported
from beacon.model.service import Service, Volume

ID = "4f" * 32
NOTHING: dict[str, str] = {}
SOURCE = Source(NOTHING.get, bool, NOTHING, "/srv")
USERDATA = f"/var/lib/containers/storage/overlay-containers/{ID}/userdata/overlay"


def container(
    mounts: list[dict[str, Any]],
    host: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    **more: object,
) -> dict[str, Any]:
    """Return a container as inspect has it."""
    return {
        "Id": ID,
        "Name": "old",
        "ImageName": "example.org/old:1",
        "Config": config or {},
        "HostConfig": host or {},
        "Mounts": mounts,
        **more,
    }


def read(inspected: dict[str, Any], *layer: str) -> tuple[Service, Imported]:
    imported = import_container(inspected, {}, SOURCE, layer=layer)
    (definition,) = imported.definitions
    return decode(definition.text, name=definition.name, file="it.toml"), imported


def noted(imported: Imported) -> str:
    return "\n".join(f"{note.key}: {note.kind}: {note.text}" for note in imported.notes)


def mount(sort: str, source: str, target: str, *options: str, **more: object) -> dict[str, Any]:
    """Return what Podman says of a mount."""
    name = {"Name": source} if sort == "volume" else {"Source": source}
    return {
        "Type": sort,
        "Destination": target,
        "Mode": "",
        "Options": list(options),
        "RW": True,
        "Propagation": "rprivate",
        **name,
        **more,
    }


def test_podman_s_mounts_with_their_options() -> None:
    command = ["podman", "run", "-v", "/srv/b:/b:rshared,U", "--volume=/srv/z:/z:Z", "--mount",
               "type=volume,src=kept,dst=/kept,U=true", "image"]  # fmt: skip
    service, imported = read(
        container(
            [
                mount("volume", ID, "/data", "nodev", "exec", "nosuid", "rbind"),
                mount("volume", "5a" * 32, "/again", "nosuid", "nodev", "rbind", RW=False),
                mount("volume", "kept", "/kept", "noexec", "nosuid", "nodev", "rbind"),
                mount("bind", "/srv/b", "/b", "rbind", Propagation="rshared"),
                mount("bind", "/srv/c", "/c", "rbind", Propagation="rslave", RW=False),
                mount("bind", "/srv/z", "/z", "rbind"),
                mount("volume", "mapped", "/mapped", "idmap", "nosuid", "nodev", "rbind"),
            ],
            {"Tmpfs": {"/t": "size=5m,mode=1770,rw,rprivate,nosuid,nodev,tmpcopyup"}},
            {"CreateCommand": command},
        )
    )
    assert service.volumes == (
        Volume("/data", name="data"),
        Volume("/again", name="again", read_only=True),
        Volume("/kept", external="kept", options=("noexec", "U")),
        Volume("/b", host="/srv/b", options=("rshared", "U")),
        Volume("/c", host="/srv/c", read_only=True, options=("rslave",)),
        Volume("/z", host="/srv/z", options=("Z",)),
        Volume("/mapped", external="mapped", options=("idmap",)),
    )
    assert service.tmpfs == ("/t:size=5m,mode=1770",)
    assert "not carried over" not in noted(imported)
    assert imported.obstacles == ()


@pytest.mark.parametrize(
    ("mounted", "words"),
    [
        pytest.param(
            mount("image", "example.org/data:1", "/img"), "the image example.org/data:1 at /img", id="image"
        ),
        pytest.param(
            mount("bind", "ramfs", "/ram", Propagation=""), "a file system of type ramfs at /ram", id="ramfs"
        ),
        pytest.param(
            mount("bind", f"{USERDATA}/1/merge", "/ov", "lowerdir=/srv/a", f"upperdir={USERDATA}/1/upper"),
            "/srv/a at /ov, of which the container had changes of its own",
            id="overlay of a folder",
        ),
        pytest.param(
            mount("volume", "nv", "/ov", "O", "rbind"), "nv at /ov, of which", id="overlay of a volume"
        ),
        pytest.param(mount("glob", "/a*", "/g"), "what is mounted at /g, of type glob", id="unknown"),
    ],
)
def test_mounts_that_beacon_has_no_word_for_are_told(mounted: dict[str, Any], words: str) -> None:
    service, imported = read(container([mounted]))
    assert service.volumes == ()
    assert f"Mounts: not carried over: {words}" in noted(imported)


def test_options_that_beacon_has_no_word_for_are_told() -> None:
    service, imported = read(
        container(
            [
                mount("bind", "/srv/a", "/a", "bind", Propagation="private"),
                mount("volume", "nv", "/nv", "nocopy", "nosuid", "nodev", "rbind"),
                mount("bind", "/srv/c:d", "/c", "rbind", Propagation="rshared"),
                mount("bind", "/srv/e", "/e", "rbind", "strange"),
            ]
        )
    )
    assert [volume.options for volume in service.volumes] == [()] * 4
    said = noted(imported)
    for words in (
        "only /a itself",
        "the option nocopy of /nv",
        "rshared of /c, whose path has a colon",
        "strange",
    ):
        assert words in said


def test_podman_s_way_to_mount_an_image_is_told_once() -> None:
    inner = mount("bind", f"{USERDATA}/2/merge", "/img", "lowerdir=/x")
    _, imported = read(container([mount("image", "example.org/data:1", "/img"), inner]))
    assert noted(imported).count("/img") == 1


def test_a_part_of_a_volume_is_told_and_cannot_be_adopted() -> None:
    podman = mount("volume", "nv", "/nv", "rbind", SubPath="/x")
    docker = mount("volume", "nv", "/nv")
    spec = {"Type": "volume", "Source": "nv", "Target": "/nv", "VolumeOptions": {"Subpath": "x"}}
    for inspected in (container([podman]), container([docker], {"Mounts": [spec]})):
        _, imported = read(inspected)
        assert "the whole volume is mounted" in noted(imported)
        assert len(imported.obstacles) == 1


def test_docker_s_mounts() -> None:
    def spec(sort: str, target: str, **more: object) -> dict[str, object]:
        return {"Type": sort, "Target": target, **more}

    def seen(sort: str, source: str, target: str, mode: str = "", **more: object) -> dict[str, object]:
        usual = {"RW": True, "Propagation": "rprivate" if sort == "bind" else ""}
        name = {"Name": source} if sort == "volume" else {"Source": source}
        return {"Type": sort, "Destination": target, "Mode": mode, **usual, **name, **more}

    memory = {"SizeBytes": 10485760, "Mode": 0o1770, "Options": [["noexec"], ["uid", "7"]]}
    options = {"NoCopy": True, "Labels": {"a": "b"}, "DriverConfig": {}}
    specs = [
        spec("bind", "/bb", Source="/srv/b", ReadOnly=True, BindOptions={"Propagation": "rslave"}),
        spec("bind", "/nr", Source="/srv/b", BindOptions={"NonRecursive": True, "CreateMountpoint": True}),
        spec("tmpfs", "/t1", TmpfsOptions=memory),
        spec("volume", "/nv", Source="nv", VolumeOptions=options),
    ]
    mounts = [
        seen("tmpfs", "", "/t1"),
        seen("volume", "nv", "/nv", "z"),
        seen("bind", "/srv/a", "/a", "ro,z", RW=False),
        seen("bind", "/srv/b", "/bb", RW=False, Propagation="rslave"),
        seen("bind", "/srv/b", "/nr"),
    ]
    service, imported = read(container(mounts, {"Mounts": specs, "Tmpfs": {"/t2": "size=5m"}}))
    assert service.volumes == (
        Volume("/nv", external="nv"),
        Volume("/a", host="/srv/a", read_only=True, options=("z",)),
        Volume("/bb", host="/srv/b", read_only=True, options=("rslave",)),
        Volume("/nr", host="/srv/b"),
    )
    assert service.tmpfs == ("/t2:size=5m", "/t1:size=10485760,mode=1770,noexec")
    said = noted(imported)
    for words in ("only /nr itself", "BindOptions.CreateMountpoint of /nr", "VolumeOptions.NoCopy", "Labels"):
        assert words in said


def test_a_volume_without_a_name_at_two_paths_is_not_split() -> None:
    mounts = [mount("volume", ID, path, "rbind") for path in ("/a", "/b")]
    with pytest.raises(DefinitionError, match="must not use the volume 'a' again"):
        read(container(mounts))


def test_whatever_nobody_reads_is_told() -> None:
    _, imported = read(
        container(
            [],
            {
                "CgroupnsMode": "host",
                "Memory": 5,
                "MemorySwap": 7,
                "LogConfig": {"Type": "journald", "Config": {"max-size": "1m"}},
                "OomKillDisable": True,
                "SomethingNew": {"a": 1},
                "VolumeDriver": "",
            },
            {
                "Annotations": {"io.container.manager": "libpod", "mine": "1"},
                "CreateCommand": ["podman", "run", "--ip=10.88.0.9", "--tz", "local", "image"],
                "Domainname": "x.y",
                "MacAddress": "02:42:ac:11:00:99",
                "StartupHealthCheck": {"Test": ["CMD", "true"]},
                "Umask": "0077",
            },
            Pod="5a",
            NetworkSettings={
                "Networks": {"back": {"IPAMConfig": {"IPv4Address": "10.1.1.1"}, "Links": None}}
            },
        )
    )
    dropped = {note.key for note in imported.notes if note.kind.name == "DROPPED"}
    assert dropped >= {
        "--ip",
        "--tz",
        "Config.Annotations.mine",
        "Config.Domainname",
        "Config.MacAddress",
        "Config.StartupHealthCheck",
        "Config.Umask",
        "HostConfig.CgroupnsMode",
        "HostConfig.LogConfig.Config.max-size",
        "HostConfig.MemorySwap",
        "HostConfig.OomKillDisable",
        "HostConfig.SomethingNew",
        "NetworkSettings.Networks.back.IPAMConfig",
        "Pod",
    }
    assert "Config.Annotations.io.container.manager" not in dropped
    assert "pod" in imported.obstacles[0]


def test_the_layer_of_its_own_is_told_in_part() -> None:
    _, imported = read(container([]), *(f"/file{number}" for number in range(12)))
    assert "diff: not carried over: /file0, " in noted(imported)
    assert "/file9 and 2 more, in no volume" in noted(imported)
    assert "/file10" not in noted(imported)


def test_the_own_layer_is_what_no_engine_made() -> None:
    diff = """C /etc
C /etc/hosts
A /etc/mtab
D /etc/group
A /srv
A /srv/app
A /srv/app/data
A /cache/file
C /cache
C /var/log
A /run/secrets
A /run/secrets/key
A /own
A /with space
C /app/settings
"""
    folders = {"/etc", "/cache", "/var/log", "/srv", "/srv/app"}
    found = own_layer(diff.splitlines(), {"/srv/app/data"}, folders.__contains__)
    assert found == ("/app/settings", "/cache/file", "/etc/group", "/own", "/with space")
    assert own_layer(["C /etc", "A /data"], {"/data"}, lambda _: False) == ()
