"""A case: one requirement, and a function that holds a server to it.

Rules kept here: the id is the topic and the name of the function, so it is stable as long as nobody renames it; the
docstring is the requirement in the words of its RFC and, after an empty line, what a failure means. What a case needs
is declared, so that a run without it says "not run" before anything is sent.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jmap_conformance.toolkit import Toolkit

LEVELS = ("must", "should", "may")

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
VACATION = "urn:ietf:params:jmap:vacationresponse"
WEBSOCKET = "urn:ietf:params:jmap:websocket"
QUOTA = "urn:ietf:params:jmap:quota"
BLOB = "urn:ietf:params:jmap:blob"
SIEVE = "urn:ietf:params:jmap:sieve"
VAPID = "urn:ietf:params:jmap:webpush-vapid"
MDN = "urn:ietf:params:jmap:mdn"

NEEDS = {
    "second-user": "a second principal (--second-user, or an adapter that makes accounts)",
    "shared-account": "an account that two principals may use (a session with a second account, or an adapter)",
    "deliver": "an adapter that delivers mail",
    "receive": "an adapter that shows what was submitted",
    "revoke": "an adapter that revokes credentials",
    "push-endpoint": "an adapter that offers an endpoint for pushes",
    "tls": "a session URL with https",
}

Function = Callable[["Toolkit"], None]


@dataclass(frozen=True)
class Case:
    """What is demanded, by whom, and how it is looked at."""

    id: str
    rfc: int
    section: str
    level: str
    requirement: str
    failure: str
    function: Function
    capabilities: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    alone: bool = False

    @property
    def topic(self) -> str:
        """The folder and file of the case, such as ``core/get``."""
        return self.id.rpartition("/")[0]

    @property
    def source(self) -> str:
        """Where the requirement stands, such as ``RFC 8620 §5.1``."""
        return f"RFC {self.rfc} §{self.section}"


REGISTRY: dict[str, Case] = {}


def add(case: Case) -> None:
    """Make a case known; ids are unique."""
    if case.id in REGISTRY:
        raise ValueError(f"two cases are called {case.id}")
    if case.level not in LEVELS or not case.requirement or not case.failure or set(case.needs) - set(NEEDS):
        raise ValueError(f"{case.id} is not declared whole")
    REGISTRY[case.id] = case


def topic(
    name: str, rfc: int, *capabilities: str, alone: bool = False
) -> Callable[..., Callable[[Function], Function]]:
    """A decorator for the cases of one file: ``@case("5.1", "must")``; a section may name another RFC, "8620 5.1".

    ``alone`` marks cases that look at the state of the whole account and must not meet others at work in it.
    """
    default_alone = alone

    def case(
        section: str, level: str, *, needs: tuple[str, ...] = (), also: tuple[str, ...] = (), alone: bool | None = None
    ) -> Callable[[Function], Function]:
        def register(function: Function) -> Function:
            requirement, _, failure = (function.__doc__ or "").partition("\n\n")
            number, _, where = section.rpartition(" ")
            add(
                Case(
                    id=f"{name}/{function.__name__.replace('_', '-')}",
                    rfc=int(number or rfc),
                    section=where,
                    level=level,
                    requirement=" ".join(requirement.split()),
                    failure=" ".join(failure.split()),
                    function=function,
                    capabilities=(*capabilities, *also),
                    needs=needs,
                    alone=default_alone if alone is None else alone,
                )
            )
            return function

        return register

    return case


def all_cases() -> list[Case]:
    """Every case, after all files of cases were read, in the order of their ids' topics."""
    package: Any = importlib.import_module("jmap_conformance.cases")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
    return list(REGISTRY.values())
