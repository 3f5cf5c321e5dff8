"""A Redis that others write to as well."""

from __future__ import annotations

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.endpoints.stores.redis import RedisPublisher
from beacon.endpoints.stores.resp import connected, plain
from beacon.model.endpoints.publication import RedisAccess


def test_what_is_no_text_is_written_over(redis_port: int) -> None:
    access = RedisAccess(host="127.0.0.1", port=redis_port)
    with connected(access, None, plain) as connection:
        connection.ask("RPUSH", "/others/list", "a")
        connection.ask("BITFIELD", "/others/bytes", "SET", "u8", 0, 255)
    publisher = RedisPublisher(access)
    assert publisher.read(["/others/list", "/others/bytes"]) == {}
    publisher.write(Change({"/others/list": Entry("1", 60)}, {}))
    assert publisher.read(["/others/list"]) == {"/others/list": "1"}
