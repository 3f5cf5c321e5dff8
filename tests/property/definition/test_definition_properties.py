"""What is written is read back, whatever it holds."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon.definition.decode import decode
from beacon.definition.encode import encode, new_definition
from beacon.definition.endpoints.domains import read_compact
from beacon.definition.grammar import quantities
from beacon.definition.schema import ServiceTable
from beacon.errors import DefinitionError
from beacon.model.endpoints.network import Network
from beacon.model.image import Platform
from beacon.model.parts.raw import RawDocker, RawPodman
from beacon.model.reference import ImageReference
from beacon.model.service import (
    START_INTERVAL,
    Apply,
    Capabilities,
    Endpoint,
    Health,
    HealthAction,
    Hooks,
    HttpProbe,
    Port,
    Protocol,
    Resources,
    Restart,
    RestartPolicy,
    Scheme,
    Secret,
    Service,
    Stop,
    Unhealthy,
    UpdatePolicy,
    Volume,
)

assert ServiceTable.__pydantic_complete__  # imported before any test: pydantic takes longer than a test may

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
WORDS = st.lists(TEXT, max_size=3).map(tuple)
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
ENGINE_NAME = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,8}", fullmatch=True)
SERVICE_NAME = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True).map(lambda name: f"s-{name}")
SEGMENT = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,5}", fullmatch=True)
PATH = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
LABEL = LINE.filter(
    lambda name: name.strip() == name != "" and "=" not in name and not name.startswith("io.beacon.")
)
MILLISECONDS = st.integers(0, 10**10).map(lambda number: number / 1000)
SECONDS = st.one_of(MILLISECONDS, st.floats(0, 10**6))
DIRECTIVES = st.dictionaries(
    st.from_regex(r"X[A-Za-z0-9-]{0,5}", fullmatch=True),
    st.lists(LINE.filter(lambda line: not line.endswith("\\")), max_size=3).map(tuple),
    max_size=2,
)


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, unique=True, max_size=3).map(tuple)


def health() -> st.SearchStrategy[Health]:
    command = st.one_of(
        TEXT.filter(str.strip).map(lambda line: ("CMD-SHELL", line)),
        st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    )
    probes: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"command": command}),
        st.fixed_dictionaries(
            {"http": st.builds(HttpProbe, st.integers(1, 65535), PATH.map(_without_spaces))}
        ),
        st.fixed_dictionaries({"tcp": st.integers(1, 65535)}),
        st.fixed_dictionaries({"disable": st.just(value=True)}),
    )
    numbers = st.fixed_dictionaries(
        {
            "interval": st.none() | SECONDS.filter(bool),
            "timeout": st.none() | SECONDS.filter(bool),
            "start_period": st.none() | SECONDS,
            "retries": st.none() | st.integers(1, 1000),
            "on_failure": st.none() | st.sampled_from(HealthAction),
        },
    )
    return st.builds(lambda probe, number: Health(**probe, **number), probes, numbers)


def _without_spaces(path: str) -> str:
    return path.replace(" ", "")


def volumes() -> st.SearchStrategy[tuple[Volume, ...]]:
    source = st.one_of(
        st.fixed_dictionaries({"name": ENGINE_NAME}),
        st.fixed_dictionaries({"host": PATH}),
        st.fixed_dictionaries({"external": ENGINE_NAME}),
    )
    volume = st.builds(
        lambda path, where, read_only, options: Volume(
            path=path, read_only=read_only, options=options, **where
        ),
        PATH,
        source,
        st.booleans(),
        some(st.sampled_from(["z", "U", "noexec"])),
    )
    distinct = st.lists(
        volume, max_size=3, unique_by=(lambda one: one.path, lambda one: one.name or one.path)
    )
    return distinct.map(tuple)


def ports() -> st.SearchStrategy[tuple[Port, ...]]:
    port = st.builds(
        Port,
        container=st.integers(1, 60000),
        host_port=st.none() | st.integers(1, 60000),
        host_ip=st.sampled_from(["", "127.0.0.1", "::1", "0.0.0.0"]),
        protocol=st.sampled_from(Protocol),
        count=st.integers(1, 3),
    )
    single = port.filter(lambda one: one.host_port is not None or one.count == 1 or not one.host_ip)
    return st.lists(single, max_size=1).map(tuple)


HOST = st.lists(st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=2, max_size=4).map(
    ".".join
)
DOMAIN = st.builds(
    lambda star, host: star + host, st.sampled_from(["", "*."]), HOST.filter(lambda one: "xn--" not in one)
)
PORTS = st.none() | st.integers(1, 65535)
COMPACT = st.lists(st.tuples(DOMAIN, PORTS, PORTS), max_size=4, unique_by=lambda one: one[0])


def endpoints() -> st.SearchStrategy[tuple[Endpoint, ...]]:
    web = st.builds(
        Endpoint,
        DOMAIN,
        PORTS,
        PATH.map(_without_spaces),
        st.sampled_from([Scheme.HTTP, Scheme.HTTPS, Scheme.H2C]),
        tls=st.none() | st.booleans(),
        internal=st.booleans(),
        health=st.sampled_from(Unhealthy),
        allow=st.lists(st.sampled_from(["10.0.0.0/8", "::1", "192.168.1.4"]), unique=True).map(tuple),
        basic_auth=st.sampled_from([(), ("anna:$2a$14$" + "x" * 53,)]),
        compress=st.booleans(),
    )
    raw = st.builds(Endpoint, DOMAIN, PORTS, scheme=st.sampled_from([Scheme.TCP, Scheme.UDP]))
    sent_on = st.builds(Endpoint, DOMAIN, redirect=DOMAIN)
    return st.lists(web | raw | sent_on, max_size=3, unique_by=lambda one: one.domain).map(tuple)


def compact(words: list[tuple[str, int | None, int | None]]) -> str:
    """Return domains and their ports as people write them."""
    options = [
        (domain, f":http={http}" if http else "", f":https={https}" if https else "")
        for domain, http, https in words
    ]
    return " ".join("".join(parts) for parts in options)


SERVICES = st.builds(
    Service,
    name=st.just("web"),
    image=st.sampled_from(["ghcr.io/me/web:1.4", "localhost:5000/a"]).map(ImageReference.parse),
    description=LINE,
    platform=st.none() | st.just(Platform("linux", "arm", "v7")),
    entrypoint=st.none() | WORDS,
    command=st.none() | WORDS,
    user=st.none() | st.sampled_from(["0", "www-data", "1000:1000"]),
    groups=some(st.sampled_from(["video", "44"])),
    workdir=st.none() | PATH,
    hostname=st.none() | st.just("web.internal"),
    init=st.none() | st.booleans(),
    read_only=st.booleans(),
    env=st.dictionaries(NAME, TEXT, max_size=3),
    env_files=some(PATH),
    labels=st.dictionaries(LABEL, TEXT, max_size=3),
    ports=ports(),
    volumes=volumes(),
    tmpfs=some(st.sampled_from(["/run/web:size=64m"])),
    networks=some(SERVICE_NAME),
    hosts=st.dictionaries(ENGINE_NAME, st.sampled_from(["10.0.0.1", "::1", "host-gateway"]), max_size=2),
    dns=some(st.sampled_from(["9.9.9.9", "2620:fe::fe"])),
    needs=some(SERVICE_NAME),
    requires=some(SERVICE_NAME),
    devices=some(st.sampled_from(["/dev/dri:/dev/dri:rw"])),
    capabilities=st.builds(Capabilities, some(st.just("CAP_SYS_TIME")), some(st.just("all"))),
    no_new_privileges=st.booleans(),
    sysctls=st.dictionaries(st.just("net.core.somaxconn"), st.just("1024")),
    ulimits=st.dictionaries(st.just("nofile"), st.sampled_from(["-1", "1:2"])),
    shm_size=st.none() | st.integers(1, 2**40),
    secrets=some(ENGINE_NAME).map(lambda names: tuple(Secret(name) for name in names)),
    resources=st.builds(
        Resources,
        st.none() | st.integers(1, 2**50),
        st.none() | st.floats(0.01, 1000),
        st.none() | st.integers(1, 2**22),
        st.none() | st.integers(1, 10000),
    ),
    health=health(),
    restart=st.builds(
        Restart,
        st.sampled_from([one for one in RestartPolicy if one is not RestartPolicy.ONESHOT]),  # has no check
        SECONDS,
        st.integers(0, 100),
        SECONDS.filter(lambda seconds: seconds != START_INTERVAL),  # read as if it were not said
    ),
    stop=st.builds(Stop, SECONDS, st.none() | st.sampled_from(["SIGINT", "SIGRTMIN+3"])),
    update=st.builds(
        UpdatePolicy,
        st.sampled_from(["tag", "pinned", "^1.4", ">=1.2 <2"]),
        SECONDS,
        some(st.sampled_from(["Sat,Sun 02:00-05:00", "22:00-06:00"])),
        SECONDS,
        SECONDS,
        st.sampled_from(Apply),
    ),
    hooks=st.builds(Hooks, WORDS, WORDS, WORDS),
    podman=st.builds(RawPodman, WORDS, DIRECTIVES, DIRECTIVES, DIRECTIVES),
    docker=st.builds(RawDocker, WORDS, DIRECTIVES, DIRECTIVES),
)


NETWORK = st.builds(
    Network,
    internal=st.booleans(),
    subnet=st.just(("10.9.0.0/24", "fd00:9::/64")),
    gateway=st.sampled_from([(), ("10.9.0.1", "fd00:9::1")]),
    driver=st.none() | st.just("macvlan"),
    ipv6=st.booleans(),
    options=st.dictionaries(st.just("mtu"), st.just("1400")),
    address=st.sampled_from([(), ("10.9.0.5",), ("10.9.0.5", "fd00:9::5")]),
)


@given(NETWORK, NETWORK)
def test_networks_are_written_and_read_back(one: Network, other: Network) -> None:
    image = ImageReference.parse("ghcr.io/me/web:1")
    networks = {"back": one, "front": other}
    service = Service(name="web", image=image, networks=("back", "front"), network=networks)
    assert decode(encode(service), name="web", file="web.toml") == service


@settings(suppress_health_check=[HealthCheck.too_slow])  # many draws make a service, and machines are busy
@given(SERVICES)
def test_a_service_is_written_and_read_back(service: Service) -> None:
    assert decode(encode(service), name="web", file="web.toml") == service


@given(st.dictionaries(NAME, TEXT), st.dictionaries(LABEL, TEXT))
def test_any_variable_and_label_survives(env: dict[str, str], labels: dict[str, str]) -> None:
    service = Service(name="web", image=ImageReference.parse("ghcr.io/me/web:1"), env=env, labels=labels)
    found = decode(encode(service), name="web", file="web.toml")
    assert (found.env, found.labels) == (env, labels)


@given(st.dictionaries(NAME, TEXT), st.none() | WORDS)
def test_a_new_definition_means_what_was_asked_for(
    env: dict[str, str], command: tuple[str, ...] | None
) -> None:
    found = decode(
        new_definition("web", "ghcr.io/me/web", env=env, command=command), name="web", file="web.toml"
    )
    assert (found.env, found.command) == (env, command)


@given(endpoints(), st.booleans())
def test_endpoints_are_written_and_read_back(found: tuple[Endpoint, ...], compat: bool) -> None:  # noqa: FBT001
    image = ImageReference.parse("ghcr.io/me/web:1")
    service = Service(name="web", image=image, endpoints=found, compat=compat)
    assert decode(encode(service), name="web", file="web.toml") == service


@given(COMPACT)
def test_the_compact_form_is_read_as_it_was_written(words: list[tuple[str, int | None, int | None]]) -> None:
    expected = [
        Endpoint(domain, port, scheme=scheme)
        for domain, http, https in words
        for scheme, port in ((Scheme.HTTP, http), (Scheme.HTTPS, https))
        if port or (scheme is Scheme.HTTP and not https)
    ]
    assert read_compact(compact(words), compat=False) == (tuple(expected), ())
    service = decode(
        new_definition("web", "ghcr.io/me/web", domains=[compact(words)]), name="web", file="web.toml"
    )
    assert service.domain == compact(words)
    assert decode(encode(service), name="web", file="web.toml") == service


ODD = st.lists(
    st.sampled_from([*"ab.*-_:=/,;\"' 019+\u00e9\n\t\u3002\u00df", "http", "https", "example.org"])
).map("".join)


@given(ODD | st.text(), st.booleans())
def test_any_text_is_endpoints_or_problems_that_show_the_place(text: str, compat: bool) -> None:  # noqa: FBT001
    endpoints, problems = read_compact(text, compat=compat)
    assert all(one.domain and not one.domain.isspace() for one in endpoints)
    for problem in problems:
        _, shown, mark = problem.splitlines()
        assert mark.strip("^~ ") == ""
        assert mark.index("^") <= len(shown)


@given(MILLISECONDS)
def test_a_duration_is_written_and_read_back(seconds: float) -> None:
    assert quantities.duration(quantities.format_duration(seconds)) == seconds


@given(st.integers(1, 2**60))
def test_a_size_is_written_and_read_back(number: int) -> None:
    assert quantities.size(quantities.format_size(number)) == number


@given(st.text())
def test_any_text_is_a_service_or_faults(text: str) -> None:
    try:
        decode(text, name="web", file="web.toml")
    except DefinitionError as error:
        assert error.faults  # noqa: PT017 -- either outcome is right, a third is not


VALUES = st.recursive(
    st.one_of(st.none().map(lambda _: "x"), st.booleans(), st.integers(-9, 99999), st.floats(), LINE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "name", "http", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        "image",
        "env",
        "env_file",
        "port",
        "volume",
        "health",
        "restart",
        "needs",
        "update",
        "podman",
        "endpoint",
        "domain",
        "x",
    ]
)


@given(st.dictionaries(KEYS, VALUES))
def test_any_document_is_a_service_or_faults(document: dict[str, object]) -> None:
    import tomli_w  # noqa: PLC0415 -- the one test that writes TOML itself

    test_any_text_is_a_service_or_faults.hypothesis.inner_test(tomli_w.dumps(document))  # type: ignore[attr-defined]
