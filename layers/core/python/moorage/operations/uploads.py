"""Upload sessions, from POST to the blob. docs/protocol.md, 4.1 and 4.10."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from moorage.domain.content import ORPHAN_AGE
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    DigestInvalid,
    RegistryError,
    TooManyRequests,
    Unavailable,
    UploadInvalid,
    UploadOutOfOrder,
    UploadUnknown,
)
from moorage.domain.upload import SESSION_LIFE, WRITER_LIFE, Progress, UploadSession, UploadState, UploadTicket
from moorage.operations import blobs
from moorage.operations.assembly import Assembly
from moorage.operations.repositories import new_ulid
from moorage.stores import keys
from moorage.stores.base import Gone, Stores
from moorage.stores.deadline import operation


def start(stores: Stores, repository_id: str, principal: str, algorithm: str) -> UploadSession:
    """Open a session. Raises TooManyRequests when the principal has too many open, or too much staged in them."""
    _allowance(stores, principal, opening=True)
    session = UploadSession(
        id=new_ulid(stores),
        repository_id=repository_id,
        principal=principal,
        state=UploadState.OPEN,
        expires=stores.clock() + SESSION_LIFE,
        progress=Progress(algorithm=algorithm),
    )
    stores.uploads.create(session)
    return session


def status(stores: Stores, ticket: UploadTicket) -> UploadSession:
    """Return an open session. Raises UploadUnknown."""
    session = _known(stores, ticket)
    if session.state is not UploadState.OPEN:
        raise _unknown(ticket)
    return session


def cancel(stores: Stores, ticket: UploadTicket) -> None:
    """End a session and remove what it staged. Raises UploadUnknown."""
    with operation():
        while not _drop(stores, status(stores, ticket)):
            continue  # it went on, or was closed: then it is nobody's to cancel


class Appending:
    """A request that adds bytes to a session, as its only writer until it is done."""

    def __init__(
        self,
        stores: Stores,
        ticket: UploadTicket,
        *,
        first: int | None,
        digest: Digest | None = None,
        expected: int | None = None,
    ) -> None:
        """Claim the session; `digest` is what the request will close it with, `expected` how many bytes it adds.

        Raises UploadUnknown, UploadOutOfOrder when `first` is not where the session stands, or TooManyRequests.
        """
        self._stores = stores
        self._ticket = ticket
        self._digest = digest
        self._writer = new_ulid(stores)
        self._sent = False
        allowance = _allowance(stores, ticket.principal, opening=False)
        session = self._claim()
        if session is None:
            raise _refusal(stores, ticket, digest)
        self.session = session
        if first is not None and first != session.progress.offset:
            stores.uploads.give_back(session)
            raise _out_of_order(session)
        progress = session.progress
        if digest and progress.offset == 0:
            progress = replace(progress, algorithm=digest.algorithm, hash_state=b"")
        self.assembly = Assembly(stores, session.id, progress, allowance=allowance, expected=expected)

    def feed(self, data: bytes | bytearray) -> None:
        """Add bytes, and stay the writer; waits for memory and for parts on their way."""
        self.stay()
        with self._sealing():
            self.assembly.feed(data)

    def work(self) -> None:
        """Do what is due before more bytes are added to the assembly, and stay the writer."""
        self.stay()
        with self._sealing():
            self.assembly.work()

    def stay(self) -> None:
        """Renew the claim when it is time: while bytes come, and while they wait."""
        if self._now() - self._claimed > WRITER_LIFE / 3:
            self._renew()

    def record(self) -> int:
        """Record what has come, so that the next request can go on there; returns the offset."""
        with operation():
            with self._sealing():
                progress = self.assembly.advance()
            expires = self._stores.clock() + SESSION_LIFE
            self._sent = True
            if not self._stores.uploads.advance(self.session, progress, expires):
                self.assembly.discard()
                raise _refusal(self._stores, self._ticket)
            old = self.session.progress.tail.key
            if old and old != progress.tail.key:
                with suppress(Unavailable):  # the chunk is in; what is left lies in the session's folder
                    self._stores.objects.delete([old])
        return progress.offset

    def abandon(self) -> None:
        """Leave the session as it was before this request.

        A record whose answer was lost may have been made: what it names stays.
        """
        try:
            if not self._sent:
                self.assembly.discard()
        finally:
            self._stores.uploads.give_back(self.session)

    def finish(self, digest: Digest) -> None:
        """Close the session with what it has now. Raises DigestInvalid; an open session ends with it."""
        with operation():
            if self.assembly.proves(digest) is False:
                self.abandon()
                if self.session.state is UploadState.OPEN:  # else another request may be finishing it
                    _drop(self._stores, self.session)
                raise _wrong_digest(digest)
            session = self._close(digest)
            if session is None:
                self.assembly.discard()
                raise _refusal(self._stores, self._ticket, digest)
            _make_blob(self._stores, session, self.assembly, digest)

    def _claim(self) -> UploadSession | None:
        self._claimed = self._now()
        return self._stores.uploads.claim(self._ticket, self._writer, self._claimed, digest=self._digest)

    def _renew(self) -> None:
        """Stay the writer; one that was silent for too long may find that another has come and gone."""
        session = self._claim()
        if session is None:
            raise UploadUnknown("the upload was taken over or ended meanwhile")
        if session.progress != self.session.progress:
            raise _out_of_order(session)

    def _close(self, digest: Digest) -> UploadSession | None:
        key = _object_key(self._stores, self._ticket)
        try:
            return self._stores.uploads.close(self._ticket, digest, key, self._now(), writer=self._writer)
        except Unavailable:
            self._stores.uploads.give_back(self.session)
            raise

    @contextmanager
    def _sealing(self) -> Iterator[None]:
        """Say what became of the session whose parts have gone."""
        try:
            yield
        except Gone as gone:
            raise _refusal(self._stores, self._ticket, self._digest) from gone

    def _now(self) -> datetime:
        return self._stores.clock()


def finish(stores: Stores, ticket: UploadTicket, digest: Digest, body: bytes | bytearray) -> None:
    """Close a session with its last bytes, of less than a part: the record, the object, the bytes row, the link.

    Repeating it is fine. Raises UploadUnknown, UploadInvalid, UploadOutOfOrder or DigestInvalid; a session that was
    closed for a digest that its bytes do not have is of no more use, and is left to the sweep: another request may be
    finishing it.
    """
    with operation():
        now = stores.clock()
        session = stores.uploads.close(ticket, digest, _object_key(stores, ticket), now)
        if session is None:
            raise _refusal(stores, ticket, digest)
        if session.time_closed != now and _is_linked(stores, session, digest):
            return
        progress = session.progress
        if progress.offset == 0:
            progress = replace(progress, algorithm=digest.algorithm, hash_state=b"")
        assembly = Assembly(stores, session.id, progress)
        try:
            assembly.adopt(body)
            _make_blob(stores, session, assembly, digest)
        finally:
            assembly.release()


def sweep(stores: Stores, limit: int, time_left: Callable[[], bool]) -> int:
    """Remove sessions past their end, with all they staged (4.10); returns how many."""
    swept = 0
    for session in stores.uploads.due(stores.clock(), limit):
        if not time_left():
            break
        with operation():
            swept += _sweep(stores, session)
    return swept


def _sweep(stores: Stores, session: UploadSession) -> bool:
    """Fence the session, then clear its folder of all but a key that the bytes of its digest use."""
    due = session.time_closed + ORPHAN_AGE if session.time_closed else session.expires
    if due > stores.clock():
        return False  # it went on while the index still said that it was due
    if session.state is not UploadState.EXPIRED and not stores.uploads.cancel(session):
        return False
    _clear(stores, session)
    return True


def _drop(stores: Stores, session: UploadSession) -> bool:
    """End a session whose bytes nobody will use; False when it is not as read any more."""
    if not stores.uploads.cancel(session):
        return False
    with suppress(Unavailable):  # the session is over; what it staged is the sweep's
        _clear(stores, session)
    return True


def _clear(stores: Stores, session: UploadSession) -> None:
    adopted = stores.bytes.keys_of(session.digest) if session.digest else frozenset()
    stores.objects.sweep(keys.blob_prefix(session.id), adopted)
    stores.uploads.remove(session.id)


def _make_blob(stores: Stores, session: UploadSession, assembly: Assembly, digest: Digest) -> None:
    """Prove the digest, make the object, link it (4.1.2 to 4.1.4)."""
    proved = assembly.proves(digest)
    if proved is False:
        assembly.discard()
        raise _wrong_digest(digest)
    # Bytes that are not proved yet never go where those of another request may be.
    key = session.key if proved and session.key else _object_key(stores, session.ticket)
    sealed = assembly.seal(key)
    if assembly.digest(sealed, digest.algorithm) != digest:
        raise _wrong_digest(digest)
    blobs.link_bytes(stores, session.repository_id, digest, sealed.content, sealed.size)


def _allowance(stores: Stores, principal: str, *, opening: bool) -> int:
    """Return how many bytes the principal may still stage. Raises TooManyRequests."""
    sessions, staged = stores.uploads.usage(principal)
    limits = stores.limits
    if opening and sessions >= limits.open_sessions:
        raise TooManyRequests(
            f"at most {limits.open_sessions} uploads may be open at once; finish or cancel some first", retry_after=60
        )
    if staged >= limits.staged_bytes:
        raise TooManyRequests(
            f"unfinished uploads hold at most {limits.staged_bytes} bytes; finish or cancel some first", retry_after=60
        )
    return limits.staged_bytes - staged


def _is_linked(stores: Stores, session: UploadSession, digest: Digest) -> bool:
    link = stores.links.get(session.repository_id, digest)
    return link is not None and link.readable


def _known(stores: Stores, ticket: UploadTicket) -> UploadSession:
    """Read a session and check what it is bound to; another's is as unknown as none."""
    session = stores.uploads.get(ticket.id)
    if (
        session is None
        or (session.repository_id, session.principal) != (ticket.repository_id, ticket.principal)
        or session.expires <= stores.clock()
    ):
        raise _unknown(ticket)
    return session


def _refusal(stores: Stores, ticket: UploadTicket, digest: Digest | None = None) -> RegistryError:
    """Say why a session could not be claimed or closed."""
    try:
        session = _known(stores, ticket)
    except UploadUnknown as unknown:
        return unknown
    if session.state is UploadState.OPEN or (session.state is UploadState.CLOSING and session.digest == digest):
        return UploadOutOfOrder("another request is writing to this upload", offset=session.progress.offset)
    if session.state is UploadState.CLOSING and digest is not None:
        return UploadInvalid("the upload was finished with another digest", finished=str(session.digest))
    return _unknown(ticket)


def _unknown(ticket: UploadTicket) -> UploadUnknown:
    return UploadUnknown("no such upload, or it is over; start another", upload=ticket.id)


def _out_of_order(session: UploadSession) -> UploadOutOfOrder:
    offset = session.progress.offset
    return UploadOutOfOrder(f"the next byte of this upload is {offset}", offset=offset)


def _wrong_digest(digest: Digest) -> DigestInvalid:
    return DigestInvalid("the bytes that were uploaded do not have this digest", digest=str(digest))


def _object_key(stores: Stores, ticket: UploadTicket) -> str:
    return keys.blob_object(ticket.id, new_ulid(stores))
