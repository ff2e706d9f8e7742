"""`UploadStore` on DynamoDB."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from moorage.domain.content import ORPHAN_AGE
from moorage.domain.digest import Digest
from moorage.domain.upload import WRITER_LIFE, Progress, UploadSession, UploadState, UploadTicket
from moorage.stores import keys
from moorage.stores.dynamodb.items import REVIEW_SHARDS, UploadItem, marked, marking, stamp
from moorage.stores.dynamodb.packed import pack_etags
from moorage.stores.dynamodb.table import Item, Missed, Table

_OPEN = UploadItem.state == UploadState.OPEN.value


USAGE_LIFE = timedelta(seconds=30)


@dataclass(slots=True)
class _Usage:
    """What a principal has open: as the index said at `read`, and as this process has changed it since."""

    read: datetime
    sessions: int
    staged: int


class DynamoUploadStore:
    """`UPLOAD#<id>` / `META`."""

    def __init__(self, table: Table, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._clock = clock
        self._usage: dict[str, _Usage] = {}

    def create(self, session: UploadSession) -> None:
        """Put the row; its id is new."""
        item = UploadItem(
            *keys.upload(session.id),
            repository_id=session.repository_id,
            principal=session.principal,
            owner=session.principal,
            state=session.state.value,
            session_expires=session.expires,
            algorithm=session.progress.algorithm,
        )
        try:
            self._table.put(marked(item, "UPLOAD", session.expires, session.id), Item.pk.does_not_exist())
        except Missed as missed:
            if not missed.repeated:  # an id is used once: the row is what the first sending made
                raise
        self._account(session.principal, 1, 0)

    def get(self, session_id: str) -> UploadSession | None:
        """Read the row."""
        return _session(self._table.get(keys.upload(session_id)))

    def claim(
        self, ticket: UploadTicket, writer: str, now: datetime, *, digest: Digest | None = None
    ) -> UploadSession | None:
        """Read, authorise and reserve in one update."""
        usable = _OPEN
        if digest:
            usable |= (UploadItem.state == UploadState.CLOSING.value) & (UploadItem.digest == str(digest))
        free = UploadItem.writer.does_not_exist() | (UploadItem.writer == writer) | (UploadItem.writer_until <= now)
        actions = [UploadItem.writer.set(writer), UploadItem.writer_until.set(now + WRITER_LIFE)]
        return self._change(ticket.id, actions, usable & _bound(ticket, now) & free)

    def advance(self, session: UploadSession, progress: Progress, expires: datetime) -> bool:
        """Replace all progress at once, as the writer that claimed it."""
        optional: list[tuple[Attribute[Any], object]] = [
            (UploadItem.hash_state, progress.hash_state or None),
            (UploadItem.part_key, progress.key),
            (UploadItem.multipart, progress.multipart),
            (UploadItem.etags, pack_etags(progress.etags) or None),
            (UploadItem.tail, progress.tail.data or None),
            (UploadItem.tail_key, progress.tail.key),
        ]
        actions = [
            UploadItem.offset.set(progress.offset),
            UploadItem.tail_size.set(progress.tail.size),
            UploadItem.session_expires.set(expires),
            *marking("UPLOAD", expires, session.id),
            UploadItem.writer.remove(),
            UploadItem.writer_until.remove(),
            *(path.remove() if value is None else path.set(value) for path, value in optional),
        ]
        mine = UploadItem.writer.exists() & (UploadItem.writer == session.writer)  # nobody's is not ours
        advanced = self._settle(session.id, actions, _OPEN & mine, lambda now: _holds(now, progress))
        if advanced:
            self._account(session.principal, 0, progress.offset - session.progress.offset)
        return advanced

    def give_back(self, session: UploadSession) -> None:
        """Let the next writer in."""
        actions = [UploadItem.writer.remove(), UploadItem.writer_until.remove()]
        self._change(session.id, actions, UploadItem.writer == session.writer)

    def close(
        self, ticket: UploadTicket, digest: Digest, key: str, now: datetime, *, writer: str | None = None
    ) -> UploadSession | None:
        """Record digest and key before the object is made; a repeat finds what the first wrote."""
        actions = [
            UploadItem.state.set(UploadState.CLOSING.value),
            UploadItem.digest.set(str(digest)),
            UploadItem.key.set(UploadItem.key | key),
            UploadItem.time_closed.set(UploadItem.time_closed | now),
            *marking("UPLOAD", now + ORPHAN_AGE, ticket.id),
            UploadItem.owner.remove(),
            UploadItem.writer.remove(),
            UploadItem.writer_until.remove(),
        ]
        usable = UploadItem.state.is_in(UploadState.OPEN.value, UploadState.CLOSING.value)
        same = UploadItem.digest.does_not_exist() | (UploadItem.digest == str(digest))
        alone = UploadItem.writer.does_not_exist() | (UploadItem.writer_until <= now)
        if writer:
            alone |= UploadItem.writer == writer
        session = self._change(ticket.id, actions, usable & _bound(ticket, now) & same & alone)
        if session and session.time_closed == now:
            self._account(ticket.principal, -1, -session.progress.offset)
        return session

    def cancel(self, session: UploadSession) -> bool:
        """Fence the session off for the sweep."""
        actions = [UploadItem.state.set(UploadState.EXPIRED.value), UploadItem.owner.remove()]
        usable = UploadItem.state.is_in(UploadState.OPEN.value, UploadState.CLOSING.value)
        as_read = usable & (UploadItem.state == session.state.value) & (UploadItem.session_expires == session.expires)
        if session.time_closed:
            as_read &= UploadItem.time_closed == session.time_closed
        ended = (UploadState.EXPIRED, session.expires, session.time_closed)
        cancelled = self._settle(
            session.id, actions, as_read, lambda now: ended == (now.state, now.expires, now.time_closed)
        )
        if cancelled and session.state is UploadState.OPEN:
            self._account(session.principal, -1, -session.progress.offset)
        return cancelled

    def remove(self, session_id: str) -> None:
        """Delete the row."""
        self._table.delete(keys.upload(session_id))

    def due(self, now: datetime, limit: int) -> list[UploadSession]:
        """Query each partition of the review index, then read the rows: one call a partition, one a hundred rows."""
        found: list[keys.Key] = []
        for shard in range(REVIEW_SHARDS):
            items, _ = self._table.page(
                f"UPLOAD#{shard}", UploadItem.review <= stamp(now), kind=UploadItem, limit=limit, index="review"
            )
            found += [keys.Key(item.pk, item.sk) for item in items]
        rows = self._table.get_many(found[:limit]).values()
        return [item.to_domain() for item in rows if isinstance(item, UploadItem)]

    def usage(self, principal: str) -> tuple[int, int]:
        """Query the index of open sessions by owner, at most twice a minute: between, this process counts along.

        A limit against floods need not be exact over all processes; an exact one would cost every upload a write.
        """
        usage = self._usage.get(principal)
        if usage is None or self._clock() - usage.read >= USAGE_LIFE:
            within = Item.pk.startswith("UPLOAD#")
            rows = self._table.query(principal, within, kind=UploadItem, index="owner")
            offsets = [int(item.offset) for item in rows]
            usage = self._usage[principal] = _Usage(self._clock(), len(offsets), sum(offsets))
        return usage.sessions, usage.staged

    def _account(self, principal: str, sessions: int, staged: int) -> None:
        usage = self._usage.get(principal)
        if usage is not None:
            usage.sessions += sessions
            usage.staged += staged

    def _change(self, session_id: str, actions: Sequence[Action], condition: Condition) -> UploadSession | None:
        try:
            return _session(self._table.update(keys.upload(session_id), UploadItem, actions, condition))
        except Missed:
            return None

    def _settle(
        self,
        session_id: str,
        actions: Sequence[Action],
        condition: Condition,
        applied: Callable[[UploadSession], bool],
    ) -> bool:
        """Change a row once; a miss is none when an earlier sending was `applied`, and its answer lost."""
        try:
            self._table.update(keys.upload(session_id), UploadItem, actions, condition)
        except Missed as missed:
            now = _session(missed.item)
            return missed.repeated and now is not None and applied(now)
        return True


def _bound(ticket: UploadTicket, now: datetime) -> Condition:
    """Return the condition that a session is this repository's and principal's, and not over."""
    bound: Condition = (
        (UploadItem.repository_id == ticket.repository_id)
        & (UploadItem.principal == ticket.principal)
        & (UploadItem.session_expires > now)
    )
    return bound


def _holds(session: UploadSession, progress: Progress) -> bool:
    """Whether a session has come so far, or went on from there."""
    known = session.progress
    parts = (known.multipart, known.etags[: len(progress.etags)]) == (progress.multipart, progress.etags)
    return known == progress or (known.offset > progress.offset and bool(progress.etags) and parts)


def _session(item: Item | None) -> UploadSession | None:
    return item.to_domain() if isinstance(item, UploadItem) else None
