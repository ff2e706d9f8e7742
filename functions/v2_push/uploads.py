"""POST /v2/{name}/blobs/uploads/, and PATCH, PUT and DELETE of a session (end-4, end-5, end-6, end-11, end-14)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Future
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.digest import Digest, parse_algorithm
from moorage.domain.errors import (
    BodyStalled,
    BodyTooLarge,
    DigestInvalid,
    NameInvalid,
    RegistryError,
    UploadInvalid,
    UploadUnknown,
)
from moorage.domain.names import RepositoryName, parse_name
from moorage.domain.upload import WRITER_LIFE, UploadTicket, parse_content_range, part_size
from moorage.operations import buffers, mounts, uploads
from moorage.operations.deciding import Deciding
from moorage.operations.repositories import absent, resolve, resolve_or_create
from moorage.stores.base import Stores
from moorage.web.auth import authenticate, authorize
from moorage.web.shim import call, stores_of
from moorage.web.site import site_of
from moorage.web.uploads import principal_of, standing, ticket_of

WHOLE = part_size(1)  # bytes up to which a body is kept, so that no part need be staged
PATIENCE_SECONDS = WRITER_LIFE.total_seconds() / 3
SILENCE_SECONDS = WRITER_LIFE.total_seconds()  # after which a body's memory is for others
CHUNK_MIN_LENGTH = 1024 * 1024  # bytes; told where bodies are limited, so that chunks are not tiny


async def post_upload(request: Request) -> Response:
    """Open a session; or finish at once, with a mount or with a body and its digest."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PUSH)
    stores = stores_of(request)
    principal = principal_of(request)
    query = request.query_params
    digest = _digest(request)
    algorithm = digest.algorithm if digest else parse_algorithm(query.get("digest-algorithm", "sha256"))
    mounted = Digest.parse(query["mount"]) if "mount" in query and digest is None else None
    if digest:
        _check_length(request, stores)
    repository_id = await call(request, resolve_or_create, stores, grant, name, principal)
    if mounted:
        if await call(request, _mount, request, repository_id, mounted):
            return _created(name, mounted)
        algorithm = mounted.algorithm
    session = await call(request, uploads.start, stores, repository_id, principal, algorithm)
    if digest:
        await _finish_unknown(request, session.ticket, digest)
        return _created(name, digest)
    headers = standing(name, session.id, 0)
    if stores.limits.body_bytes is not None:
        headers["oci-chunk-min-length"] = str(min(CHUNK_MIN_LENGTH, stores.limits.body_bytes))
    return Response(status_code=202, headers=headers)


async def patch_upload(request: Request) -> Response:
    """Add bytes to a session: a chunk, or all of a blob at once. What has come when a client goes away is kept."""
    async with _session(request) as (name, stores, ticket):
        offset = await _append(request, stores, ticket)
    return Response(status_code=202, headers=standing(name, ticket.id, offset))


async def put_upload(request: Request) -> Response:
    """Close a session, with the last bytes or all of them."""
    async with _session(request) as (name, _, ticket):
        digest = _digest(request)
        if digest is None:
            raise DigestInvalid("the closing PUT names the blob's digest: ?digest=<algorithm>:<hex>")
        await _finish(request, ticket, digest)
    return _created(name, digest)


async def delete_upload(request: Request) -> Response:
    """End a session; what it staged goes with it."""
    async with _session(request) as (_, stores, ticket):
        await call(request, uploads.cancel, stores, ticket)
    return Response(status_code=204)


