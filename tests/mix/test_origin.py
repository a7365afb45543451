"""The bundle dials the origin it came from: the text that is changed, and a real browser."""

import functools
import http.server
import inspect
import os
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from reflex_base.compiler import templates

from myapp.mix import frontend
from myapp.mix.origin import (
    ANCHOR,
    OWN_ORIGIN,
    PLUGINS_ANCHOR,
    STATE_JS,
    AnchorMissing,
    dial_own_origin,
    pass_routes_on,
)


def reflex_state_js() -> str:
    found = find_spec("reflex_base")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / ".templates" / "web" / STATE_JS).read_text()


def test_reflex_still_has_the_place_to_change() -> None:
    changed = dial_own_origin(reflex_state_js())
    assert changed.count(OWN_ORIGIN) == 1
    assert changed.index(ANCHOR) < changed.index(OWN_ORIGIN)


def test_text_changed_before_stays_as_it_is() -> None:
    once = dial_own_origin(reflex_state_js())
    assert dial_own_origin(once) == once


def test_a_reflex_that_changed_is_told_loudly() -> None:
    with pytest.raises(AnchorMissing, match="getBackendURL"):
        dial_own_origin("export const getBackendURL = (url) => new URL(url);")


def test_vite_still_has_the_place_for_the_development_server() -> None:
    template = inspect.getsource(templates.vite_config_template)
    assert template.count(PLUGINS_ANCHOR) == 1
    once = pass_routes_on("plugins: [\n" + PLUGINS_ANCHOR + "]\n")
    assert "myappDevServer()," in once
    assert pass_routes_on(once) == once
    with pytest.raises(AnchorMissing, match="vite"):
        pass_routes_on("")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served_bundle() -> Iterator[str]:
    if not frontend.BUNDLE.exists():
        pytest.skip("the UI is not built; `make test` builds it")
    handler = functools.partial(Quiet, directory=str(frontend.BUNDLE.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.e2e
def test_the_built_page_opens_its_socket_on_whatever_port_it_came_from(
    served_bundle: str,
) -> None:
    browsers = pytest.importorskip("playwright.sync_api")
    if "CHROMIUM" not in os.environ:
        pytest.skip("no browser is named by CHROMIUM; `make test` finds one")
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"],
            args=["--no-sandbox", "--disable-background-networking", "--no-first-run"],
        )
        page = browser.new_page()
        with page.expect_websocket(timeout=20_000) as socket:
            page.goto(served_bundle + "/")
        dialled = urlsplit(socket.value.url)
        browser.close()
    assert f"{dialled.scheme}://{dialled.netloc}" == served_bundle.replace("http", "ws", 1)
    assert dialled.path.startswith("/_event")
