"""What a doctor finds, and how it is told."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from moorage.cli.output import table


class Result(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and which setting to change."""

    said: str
    change: str
    result: Result = Result.FAILED


class CannotGoOn(Exception):
    """What has to be there for the rest is not; with something to change, the check has failed."""

    def __init__(self, said: str, change: str = "") -> None:
        super().__init__(said)
        self.said = said
        self.change = change


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check."""

    check: str
    result: Result
    said: str
    change: str = ""


@dataclass
class Report:
    """All findings of one visit, why it ended early if it did, and what is still in the registry."""

    url: str
    repository: str
    findings: list[Finding] = field(default_factory=list)
    stopped: str = ""
    left: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Return 1 when a check failed, else 2 when not all could be made, else 0."""
        if any(finding.result is Result.FAILED for finding in self.findings):
            return 1
        return 2 if self.stopped else 0

    def document(self) -> dict[str, Any]:
        """Return all of it, for scripts."""
        return {**asdict(self), "exit_code": self.exit_code}

    def text(self) -> str:
        """Return all of it, for people: a line a check, then what to do."""
        rows = [(finding.check, finding.result.value, finding.said) for finding in self.findings]
        todo = [f"{finding.check}: {finding.change}" for finding in self.findings if finding.change]
        parts = [table([("CHECK", "RESULT", "FOUND"), *rows])]
        if todo:
            parts.append("What to change:\n" + "\n".join(f"  {line}" for line in todo))
        if self.left:
            parts.append(f"Left in {self.repository}: {', '.join(self.left)}")
        if self.stopped:
            parts.append(f"The other checks could not be made: {self.stopped}")
        return "\n\n".join(parts)
