"""Asks registries which digest a tag names, what an image is, and which tags there are."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from beacon import __version__
from beacon.errors import ConfigError
from beacon.model.image import Platform, ResolvedImage
from beacon.model.reference import Digest, ImageReference
from beacon.registry.host import Host, timed_out
from beacon.registry.images import Source, Wanted, list_tags, look_up, resolve
from beacon.registry.lanes import Job, Lanes, Ready, Rules
from beacon.registry.results import (
    Budget,
    CheckResult,
    Deferred,
    DeferredError,
    FailureKind,
    Refusal,
    RefusedError,
    failed,
)
from beacon.registry.settings.credentials import CredentialStore
from beacon.registry.settings.registries_conf import Endpoint, RegistriesConfig
from beacon.registry.transport import Deadline, Transport, Wiring

DEADLINE = 30.0
BUDGET_RESERVE = 10
"""Pulls that are left for people: about as many as one `podman pull` by hand and its retries take."""

T = TypeVar("T")


class _Lookup(NamedTuple):
    """Where to ask in turn, and for which tag or digest."""

    endpoints: tuple[Endpoint, ...]
    selector: str


class RegistryClient:
    """A client of all registries that the machine's configuration knows.

    It keeps connections, tokens, refused logins and what it has resolved as long as it lives, which is meant
    to be one run. Safe to use from several threads. Close it, or use it in a ``with`` statement.
    """

    def __init__(
        self,
        config: RegistriesConfig,
        credentials: CredentialStore,
        *,
        deadline: float = DEADLINE,
        budget_reserve: int = BUDGET_RESERVE,
        user_agent: str = f"beacon/{__version__}",
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._seconds = deadline
        self._reserve = budget_reserve
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, bool], Host] = {}
        self._resolved: dict[tuple[str, Digest, Platform], ResolvedImage] = {}

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        """Return what the registries say of every reference, asking once for each that is distinct.

        Nothing is raised for a reference; a host that hangs costs its own references and nobody else's.
        """
        lookups: dict[ImageReference, _Lookup] = {}
        results: dict[ImageReference, CheckResult] = {}
        for reference in dict.fromkeys(references):
            try:
                endpoints = self._config.endpoints(reference)
            except Refusal as refusal:
                results[reference] = refusal.outcome
            except ConfigError as error:
                results[reference] = failed(FailureKind.CONFIGURATION, error.message, error.hint)
            else:
                lookups[reference] = _Lookup(endpoints, reference.digest or reference.tag or "latest")
        found = self._check(lookups)
        results.update((reference, found[lookup]) for reference, lookup in lookups.items())
        return results

    def resolve(self, reference: ImageReference, digest: Digest | None, platform: Platform) -> ResolvedImage:
        """Return the image that *digest* (or else the reference) names, for *platform*, all of it verified.

        Raises RegistryError: BudgetError, DeferredError, PlatformError or RefusedError; or ConfigError.
        """
        digest = digest or reference.digest
        known = self._resolved.get((reference.name, digest, platform)) if digest else None
        if known is not None:
            return known
        pinned = reference.with_digest(digest) if digest else reference
        wanted = Wanted(digest or reference.tag or "latest", platform, self._reserve)
        image = self._first("resolve", pinned, lambda source: resolve(source, wanted))
        self._resolved[reference.name, image.tag_digest, platform] = image
        return image

    def tags(self, reference: ImageReference) -> tuple[str, ...]:
        """Return the tags of the repository, in the registry's order. Raises as :meth:`resolve` does.

        Mirrors are not asked: as the engines see it, they serve images, not lists.
        """
        return self._first("list the tags of", reference, list_tags, mirrors=False)

    def budgets(self) -> Mapping[str, Budget]:
        """Return what is left of the pull limit, by registry, as far as registries have told."""
        return {host.name: host.budget for host in tuple(self._hosts.values()) if host.budget is not None}

    def close(self) -> None:
        """Close the connections."""
        for host in tuple(self._hosts.values()):
            host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, lookups: Mapping[ImageReference, _Lookup]) -> Mapping[_Lookup, CheckResult]:
        """Ask for everything at once; what is the same for the registry is asked for once."""
        repositories: dict[Host, list[str]] = {}
        jobs = []
        for lookup in dict.fromkeys(lookups.values()):
            hosts = tuple(self._host(endpoint) for endpoint in lookup.endpoints)
            jobs.append(Job(lookup, hosts))
            for host, endpoint in zip(hosts, lookup.endpoints, strict=True):
                repositories.setdefault(host, []).append(endpoint.repository)
        for host, names in repositories.items():
            host.expect(names)
        rules: Rules[_Lookup, Host] = Rules(
            work=_work,
            limit=lambda host: host.connections,
            is_guarded=lambda job: job.host.is_guarded(job.key.endpoints[job.stop].repository),
            late=lambda host: timed_out(host.name, self._seconds),
            seconds=self._seconds,
        )
        return Lanes(rules).run(jobs)

    def _host(self, endpoint: Endpoint) -> Host:
        key = (endpoint.registry, endpoint.insecure)
        with self._lock:
            if key not in self._hosts:
                self._hosts[key] = Host(
                    endpoint,
                    partial(self._transport, endpoint),
                    partial(self._credentials.lookup, endpoint.registry),
                    self._user_agent,
                )
            return self._hosts[key]

    def _transport(self, endpoint: Endpoint) -> Transport:
        connections = self._host(endpoint).connections
        return Transport(Wiring(connections, endpoint.insecure, self._config.tls_files(endpoint.registry)))

    def _first(
        self, verb: str, reference: ImageReference, ask: Callable[[Source], T], *, mirrors: bool = True
    ) -> T:
        """Return what the first endpoint says that says anything; the last one's problem is the problem."""
        try:
            endpoints = self._config.endpoints(reference)
            for endpoint in endpoints[:-1] if mirrors else ():
                with contextlib.suppress(Refusal):
                    return self._ask(endpoint, ask)
            return self._ask(endpoints[-1], ask)
        except Refusal as refusal:
            outcome = refusal.outcome
            attempt = f"cannot {verb} {str(reference)!r}"
            if isinstance(outcome, Deferred):
                raise DeferredError(f"{attempt}: {outcome.reason}", outcome.retry_after) from None
            raise RefusedError(f"{attempt}: {outcome.problem}", outcome) from None

    def _ask(self, endpoint: Endpoint, ask: Callable[[Source], T]) -> T:
        """Ask within the deadline; a thread that the host will not let go of is left behind."""
        host = self._host(endpoint)
        deadline = Deadline.within(self._seconds)
        answers: list[T | Exception] = []

        def work() -> None:
            try:
                answers.append(ask(Source(host, endpoint.repository, deadline)))
            except Exception as error:  # noqa: BLE001  # raised again below
                answers.append(error)

        thread = threading.Thread(target=work, daemon=True, name="beacon-registry")
        thread.start()
        thread.join(self._seconds)
        if not answers:
            raise Refusal(timed_out(host.name, self._seconds))
        answer = answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _work(job: Job[_Lookup, Host], deadline: Deadline, ready: Ready) -> CheckResult:
    source = Source(job.host, job.key.endpoints[job.stop].repository, deadline)
    return look_up(source, job.key.selector, ready)
