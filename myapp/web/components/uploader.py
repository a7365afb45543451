"""The uploader: drop or choose a file, see it leave, stop it; then its import opens."""

import reflex as rx

from myapp.web.components.core import Text


class Uploader(rx.Component):
    """The element; its script says why it needs one."""

    library = rx.asset("uploader.jsx", shared=True).importable_path
    tag = "Uploader"

    action: rx.Var[str]
    accept: rx.Var[str]
    limit: rx.Var[int]
    hint: rx.Var[str]


def uploader(action: Text, *, limit_bytes: int | rx.Var[int], hint: Text) -> rx.Component:
    """Return an uploader that posts to ``action``; the server enforces the limit again."""
    return Uploader.create(
        action=action, accept=".csv,.tsv,.txt,text/csv", limit=limit_bytes, hint=hint
    )
