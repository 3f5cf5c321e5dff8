"""The small languages of a definition."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beacon.definition.grammar import portspec, quantities, strings, values
from beacon.model.service import Protocol


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        pytest.param(quantities.duration, "30s", 30.0, id="seconds"),
        pytest.param(quantities.duration, "1m30s", 90.0, id="minutes and seconds"),
        pytest.param(quantities.duration, "1h 30min", 5400.0, id="with a space, as systemd has it"),
        pytest.param(quantities.duration, "500ms", 0.5, id="milliseconds"),
        pytest.param(quantities.duration, "3d", 259200.0, id="days"),
        pytest.param(quantities.duration, 2, 2.0, id="a number is seconds"),
        pytest.param(quantities.duration, "1.5", 1.5, id="a number as text"),
        pytest.param(quantities.size, "512M", 512 << 20, id="mebibytes"),
        pytest.param(quantities.size, "1.5GiB", 3 << 29, id="gibibytes in full"),
        pytest.param(quantities.size, "64mb", 64 << 20, id="in small letters"),
        pytest.param(quantities.size, 1024, 1024, id="bytes"),
        pytest.param(strings.words, "a 'b c' d\\ e", ("a", "b c", "d e"), id="words as a shell splits them"),
        pytest.param(strings.words, "a  b\tc", ("a", "b", "c"), id="words without quotes"),
        pytest.param(strings.words, ["a b", ""], ("a b", ""), id="a list is words already"),
        pytest.param(strings.words, "", (), id="no words"),
        pytest.param(strings.health_command, "a | b", ("CMD-SHELL", "a | b"), id="a shell's line"),
        pytest.param(strings.health_command, ["CMD", "a", "b"], ("a", "b"), id="as compose files write it"),
        pytest.param(portspec.host_port, 8080, ("", 8080, 1), id="a port of every address"),
        pytest.param(portspec.host_port, "8080", ("", 8080, 1), id="a port as text"),
        pytest.param(
            portspec.host_port, "127.0.0.1:8080", ("127.0.0.1", 8080, 1), id="an address and a port"
        ),
        pytest.param(portspec.host_port, "[::1]:8080", ("::1", 8080, 1), id="an address of IPv6"),
        pytest.param(portspec.host_port, "8000-8010", ("", 8000, 11), id="a span of ports"),
        pytest.param(
            portspec.host_port, "127.0.0.1:", ("127.0.0.1", None, 1), id="a port that the engine chooses"
        ),
        pytest.param(portspec.container_port, 80, (80, 1, None), id="a container's port"),
        pytest.param(portspec.container_port, "53/udp", (53, 1, Protocol.UDP), id="a port of UDP"),
        pytest.param(
            portspec.container_port, "8000-8010/tcp", (8000, 11, Protocol.TCP), id="a container's span"
        ),
        pytest.param(strings.signal_name, "TERM", "SIGTERM", id="a signal in short"),
        pytest.param(strings.signal_name, "sigint", "SIGINT", id="a signal in small letters"),
        pytest.param(strings.signal_name, 15, "SIGTERM", id="a signal's number"),
        pytest.param(strings.signal_name, "37", "SIGRTMIN+3", id="a real-time signal's number"),
        pytest.param(strings.signal_name, "RTMIN+3", "SIGRTMIN+3", id="a real-time signal"),
        pytest.param(strings.absolute_path, "/a//b/./c/", "/a/b/c", id="a path without idle slashes"),
        pytest.param(strings.capability, "net_admin", "CAP_NET_ADMIN", id="a capability in short"),
        pytest.param(strings.capability, "all", "all", id="all capabilities"),
        pytest.param(strings.address, "2001:DB8::0", "2001:db8::", id="an address in its usual spelling"),
        pytest.param(strings.scalar, True, "true", id="a boolean as TOML writes it"),
        pytest.param(
            strings.scalar, strings.WrittenFloat("3.10"), "3.10", id="a number as the file wrote it"
        ),
        pytest.param(values.user, 1000, "1000", id="a user by number"),
        pytest.param(values.tmpfs, "/run:size=64m", "/run:size=64m", id="a file system in memory"),
        pytest.param(values.device, "nvidia.com/gpu=all", "nvidia.com/gpu=all", id="a device by CDI"),
        pytest.param(values.ulimit, "unlimited", "-1", id="no limit"),
        pytest.param(values.follow, ">=1.2 <2", ">=1.2 <2", id="a range to follow"),
        pytest.param(values.network, "service:db", "service:db", id="another service's network"),
    ],
)
def test_a_value_is_read(read: Callable[[object], object], value: object, expected: object) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(
    ("read", "value", "problem"),
    [
        pytest.param(quantities.duration, "soon", "must be a duration such as '30s'", id="no duration"),
        pytest.param(quantities.duration, -1, "must be a duration", id="a negative duration"),
        pytest.param(quantities.duration, True, "must be a duration.*not true", id="a boolean as duration"),
        pytest.param(quantities.duration, float("inf"), "must be at most 946080000 seconds", id="for ever"),
        pytest.param(quantities.duration, float("nan"), "must be a duration", id="no number"),
        pytest.param(quantities.duration, 10**400, "must be at most", id="more seconds than a float holds"),
        pytest.param(quantities.duration, "9" * 400 + "d", "must be at most", id="more days than that"),
        pytest.param(quantities.duration, "30s nope", "must be a duration", id="a duration and more"),
        pytest.param(quantities.size, "64X", "must be a size", id="no unit of size"),
        pytest.param(quantities.size, 0, "must be a size", id="no bytes"),
        pytest.param(
            quantities.size, 2**63, "must be at most 9223372036854775807 bytes", id="too many bytes"
        ),
        pytest.param(quantities.size, "9" * 400 + ".5G", "must be at most", id="more than a float holds"),
        pytest.param(quantities.size, "9" * 5000, "must be at most", id="more digits than Python reads"),
        pytest.param(strings.words, "a 'b", "must have its quotes closed", id="an open quote"),
        pytest.param(
            strings.words, ["a", 1], r"strings only, not the number 1 at \[1\]", id="a number among words"
        ),
        pytest.param(strings.words, 5, "must be a string or a list of strings", id="a number as command"),
        pytest.param(
            strings.health_command, ["NONE"], "write disable = true", id="no check, as images write it"
        ),
        pytest.param(strings.health_command, " ", "must not be empty", id="an empty check"),
        pytest.param(portspec.host_port, "localhost:80", "must be a port", id="a host's name"),
        pytest.param(portspec.host_port, 0, "must be a port", id="port zero"),
        pytest.param(portspec.host_port, 65536, "must be a port", id="a port too high"),
        pytest.param(portspec.host_port, "8010-8000", "must be a port", id="a span backwards"),
        pytest.param(portspec.host_port, "::1:80", "must be a port", id="IPv6 without brackets"),
        pytest.param(portspec.host_port, "", "must be a port", id="no port at all"),
        pytest.param(portspec.host_port, True, "must be a port", id="a boolean as port"),
        pytest.param(portspec.container_port, "80/tpc", "must be a port", id="an unknown protocol"),
        pytest.param(strings.signal_name, "SIGNOPE", "must be a signal", id="an unknown signal"),
        pytest.param(strings.signal_name, 99, "must be a signal", id="an unknown number of a signal"),
        pytest.param(strings.absolute_path, "a/b", "must be an absolute path", id="a relative path"),
        pytest.param(strings.absolute_path, "/a/../b", r"without '\.\.'", id="a path that goes up"),
        pytest.param(strings.mount_point, "/", "must be a path below '/'", id="the root as a mount point"),
        pytest.param(
            strings.env_name, "-A", "must be the name of an environment variable", id="a dash first"
        ),
        pytest.param(
            strings.env_name, "A=B", "must be the name of an environment variable", id="a sign of equality"
        ),
        pytest.param(strings.capability, "NET_ADMN", "did you mean 'NET_ADMIN'", id="a capability misspelt"),
        pytest.param(strings.directive, "a\nb", "must be one line", id="a directive of two lines"),
        pytest.param(strings.directive, "a\\", "must not end in", id="a directive that goes on"),
        pytest.param(strings.line, "a\nb", "must be one line", id="a line of two"),
        pytest.param(values.network, "pasta", "is a mode of the engine", id="a mode as network"),
        pytest.param(
            values.network, "service:Web", "a service name must be", id="a network of a service misnamed"
        ),
        pytest.param(values.label_name, "io.beacon.x", "reserved for Beacon", id="a label of Beacon's"),
        pytest.param(values.device, "sda", "must be a device", id="a device without a path"),
        pytest.param(values.device, "/dev/../sda", "without", id="a device that goes up"),
        pytest.param(values.tmpfs, "run", "must be an absolute path", id="a relative tmpfs"),
        pytest.param(
            values.follow, "newest", "must be 'tag', 'pinned' or a version range", id="nothing to follow"
        ),
        pytest.param(values.directive_name, "Image", "set by Beacon", id="a directive that is Beacon's"),
        pytest.param(values.ulimit, "many", "must be a limit", id="no number as limit"),
        pytest.param(values.ulimit_name, "nofiles", "did you mean 'nofile'", id="a limit misspelt"),
        pytest.param(values.user, True, "must be a user", id="a boolean as user"),
    ],
)
def test_a_value_is_refused(read: Callable[[object], object], value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (90.0, "1m30s"), (0.5, "500ms"), (259200.0, "3d"), (5400.5, "1h30m500ms")],
)
def test_a_duration_is_written_in_whole_units(seconds: float, text: str) -> None:
    assert quantities.format_duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(512 << 20, "512M"), (1 << 40, "1T"), (1000, "1000")])
def test_a_size_is_written_in_the_largest_unit(number: int, text: str) -> None:
    assert quantities.format_size(number) == text


def test_a_key_path_is_as_the_owner_writes_it() -> None:
    assert strings.key_path("port", 0, "host") == "port[0].host"
    assert strings.key_path("labels", "a.b") == 'labels."a.b"'