@asynccontextmanager
async def _session(request: Request) -> AsyncIterator[tuple[RepositoryName, Stores, UploadTicket]]:
    """Yield what the request is about; a session that is not there may mean that the repository is another by now."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PUSH)
    stores = stores_of(request)
    repository_id = await call(request, resolve, stores, grant, name)
    try:
        yield name, stores, ticket_of(request, repository_id)
    except UploadUnknown as error:
        raise await call(request, absent, stores, grant, name, error) from error


def _digest(request: Request) -> Digest | None:
    """Return the digest that the query names; it may do so twice: a client can add its own to one that is there."""
    digests = {Digest.parse(text) for text in request.query_params.getlist("digest")}
    if len(digests) > 1:
        raise DigestInvalid("the request names two digests", digests=sorted(map(str, digests))[:2])
    return next(iter(digests), None)


async def _finish_unknown(request: Request, ticket: UploadTicket, digest: Digest) -> None:
    """Finish a session whose path no client has been told: when that fails, the session ends."""
    try:
        await _finish(request, ticket, digest)
    except (RegistryError, ClientDisconnect):
        with suppress(UploadUnknown):  # closed for a digest that its bytes do not have: that is for the sweep
            await call(request, uploads.cancel, stores_of(request), ticket)
        raise


async def _finish(request: Request, ticket: UploadTicket, digest: Digest) -> None:
    """Close a session: a body of less than a part in one go, a longer one while it streams."""
    stores = stores_of(request)
    first, length = _content_range(request)
    most = _check_length(request, stores)
    async with aclosing(_chunks(request, stores)) as chunks:
        if first is None and most is not None and most <= WHOLE:
            await _finish_whole(request, ticket, digest, most, chunks)
            return
        head = await anext(chunks, b"")
        if first is None and not head:
            await call(request, uploads.finish, stores, ticket, digest, b"")
            return
        appending = await call(request, uploads.Appending, stores, ticket, first=first, digest=digest, expected=most)
        await _finish_streaming(request, appending, digest, length, head, chunks)


async def _finish_streaming(
    request: Request,
    appending: uploads.Appending,
    digest: Digest,
    length: int | None,
    head: bytes,
    chunks: AsyncIterator[bytes],
) -> None:
    """Close a session with a body of any size, whose first bytes are `head`."""
    try:
        try:
            await _add(request, appending, head)
            async for chunk in chunks:
                await _add(request, appending, chunk)
            _check_added(appending, length)
        except (RegistryError, ClientDisconnect):
            # The client will send all of it again: what has come would be in its way.
            await call(request, appending.abandon)
            raise
        await call(request, appending.finish, digest)
    finally:
        appending.assembly.release()


async def _finish_whole(
    request: Request, ticket: UploadTicket, digest: Digest, most: int, chunks: AsyncIterator[bytes]
) -> None:
    """Close a session with a body of less than a part, of at most `most` bytes."""
    loan = buffers.PROCESS.lend(most) if most else None
    body, filled = bytearray(), 0
    try:
        if loan:
            while (room := loan.waiting) is not None:
                await _until(room)
            body = loan.buffer
        async for chunk in chunks:
            body[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        del body[filled:]
        await call(request, uploads.finish, stores_of(request), ticket, digest, body)
    finally:
        if loan:
            loan.end()


def _check_added(appending: uploads.Appending, length: int | None) -> None:
    added = appending.assembly.added
    if length is not None and added != length:
        raise UploadInvalid("the body does not have the length of its Content-Range", length=length, bytes=added)


async def _append(request: Request, stores: Stores, ticket: UploadTicket) -> int:
    """Add the body to a session and return how far it has come."""
    first, length = _content_range(request)
    most = _check_length(request, stores)
    appending = await call(request, uploads.Appending, stores, ticket, first=first, expected=most)
    gone: ClientDisconnect | BodyStalled | None = None
    try:
        try:
            async with aclosing(_chunks(request, stores)) as chunks:
                async for chunk in chunks:
                    await _add(request, appending, chunk)
        except (ClientDisconnect, BodyStalled) as error:
            gone = error
        if gone is None:
            _check_added(appending, length)
        offset = await call(request, appending.record)
    except RegistryError:
        await call(request, appending.abandon)
        raise
    finally:
        appending.assembly.release()
    if gone:
        raise gone
    return offset


async def _add(request: Request, appending: uploads.Appending, chunk: bytes) -> None:
    """Add bytes as they come; while there is no memory for more of them, no more are read."""
    assembly = appending.assembly
    view = memoryview(chunk)
    while view:
        while (room := assembly.room()) is not None:
            await _until(room)
            await call(request, appending.stay)
        view = view[assembly.add(view) :]
        if assembly.due:
            await call(request, appending.work)


async def _until(room: Future[Any]) -> None:
    """Wait for memory or for a part that is on its way, without a thread; for so long that a claim does not end."""
    await asyncio.wait([asyncio.wrap_future(room)], timeout=PATIENCE_SECONDS)


async def _chunks(request: Request, stores: Stores) -> AsyncGenerator[bytes]:
    """Yield the body as it comes.

    Raises BodyTooLarge beyond what one request may carry here, ClientDisconnect, or BodyStalled.
    """
    limit, total = stores.limits.body_bytes, 0
    # Closed here: what is left to the garbage collector may find its event loop gone.
    async with aclosing(request.stream()) as stream:
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    chunk = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise BodyStalled(f"no bytes came for {SILENCE_SECONDS} seconds", seconds=SILENCE_SECONDS) from error
            total += len(chunk)
            if limit is not None and total > limit:
                raise _too_large(limit)
            if chunk:
                yield chunk


def _check_length(request: Request, stores: Stores) -> int | None:
    """Return how many bytes the body has at most; refuse one that cannot fit before any of it is read."""
    header = request.headers.get("content-length", "")
    length = int(header) if header.isascii() and header.isdigit() else None
    limit = stores.limits.body_bytes
    if limit is not None and length is not None and length > limit:
        raise _too_large(limit)
    return limit if length is None else length


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"one request carries at most {limit} bytes here; send the blob in chunks of that size,"
        " or push through the registry's relay, which takes bodies of any size",
        limit=limit,
    )


def _content_range(request: Request) -> tuple[int | None, int | None]:
    """Return where a chunk starts and how long it says it is, when it says so."""
    header = request.headers.get("content-range")
    if header is None:
        return None, None
    first, last = parse_content_range(header)
    return first, last - first + 1


def _mount(request: Request, repository_id: str, digest: Digest) -> bool:
    """Mount from where the caller may read; False: it must be uploaded."""
    stores, access = stores_of(request), authenticate(request)
    address = site_of(request).client_address(request)
    may_pull = _deciding(request).may_pull(stores, access.principal, address)
    return mounts.mount(stores, repository_id, digest, _source(request), access, may_pull)


def _deciding(request: Request) -> Deciding:
    """Return what this process knows of policies."""
    state = request.app.state
    if not hasattr(state, "deciding"):
        state.deciding = Deciding()
    return cast("Deciding", state.deciding)


def _source(request: Request) -> RepositoryName | None:
    """Return the repository to mount from; a name that cannot be is one that is not there, and 202 follows."""
    text = request.query_params.get("from")
    if text is None:
        return None
    try:
        return parse_name(text)
    except NameInvalid:
        return RepositoryName("")


def _created(name: RepositoryName, digest: Digest) -> Response:
    headers = {"location": f"/v2/{name}/blobs/{digest}", "docker-content-digest": str(digest)}
    return Response(status_code=201, headers=headers)
