"""Whatever is taken, a chosen port is of the range and free; the same question has the same answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beacon.definition.endpoints.loopback import choose
from beacon.model.machine import PortRange

SPANS = st.tuples(st.integers(1024, 65000), st.integers(0, 40)).map(
    lambda pair: PortRange(pair[0], pair[0] + pair[1])
)


@given(span=SPANS, seed=st.text(), data=st.data())
def test_a_chosen_port_is_free_and_of_the_range(span: PortRange, seed: str, data: st.DataObject) -> None:
    taken = data.draw(st.sets(st.integers(span.first - 3, span.last + 3)))
    port = choose(span, seed, taken.__contains__)
    if port is None:
        assert set(range(span.first, span.last + 1)) <= taken
    else:
        assert port in span
        assert port not in taken
        assert port == choose(span, seed, taken.__contains__)


@given(span=SPANS, names=st.sets(st.text(), max_size=50))
def test_as_many_services_as_there_are_ports_get_one_each(span: PortRange, names: set[str]) -> None:
    given_out: list[int] = []
    for name in names:
        port = choose(span, name, given_out.__contains__)
        if port is not None:
            given_out.append(port)
    assert len(set(given_out)) == len(given_out) == min(len(span), len(names))
