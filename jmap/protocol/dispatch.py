"""Carries out a Request: each call in order, each answer in its place (RFC 8620 §3).

Rules kept here:
- one call that fails, expected or not, never hinders the next;
- neighbouring calls that read share one snapshot, which is closed before a call that writes;
- an implicit call runs right after its cause and answers under the same call id;
- what went wrong unexpectedly is reported by type and method, never with content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from jmap.protocol.creation import CreatedIdMap, Resolve
from jmap.protocol.errors import MethodError
from jmap.protocol.method import CORE, Access, Method
from jmap.protocol.ports import AccountInfo, Backend, Context, Json, Limits, Principal
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import check_arguments
from jmap.protocol.references import Budget, resolve_references
from jmap.protocol.registry import Registry
from jmap.protocol.request import Invocation, Request, parse_request

Report = Callable[[BaseException, str], None]
"""Called with (exception, method name) for what nobody expected."""

NO_ACCOUNT = AccountInfo(id="", key=None, name="", is_personal=False, is_read_only=False, capabilities={})
"""Stands in ``Context.account`` for methods that take no accountId."""

MAX_IMPLICIT_CALLS = 100
"""How many calls one call may cause."""


def process(
    data: bytes,
    *,
    principal: Principal,
    registry: Registry,
    backend: Backend,
    limits: Limits,
    session_state: str | Callable[[], str],
    strict_using: bool = False,
    report: Report | None = None,
) -> dict[str, Json]:
    """The Response object for the body of a request; see ``answer``. Raises RequestError."""
    return answer(
        parse_request(data, limits, registry.capabilities),
        principal=principal,
        registry=registry,
        backend=backend,
        limits=limits,
        session_state=session_state,
        strict_using=strict_using,
        report=report,
    )


def answer(
    request: Request,
    *,
    principal: Principal,
    registry: Registry,
    backend: Backend,
    limits: Limits,
    session_state: str | Callable[[], str],
    strict_using: bool = False,
    report: Report | None = None,
) -> dict[str, Json]:
    """The Response object for a Request (RFC 8620 §3.4); values may hold RawJson.

    ``session_state``: of the Session object, or a callable asked after the last call. ``strict_using``: only methods
    whose capability is in ``using`` exist, as RFC 8620 §1.8 has it; otherwise a ``using`` that is not empty opens every
    method, since clients in use name too few. ``report`` is told of unexpected errors.

    Departs from RFC 8620 §1.8: unless ``strict_using`` is set, for the reason given.
    """
    run = Run(request, principal, registry, backend, limits, strict_using, report)
    return run.respond(session_state)


class Snapshot:
    """The read snapshot that neighbouring calls share; open only while reading calls follow each other."""

    def __init__(self, backend: Backend, report: Callable[[BaseException], None]) -> None:
        self._backend = backend
        self._report = report
        self._manager: AbstractContextManager[None] | None = None

    def open(self) -> None:
        if self._manager is None:
            manager = self._backend.reading()
            manager.__enter__()
            self._manager = manager

    def close(self, error: BaseException | None = None) -> None:
        """End it; ``error`` is what broke it. A failure to end what was only read is reported, no more."""
        manager, self._manager = self._manager, None
        if manager is None:
            return
        try:
            manager.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except Exception as failure:
            if failure is not error:
                self._report(failure)


class Run:
    """One request while it is carried out."""

    def __init__(
        self,
        request: Request,
        principal: Principal,
        registry: Registry,
        backend: Backend,
        limits: Limits,
        strict_using: bool,
        report: Report | None,
    ) -> None:
        self.request = request
        self.principal = principal
        self.registry = registry
        self.limits = limits
        self.strict_using = strict_using
        self.report = report
        self.snapshot = Snapshot(backend, lambda error: self._tell(error, "snapshot"))
        self.created_ids = CreatedIdMap(request.created_ids)
        self.budget = Budget(limits.max_size_request)
        self.answers: list[list[Json]] = []
        self.first_answers: dict[str, tuple[str, Json]] = {}

    def respond(self, session_state: str | Callable[[], str]) -> dict[str, Json]:
        """Carry out every call and build the Response (RFC 8620 §3.4)."""
        try:
            for invocation in self.request.calls:
                self._call(invocation)
        finally:
            self.snapshot.close()
        response: dict[str, Json] = {"methodResponses": self.answers}
        if self.request.created_ids is not None:
            response["createdIds"] = self.created_ids.ids
        response["sessionState"] = session_state() if callable(session_state) else session_state
        return response

    def _call(self, invocation: Invocation) -> None:
        """One call of the client and all that it causes."""
        name, arguments, call_id = invocation
        waiting: list[tuple[str, Mapping[str, Json]]] = []
        try:
            method = self._visible_method(name)
            resolved = resolve_references(arguments, self.first_answers, self.budget)
        except MethodError as error:
            self._answer("error", error.arguments(), call_id)
            return
        self._run(method, resolved, call_id, waiting)
        for done, (implicit, implicit_arguments) in enumerate(waiting):
            implied = self.registry.methods.get(implicit)
            if implied is None or done == MAX_IMPLICIT_CALLS:
                self._tell(LookupError(f"{implicit} is caused without end, or does not exist"), name)
                self._answer("error", MethodError("serverFail", f"{implicit} was not carried out").arguments(), call_id)
                break
            self._run(implied, implicit_arguments, call_id, waiting)

    def _visible_method(self, name: str) -> Method:
        """The method, if ``using`` opens it. Raises MethodError unknownMethod."""
        method = self.registry.methods.get(name)
        using = self.request.using
        if method is None or not using or (self.strict_using and method.capability not in using):
            raise MethodError("unknownMethod")
        return method

    def _run(
        self, method: Method, arguments: Mapping[str, Json], call_id: str, waiting: list[tuple[str, Mapping[str, Json]]]
    ) -> None:
        """Carry out one call and put its answer in place; what it causes is added to ``waiting``."""
        caused: list[tuple[str, Mapping[str, Json]]] = []
        try:
            answer = self._execute(method, arguments, caused)
        except MethodError as error:
            if error.type.startswith("server"):
                self.snapshot.close(error)
                if error.__cause__ is not None:
                    self._tell(error.__cause__, method.name)
            self._answer("error", error.arguments(), call_id)
        except Exception as error:
            self.snapshot.close(error)
            self._tell(error, method.name)
            failure = MethodError("serverFail", "An unexpected error occurred; this call changed nothing.")
            if isinstance(error, OSError):
                # A disk or a service that the call needs: later it may be there again (RFC 8620 §3.6.2).
                failure = MethodError("serverUnavailable", "A part of the server is away; this call changed nothing.")
            self._answer("error", failure.arguments(), call_id)
        else:
            self._answer(method.name, answer, call_id)
            waiting.extend(caused)

    def _execute(
        self, method: Method, arguments: Mapping[str, Json], caused: list[tuple[str, Mapping[str, Json]]]
    ) -> Mapping[str, Json]:
        """The response arguments of one call. Raises MethodError, or whatever the store raises."""
        account, rest = NO_ACCOUNT, arguments
        if method.account:
            account = self._account(method, arguments)
            rest = {name: value for name, value in arguments.items() if name != "accountId"}
        ctx = Context(
            principal=self.principal,
            account=account,
            limits=self.limits,
            created_ids=self.created_ids,
            using=self.request.using,
            call_later=lambda name, later: caused.append((name, later)),
            snapshot=self.snapshot.open,
        )
        if method.arguments is not None:
            try:
                rest = check_arguments(method.arguments, rest, Resolve(ctx))
            except Invalid as error:
                raise MethodError("invalidArguments", str(error)) from None
        if method.access is Access.READ:
            self.snapshot.open()
        elif method.access is Access.WRITE:
            self.snapshot.close()
        answer: Mapping[str, Json] = method.function(ctx, rest)
        return {"accountId": account.id, **answer} if method.account else answer

    def _account(self, method: Method, arguments: Mapping[str, Json]) -> AccountInfo:
        """The account a call is about, if the principal may do this there. Raises MethodError (RFC 8620 §3.6.2)."""
        account_id = arguments.get("accountId")
        if not isinstance(account_id, str):
            raise MethodError("invalidArguments", "accountId: is required and must be an Id")
        account = self.principal.accounts.get(account_id)
        if account is None:
            raise MethodError("accountNotFound")
        if method.capability != CORE and method.capability not in account.capabilities:
            raise MethodError("accountNotSupportedByMethod")
        if method.access is Access.WRITE and account.is_read_only:
            raise MethodError("accountReadOnly")
        return account

    def _answer(self, name: str, arguments: Mapping[str, Json], call_id: str) -> None:
        self.answers.append([name, arguments, call_id])
        self.first_answers.setdefault(call_id, (name, arguments))

    def _tell(self, error: BaseException, method: str) -> None:
        if self.report is not None:
            self.report(error, method)
