"""Weighs a pull, a push and a sweep: counted on the wire, before the gateway and in the functions."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from tests.bench.calls import counted
from tests.bench.client import Client, scope
from tests.bench.functions import Deployment, Invocation, Request, running_functions
from tests.bench.images import Image, make_image, make_layer
from tests.bench.meter import Meter
from tests.bench.registry import NAMESPACE, TABLE
from tests.bench.units import bytes_stored, indexes_of
from tests.bench.usage import LAYERS, Measured, Usage, Work
from tests.bench.wire import S3, Recording, Wire

ROUNDS = 5

_NAME = f"{NAMESPACE}/app"
_PASSING = "UPLOAD#"  # rows of sessions, which the sweep removes
_S3_READS = {"GetObject", "HeadObject"}
_S3_FREE = {"DeleteObject", "DeleteObjects", "AbortMultipartUpload"}
# What stands in an access log for what is the same length in every line, or nearly so.
_SAMPLE = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "identity.sourceIp": "203.0.113.101",
    "responseLength": "1024",
    "responseLatency": "25",
}


def measure(cold_cpu_ms: Mapping[str, float]) -> Measured:
    """Push and pull as docker does: challenge, token, then HEAD, POST, PATCH and PUT of each blob, or 13 reads.

    Every round is the same but for its bytes; the one with the least CPU time stands for all.
    """
    with counted() as (endpoint, wire), running_functions(wire) as deployment:
        template = deployment.prepared.template
        (table,) = [one for one in template.body["Resources"].values() if one["Type"] == "AWS::DynamoDB::Table"]
        meter = Meter(endpoint, TABLE, indexes_of(table["Properties"]))
        scale = _Scale(deployment, wire, meter, endpoint)
        with deployment.client() as client:
            client.authorize(scope(_NAME, "pull,push"))
            client.push(_NAME, "before", _image("before"), chunked=False)
        pushes = [scale.weigh(_pushing(f"push {number}")) for number in range(ROUNDS)]
        pulls = [scale.weigh(_pull) for _ in range(ROUNDS)]
        sweeps = [scale.weigh_sweep() for _ in range(ROUNDS)]
    return Measured(_least(pulls), _least(pushes), _least(sweeps), cold_cpu_ms)


class _Scale:
    """Weighs, by all that is counted anywhere."""

    def __init__(self, deployment: Deployment, wire: Wire, meter: Meter, endpoint: str) -> None:
        self._deployment = deployment
        self._wire = wire
        self._meter = meter
        self._dynamodb = boto3.client("dynamodb", endpoint_url=endpoint)
        self._formats = _formats(deployment.prepared.template.body)

    def weigh(self, act: Callable[[Client], None]) -> Usage:
        """Weigh what a client does, the challenge that comes first included."""

        def whole() -> None:
            with self._deployment.client(login=False) as stranger:
                stranger.challenge()
            with self._deployment.client() as client:
                act(client)

        return self._weigh(whole)

    def weigh_sweep(self) -> Usage:
        """Weigh a run of the schedule."""
        return self._weigh(lambda: self._deployment.sweep({}, None))

    def _weigh(self, act: Callable[[], object]) -> Usage:
        rows, row_bytes = self._stored()
        self._deployment.seen.clear()
        with self._wire.recording() as recording, self._wire.metering(self._meter):
            act()
        after, after_bytes = self._stored()
        return self._usage(recording, after - rows, after_bytes - row_bytes)

    def _usage(self, recording: Recording, rows: int, row_bytes: int) -> Usage:
        seen = self._deployment.seen
        lines = [_access_line(self._formats, request) for request in seen.requests]
        rest = sum(_is_rest(request) for request in seen.requests)
        s3 = [call.operation for call in recording.calls if call.service == S3]
        return Usage(
            rest_requests=rest,
            http_pieces=sum(request.pieces for request in seen.requests if _is_rest(request)),
            http_requests=len(seen.requests) - rest,
            functions=_work(seen.invocations),
            read_units=sum(call.read_units for call in recording.calls),
            write_units=sum(call.write_units for call in recording.calls),
            s3_writes=sum(name not in _S3_READS | _S3_FREE for name in s3),
            s3_reads=sum(name in _S3_READS for name in s3),
            downloads=recording.downloads,
            access_lines=len(lines),
            access_bytes=sum(len(line.encode()) for line in lines),
            rows=rows,
            row_bytes=row_bytes,
        )

    def _stored(self) -> tuple[int, int]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
        rows = [row for page in pages for row in page["Items"] if not row["pk"]["S"].startswith(_PASSING)]
        return len(rows), sum(bytes_stored(row, self._meter.indexes) for row in rows)


def _pushing(seed: str) -> Callable[[Client], None]:
    def push(client: Client) -> None:
        client.authorize(scope(_NAME, "pull,push"))
        client.push(_NAME, "1", _image(seed), chunked=True, asking=True)

    return push


def _pull(client: Client) -> None:
    client.authorize(scope(_NAME, "pull"))
    assert client.pull(_NAME, "1") == 1 + LAYERS


def _image(seed: str) -> Image:
    return make_image(*(make_layer(f"{seed} {number}") for number in range(LAYERS)), seed=seed)


def _work(invocations: Sequence[Invocation]) -> dict[str, Work]:
    found = {}
    for name in sorted({invocation.function for invocation in invocations}):
        own = [invocation for invocation in invocations if invocation.function == name]
        found[name] = Work(
            invocations=len(own),
            cpu_ms=round(math.fsum(one.cpu_ms for one in own), 1),
            dynamodb_calls=sum(one.dynamodb_calls for one in own),
            s3_calls=sum(one.s3_calls for one in own),
            log_lines=sum(one.log_lines for one in own),
            log_bytes=sum(one.log_bytes for one in own),
        )
    return found


def _least(usages: Sequence[Usage]) -> Usage:
    """Return the one with the least CPU time; but for the first, which is the hour's first pull, all count the same."""
    return min(usages[1:], key=lambda usage: sum(work.cpu_ms for work in usage.functions.values()))


def _is_rest(request: Request) -> bool:
    return request.path.startswith("/v2")


def _formats(body: Mapping[str, Any]) -> dict[bool, str]:
    """Return the formats of the access logs: of the REST API, and of the HTTP API."""
    resources = list(body["Resources"].values())
    (rest,) = [one["Properties"] for one in resources if one["Type"] == "AWS::Serverless::Api"]
    (http,) = [one["Properties"] for one in resources if one["Type"] == "AWS::Serverless::HttpApi"]
    return {True: rest["AccessLogSetting"]["Format"], False: http["AccessLogSettings"]["Format"]}


def _access_line(formats: Mapping[bool, str], request: Request) -> str:
    values = {**_SAMPLE, "httpMethod": request.method, "path": request.path, "status": str(request.status)}
    return re.sub(r"\$context\.([\w.]+)", lambda match: values.get(match[1], "-"), formats[_is_rest(request)])
