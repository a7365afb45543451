"""Who may call a handler: ``@allow`` declares it, and is the boundary of every State.

The declaration opens the entrance for the browser; the wrapper asks the application before each run, so
that chains the server starts (on_load) are covered too. What goes wrong in a handler is logged with its
ids and shown as one plain sentence; nothing of it reaches the browser.

Usage::

    class ContactIndex(LiveState, rx.State):
        @allow(Role.VIEWER)
        async def _mount(self) -> None: ...

        @allow(Role.MEMBER)
        async def delete(self, contact_id: str) -> None: ...
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

import structlog

from myapp.live import hub as hubs
from myapp.live import reflex_seams
from myapp.live.entrance import POLICY, SERVER_ONLY
from myapp.live.replica import started_at
from myapp.live.replicas import JoinFailed

log = structlog.get_logger(__name__)

SUBMISSION = "_submission"
WENT_WRONG = "Something went wrong. It has been noted; please try again."

_F = TypeVar("_F", bound=Callable[..., Any])


class Refused(Exception):
    """You may not do this here; ask an administrator of the workspace."""


def allow(policy: Any) -> Callable[[_F], _F]:
    """Declare who may call a handler, and put the State's boundary around it.

    On ``_mount`` it declares who may open the page. The policy is any object the application's
    ``authorize`` understands.
    """

    def declare(fn: _F) -> _F:
        is_hook = getattr(fn, "__name__", "").startswith("_")
        marked = fn if is_hook else guarded(fn, lambda _state: policy)
        setattr(marked, POLICY, policy)
        return marked

    return declare


def server_only(fn: _F) -> _F:
    """Mark a handler that only the server may start: the entrance never lets a browser call it."""
    setattr(fn, SERVER_ONLY, True)
    return fn


def guarded(fn: _F, policy_of: Callable[[Any], Any]) -> _F:
    """Return the handler inside its boundary: authorize, run, acknowledge, answer for failures."""
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        return cast("_F", _guarded_steps(fn, policy_of))

    @functools.wraps(fn)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        submission = _begin(self, kwargs)
        try:
            await authorize(self, policy_of(self))
            events = fn(self, *args, **kwargs)
            events = await events if inspect.isawaitable(events) else events
        except Exception as error:  # noqa: BLE001 (the boundary of every State)
            events = await _answer(self, fn, error)
        await _acknowledge(self, submission)
        return events

    return cast("_F", run)


def _guarded_steps(fn: Any, policy_of: Callable[[Any], Any]) -> Any:
    @functools.wraps(fn)
    async def run_steps(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        submission = _begin(self, kwargs)
        try:
            await authorize(self, policy_of(self))
            async for events in _steps(fn(self, *args, **kwargs)):
                yield events
        except Exception as error:  # noqa: BLE001 (the boundary of every State)
            yield await _answer(self, fn, error)
        await _acknowledge(self, submission)

    return run_steps


async def authorize(state: Any, policy: Any) -> None:
    """Ask the application whether the State's person may; raises ``Refused`` where not."""
    verdict = hubs.current().authorize(state, policy)
    if inspect.isawaitable(verdict):
        await verdict


async def _answer(state: Any, fn: Any, error: Exception) -> Any:
    if isinstance(error, (Refused, *hubs.current().expected)):
        return await _refuse(state, error)
    if isinstance(error, JoinFailed):
        return flash(state, "error", _sentence(error))
    log.error("handler_failed", handler=fn.__qualname__, exc_info=error, **_ids(state))
    return flash(state, "error", WENT_WRONG)


async def _refuse(state: Any, refusal: Exception) -> Any:
    hub = hubs.current()
    log.info("handler_refused", reason=_sentence(refusal), **_ids(state))
    if hub.on_refused is None:
        return flash(state, "error", _sentence(refusal))
    events = hub.on_refused(state, refusal)
    return await events if inspect.isawaitable(events) else events


def _sentence(error: Exception) -> str:
    return str(error) or inspect.getdoc(type(error)) or WENT_WRONG


def flash(state: Any, kind: str, text: str) -> None:
    """Show a notice in the State's tab, now and across a redirect."""
    hubs.current().send(
        reflex_seams.session_id(state), {"live_page": {"flash": [{"kind": kind, "text": text}]}}
    )


def _ids(state: Any) -> dict[str, str]:
    # What finds this event again in the logs.
    return {"session_id": reflex_seams.session_id(state), "state": type(state).__name__}


async def _steps(events: Any) -> AsyncIterator[Any]:
    if inspect.isasyncgen(events):
        async for event in events:
            yield event
        return
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            if stop.value is not None:
                yield stop.value
            return
        yield event


def _begin(state: Any, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    started_at.set(hubs.current().members.heads_of(reflex_seams.session_id(state)))
    return _take_submission(kwargs)


def _take_submission(kwargs: dict[str, Any]) -> dict[str, Any] | None:
    for name, value in kwargs.items():
        if isinstance(value, dict) and isinstance(value.get(SUBMISSION), dict):
            kwargs[name] = {key: item for key, item in value.items() if key != SUBMISSION}
            return value[SUBMISSION]
    return None


async def _acknowledge(state: Any, submission: dict[str, Any] | None) -> None:
    """Tell the form that its save was dealt with, after the errors it caused were sent."""
    if submission is None:
        return
    await reflex_seams.flush(state)
    form_id, number = str(submission.get("form", "")), submission.get("number")
    hubs.current().send(reflex_seams.session_id(state), {"live_forms": {form_id: number}})
