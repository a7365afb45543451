"""What every page of a workspace has: a scope, and a shell that names person and workspace."""

import json
from typing import Any
from uuid import UUID

import reflex as rx

from myapp import accounts
from myapp.accounts import NotPermitted, Role, Scope
from myapp.kit.repo import NotFound
from myapp.live.state import LiveState, allow
from myapp.web import auth, people
from myapp.web.components import layouts
from myapp.web.components.core import Child, Flag
from myapp.web.components.layouts import Section

EXPECTED = (NotFound, NotPermitted, people.SignedOut)


class ScopedState(LiveState, mixin=True):
    """A page's State that works in a workspace."""

    @property
    def _scope(self) -> Scope:
        """Return who is asking, as the policy of this handler found."""
        return people.current_scope()

    @property
    def _base(self) -> str:
        """Return the workspace's address."""
        return f"/w/{self._scope.workspace_slug}"

    @property
    def _params(self) -> dict[str, Any]:
        """Return the address's parameters: those of the route and of the query."""
        return people.params_of(self)


class Shell(ScopedState, rx.State):
    """Names the person and the workspace, and ends the tab when its session ends."""

    person_name: str = ""
    person_email: str = ""
    workspace_name: str = ""
    base: str = ""

    @allow(Role.VIEWER)
    async def _mount(self) -> None:
        scope = self._scope
        await self._join(accounts.person_topic(UUID(str(scope.person_id))), info=True)
        self.person_name, self.person_email = scope.person_name, scope.person_email
        self.workspace_name, self.base = scope.workspace_name, f"/w/{scope.workspace_slug}"

    def _handle_info(self, name: str, data: dict[str, Any]) -> Any:
        if name == "accounts.SessionEnded" and self._identity is not None:
            ended = UUID(data["session_id"])
            people.forget(ended)
            if ended == self._identity.session_id:
                return leave_for_sign_in(self)
        return None


def on_refused(state: Any, refusal: Exception) -> Any:
    """Answer what a page could not do: the sign-in page, or the refusal's own words."""
    if isinstance(refusal, people.SignedOut):
        return leave_for_sign_in(state)
    state._flash("error", str(refusal) or type(refusal).__doc__ or "")  # noqa: SLF001 (the live layer's API)
    return None


def leave_for_sign_in(state: Any) -> Any:
    """Leave the app for the sign-in page, a document of its own, and come back afterwards."""
    address = json.dumps(auth.sign_in_address(people.path_of(state)))
    return rx.call_script(f"window.location.replace({address})")


def page(active: Section, *children: Child, is_ready: Flag = True) -> rx.Component:
    """The workspace around a page's children."""
    return layouts.app(
        active,
        *children,
        person_name=Shell.person_name,
        person_email=Shell.person_email,
        workspace_name=Shell.workspace_name,
        base=Shell.base,
        is_ready=is_ready,
    )
