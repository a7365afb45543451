"""One build serves any host and port: the page dials the origin it came from.

Reflex bakes the address of its backend into the bundle at build time. In a production bundle
this plugin lets the browser decide. Under the development server, where pages and backend have
two ports, Reflex's own rule stays; there the pages' server passes the backend's routes on, so
that forms, uploads and cookies see one origin too, and it listens on loopback only.
"""

from typing import Any

from reflex.plugins import Plugin

STATE_JS = "utils/state.js"
ANCHOR = "  const endpoint = new URL(url_str);\n"
OWN_ORIGIN = """\
  if (import.meta.env.PROD && typeof window !== "undefined") {
    // myapp: the page's own origin.
    const isSecure = window.location.protocol === "https:";
    const isSocket = endpoint.protocol.startsWith("ws");
    endpoint.protocol = (isSocket ? "ws" : "http") + (isSecure ? "s:" : ":");
    endpoint.hostname = window.location.hostname;
    endpoint.port = window.location.port;
    return endpoint;
  }
"""
VITE_CONFIG = "vite.config.js"
PLUGINS_ANCHOR = "    safariCacheBustPlugin(),\n"
BACKEND_SETTING = "MYAPP_DEV_BACKEND"
ROUTES_SETTING = "MYAPP_DEV_ROUTES"
DEV_SERVER = """
// myapp: what `make dev` adds to the pages' server.
function myappDevServer() {
  const target = process.env.MYAPP_DEV_BACKEND;
  const routes = JSON.parse(process.env.MYAPP_DEV_ROUTES ?? "{}");
  const proxy = {};
  for (const [pattern, methods] of Object.entries(routes)) {
    const bypass = (request) => (methods.includes(request.method) ? undefined : request.url);
    proxy[pattern] = { target, bypass };
  }
  const server = { host: "127.0.0.1", strictPort: true, proxy };
  return { name: "myapp-dev-server", apply: "serve", config: () => (target ? { server } : {}) };
}
"""


class AnchorMissing(RuntimeError):
    """Reflex's template has changed: read it and adapt this plugin."""


class SameOrigin(Plugin):
    """Makes a production bundle dial the origin of its page."""

    def pre_compile(self, **context: Any) -> None:
        """Have Reflex change its script while it compiles."""
        context["add_modify_task"](STATE_JS, dial_own_origin)
        context["add_modify_task"](VITE_CONFIG, pass_routes_on)


def dial_own_origin(source: str) -> str:
    """Return Reflex's ``utils/state.js`` with the page's origin in ``getBackendURL``.

    The file is kept between builds, so text that was changed before comes back as it is.
    Raises ``AnchorMissing`` when the place to change is not there exactly once.
    """
    if OWN_ORIGIN in source:
        return source
    return _insert_after(ANCHOR, OWN_ORIGIN, source, "getBackendURL in utils/state.js")


def pass_routes_on(source: str) -> str:
    """Return Vite's configuration with our development server in it."""
    if DEV_SERVER in source:
        return source
    return (
        _insert_after(
            PLUGINS_ANCHOR, "    myappDevServer(),\n", source, "the plugins in vite.config.js"
        )
        + DEV_SERVER
    )


def _insert_after(anchor: str, text: str, source: str, place: str) -> str:
    if source.count(anchor) != 1:
        raise AnchorMissing(f"{AnchorMissing.__doc__} ({place})")
    return source.replace(anchor, anchor + text)
