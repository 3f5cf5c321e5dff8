"""The managed proxy follows what is wanted, whatever Caddy does; with a Caddy in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from beacon.endpoints.proxy.settle import Settled, settle
from beacon.endpoints.routing.caddyfile import NOTHING, Caddyfile, LeftOut, Site, caddyfile
from beacon.endpoints.routing.routes import Route, State, Upstream
from beacon.errors import MachineError
from beacon.model.endpoints.proxy import ProxyRecord
from beacon.model.service import Endpoint

AMBIGUOUS = "adapting config using caddyfile: ambiguous site definition: b.org"


@dataclass
class FakeCaddy:
    """Caddy, which takes no site whose line is among *faulty*."""

    text: str | None = NOTHING.text()
    up: bool = True
    faulty: dict[str, str] = field(default_factory=dict)
    broken: str = ""
    """Why it refuses even what is not Beacon's."""
    failures: int = 0
    """How many reloads fail from now on."""
    checks: int = 0
    loaded: list[str] = field(default_factory=list)
    guarded: bool = False

    def read(self) -> str | None:
        return self.text

    def refuses(self, text: str) -> str | None:
        self.checks += 1
        lines = text.splitlines()
        return self.broken or next((why for line, why in self.faulty.items() if line in lines), None)

    def put(self, text: str) -> None:
        self.text = text

    def guard(self) -> None:
        self.guarded = True

    def is_up(self) -> bool:
        return self.up

    def reload(self) -> str | None:
        if self.failures:
            self.failures -= 1
            return "address already in use"
        self.loaded.append(self.text or "")
        return None


def desired(*domains: str) -> Caddyfile:
    routes = [
        Route(domain.partition(".")[0], Endpoint(domain, 80), State.UP, Upstream("127.0.0.1", 20000))
        for domain in domains
    ]
    return caddyfile(routes)


def settled(proxy: FakeCaddy, what: Caddyfile, last: ProxyRecord = ProxyRecord()) -> Settled:  # noqa: B008 -- frozen
    found = settle(proxy, what, last, lambda _: None)
    assert found is not None
    return found


def test_where_nothing_is_managed_nothing_is_done() -> None:
    proxy = FakeCaddy(text=None)
    assert settle(proxy, desired("a.org"), ProxyRecord(), lambda _: None) is None
    assert (proxy.text, proxy.checks) == (None, 0)


def test_what_is_wanted_is_checked_written_and_loaded_once() -> None:
    proxy, what = FakeCaddy(), desired("a.org")
    first = settled(proxy, what)
    assert (proxy.text, proxy.loaded, first.trouble) == (what.text(), [what.text()], "")
    again = settled(proxy, what, first.record)
    assert again == first
    assert (proxy.checks, len(proxy.loaded)) == (1, 1)


def test_killed_between_the_file_and_the_reload_the_next_run_reloads() -> None:
    what = desired("a.org")
    proxy = FakeCaddy(text=what.text())
    settled(proxy, what)
    assert proxy.loaded == [what.text()]


@pytest.mark.parametrize("bad", ["b", "ad", "abcd"])
def test_a_bad_site_takes_no_other_down(bad: str) -> None:
    proxy = FakeCaddy(faulty={f"{letter}.org {{": "parsing: no" for letter in bad})
    what = desired("a.org", "b.org", "c.org", "d.org")
    found = settled(proxy, what)
    names = {f"{letter}.org" for letter in bad}
    assert {one.claim for one in found.left_out} == names == set(found.record.refused)
    assert proxy.loaded == [what.text(without=names)]
    assert all(one.why == "Caddy refuses it: parsing: no" for one in found.left_out)

    # the owner has mended it: nothing of Beacon's has changed, and it is tried again all the same
    proxy.faulty = {}
    mended = settled(proxy, what, found.record)
    assert (mended.left_out, proxy.text) == ((), what.text())


def test_a_domain_of_another_site_is_left_to_it() -> None:
    proxy = FakeCaddy(faulty={"b.org {": AMBIGUOUS})
    found = settled(proxy, desired("a.org", "b.org"))
    (one,) = found.left_out
    assert one.why == "another site in /etc/caddy/Caddyfile has it already"
    assert (one.service, one.claim) == ("b", "b.org")


def test_another_site_for_unknown_names_is_no_fault() -> None:
    proxy = FakeCaddy(faulty={"http:// {": AMBIGUOUS})
    found = settled(proxy, desired("a.org"))
    assert (found.left_out, found.trouble) == ((), "")
    assert "http:// {" not in str(proxy.text)
    assert "https:// {" in str(proxy.text)


def test_where_caddy_refuses_its_own_configuration_the_last_good_file_stays() -> None:
    good = desired("a.org").text()
    proxy = FakeCaddy(text=good, broken="unrecognized directive: revers_proxy")
    with pytest.raises(MachineError, match="refuses its own configuration: unrecognized directive"):
        settled(proxy, desired("a.org", "b.org"))
    assert (proxy.text, proxy.loaded) == (good, [])


def test_a_failed_reload_is_tried_again() -> None:
    proxy, what = FakeCaddy(failures=2), desired("a.org")
    assert settled(proxy, what).trouble == ""
    assert proxy.loaded == [what.text()]


def test_a_reload_that_always_fails_leaves_the_last_good_file_and_is_made_up_for() -> None:
    first = desired("a.org")
    proxy = FakeCaddy()
    last = settled(proxy, first).record
    proxy.failures = 3
    found = settled(proxy, desired("a.org", "b.org"), last)
    assert found.trouble == "Caddy could not be reloaded, and goes on as before: address already in use"
    assert proxy.text == first.text()
    assert found.record.desired == ""
    assert settled(proxy, desired("a.org", "b.org"), found.record).trouble == ""


def test_a_stopped_caddy_has_its_file_and_is_told_of() -> None:
    proxy, what = FakeCaddy(up=False), desired("a.org")
    found = settled(proxy, what)
    assert (proxy.text, proxy.loaded) == (what.text(), [])
    assert (found.trouble, found.mend) == (
        "Caddy does not run: no domain is answered",
        "sudo systemctl enable --now caddy",
    )
    proxy.up = True
    assert settled(proxy, what, found.record).record.loaded != ""


def test_a_file_edited_by_hand_is_left_alone() -> None:
    proxy = FakeCaddy(text=desired("a.org").text() + "b.org {\n}\n")
    found = settled(proxy, desired("c.org"))
    assert "edited by hand" in found.trouble
    assert "b.org" in str(proxy.text)


def test_what_is_not_for_caddy_is_told_with_the_rest() -> None:
    left = LeftOut("web", "x.org", "no port")
    what = Caddyfile((Site("a.org", (), "a.org {\n}\n"),), (left,))
    assert settled(FakeCaddy(), what).left_out == (left,)
