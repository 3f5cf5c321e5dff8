"""Asks registries which digest a tag names, what an image is, and which tags there are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from beacon.errors import BeaconError, ConfigError
from beacon.model.image import Platform, ResolvedImage, Wish
from beacon.model.reference import Digest, ImageReference
from beacon.registry.host import RegistryHost, timed_out
from beacon.registry.images import Repository, Selection, list_tags, look_up, resolve
from beacon.registry.lanes import Job, Lanes, Ready, Rules
from beacon.registry.limits import Limits, NoLimits
from beacon.registry.results import (
    CheckResult,
    Deferred,
    DeferredError,
    Failed,
    FailureKind,
    Found,
    Refusal,
    RefusedError,
    Resolution,
    failed,
)
from beacon.registry.settings.credentials import CredentialStore
from beacon.registry.settings.registries_conf import RegistriesConfig, RegistryEndpoint
from beacon.registry.transport import Deadline, Transport, Wiring

DEADLINE = 30.0
BUDGET_RESERVE = 10
"""Pulls that are left for people: about as many as one `podman pull` by hand and its retries take."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Question(NamedTuple):
    """Where to ask in turn, for which tag or digest, and for what platform; questions that equal are one."""

    endpoints: tuple[RegistryEndpoint, ...]
    selector: str = ""
    platform: Platform | None = None


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
        limits: Limits | None = None,
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._seconds = deadline
        self._reserve = budget_reserve
        self._limits = limits or NoLimits()
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, bool], RegistryHost] = {}
        self._silent: dict[RegistryHost, Failed] = {}
        """Those that have not answered anything: asked again, they would take their time again."""
        self._resolved: dict[tuple[str, Digest, Platform], ResolvedImage] = {}

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        """Return what the registries say of every reference, asking once for each that is distinct.

        Nothing is raised for a reference; a host that hangs costs its own references and nobody else's.
        """

        def question(reference: ImageReference) -> _Question:
            return _Question(self._config.endpoints(reference), _selector(reference))

        def ask(source: Repository, question: _Question, ready: Ready) -> Found:
            return look_up(source, question.selector, ready)

        answers = self._ask(dict.fromkeys(references), question, ask)
        return {reference: _in_words(answer) for reference, answer in answers.items()}

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        """Return the image that every wish means, all of it verified, or why it cannot be had.

        That is a RegistryError (BudgetError, DeferredError, PlatformError or RefusedError) or a ConfigError.
        """
        wishes = dict.fromkeys(wishes)
        found: dict[Wish, Resolution] = {}
        for wish in wishes:
            digest = wish.digest or wish.reference.digest
            known = self._resolved.get((wish.reference.name, digest, wish.platform)) if digest else None
            if known is not None:
                found[wish] = known

        def question(wish: Wish) -> _Question:
            pinned = wish.reference.with_digest(wish.digest) if wish.digest else wish.reference
            return _Question(self._config.endpoints(pinned), _selector(pinned), wish.platform)

        def ask(source: Repository, question: _Question, ready: Ready) -> ResolvedImage:
            selection = Selection(question.selector, question.platform or Platform("", ""), self._reserve)
            return resolve(source, selection, ready)

        answers = self._ask([wish for wish in wishes if wish not in found], question, ask, patient=True)
        for wish, answer in answers.items():
            found[wish] = _or_error(f"resolve {str(wish.reference)!r}", answer)
            if isinstance(answer, ResolvedImage):
                self._resolved[wish.reference.name, answer.tag_digest, wish.platform] = answer
        return found

    def tags(
        self, references: Iterable[ImageReference]
    ) -> Mapping[ImageReference, tuple[str, ...] | BeaconError]:
        """Return the tags of every repository in the registry's order, or why they are not known.

        Errors are as for :meth:`resolve`. Mirrors are not asked: as the engines see it, they serve images,
        not lists.
        """

        def question(reference: ImageReference) -> _Question:
            return _Question(self._config.endpoints(reference)[-1:])

        def ask(source: Repository, question: _Question, ready: Ready) -> tuple[str, ...]:
            del question
            return list_tags(source, ready)

        answers = self._ask(dict.fromkeys(references), question, ask, patient=True)
        return {
            reference: _or_error(f"list the tags of {str(reference)!r}", answer)
            for reference, answer in answers.items()
        }

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

    def _ask(
        self,
        subjects: Iterable[K],
        question: Callable[[K], _Question],
        ask: Callable[[Repository, _Question, Ready], T],
        *,
        patient: bool = False,
    ) -> dict[K, T | Failed | Deferred | BeaconError]:
        """Ask all hosts at once, and each for everything at once; what is the same for it is asked once.

        With *patient*, a host that answers may take longer for all than the deadline.
        """
        questions: dict[K, _Question] = {}
        answers: dict[K, T | Failed | Deferred | BeaconError] = {}
        for subject in subjects:
            try:
                questions[subject] = question(subject)
            except Refusal as refusal:
                answers[subject] = refusal.outcome
            except ConfigError as error:
                answers[subject] = error
        found = self._run(dict.fromkeys(questions.values()), ask, patient=patient)
        return {**answers, **{subject: found[one] for subject, one in questions.items()}}

    def _run(
        self,
        questions: Iterable[_Question],
        ask: Callable[[Repository, _Question, Ready], T],
        *,
        patient: bool,
    ) -> dict[_Question, T | BeaconError | Failed | Deferred]:
        repositories: dict[RegistryHost, list[str]] = {}
        jobs = []
        for question in questions:
            hosts = tuple(self._host(endpoint) for endpoint in question.endpoints)
            jobs.append(Job(question, hosts))
            for host, endpoint in zip(hosts, question.endpoints, strict=True):
                repositories.setdefault(host, []).append(endpoint.repository)
        for host, names in repositories.items():
            host.expect(names)

        def work(
            job: Job[_Question, RegistryHost], deadline: Deadline, ready: Ready
        ) -> T | BeaconError | Failed | Deferred:
            source = Repository(job.host, job.key.endpoints[job.stop].repository, deadline)
            try:
                return ask(source, job.key, ready)
            except Refusal as refusal:
                return refusal.outcome
            except BeaconError as error:
                return error
            except Exception as bug:  # noqa: BLE001  # what one host says must not end the check of the others
                problem = f"registry {job.host.name!r} sent what Beacon stumbles over: {bug!r}"
                return failed(FailureKind.ODD, problem)

        rules: Rules[_Question, RegistryHost, T | BeaconError] = Rules(
            work=work,
            limit=lambda host: host.connections,
            is_guarded=lambda job: job.host.is_guarded(job.key.endpoints[job.stop].repository),
            late=lambda host: timed_out(host.name, self._seconds),
            seconds=self._seconds,
            patient=patient,
        )
        return Lanes(rules, self._silent).run(jobs)

    def _host(self, endpoint: RegistryEndpoint) -> RegistryHost:
        key = (endpoint.registry, endpoint.insecure)
        with self._lock:
            if key not in self._hosts:
                self._hosts[key] = RegistryHost(
                    endpoint,
                    partial(self._transport, endpoint),
                    partial(self._credentials.lookup, endpoint.registry),
                    self._limits,
                )
            return self._hosts[key]

    def _transport(self, endpoint: RegistryEndpoint) -> Transport:
        connections = self._host(endpoint).connections
        return Transport(Wiring(connections, endpoint.insecure, self._config.tls_files(endpoint.registry)))


def _selector(reference: ImageReference) -> str:
    return reference.digest or reference.tag or "latest"


def _in_words(answer: CheckResult | BeaconError) -> CheckResult:
    """Return what a check comes to, which is never an error."""
    if isinstance(answer, BeaconError):
        kind = FailureKind.CONFIGURATION if isinstance(answer, ConfigError) else FailureKind.ODD
        return failed(kind, answer.message, answer.hint)
    return answer


def _or_error(attempt: str, answer: T | BeaconError | Failed | Deferred) -> T | BeaconError:
    match answer:
        case Failed():
            return RefusedError(f"cannot {attempt}: {answer.problem}", answer)
        case Deferred():
            return DeferredError(f"cannot {attempt}: {answer.reason}", answer.retry_after)
        case _:
            return answer
