"""`moorage explain`."""

from ipaddress import ip_address

import click

from moorage.cli.named import find, find_compartment
from moorage.cli.output import as_json, open_registry, tell
from moorage.domain.directory import User
from moorage.domain.names import parse_name
from moorage.domain.policy.explaining import Miss, path_of
from moorage.operations.explaining import Question, Told, explain_access, find_operation
from moorage.operations.session import is_role
from moorage.stores.base import Stores


def _check_address(_context: click.Context, _option: click.Parameter, text: str) -> str:
    try:
        return text and str(ip_address(text))
    except ValueError as error:
        raise click.BadParameter(f"{text} is not one address, such as 192.0.2.1 or 2001:db8::1") from error


@click.command()
@click.option("--user", "user_name", required=True, help="Whose access: a user, or the ARN of a machine's role.")
@click.option("--permission", required=True, help="What is asked for, for example REPOSITORY_READ.")
@click.option("--repository", help="In which repository: <namespace>/<name>.")
@click.option(
    "--compartment",
    help="In which compartment: A:B from below the root, or an OCID. The root by default. With --repository only where "
    "one is made or moves: CreateContainerRepository, and REPOSITORY_CREATE in ChangeContainerRepositoryCompartment.",
)
@click.option(
    "--address",
    default="",
    callback=_check_address,
    help="From which address, for network sources and the authentication policy.",
)
@click.option("--operation", help="In which operation, for conditions on it. Docker's actions are in none.")
@as_json
@click.pass_context
def explain(
    context: click.Context,
    user_name: str,
    permission: str,
    repository: str | None,
    compartment: str | None,
    address: str,
    operation: str | None,
    *,
    as_json: bool,
) -> None:
    """Say which statement grants a permission, or what is missing: the statements that come closest."""
    stores = open_registry(context)
    question = Question(
        permission=permission.upper(),
        repository=parse_name(_full_name(stores, repository)) if repository else None,
        compartment_id=find_compartment(stores.directory.tenancy(), compartment) if compartment else None,
        address=address,
        operation=find_operation(operation) if operation else None,
    )
    if repository and compartment and not question.arrives:
        raise click.UsageError("a repository is in one compartment: give --repository or --compartment")
    user_name = user_name.removeprefix(f"{stores.limits.namespace}/")
    told = explain_access(stores, user_name if is_role(user_name) else find(stores, User, user_name).id, question)
    tell(_text(told, user_name, question.permission), _document(told, user_name, question.permission), as_json=as_json)


def _full_name(stores: Stores, text: str) -> str:
    prefix = f"{stores.limits.namespace}/"
    if not text.startswith(prefix):
        raise click.ClickException(f"repository names here start with {prefix}")
    return text


def _text(told: Told, user_name: str, permission: str) -> str:
    decision = told.explanation.decision
    verb = "has" if decision.granted else "does not have"
    lines = [f"{user_name} {verb} {permission} in {told.where}"]
    lines += [f"note: {note}" for note in told.notes]
    if decision.granted and decision.statement:
        return "\n".join([*lines, f"  {decision.statement.text}", f"    {_policy(told, decision.policy_id or '')}"])
    lines.append("the statements that come closest:" if told.explanation.misses else "there are no statements")
    for miss in told.explanation.misses:
        lines += [f"  {miss.statement.text}", f"    {_policy(told, miss.policy_id)}"]
        lines += [f"    {reason}" for reason in miss.reasons]
    return "\n".join(lines)


def _policy(told: Told, policy_id: str) -> str:
    policy = told.tenancy.policies[policy_id]
    return f"in policy {policy.name}, attached to {path_of(told.tenancy, policy.compartment_id)}"


def _document(told: Told, user_name: str, permission: str) -> dict[str, object]:
    decision = told.explanation.decision
    return {
        "user": user_name,
        "permission": permission,
        "where": told.where,
        "granted": decision.granted,
        "notes": list(told.notes),
        "statement": decision.statement.text if decision.statement else None,
        "policy": _named(told, decision.policy_id) if decision.policy_id else None,
        "closest": [_missed(told, miss) for miss in told.explanation.misses],
    }


def _missed(told: Told, miss: Miss) -> dict[str, object]:
    return {
        "statement": miss.statement.text,
        "policy": _named(told, miss.policy_id),
        "missing": list(miss.reasons),
    }


def _named(told: Told, policy_id: str) -> dict[str, str]:
    policy = told.tenancy.policies[policy_id]
    return {"id": policy_id, "name": policy.name, "attached_to": path_of(told.tenancy, policy.compartment_id)}
