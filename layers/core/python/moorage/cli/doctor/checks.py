"""How checks are written down and run: each is a function that yields what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from moorage.cli.doctor.client import Unanswered
from moorage.cli.doctor.findings import CannotGoOn, Finding, Problem, Report, Result
from moorage.cli.doctor.visit import Visit

Look = Callable[[Visit], Iterator[Problem]]

_UNANSWERED = "see that the function runs (its log), and that what stands in front of it waits at least 29 s for it"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, what is said when nothing is wrong, and the function that looks."""

    name: str
    fine: str
    look: Look


def run(checks: tuple[Check, ...], visit: Visit, report: Report) -> None:
    """Make the checks in their order; a check that gets no answer has failed, and the next one is made."""
    for check in checks:
        try:
            problems = list(check.look(visit))
        except Unanswered as error:
            problems = [Problem(str(error), _UNANSWERED)]
        except CannotGoOn as error:
            report.stopped = error.said
            if error.change:
                report.findings.append(Finding(check.name, Result.FAILED, error.said, error.change))
            return
        report.findings += [
            Finding(check.name, problem.result, problem.said, problem.change) for problem in problems
        ] or [Finding(check.name, Result.OK, check.fine)]
