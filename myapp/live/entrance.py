"""The socket's entrance: an allow-list of what a browser may ask for by name.

Every public method of a State can be named by any browser, decorated or not, and so can Reflex's
inherited ``setvar``. So the list says what may pass: handlers with a declared policy that are not marked
server-only, and Reflex's internals by name. Events the server makes never come this way.
"""

from collections import Counter
from typing import Any

import structlog

from myapp.live import reflex_seams

log = structlog.get_logger(__name__)

POLICY = "live_policy"
SERVER_ONLY = "live_server_only"
REPORT_LIMIT = 10


def policy_of(handler: Any) -> tuple[bool, Any]:
    """Return whether the handler declares a policy, and the policy.

    ``mount`` is the same code in every State: its policy stands on the State's own ``_mount``.
    """
    fn = handler.fn
    if getattr(fn, "live_is_mount", False) and handler.state is not None:
        fn = getattr(handler.state, "_mount", None)
    return hasattr(fn, POLICY), getattr(fn, POLICY, None)


class Entrance:
    """Decides which events of a browser reach Reflex."""

    def __init__(self) -> None:
        self._allowed: frozenset[str] = frozenset()
        self._seen = -1
        self._reports: Counter[str] = Counter()
        self.refused = 0

    @property
    def allowed(self) -> frozenset[str]:
        """The full names a browser may call; grows as States are defined."""
        if self._seen != (count := reflex_seams.handler_count()):
            self._seen = count
            self._allowed = frozenset(self._enumerate())
        return self._allowed

    def undeclared(self, package: str) -> list[str]:
        """Return a package's public handlers without a policy: each is a mistake."""
        found = []
        for name, handler in reflex_seams.handlers().items():
            if name.rpartition(".")[2] == "setvar" or not _is_of(package, handler):
                continue
            declared, _ = policy_of(handler)
            if not declared and not getattr(handler.fn, SERVER_ONLY, False):
                found.append(name)
        return sorted(found)

    def accept(self, sid: str, data: Any) -> bool:
        """Whether an event may pass; what may not is logged and answered with nothing."""
        name = data.get("name") if isinstance(data, dict) else None
        if not isinstance(name, str) or name not in self.allowed:
            return self._refuse(sid, str(name))
        if not isinstance(data.get("router_data") or {}, dict):
            return self._refuse(sid, name)
        payload = data.get("payload")
        if payload is not None and not isinstance(payload, dict):
            return self._refuse(sid, name)
        if name == reflex_seams.REPORT_EXCEPTION:
            return self._accept_report(sid, name)
        if name in reflex_seams.INTERNALS and payload and payload.get("vars") is not None:
            _keep_stored_vars(payload)
        return True

    def forget(self, sid: str) -> None:
        """Drop what is counted for a socket that left."""
        self._reports.pop(sid, None)

    def _enumerate(self) -> list[str]:
        names = list(reflex_seams.INTERNALS)
        for name, handler in reflex_seams.handlers().items():
            if getattr(handler.fn, SERVER_ONLY, False) or name.rpartition(".")[2] == "setvar":
                continue
            declared, _ = policy_of(handler)
            if declared:
                names.append(name)
        return names

    def _accept_report(self, sid: str, name: str) -> bool:
        self._reports[sid] += 1
        return self._reports[sid] <= REPORT_LIMIT or self._refuse(sid, name)

    def _refuse(self, sid: str, name: str) -> bool:
        self.refused += 1
        log.warning("event_refused", session_id=sid, event_name=name[:200])
        return False


def _is_of(package: str, handler: Any) -> bool:
    module = "" if handler.state is None else handler.state.__module__
    return module == package or module.startswith(f"{package}.")


def _keep_stored_vars(payload: dict[str, Any]) -> None:
    given = payload["vars"]
    payload["vars"] = (
        {key: value for key, value in given.items() if reflex_seams.is_stored_var(str(key))}
        if isinstance(given, dict)
        else {}
    )
