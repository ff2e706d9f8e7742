"""What each function's role allows, read from the template, and what its code really calls, heard where it is sent."""

import contextvars
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

from botocore.client import BaseClient
from tests.template.actions import Call, calls_of

from moorage.devserver import template as mounting
from moorage.devserver.cloudformation import Values
from moorage.devserver.template import Template
from moorage.stores.dynamodb.keyring import TrustReader
from moorage.stores.s3 import S3ObjectStore

TEMPLATE = Template.read(Path("template.yaml"))
NAMES = {"Namespace": "acme", "Table.Arn": "table", "Bucket.Arn": "bucket"}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy; `keys` are patterns of partition keys, None where any will do."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    keys: tuple[str, ...] | None

    def allows(self, call: Call) -> bool:
        """Whether it allows a call by itself: IAM does not add statements up."""
        if call.action not in self.actions or not _matches(call.resource, self.resources):
            return False
        return self.keys is None or all(_matches(key, self.keys) for key in call.keys)

    def parts(self):
        """Return all that can be left out of it."""
        return (
            set(product(["action"], self.actions))
            | set(product(["key"], self.keys or ()))
            | set(product(["resource"], self.resources))
        )

    def used_by(self, call: Call):
        """Return the parts that an allowed call needs."""
        resources = {("resource", resource) for resource in self.resources if _matches(call.resource, [resource])}
        keys = {("key", key) for key in self.keys or () if any(_matches(one, [key]) for one in call.keys)}
        return {("action", call.action)} | resources | keys


@dataclass
class Roles:
    """The functions' roles, and the calls that were heard."""

    statements: Mapping[str, list[Statement]]
    heard: dict[str, set[Call]] = field(default_factory=dict)
    refused: list[tuple[str, Call]] = field(default_factory=list)

    def hear(self, function: str, call: Call) -> None:
        """Note a call, and whether the role refuses it."""
        self.heard.setdefault(function, set()).add(call)
        if not any(statement.allows(call) for statement in self.statements[function]):
            self.refused.append((function, call))

    def unused(self, function: str):
        """Return what the role allows and no call needed."""
        calls = self.heard.get(function, set())
        unused = []
        for statement in self.statements[function]:
            used = set().union(*(statement.used_by(call) for call in calls if statement.allows(call)))
            unused += sorted(statement.parts() - used)
        return unused


def package_of(logical_id):
    handler = TEMPLATE.body["Resources"][logical_id]["Properties"]["Handler"]
    return handler.removesuffix(".app.handler")


def functions():
    """Return the logical id of each function by its package."""
    resources = TEMPLATE.body["Resources"].items()
    return {package_of(name): name for name, one in resources if one["Type"] == "AWS::Serverless::Function"}


def policies_of(role):
    """Return the policies that a role of the template has by name, and those that are its own."""
    properties = TEMPLATE.body["Resources"][role]["Properties"]
    named = [one["Ref"] for one in properties.get("ManagedPolicyArns", []) if "Ref" in one]
    documents = [TEMPLATE.body["Resources"][name]["Properties"]["PolicyDocument"] for name in named]
    return named, documents + [policy["PolicyDocument"] for policy in properties.get("Policies", [])]


def statements_of(role):
    """Return what a role allows of table and bucket."""
    _, documents = policies_of(role)
    declared = [statement for document in documents for statement in document["Statement"]]
    return [read_statement(one) for one in declared if not str(one["Action"]).count("logs:")]


def read_statement(declared):
    resolved = Values(TEMPLATE.body, NAMES).resolve(declared)
    assert {"Effect", "Action", "Resource"} <= resolved.keys() <= {"Effect", "Action", "Resource", "Condition"}
    assert "Allow" == resolved["Effect"]
    keys = None
    if "Condition" in resolved:
        ((operator, condition),) = resolved["Condition"].items()
        assert ("ForAllValues:StringLike", {"dynamodb:LeadingKeys"}) == (operator, condition.keys())
        keys = tuple(condition["dynamodb:LeadingKeys"])
    return Statement(_several(resolved["Action"]), _several(resolved["Resource"]), keys)


def roles():
    """Read the role of every function."""
    body = TEMPLATE.body["Resources"]
    named = {package: body[name]["Properties"]["Role"]["Fn::GetAtt"] for package, name in functions().items()}
    return Roles({package: statements_of(role.removesuffix(".Arn")) for package, role in named.items()})


_running = contextvars.ContextVar("running", default=None)


class Listening:
    """While it is patched in, every call to DynamoDB and S3 is heard as that of the function whose code sends it."""

    def __init__(self, monkeypatch, heard):
        self._heard = heard
        real_call, real_app, real_submit = BaseClient._make_api_call, mounting.create_app, ThreadPoolExecutor.submit
        real_url, real_send = S3ObjectStore.url, TrustReader._send

        def make_api_call(client, operation, arguments):
            self._hear(operation, arguments)
            return real_call(client, operation, arguments)

        def create_app(api, *arguments, **options):
            return _Running(_package(api), real_app(api, *arguments, **options))

        def submit(executor, function, *arguments, **options):
            return real_submit(executor, contextvars.copy_context().run, function, *arguments, **options)

        def url(store, key, **options):
            self._hear("GetObject", {"Key": key})  # whoever has the URL reads with the signer's rights
            return real_url(store, key, **options)

        def send(reader, body):
            self._hear("Query", json.loads(body))
            return real_send(reader, body)

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
        monkeypatch.setattr(TrustReader, "_send", send)
        monkeypatch.setattr(mounting, "create_app", create_app)
        monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
        monkeypatch.setattr(S3ObjectStore, "url", url)

    def _hear(self, operation, arguments):
        if package := _running.get():
            for call in calls_of(operation, arguments):
                self._heard.hear(package, call)

    @staticmethod
    def run(package, function, *arguments):
        """Call what is no application as a function."""
        return contextvars.copy_context().run(lambda: (_running.set(package), function(*arguments))[1])


class _Running:
    """An application, which runs as a function."""

    def __init__(self, package, app):
        self._package = package
        self._app = app

    async def __call__(self, scope, receive, send):
        token = _running.set(self._package)
        try:
            await self._app(scope, receive, send)
        finally:
            _running.reset(token)


def _package(api):
    return api.routes[0].endpoint.__module__.partition(".")[0]


def _matches(text, patterns):
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _several(value):
    return (value,) if isinstance(value, str) else tuple(value)
