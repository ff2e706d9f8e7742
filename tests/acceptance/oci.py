"""The real `oci` command line, in a home of its own, and a note of what each command came to."""

import json
import re
from pathlib import Path
from typing import Any

from .product import Product
from .shell import TOOLS, Shell

PROGRAM = TOOLS / "oci" / "bin" / "oci"
TABLE = Path(__file__).parents[2] / "docs" / "commands.md"

# Every command that the cloud plane serves, in the order of the table in docs/commands.md.
COMMANDS = """
os ns get
container-registry access-token get
raw-request
artifacts container configuration get
artifacts container configuration update
artifacts container image delete
artifacts container image get
artifacts container image list
artifacts container image lookup
artifacts container image remove-version
artifacts container image restore
artifacts container image update
artifacts container image-signature create
artifacts container image-signature delete
artifacts container image-signature get
artifacts container image-signature list
artifacts container image-signature update
artifacts container repository change-compartment
artifacts container repository create
artifacts container repository delete
artifacts container repository get
artifacts container repository list
artifacts container repository update
iam auth-token create
iam auth-token delete
iam auth-token list
iam auth-token update
iam authentication-policy get
iam authentication-policy update
iam compartment create
iam compartment delete
iam compartment get
iam compartment list
iam compartment move
iam compartment recover
iam compartment update
iam dynamic-group create
iam dynamic-group delete
iam dynamic-group get
iam dynamic-group list
iam dynamic-group update
iam group add-user
iam group create
iam group delete
iam group get
iam group list
iam group list-users
iam group remove-user
iam group update
iam network-sources create
iam network-sources delete
iam network-sources get
iam network-sources list
iam network-sources update
iam policy create
iam policy delete
iam policy get
iam policy list
iam policy update
iam region list
iam region-subscription list
iam tenancy get
iam user api-key delete
iam user api-key list
iam user api-key upload
iam user create
iam user delete
iam user get
iam user list
iam user list-groups
iam user update
iam user update-user-capabilities
iam user update-user-state
iam work-request get
iam work-request list
""".strip().splitlines()

_ERROR = re.compile(r"ServiceError:\s*(\{.*\})", re.DOTALL)


class Oci:
    """Somebody's `oci`: a profile, and the endpoint of the server under test."""

    def __init__(self, shell: Shell, endpoint: str, config: Path, profile: str = "DEFAULT") -> None:
        self._shell = shell
        self._shell.environment |= {
            "OCI_CLI_ENDPOINT": endpoint,
            "OCI_CLI_CONFIG_FILE": str(config),
            "OCI_CLI_PROFILE": profile,
            "OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING": "True",
            "SUPPRESS_LABEL_WARNING": "True",
        }
        self.noted: dict[str, set[str]] = {}

    @classmethod
    def of(cls, product: Product, home: Path, profile: str | None = None) -> "Oci":
        """Return the administrator's `oci`, or that of another profile of the same file."""
        said = product.credentials
        config = Path(said["oci_config_file"])
        return cls(Shell(home), f"http://localhost:{product.port}", config, profile or said["oci_profile"])

    def __call__(self, command: str, **options: Any) -> Any:
        """Run a command that must succeed and return what it printed, as JSON; None when that was nothing."""
        done = self._shell.run(PROGRAM, *command.split(), *_written(options))
        self._note(command, "ok")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def data(self, command: str, **options: Any) -> Any:
        """Run a command that must succeed and return its data."""
        return self(command, **options)["data"]

    def raw(self, **options: Any) -> Any:
        """Run `oci raw-request`, which wants a whole URL and no endpoint beside it."""
        with_endpoint = self._shell.environment
        self._shell.environment = {name: value for name, value in with_endpoint.items() if name != "OCI_CLI_ENDPOINT"}
        try:
            return self("raw-request", **options)
        finally:
            self._shell.environment = with_endpoint

    def refused(self, command: str, **options: Any) -> dict[str, Any]:
        """Run a command that must fail and return the service's error."""
        said = self._shell.refused(PROGRAM, *command.split(), *_written(options))
        match = _ERROR.search(said)
        assert match, f"no error of the service: {said}"
        error: dict[str, Any] = json.loads(match[1])
        self._note(command, f"{error['status']} {error['code']}")
        return error

    def text(self, command: str, **options: Any) -> str:
        """Run a command that must fail and return all that it said."""
        return self._shell.refused(PROGRAM, *command.split(), *_written(options))

    def _note(self, command: str, result: str) -> None:
        self.noted.setdefault(command, set()).add(result)


def table_of(noted: dict[str, set[str]]) -> list[str]:
    """Return the rows of docs/commands.md: what was run, and what it came to."""
    rows = []
    for command in COMMANDS:
        results = noted.get(command, {"not run"})
        refusals = sorted(results - {"ok"})
        rows.append(f"| `oci {command}` | {'works' if 'ok' in results else 'no'} | {', '.join(refusals)} |")
    return rows


def _written(options: dict[str, Any]) -> list[str]:
    """Write options as the command line takes them: True is a flag, a list or a mapping is JSON."""
    words: list[str] = []
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(json.dumps(value) if isinstance(value, dict | list) else str(value))
    return words
