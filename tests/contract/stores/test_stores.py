"""What every store of endpoints does, whichever it is."""

from __future__ import annotations

import time
import uuid

import pytest

from beacon.endpoints.routing.publisher import Change, Entry, Publisher
from tests.contract.stores.conftest import Connect


@pytest.fixture
def prefix() -> str:
    """Return a prefix of this test's own: the stores are those of the whole run."""
    return f"/{uuid.uuid4().hex}/"


def say(publisher: Publisher, **entries: Entry) -> None:
    publisher.write(Change(entries, {}))


def wait_gone(publisher: Publisher, key: str, limit: float) -> float:
    """Return after how many seconds *key* is gone."""
    began = time.monotonic()
    while publisher.read([key]):
        assert time.monotonic() < began + limit
        time.sleep(0.1)
    return time.monotonic() - began


def test_what_is_put_is_there_and_what_is_not_is_not(connect: Connect, prefix: str) -> None:
    key, other = f"{prefix}mars:web", f"{prefix}mars:shop"
    assert connect().read([key]) == {}
    connect().write(Change({key: Entry('[{"domain":"münchen"}]', 60)}, {}))
    assert connect().read([key, other]) == {key: '[{"domain":"münchen"}]'}
    connect().write(Change({key: Entry("", 60)}, {}))
    assert connect().read([key]) == {key: ""}


def test_a_change_is_made_whole(connect: Connect, prefix: str) -> None:
    a, b, c, foreign = (f"{prefix}{name}" for name in ("a", "b", "c", "foreign"))
    publisher = connect()
    publisher.write(Change({a: Entry("1", 60), b: Entry("2", 60), foreign: Entry("theirs")}, {}))
    publisher.read([a, b])
    publisher.write(Change({c: Entry("3", 60)}, {b: Entry("2", 60)}, (a, f"{prefix}never")))
    assert publisher.read([a, b, c, foreign]) == {b: "2", c: "3", foreign: "theirs"}


def test_more_keys_than_fit_in_one_transaction(connect: Connect, prefix: str) -> None:
    wanted = {f"{prefix}{number}": Entry(str(number), 60) for number in range(350)}
    connect().write(Change(wanted, {}))
    publisher = connect()
    assert publisher.read(wanted.keys()) == {key: entry.value for key, entry in wanted.items()}
    publisher.write(Change({}, wanted))
    publisher.write(Change({}, {}, tuple(wanted)))
    assert publisher.read(wanted.keys()) == {}


def test_keys_expire(connect: Connect, prefix: str) -> None:
    key = f"{prefix}a"
    connect().write(Change({key: Entry("1", 2)}, {}))
    assert wait_gone(connect(), key, 8) > 1


def test_a_renewed_key_lives_on(connect: Connect, prefix: str) -> None:
    key, entry = f"{prefix}a", Entry("1", 3)
    connect().write(Change({key: entry}, {}))
    for _ in range(5):
        time.sleep(1)
        # Another process each time, as `beacon endpoint publish --once` is.
        publisher = connect()
        assert publisher.read([key]) == {key: "1"}
        publisher.write(Change({}, {key: entry}))
    assert wait_gone(connect(), key, 10) > 1


def test_a_key_can_be_made_to_stay_and_to_expire_again(connect: Connect, prefix: str) -> None:
    key, publisher = f"{prefix}a", connect()
    publisher.write(Change({key: Entry("1", 2)}, {}))
    publisher.read([key])
    publisher.write(Change({}, {key: Entry("1")}))
    time.sleep(4)
    assert publisher.read([key]) == {key: "1"}
    publisher.write(Change({}, {key: Entry("1", 2)}))
    wait_gone(publisher, key, 8)


def test_a_key_that_has_expired_since_it_was_read_is_written_again(connect: Connect, prefix: str) -> None:
    key, publisher = f"{prefix}a", connect()
    publisher.write(Change({key: Entry("1", 2)}, {}))
    assert publisher.read([key]) == {key: "1"}
    wait_gone(connect(), key, 8)
    publisher.write(Change({}, {key: Entry("1", 2)}))
    assert publisher.read([key]) == {key: "1"}
    publisher.write(Change({f"{prefix}b": Entry("2", 2)}, {}))
    assert publisher.read([f"{prefix}b"]) == {f"{prefix}b": "2"}
