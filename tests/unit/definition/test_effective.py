"""What runs: definition over labels over image over defaults."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.definition.effective import Effective, describe, effective
from beacon.errors import DefinitionError
from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.model.reference import Digest
from beacon.model.service import Health, HttpProbe, Volume

BARE = ImageConfig(Digest("sha256:" + "a" * 64), Platform("linux", "amd64"))
CHECKED = replace(BARE, health=ImageHealth(("CMD-SHELL", "curl -f localhost"), interval=5.0, retries=2))


def filled(text: str = "", image: ImageConfig = BARE) -> Effective:
    return effective(decode('image = "ghcr.io/me/web:1"\n' + text, name="web", file="web.toml"), image)


def labelled(**labels: str) -> ImageConfig:
    return replace(BARE, labels={f"io.beacon.{key.replace('__', '.')}": text for key, text in labels.items()})


def test_what_the_definition_leaves_out_comes_from_the_image() -> None:
    image = replace(
        BARE,
        entrypoint=("/entry",),
        command=("serve",),
        env={"PATH": "/bin", "A": "image"},
        user="www",
        workdir="/srv",
        stop_signal="SIGQUIT",
    )
    result = filled('env.A = "definition"', image)
    service = result.service
    assert (service.entrypoint, service.command) == (("/entry",), ("serve",))
    assert service.env == {"PATH": "/bin", "A": "definition"}
    assert (service.user, service.workdir, service.stop.signal) == ("www", "/srv", "SIGQUIT")
    assert result.image is image
    assert {key: result.sources[key] for key in ("command", "env.A", "env.PATH", "user", "stop.signal")} == {
        "command": "image",
        "env.A": "definition",
        "env.PATH": "image",
        "user": "image",
        "stop.signal": "image",
    }


def test_an_own_entrypoint_discards_the_images_command() -> None:
    image = replace(BARE, entrypoint=("/entry",), command=("serve",))
    result = filled('entrypoint = "/own"', image)
    assert (result.service.entrypoint, result.service.command) == (("/own",), None)


def test_a_variable_of_the_image_yields_to_a_secret() -> None:
    result = filled('[[secret]]\nname = "a"\nenv = "A"', replace(BARE, env={"A": "1", "B": "2"}))
    assert result.service.env == {"B": "2"}


def test_variables_of_the_image_stay_with_it_where_a_file_may_override_them() -> None:
    result = filled('env_file = "/etc/a"\nenv.B = "1"', replace(BARE, env={"A": "1"}))
    assert result.service.env == {"B": "1"}


def test_a_stop_signal_that_is_none_is_noted_and_not_used() -> None:
    result = filled("", replace(BARE, stop_signal="SIGNOPE"))
    assert result.service.stop.signal is None
    assert "STOPSIGNAL of the image is not used" in result.notes[0]


@pytest.mark.parametrize(
    ("entrypoint", "command", "init"),
    [
        pytest.param(("/init",), (), False, id="s6-overlay"),
        pytest.param(("/usr/bin/tini", "--"), ("serve",), False, id="tini"),
        pytest.param((), ("dumb-init", "serve"), False, id="a command without an entrypoint"),
        pytest.param(("/entry",), ("tini",), True, id="an argument that looks like one"),
        pytest.param((), (), True, id="nothing known"),
    ],
)
def test_a_small_init_runs_unless_the_image_has_one(
    entrypoint: tuple[str, ...], command: tuple[str, ...], *, init: bool
) -> None:
    result = filled("", replace(BARE, entrypoint=entrypoint, command=command))
    assert result.service.init is init
    assert result.sources["init"] == ("default" if init else "image")


def test_the_definition_decides_on_an_init() -> None:
    result = filled("init = true", replace(BARE, entrypoint=("/init",)))
    assert (result.service.init, result.sources["init"]) == (True, "definition")


def test_a_volume_of_the_image_becomes_a_named_volume_unless_it_is_covered() -> None:
    image = replace(BARE, volumes=("/var/lib/data/", "/data", "/run", "/cache", "/a-b", "/"))
    text = """
        tmpfs = ["/run:size=1m"]
        volume = [{ name = "c", path = "/cache" }, { host = "/x", path = "/data" }]
    """
    result = filled(text, image)
    assert result.service.volumes[2:] == (
        Volume("/a-b", name="a-b"),
        Volume("/var/lib/data", name="var-lib-data"),
    )
    assert [result.sources[f"volume[{index}]"] for index in range(4)] == ["definition"] * 2 + ["image"] * 2


def test_a_volume_of_the_image_has_its_name_whatever_else_there_is() -> None:
    named = filled("[[volume]]\nname = 'a-b'\npath = '/c'", replace(BARE, volumes=("/a-b", "/a/b")))
    assert named.service.volumes[1:] == (Volume("/a-b", name="a-b"), Volume("/a/b", name="a-b"))


@pytest.mark.parametrize(
    ("text", "image", "expected"),
    [
        pytest.param("", BARE, Health(), id="none at all"),
        pytest.param(
            "",
            CHECKED,
            Health(command=("CMD-SHELL", "curl -f localhost"), interval=5.0, retries=2),
            id="the image's",
        ),
        pytest.param(
            "health.interval = 9",
            CHECKED,
            Health(command=("CMD-SHELL", "curl -f localhost"), interval=9.0, retries=2),
            id="the image's with an own interval",
        ),
        pytest.param("health.tcp = 80", CHECKED, Health(tcp=80), id="the definition's"),
        pytest.param("health.disable = true", CHECKED, Health(disable=True), id="disabled"),
        pytest.param("", replace(BARE, health=ImageHealth(("NONE",))), Health(), id="HEALTHCHECK NONE"),
        pytest.param(
            "",
            replace(BARE, health=ImageHealth(("CMD", "a", "b"))),
            Health(command=("a", "b")),
            id="words of the image",
        ),
        pytest.param(
            "",
            replace(labelled(health__http__port="80", health__http__path="/x"), health=CHECKED.health),
            Health(http=HttpProbe(80, "/x")),
            id="a label over the image's",
        ),
        pytest.param(
            "health.command = ['a']",
            labelled(health__tcp="80", health__interval="3s"),
            Health(command=("a",), interval=3.0),
            id="the definition's check, and an interval by label",
        ),
        pytest.param(
            "",
            replace(labelled(health__disable="true"), health=CHECKED.health),
            Health(disable=True),
            id="disabled by label",
        ),
        pytest.param(
            "health.disable = false",
            replace(labelled(health__disable="true"), health=CHECKED.health),
            Health(command=("CMD-SHELL", "curl -f localhost"), interval=5.0, retries=2),
            id="not disabled, whatever the label says",
        ),
    ],
)
def test_the_health_check_is(text: str, image: ImageConfig, expected: Health) -> None:
    assert filled(text, image).service.health == expected


def test_labels_are_defaults_for_harmless_keys() -> None:
    image = labelled(
        description="a shop",
        read_only="true",
        tmpfs="/run:size=1m /t",
        stop__timeout="1m",
        stop__signal="INT",
        update__settle="3s",
        init="false",
    )
    result = filled("", image)
    service = result.service
    assert (service.description, service.read_only, service.tmpfs) == (
        "a shop",
        True,
        ("/run:size=1m", "/t"),
    )
    assert (service.stop.timeout, service.stop.signal, service.update.settle) == (60.0, "SIGINT", 3.0)
    assert service.init is False
    assert {result.sources[key] for key in ("description", "tmpfs", "stop.timeout", "init")} == {"label"}
    assert result.notes == ()


def test_a_definition_wins_over_a_label_even_where_it_says_the_default() -> None:
    text = 'read_only = false\ntmpfs = []\nstop.timeout = "10s"\nupdate.settle = 10'
    image = labelled(read_only="true", tmpfs="/run", stop__timeout="1m", update__settle="1m")
    result = filled(text, image)
    assert (result.service.read_only, result.service.tmpfs) == (False, ())
    assert (result.service.stop.timeout, result.service.update.settle) == (10.0, 10.0)
    assert {result.sources[key] for key in ("read_only", "tmpfs", "stop.timeout")} == {"definition"}


def test_a_tmpfs_by_label_yields_to_what_the_definition_mounts() -> None:
    image = replace(labelled(tmpfs="/run /cache:size=1m /data"), volumes=("/data",))
    result = filled("[[volume]]\nname = 'c'\npath = '/cache'", image)
    assert result.service.tmpfs == ("/run", "/data")
    assert result.service.volumes == (Volume("/cache", name="c"),)


@pytest.mark.parametrize(
    "key", ["port", "volume", "capabilities.add", "podman.args", "hooks.after_update", "x"]
)
def test_labels_that_could_harm_are_noted_and_not_honoured(key: str) -> None:
    result = filled("", replace(BARE, labels={f"io.beacon.{key}": "x", "org.example": "y"}))
    assert result.notes == (f"label io.beacon.{key} of the image is not honoured: an image cannot set {key}",)
    assert result.service == replace(filled().service)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(
            {"health.interval": "soon", "init": "yes"},
            [
                (
                    "ghcr.io/me/web:1: label io.beacon.health.interval: "
                    "must be a duration such as '30s', '1m30s' or '500ms', not 'soon'"
                ),
                "ghcr.io/me/web:1: label io.beacon.init: must be true or false, not 'yes'",
            ],
            id="values that are wrong",
        ),
        pytest.param(
            {"health.tcp": "80", "health.command": "x"},
            [
                (
                    "ghcr.io/me/web:1: label io.beacon.health.command: "
                    "must be the only check, not io.beacon.health.command and io.beacon.health.tcp"
                ),
            ],
            id="two checks",
        ),
        pytest.param(
            {"health.http.path": "/x"},
            ["ghcr.io/me/web:1: label io.beacon.health.http.port: must be given with health.http.path"],
            id="a path without a port",
        ),
        pytest.param(
            {"health.retries": "x"},
            [
                (
                    "ghcr.io/me/web:1: label io.beacon.health.retries: "
                    "must be a whole number from 1 to 1000, not 'x'"
                ),
            ],
            id="a number that is none",
        ),
        pytest.param(
            {"health.interval": "0", "health.timeout": "0s"},
            [
                "ghcr.io/me/web:1: label io.beacon.health.interval: must be more than 0s, not '0'",
                "ghcr.io/me/web:1: label io.beacon.health.timeout: must be more than 0s, not '0s'",
            ],
            id="a check that takes no time",
        ),
    ],
)
def test_labels_with_faults_are_all_reported(labels: Mapping[str, str], expected: list[str]) -> None:
    image = replace(BARE, labels={f"io.beacon.{key}": text for key, text in labels.items()})
    with pytest.raises(DefinitionError) as caught:
        filled("", image)
    assert [str(fault) for fault in caught.value.faults] == expected


def test_every_value_is_described_with_its_source() -> None:
    text = 'command = []\n[[port]]\nhost = "127.0.0.1:53"\ncontainer = "53/udp"\n[resources]\nmemory = "1M"'
    rows = describe(filled(text, replace(BARE, volumes=("/data",), user="www")))
    assert {
        ("image", "ghcr.io/me/web:1", "definition"),
        ("command", "[]", "definition"),
        ("port[0]", "{ container = 53, host_port = 53, host_ip = 127.0.0.1, protocol = udp }", "definition"),
        ("volume[0]", "{ path = /data, name = data }", "image"),
        ("user", "www", "image"),
        ("resources.memory", "1048576", "definition"),
        ("restart.policy", "always", "default"),
        ("stop.timeout", "10s", "default"),
        ("read_only", "false", "default"),
    } <= set(rows)
