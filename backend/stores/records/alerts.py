"""Alerts as Grafana told of them, and the messages that carry them on."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, exists, insert, select
from sqlalchemy import update as changing

from backend.exceptions import NotFound
from backend.records import Alert, AlertState, Delivery, Message
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_ALERTS = tables.alerts
_MESSAGES = tables.messages
_KEY = ("fingerprint", "start", "state")


def add(connection: Connection, alerts: Sequence[Alert], *, at: int, telling: bool) -> list[Alert]:
    """Store what is new in one statement; the unique index tells, whoever else stores it."""
    if not alerts:
        return []
    message = _message_of(connection, at) if telling else None
    rows = [{**columns(alert, without="id"), "message": message} for alert in alerts]
    statement = insert_into(connection, _ALERTS).on_conflict_do_nothing(index_elements=_KEY)
    found = connection.execute(statement.returning(_ALERTS), rows)
    new = {_key(alert): alert for alert in map(_alert, found)}
    _renew(connection, [alert for alert in alerts if _key(alert) not in new], at)
    if message is not None and not new:
        connection.execute(delete(_MESSAGES).where(_MESSAGES.c.id == message))
    return [new[_key(alert)] for alert in alerts if _key(alert) in new]


def _message_of(connection: Connection, at: int) -> int:
    message = Message(0, created_at=at, state=Delivery.PENDING, next_try=at)
    statement = insert(_MESSAGES).values(columns(message, without="id"))
    return int(connection.execute(statement.returning(_MESSAGES.c.id)).scalar_one())


def _renew(connection: Connection, alerts: Sequence[Alert], at: int) -> None:
    if not alerts:
        return
    same = [_ALERTS.c[name] == bindparam(f"its_{name}") for name in _KEY]
    keys = sorted({_key(alert) for alert in alerts})  # two writers never wait for each other
    rows = [dict(zip([f"its_{name}" for name in _KEY], key, strict=True)) for key in keys]
    connection.execute(changing(_ALERTS).where(*same).values(heard_at=at), rows)


def _key(alert: Alert) -> tuple[str, int, str]:
    return alert.fingerprint, alert.start, alert.state.value


def one(connection: Connection, alert: int) -> Alert:
    """One alert."""
    row = connection.execute(select(_ALERTS).where(_ALERTS.c.id == alert)).one_or_none()
    if row is None:
        raise NotFound(f"There is no alert {alert}.")
    return _alert(row)


def listed(
    connection: Connection, detector: str | None, *, state: AlertState | None, limit: int
) -> list[Alert]:
    """Alerts by start, newest first, each in the state that it is in."""
    statement = select(_ALERTS).where(~_is_over())
    if detector is not None:
        statement = statement.where(_ALERTS.c.detector == detector)
    if state is not None:
        statement = statement.where(_ALERTS.c.state == state.value)
    newest = statement.order_by(_ALERTS.c.start.desc(), _ALERTS.c.id.desc()).limit(limit)
    return [_alert(row) for row in connection.execute(newest)]


def _is_over() -> ColumnElement[bool]:
    """Whether the row says that an alert fires which has ended since."""
    end = _ALERTS.alias("ends")
    ended = exists().where(
        end.c.fingerprint == _ALERTS.c.fingerprint,
        end.c.state == AlertState.RESOLVED.value,
        end.c.stop >= _ALERTS.c.start,
    )
    return (_ALERTS.c.state == AlertState.FIRING.value) & ended


def of_fingerprint(connection: Connection, fingerprint: str) -> list[Alert]:
    """Everything said of an alert and its repetitions."""
    statement = select(_ALERTS).where(_ALERTS.c.fingerprint == fingerprint)
    rows = connection.execute(statement.order_by(_ALERTS.c.start, _ALERTS.c.id))
    return [_alert(row) for row in rows]


def of_message(connection: Connection, message: int) -> list[Alert]:
    """What a message tells of."""
    statement = select(_ALERTS).where(_ALERTS.c.message == message).order_by(_ALERTS.c.id)
    return [_alert(row) for row in connection.execute(statement)]


def forget(connection: Connection, *, before: int) -> int:
    """Remove alerts last heard of before a time, then messages that tell of none."""
    gone = connection.execute(delete(_ALERTS).where(_ALERTS.c.heard_at < before)).rowcount
    told = exists().where(_ALERTS.c.message == _MESSAGES.c.id)
    connection.execute(delete(_MESSAGES).where(~told, _MESSAGES.c.created_at < before))
    return gone


def messages(connection: Connection, ids: Collection[int]) -> dict[int, Message]:
    """Messages by id."""
    statement = select(_MESSAGES).where(_MESSAGES.c.id.in_(ids))
    return {row.id: _message(row) for row in connection.execute(statement)}


def due(connection: Connection, at: int, *, limit: int) -> list[Message]:
    """Messages whose next try is due, oldest first."""
    statement = select(_MESSAGES).where(_is_due(at)).order_by(_MESSAGES.c.id).limit(limit)
    return [_message(row) for row in connection.execute(statement)]


def claim(connection: Connection, message: int, *, at: int, until: int) -> Message | None:
    """Take a due message; whoever changes the row has it."""
    statement = changing(_MESSAGES).where(_MESSAGES.c.id == message, _is_due(at))
    mine = statement.values(next_try=until, tries=_MESSAGES.c.tries + 1).returning(_MESSAGES)
    row = connection.execute(mine).one_or_none()
    return None if row is None else _message(row)


def settle(connection: Connection, message: int, state: Delivery, *, at: int, problem: str) -> None:
    """Record how a try ended."""
    pending = state is Delivery.PENDING
    times = {"next_try": at} if pending else {"ended_at": at}
    statement = changing(_MESSAGES).where(_MESSAGES.c.id == message)
    settled = statement.values(state=state.value, problem=problem, **times)
    if connection.execute(settled.returning(_MESSAGES.c.id)).one_or_none() is None:
        raise NotFound(f"There is no message {message}.")


def _is_due(at: int) -> ColumnElement[bool]:
    return (_MESSAGES.c.state == Delivery.PENDING.value) & (_MESSAGES.c.next_try <= at)


def _alert(row: Row[Any]) -> Alert:
    return Alert(**{**row._mapping, "state": AlertState(row.state)})


def _message(row: Row[Any]) -> Message:
    return Message(**{**row._mapping, "state": Delivery(row.state)})
