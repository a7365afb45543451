"""LiveRoot: the component around the whole app that registers the browser's side of the live layer.

It needs JavaScript because Reflex drops messages for substates that nothing registered, and offers no
other place before the first message.

Usage, where the app is made, since the bundle is compiled without any lifespan::

    app = rx.App()
    root.wrap(app)
"""

import reflex as rx
import structlog

from myapp.live import scripts

log = structlog.get_logger(__name__)

# Inside Reflex's state and event providers (100, 90), around its toaster (44).
_KEY = (60, "LiveRoot")


class LiveRoot(rx.Component):
    """Registers the reducers of streams, notices and forms, and shows what it holds."""

    library = scripts.ROOT
    tag = "LiveRoot"


def wrap(app: rx.App) -> None:
    """Put the root around an app's pages, and keep what fails outside a handler from browsers."""
    app.app_wraps[_KEY] = lambda _is_stateful: LiveRoot.create()
    app.backend_exception_handler = _log_exception


def is_wrapped(app: rx.App) -> bool:
    """Whether the app has its root."""
    return _KEY in app.app_wraps


def _log_exception(exception: Exception) -> None:
    log.error("event_failed", exc_info=exception)
