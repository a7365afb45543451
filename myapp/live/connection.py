"""The connection, as a page sees it: what stands over every page while the socket is lost."""

from collections.abc import Callable

import reflex as rx
from reflex_base.components.memo import memo
from reflex_components_core.core import banner

_OVERLAY = (5, "Overlay")


def show_while_lost(app: rx.App, draw: Callable[[], rx.Component]) -> None:
    """Put ``draw()`` over the app's pages while its socket is lost, instead of Reflex's own notice.

    Reflex keeps trying to connect by itself.
    """

    def connection_overlay() -> rx.Component:
        return rx.fragment(rx.cond(banner.has_connection_errors, draw(), rx.fragment()))

    app.app_wraps[_OVERLAY] = lambda is_stateful: (
        rx.fragment(memo(connection_overlay)()) if is_stateful else None
    )
