"""Telemetry: what happened, said once, with keys.

Log lines are structlog events. Ids of the request, the person, the event and the job are bound to the
context and appear on every line within it, also in the job that a request asked for. Secrets are
redacted by key, and addresses' passwords wherever they stand.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

REDACTED = "[redacted]"
_SECRET = re.compile(
    r"passw|secret|token|cookie|authori[sz]ation|api_?key|_hash$|otp|recovery", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(\w+://[^:/@\s]*:)[^@\s]+@")
_CAUSE_KEYS = ("request_id", "event_id", "person_id", "job_id", "job", "handler")


def configure(*, level: str = "info", is_json: bool = True) -> None:
    """Send structlog's and the standard library's lines to standard error, in one shape."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(default=str)
        if is_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    last = [structlog.processors.format_exc_info, renderer] if is_json else [renderer]
    structlog.configure(
        processors=[
            *shared[:2],
            *shared[3:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in (
        "procrastinate",
        "uvicorn.access",
        "uvicorn.error",
        "socketio",
        "engineio",
        "websockets",
        "alembic",
    ):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # Jobs tell their own endings, redacted; the library's lines would print every argument.
    logging.getLogger("procrastinate.worker").setLevel(logging.CRITICAL)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Hide values whose key speaks of a secret, nested ones too, and passwords inside addresses."""
    for key, value in event.items():
        event[key] = REDACTED if _SECRET.search(key) else _redacted(value)
    return event


def cause() -> dict[str, Any]:
    """Return the ids bound to this context: why what happens now happens."""
    bound = structlog.contextvars.get_contextvars()
    return {key: bound[key] for key in _CAUSE_KEYS if key in bound}


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: REDACTED if _SECRET.search(str(key)) else _redacted(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    if isinstance(value, str) and "://" in value:
        return _URL_PASSWORD.sub(rf"\1{REDACTED}@", value)
    return value
