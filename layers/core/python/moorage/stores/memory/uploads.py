"""Upload sessions."""

from dataclasses import replace
from datetime import datetime

from moorage.domain.content import ORPHAN_AGE
from moorage.domain.digest import Digest
from moorage.domain.upload import WRITER_LIFE, Progress, UploadSession, UploadState, UploadTicket
from moorage.stores.memory.rows import Store, atomic


class MemoryUploads(Store):
    """`UploadStore` in memory."""

    @atomic
    def create(self, session: UploadSession) -> None:
        """Write the row of a new session."""
        self._write(session)

    @atomic
    def get(self, session_id: str) -> UploadSession | None:
        """Read a session."""
        return self._rows.sessions.get(session_id)

    @atomic
    def claim(
        self, ticket: UploadTicket, writer: str, now: datetime, *, digest: Digest | None = None
    ) -> UploadSession | None:
        """Become the only writer of an OPEN session, or of one that is CLOSING for the digest."""
        row = self._admit(ticket, now)
        if row is None or row.state is UploadState.EXPIRED or _busy(row, writer, now):
            return None
        if row.state is UploadState.CLOSING and row.digest != digest:
            return None
        return self._write(replace(row, writer=writer, writer_until=now + WRITER_LIFE))

    @atomic
    def advance(self, session: UploadSession, progress: Progress, expires: datetime) -> bool:
        """Replace the progress and stop being the writer."""
        row = self._rows.sessions.get(session.id)
        if row is None or row.state is not UploadState.OPEN or not _writes(session, row):
            return False
        self._write(replace(row, progress=progress, expires=expires, writer=None, writer_until=None))
        return True

    @atomic
    def give_back(self, session: UploadSession) -> None:
        """Stop being the writer."""
        row = self._rows.sessions.get(session.id)
        if row and _writes(session, row):
            self._write(replace(row, writer=None, writer_until=None))

    @atomic
    def close(
        self, ticket: UploadTicket, digest: Digest, key: str, now: datetime, *, writer: str | None = None
    ) -> UploadSession | None:
        """OPEN -> CLOSING(digest); a session that is CLOSING with the same digest is returned as it is."""
        row = self._admit(ticket, now)
        if row is None or row.state is UploadState.EXPIRED or _busy(row, writer, now):
            return None
        if row.digest not in (None, digest):
            return None
        row = replace(row, writer=None, writer_until=None)
        if row.state is UploadState.OPEN:
            row = replace(row, state=UploadState.CLOSING, digest=digest, key=key, time_closed=now)
        return self._write(row)

    @atomic
    def cancel(self, session: UploadSession) -> bool:
        """OPEN or CLOSING -> EXPIRED."""
        row = self._rows.sessions.get(session.id)
        if row is None or row.state is UploadState.EXPIRED:
            return False
        if (row.state, row.expires, row.time_closed) != (session.state, session.expires, session.time_closed):
            return False
        self._write(replace(row, state=UploadState.EXPIRED))
        return True

    @atomic
    def remove(self, session_id: str) -> None:
        """Delete the row."""
        self._rows.sessions.pop(session_id, None)

    @atomic
    def due(self, now: datetime, limit: int) -> list[UploadSession]:
        """Return sessions that are over, or were closed long ago, the oldest first."""
        rows = (row for row in self._rows.sessions.values() if _review(row) <= now)
        return sorted(rows, key=lambda row: (_review(row), row.id))[:limit]

    @atomic
    def usage(self, principal: str) -> tuple[int, int]:
        """Count the open sessions of a principal, and the bytes staged in them."""
        rows = self._rows.sessions.values()
        mine = [row for row in rows if row.principal == principal and row.state is UploadState.OPEN]
        return len(mine), sum(row.progress.offset for row in mine)

    def _admit(self, ticket: UploadTicket, now: datetime) -> UploadSession | None:
        """Return the session that the ticket is for, unless it is over."""
        row = self._rows.sessions.get(ticket.id)
        return row if row and row.ticket == ticket and row.expires > now else None

    def _write(self, session: UploadSession) -> UploadSession:
        self._rows.sessions[session.id] = session
        return session


def _busy(row: UploadSession, writer: str | None, now: datetime) -> bool:
    """Whether somebody other than `writer` is at the session."""
    return row.writer not in (None, writer) and row.writer_until is not None and row.writer_until > now


def _writes(session: UploadSession, row: UploadSession) -> bool:
    return row.writer is not None and row.writer == session.writer


def _review(row: UploadSession) -> datetime:
    """Return when the sweep looks at the session."""
    return row.expires if row.time_closed is None else row.time_closed + ORPHAN_AGE
