"""Runs cases: side by side those that may, then one after another those that look at the whole account."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed

from jmap_conformance.case import Case
from jmap_conformance.client import Exchange
from jmap_conformance.outcome import (
    BAD,
    ERROR,
    FAILED,
    NOT_APPLICABLE,
    NOT_RUN,
    PASSED,
    Failure,
    NotApplicable,
    NotRun,
    Result,
)
from jmap_conformance.toolkit import Toolkit, World

SHOWN_EXCHANGES = 6
"""A failure is explained by its last exchanges."""


def missing(case: Case, world: World) -> NotRun | NotApplicable | None:
    """Why the case cannot be run here, if it cannot."""
    for capability in case.capabilities:
        if not world.client.has(capability):
            return NotApplicable(f"the server does not offer {capability}")
    abilities = world.adapter.abilities if world.adapter else frozenset()
    for need in case.needs:
        if need == "second-user":
            met = world.second is not None
        elif need == "shared-account":
            met = len(mail_accounts(world)) > 1
        elif need == "tls":
            met = world.client.session_url.startswith("https:")
        else:
            met = need in abilities
        if not met:
            return NotRun(f"needs {need}")
    return None


def mail_accounts(world: World) -> list[str]:
    """The accounts with mail that the first principal sees, the own one first."""
    own = world.client.account()
    accounts = world.client.session["accounts"]
    with_mail = [key for key, value in accounts.items() if "urn:ietf:params:jmap:mail" in value["accountCapabilities"]]
    return sorted(with_mail, key=lambda key: key != own)


def run_case(case: Case, world: World) -> Result:
    """Run one case, whatever becomes of it."""
    begun = time.monotonic()
    status, message = PASSED, ""
    toolkit = Toolkit(world, case)
    try:
        lack = missing(case, world)
        if lack:
            raise lack
        case.function(toolkit)
    except Failure as failure:
        status, message = FAILED, str(failure)
    except NotRun as reason:
        status, message = NOT_RUN, str(reason)
    except NotApplicable as reason:
        status, message = NOT_APPLICABLE, str(reason)
    except Exception as error:
        # A case that stumbles over an answer of an unforeseen shape has found something, or is wrong itself.
        where = traceback.extract_tb(error.__traceback__)[-1]
        status, message = ERROR, f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
    finally:
        toolkit.finish()
    result = Result(case.id, status, message, time.monotonic() - begun)
    if status in BAD:
        explain(result, toolkit.exchanges)
    return result


def explain(result: Result, exchanges: list[Exchange]) -> None:
    """Add what was said last, and how to say it again."""
    result.exchanges = [exchange.as_json() for exchange in exchanges[-SHOWN_EXCHANGES:]]
    result.curl = exchanges[-1].curl() if exchanges else ""


def run(cases: Iterable[Case], world: World, jobs: int, on_result: Callable[[Result], None]) -> list[Result]:
    """Run the cases and tell of each as it ends; the results stand in the order of the cases."""
    cases = list(cases)
    together = [case for case in cases if not case.alone]
    results: dict[str, Result] = {}

    def keep(result: Result) -> None:
        results[result.id] = result
        on_result(result)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for done in as_completed([pool.submit(run_case, case, world) for case in together]):
            keep(done.result())
    for case in cases:
        if case.alone:
            keep(run_case(case, world))
    return [results[case.id] for case in cases]
