"""Where references lead by registries.conf, and which files say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import ConfigError
from beacon.model.reference import ImageReference
from beacon.registry.results import Failed, Refusal
from beacon.registry.settings.registries_conf import RegistriesConfig, RegistryEndpoint, TlsFiles

DIGEST = f"sha256:{'a' * 64}"

ROUTES = {
    "nothing is set": ("", "r.example/me/web", ["r.example/me/web"]),
    "docker hub": ("", "docker.io/library/nginx", ["docker.io/library/nginx"]),
    "insecure": (
        '[[registry]]\nlocation = "r.example:5000"\ninsecure = true',
        "r.example:5000/web",
        ["r.example:5000/web (insecure)"],
    ),
    "a prefix is moved": (
        '[[registry]]\nprefix = "r.example/me"\nlocation = "internal:5000/you/there"',
        "r.example/me/web:1.0",
        ["internal:5000/you/there/web"],
    ),
    "a prefix ends where a name ends": (
        '[[registry]]\nprefix = "r.example/me"\nlocation = "internal:5000"',
        "r.example/mean/web",
        ["r.example/mean/web"],
    ),
    "the longest prefix counts": (
        (
            '[[registry]]\nprefix = "r.example"\nlocation = "a.example"\n'
            '[[registry]]\nprefix = "r.example/me/web"\nlocation = "b.example/web"\n'
            '[[registry]]\nprefix = "r.example/me"\nlocation = "c.example"'
        ),
        "r.example/me/web",
        ["b.example/web"],
    ),
    "a prefix may be one tag": (
        '[[registry]]\nprefix = "r.example/web:1.0"\nlocation = "a.example/web:1.0"',
        "r.example/web:1.0",
        ["a.example/web"],
    ),
    "a wildcard": (
        '[[registry]]\nprefix = "*.example"\ninsecure = true',
        "any.where.example/web",
        ["any.where.example/web (insecure)"],
    ),
    "a wildcard does not match the domain itself": (
        '[[registry]]\nprefix = "*.r.example"\ninsecure = true',
        "r.example/web",
        ["r.example/web"],
    ),
    "a wildcard matches the host alone": (
        '[[registry]]\nprefix = "*.me"\ninsecure = true',
        "r.example/x.me/web",
        ["r.example/x.me/web"],
    ),
    "a wildcard with a location": (
        '[[registry]]\nprefix = "*.example"\nlocation = "proxy.test/cache"',
        "r.example/me/web",
        ["proxy.test/cache/me/web"],
    ),
    "mirrors come first, in order": (
        (
            '[[registry]]\nlocation = "docker.io"\n'
            '[[registry.mirror]]\nlocation = "m1.example/hub"\ninsecure = true\n'
            '[[registry.mirror]]\nlocation = "m2.example:5000"'
        ),
        "docker.io/library/nginx",
        [
            "m1.example/hub/library/nginx (insecure)",
            "m2.example:5000/library/nginx",
            "docker.io/library/nginx",
        ],
    ),
    "mirrors for digests only, all of them": (
        (
            '[[registry]]\nlocation = "r.example"\nmirror-by-digest-only = true\n'
            '[[registry.mirror]]\nlocation = "m.example"'
        ),
        "r.example/web:1.0",
        ["r.example/web"],
    ),
    "mirrors for digests only, by digest": (
        (
            '[[registry]]\nlocation = "r.example"\nmirror-by-digest-only = true\n'
            '[[registry.mirror]]\nlocation = "m.example"'
        ),
        f"r.example/web@{DIGEST}",
        ["m.example/web", "r.example/web"],
    ),
    "each mirror for what it is good for, by tag": (
        (
            '[[registry]]\nlocation = "r.example"\n'
            '[[registry.mirror]]\nlocation = "d.example"\npull-from-mirror = "digest-only"\n'
            '[[registry.mirror]]\nlocation = "t.example"\npull-from-mirror = "tag-only"\n'
            '[[registry.mirror]]\nlocation = "a.example"\npull-from-mirror = "all"'
        ),
        "r.example/web:1.0",
        ["t.example/web", "a.example/web", "r.example/web"],
    ),
    "each mirror for what it is good for, by digest": (
        (
            '[[registry]]\nlocation = "r.example"\n'
            '[[registry.mirror]]\nlocation = "d.example"\npull-from-mirror = "digest-only"\n'
            '[[registry.mirror]]\nlocation = "t.example"\npull-from-mirror = "tag-only"'
        ),
        f"r.example/web:1.0@{DIGEST}",
        ["d.example/web", "r.example/web"],
    ),
    "the old format": (
        '[registries.insecure]\nregistries = ["r.example:5000"]',
        "r.example:5000/web",
        ["r.example:5000/web (insecure)"],
    ),
    "docker hub moved there": (
        '[[registry]]\nprefix = "r.example"\nlocation = "docker.io"',
        "r.example/nginx",
        ["docker.io/library/nginx"],
    ),
}


def written(endpoint: RegistryEndpoint) -> str:
    return f"{endpoint.registry}/{endpoint.repository}{' (insecure)' if endpoint.insecure else ''}"


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def load(root: Path, **env: str) -> RegistriesConfig:
    return RegistriesConfig.load(env, root / "home", root=root)


@pytest.mark.parametrize(("text", "reference", "expected"), ROUTES.values(), ids=ROUTES)
def test_references_lead_where_a_pull_goes(
    tmp_path: Path, text: str, reference: str, expected: list[str]
) -> None:
    write(tmp_path, "etc/containers/registries.conf", text)
    endpoints = load(tmp_path).endpoints(ImageReference.parse(reference))
    assert [written(endpoint) for endpoint in endpoints] == expected


def test_docker_hub_is_served_by_another_host() -> None:
    assert RegistryEndpoint("docker.io", "library/nginx").host == "registry-1.docker.io"
    assert RegistryEndpoint("r.example:5000", "web").host == "r.example:5000"


def test_what_is_blocked_says_by_which_file(tmp_path: Path) -> None:
    write(tmp_path, "etc/containers/registries.conf", '[[registry]]\nlocation = "r.example"\nblocked = true')
    with pytest.raises(Refusal) as caught:
        load(tmp_path).endpoints(ImageReference.parse("r.example/web"))
    assert isinstance(caught.value.outcome, Failed)
    assert "etc/containers/registries.conf" in (caught.value.outcome.hint or "")


def insecure(location: str, *, value: bool = True) -> str:
    return f'[[registry]]\nlocation = "{location}"\ninsecure = {str(value).lower()}\n'


def test_later_files_override_earlier_ones_prefix_by_prefix(tmp_path: Path) -> None:
    write(tmp_path, "etc/containers/registries.conf", insecure("a.example") + insecure("b.example"))
    write(tmp_path, "etc/containers/registries.conf.d/20.conf", insecure("b.example", value=False))
    write(tmp_path, "etc/containers/registries.conf.d/10.conf", insecure("b.example"))
    write(tmp_path, "etc/containers/registries.conf.d/30.conf.bak", "not TOML at all")
    write(tmp_path, "home/.config/containers/registries.conf.d/1.conf", insecure("c.example"))
    config = load(tmp_path)
    assert {one.prefix: one.insecure for one in config.registries} == {
        "a.example": True,
        "b.example": False,
        "c.example": True,
    }


def test_a_file_of_the_user_replaces_that_of_the_system(tmp_path: Path) -> None:
    write(tmp_path, "etc/containers/registries.conf", insecure("a.example"))
    write(tmp_path, "home/.config/containers/registries.conf", insecure("b.example"))
    assert [one.prefix for one in load(tmp_path).registries] == ["b.example"]


def test_a_file_of_the_environment_replaces_both(tmp_path: Path) -> None:
    write(tmp_path, "etc/containers/registries.conf", insecure("a.example"))
    write(tmp_path, "elsewhere.conf", insecure("b.example"))
    chosen = str(tmp_path / "elsewhere.conf")
    assert [one.prefix for one in load(tmp_path, CONTAINERS_REGISTRIES_CONF=chosen).registries] == [
        "b.example"
    ]
    with pytest.raises(ConfigError, match="which does not exist"):
        load(tmp_path, CONTAINERS_REGISTRIES_CONF=str(tmp_path / "nowhere.conf"))


def test_without_files_nothing_is_set(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.registries == ()
    assert config.credential_helpers == ("containers-auth.json",)


def test_credential_helpers_are_taken_from_the_last_file_that_names_some(tmp_path: Path) -> None:
    write(tmp_path, "etc/containers/registries.conf", 'credential-helpers = ["a"]')
    write(tmp_path, "etc/containers/registries.conf.d/1.conf", 'credential-helpers = ["b", "c"]')
    write(tmp_path, "etc/containers/registries.conf.d/2.conf", "")
    assert load(tmp_path).credential_helpers == ("b", "c")


FAULTS = {
    "no TOML": ("[[registry", "Expected"),
    "no location": ("[[registry]]\ninsecure = true", r"registry\[0\]\.location: must name a registry"),
    "a prefix without a location": (
        '[[registry]]\nprefix = "r.example"',
        r"registry\[0\]\.location: must be given unless prefix is a wildcard",
    ),
    "a URL": ('[[registry]]\nlocation = "https://r.example"', r"location: must be a host and path without"),
    "a string for a boolean": (
        '[[registry]]\nlocation = "r.example"\ninsecure = "yes"',
        r"registry\[0\]\.insecure: must be true or false",
    ),
    "a mirror without a location": (
        '[[registry]]\nlocation = "r.example"\n[[registry.mirror]]\ninsecure = true',
        r"registry\[0\]\.mirror\[0\]\.location: must name a registry",
    ),
    "a mirror for something else": (
        '[[registry]]\nlocation = "r"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "some"',
        r"pull-from-mirror: must be all, digest-only or tag-only, not 'some'",
    ),
    "a table for a list": ('[registry]\nlocation = "r.example"', "registry: must be a list of tables"),
    "numbers for helpers": ("credential-helpers = [1]", "credential-helpers: must be a list of strings"),
}


@pytest.mark.parametrize(("text", "problem"), FAULTS.values(), ids=FAULTS)
def test_faults_name_the_file_and_the_key(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, "etc/containers/registries.conf", text)
    with pytest.raises(ConfigError, match=rf"registries\.conf: .*{problem}"):
        load(tmp_path)


def test_certificates_come_from_the_first_folder_that_knows_the_host(tmp_path: Path) -> None:
    mine, theirs = "home/.config/containers/certs.d", "etc/docker/certs.d"
    for name in ("b.crt", "a.crt", "me.cert", "me.key", "README"):
        write(tmp_path, f"{theirs}/r.example:5000/{name}", "")
    write(tmp_path, f"{theirs}/both.example/theirs.crt", "")
    write(tmp_path, f"{mine}/both.example/mine.crt", "")
    config = load(tmp_path)
    folder = tmp_path / theirs / "r.example:5000"
    assert config.tls_files("r.example:5000") == TlsFiles(
        (folder / "a.crt", folder / "b.crt"), ((folder / "me.cert", folder / "me.key"),)
    )
    assert [path.name for path in config.tls_files("both.example").authorities] == ["mine.crt"]
    assert config.tls_files("r.example") == TlsFiles()


@pytest.mark.parametrize("name", ["me.cert", "me.key"])
def test_half_a_pair_is_a_fault(tmp_path: Path, name: str) -> None:
    write(tmp_path, f"etc/containers/certs.d/r.example/{name}", "")
    with pytest.raises(ConfigError, match=rf"{name}: must have me\.\w+ beside it"):
        load(tmp_path).tls_files("r.example")
