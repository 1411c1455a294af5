"""Tells of what was added inside a transaction of the caller's, once that is committed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import event

from rota._posting import poster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup
    from sqlalchemy import Connection, RootTransaction

    from rota.abc import Clock
    from rota.datastores.sql.news import News
    from rota.model import Event

__all__ = ["Announcements"]

PAUSE_SECONDS = 0.002


class Announcements:
    """Publishes events when a transaction that this store did not begin has been committed, and only then.

    :param group: in which transactions are waited for; whoever cancels it ends that
    """

    def __init__(self, news: News, clock: Clock, group: TaskGroup) -> None:
        self._news = news
        self._clock = clock
        self._group = group
        self._post = poster()

    def after_commit(self, connection: Connection, events: Sequence[Event]) -> None:
        """Publish events after the transaction that `connection` is in."""
        transaction = connection.get_transaction()
        if not events or transaction is None:
            return
        committed = partial(self._committed, connection, transaction, events)
        event.listen(connection, "commit", committed, once=True)

    def _committed(
        self,
        connection: Connection,
        transaction: RootTransaction,
        events: Sequence[Event],
        _connection: Connection,
    ) -> None:
        # This is called when the transaction is about to be committed, maybe in another thread.
        if transaction is connection.get_transaction():
            self._post(partial(self._start, transaction, events))

    def _start(self, transaction: RootTransaction, events: Sequence[Event]) -> None:
        if not self._group.cancel_scope.cancel_called:
            self._group.start_soon(self._announce, transaction, events)  # type: ignore[unused-awaitable,unused-ignore]

    async def _announce(self, transaction: RootTransaction, events: Sequence[Event]) -> None:
        while transaction.is_active:
            await self._clock.sleep(PAUSE_SECONDS)
        await self._news.tell(events)
