"""Where an endpoint is reached, as a URL. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.definition.endpoints.claims import claim_text
from beacon.definition.endpoints.handover import is_web
from beacon.endpoints.routing.routes import Route, Upstream
from beacon.errors import UsageError
from beacon.model.service import Scheme
from beacon.reconcile.reached import url


def rank(route: Route) -> tuple[bool, bool, int]:
    """Return what an endpoint is preferred by, the least first.

    A service is most itself at the top of a domain, by a proxy.
    """
    endpoint = route.endpoint
    return not is_web(endpoint), endpoint.domain.startswith("*."), len(endpoint.path)


def url_of(route: Route, domain: str, *, proxied: bool, unanswered: tuple[str, str] = ("", "")) -> str:
    """Return where an endpoint is reached: by its domain, or without Beacon's proxy at its port.

    *unanswered* is why the proxy does not answer it, and what mends that. Raises UsageError if there is no
    way to it.
    """
    endpoint, place = route.endpoint, route.place
    why, mend = unanswered
    if is_web(endpoint) and proxied and not why:
        return url(replace(endpoint, domain=domain))
    if place is None:
        problem = route.problem or why or "no proxy of Beacon's is set up"
        hint = route.mend or mend or "sudo beacon endpoint setup"
        raise UsageError(f"{claim_text(endpoint)} has no URL: {problem}", hint=hint)
    if not is_web(endpoint):
        return f"{endpoint.scheme}://{endpoint.domain}:{place.port}"
    scheme = "https" if endpoint.scheme is Scheme.HTTPS else "http"
    return f"{scheme}://{Upstream(place.address or '127.0.0.1', place.port)}{endpoint.path}"
