"""Stream: the keyed rows of a shared list; they live in the browser, not in the session.

``reset`` sends a window of rows to one browser; from then on the topic's rows replace theirs in place by
id and version, and every change asks the handler named by ``on_stale`` for the window again, at most once
per second. The browser never evaluates a filter: whether a row belongs where it is, the window says.

The page must key each row by its id, else React rebuilds rows that did not change::

    rx.foreach(ContactIndex.rows, lambda row: contact_row(row, key=row["id"]))
"""

import dataclasses
from collections.abc import Iterable, Mapping
from types import GenericAlias
from typing import Any, Generic, TypeVar, cast

import reflex as rx

from myapp.kit.topics import JSON
from myapp.live import hub as hubs
from myapp.live import reflex_seams, scripts
from myapp.live.reflex_seams import Var, VarData
from myapp.live.replica import STREAMS, started_at

_Row = TypeVar("_Row")


class StreamVar(rx.vars.ArrayVar[list[_Row]]):
    """The rows of a stream in a page, with what is known about them."""

    @property
    def is_loaded(self) -> Any:
        """Whether a window has arrived."""
        return self._sibling("isLoaded", bool)

    @property
    def total(self) -> Any:
        """How many rows there are beyond the window, as the last ``reset`` said."""
        return self._sibling("total", int)

    def _sibling(self, name: str, type_: type) -> Any:
        expression = self._js_expr.removesuffix(".rows") + "." + name
        return Var(expression, _var_type=type_, _var_data=self._get_all_var_data()).guess_type()


class Stream(Generic[_Row]):
    """A class attribute of a State that shows the rows of a joined topic.

    Options: ``kind`` of the topic (any joined with this stream when left out), ``row``: the type of a
    row (a dataclass or TypedDict with ``id`` and ``version``), ``on_stale``: the handler to ask.
    """

    def __init__(
        self, row: type[_Row], *, kind: str | None = None, on_stale: str = "refresh"
    ) -> None:
        self.row = row
        self.kind = kind
        self.on_stale = on_stale
        self._name = ""
        self._owner: Any = None

    def __set_name__(self, owner: Any, name: str) -> None:
        """Take the attribute's name."""
        self._owner, self._name = owner, name

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the rows' var in a class, what sends windows in an instance."""
        if instance is None:
            return self._var(owner)
        return Window(self, instance)

    def key(self, owner: Any) -> str:
        """Return the stream's name in the browser's store."""
        state = owner if reflex_seams.is_mixin(self._owner) else self._owner
        return f"{reflex_seams.full_name(state)}.{self._name}"

    def _var(self, owner: Any) -> Any:
        key = self.key(owner)
        hook = f"stream_{key.replace('.', '_')}"
        data = VarData(
            imports={scripts.STORE: [rx.ImportVar(tag="useStream")]},
            hooks={f'const {hook} = useStream("{key}");': None},
        )
        return StreamVar(f"{hook}.rows", _var_type=GenericAlias(list, (self.row,)), _var_data=data)


class Window:
    """A stream as one handler sees it: where windows are sent from."""

    def __init__(self, stream: Stream[Any], state: Any) -> None:
        self.stream = stream
        self._state = state

    @property
    def key(self) -> str:
        """The stream's name in the browser's store."""
        return self.stream.key(type(self._state))

    def reset(
        self, rows: Iterable[Any], *, seq: int | None = None, total: int | None = None
    ) -> None:
        """Send this browser a window.

        ``seq`` is the head of the topic the rows were read at. Left out, it is the head known when the
        handler began: never later than the truth, at worst one row is applied twice.
        """
        hub, sid = hubs.current(), reflex_seams.session_id(self._state)
        views = [_view(row) for row in rows]
        window: dict[str, JSON] = {
            "rows": views,
            "versions": [view.get("version", 0) for view in views],
            "seq": self._known_head(hub, sid) if seq is None else seq,
            "total": total,
            "ask": self._handler(),
        }
        hub.send(sid, {STREAMS: {self.key: {"reset": window}}})

    def _known_head(self, hub: hubs.Hub, sid: str) -> int:
        heads = started_at.get(hub.members.heads_of(sid))
        return min((heads.get(name, 0) for name in hub.members.topics_of(sid, self.key)), default=0)

    def _handler(self) -> str:
        return f"{self.key.rpartition('.')[0]}.{self.stream.on_stale}"


def _view(row: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return dataclasses.asdict(row)
    return dict(cast("Mapping[str, Any]", row))
