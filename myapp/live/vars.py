"""LiveVar: a var of a topic, the same for all who look, stored in no session.

In a page it is an ordinary Reflex var of its State; in a handler it reads the replica of the topic that
this socket joined for this State, else the initial value. It is cached nowhere, never dirty and in no
ordinary delta, so nothing can overwrite a newer push; only the first picture of a page evaluates it.

Usage::

    class ImportShow(LiveState, rx.State):
        batch = LiveVar(ImportView, None, kind="import")
        done = LiveVar(int, 0, kind="import", name="rows_done")
"""

import dataclasses
from typing import Any, TypeVar, cast

from myapp.live import hub as hubs
from myapp.live import reflex_seams
from myapp.live.reflex_seams import FIELD_MARKER, ComputedVar, VarData

_T = TypeVar("_T")


class LiveVar(ComputedVar[_T]):
    """A class attribute of a State that shows one value of a joined topic.

    ``kind`` says which kind of topic it belongs to (any joined one when left out), ``name`` what the
    topic calls the value (the attribute's name when left out). A frozen dataclass or TypedDict as type
    makes its fields usable in the page: ``ImportShow.batch.phase``.
    """

    def __init__(
        self,
        type_: Any = None,
        initial: Any = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        **replaced: Any,
    ) -> None:
        # Reflex copies computed vars through their constructor; the copy carries its getter along.
        if "fget" not in replaced:
            replaced = {
                "fget": _getter(kind, name),
                "initial_value": initial,
                "return_type": type_,
                "auto_deps": False,
                "backend": False,
            }
        super().__init__(**replaced)

    def __set_name__(self, owner: Any, name: str) -> None:
        """Take the attribute's name."""
        super().__set_name__(owner, name)
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_js_expr", name + FIELD_MARKER)
        object.__setattr__(self, "_var_data", VarData(field_name=name))

    def _replace(self, merge_var_data: VarData | None = None, **kwargs: Any) -> Any:
        copy = super()._replace(merge_var_data, **kwargs)
        object.__setattr__(copy, "_name", self._name)
        return copy

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the var in a class, the topic's value in an instance."""
        if instance is None:
            return super().__get__(None, owner)
        state = self._owner_instance(instance)
        found, value = self._read(state)
        return _typed(self._var_type, value) if found else self._initial_value

    @property
    def kind(self) -> str | None:
        """The kind of topic the value belongs to."""
        return cast("Any", self._fget).live_kind

    @property
    def wire(self) -> str:
        """What the topic calls the value."""
        return cast("Any", self._fget).live_name or self._name

    def _read(self, state: Any) -> tuple[bool, Any]:
        hub, sid = hubs.find_current(), reflex_seams.session_id(state)
        if hub is None or not sid:
            return False, None
        return hub.members.read(sid, reflex_seams.full_name(type(state)), self.wire, self.kind)


def fields_of(state: type, kind: str) -> tuple[tuple[str, str], ...]:
    """Return the State's live vars of a kind of topic: their name in the topic, in the browser."""
    found = cast("Any", state).computed_vars.items()
    return tuple(
        (var.wire, name + FIELD_MARKER)
        for name, var in found
        if isinstance(var, LiveVar) and var.kind in {None, kind}
    )


def _getter(kind: str | None, name: str | None) -> Any:
    # One function per var: Reflex copies the function of a mixin's var, with these two along.
    def live(_state: Any) -> Any:
        return None

    cast("Any", live).live_kind = kind
    cast("Any", live).live_name = name
    return live


def _typed(type_: Any, value: Any) -> Any:
    """Give a mapping the form of the declared dataclass, so that handlers read attributes too."""
    if isinstance(value, dict):
        for candidate in (type_, *getattr(type_, "__args__", ())):
            if isinstance(candidate, type) and dataclasses.is_dataclass(candidate):
                names = {field.name for field in dataclasses.fields(candidate)}
                return candidate(**{key: item for key, item in value.items() if key in names})
    return value
