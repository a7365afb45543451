"""The rules of the house, held by tests: imports, policies, names, boundaries, docstrings."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import configure_mappers
from sqlmodel import SQLModel

from myapp import application
from myapp.accounts import Role
from myapp.kit.jobs import Worker
from myapp.live import reflex_seams
from myapp.live.entrance import Entrance, policy_of
from myapp.myapp import app
from myapp.web import router

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "myapp").rglob("*.py"))
BOUNDARIES = {
    "live/policy.py": 2,  # a handler, and one that answers in steps
    "live/state.py": 1,  # work beside a handler
    "live/replica.py": 1,  # what a context makes of a message: a bad one never stops the next
    "web/gate.py": 1,  # HTTP
    "kit/jobs.py": 1,  # a job
    "mix/nodes.py": 1,  # the console's prompt, which shows what went wrong and goes on
}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT / "myapp"))


def test_the_import_contracts_hold():
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_every_handler_a_browser_can_name_declares_a_policy():
    assert Entrance().undeclared("myapp") == []


def test_the_entrance_lets_nothing_else_through():
    entrance = Entrance()
    ours = [
        each
        for each in entrance.allowed
        if each not in reflex_seams.INTERNALS and "myapp___" in each
    ]
    handlers = reflex_seams.handlers()
    roles = {policy_of(handlers[each])[1] for each in ours}
    assert roles <= set(Role)
    assert not [each for each in entrance.allowed if each.endswith("setvar")]
    assert not [each for each in entrance.allowed if each.endswith("handle_info")]


def test_every_route_has_a_policy_and_every_policy_a_route(settings):
    async def readiness(_for_traffic: bool) -> dict:
        return {}

    found = {
        (method, route.path)
        for route in router.http_routes(settings, readiness)
        for method in route.methods - {"HEAD"}
    }
    assert found == set(router.POLICIES)


def test_every_page_opens_through_mount_with_the_policy_the_table_names():
    for page in router.PAGES:
        for state in page.states:
            declared, policy = policy_of(state.event_handlers["mount"])
            assert declared
            assert policy.rank <= page.policy.rank
    routes = {page.route.strip("/") for page in router.PAGES}
    assert routes <= set(app._unevaluated_pages)


def test_every_topic_a_state_joins_has_a_channel():
    made = set()
    for path in SOURCES:
        made |= set(re.findall(r'Topic\([^"]*"(\w+)"', path.read_text()))
    assert made == set(application.CHANNELS)


def test_every_enqueued_name_has_a_worker():
    names = set()
    for path in SOURCES:
        names |= set(re.findall(r'enqueue\(\s*\w+,\s*"([\w.]+)"', path.read_text()))
    assert names
    assert names <= {worker.name for worker in application.WORKERS}
    assert all(isinstance(worker, Worker) and worker.summary for worker in application.WORKERS)


def test_broad_excepts_stand_at_the_boundaries_only():
    found: dict[str, int] = {}
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (
                    isinstance(node.type, ast.Name)
                    and node.type.id in {"Exception", "BaseException"}
                )
            ):
                is_cleanup = any(
                    isinstance(each, ast.Raise) and each.exc is None for each in node.body
                )
                if not is_cleanup:
                    found[name(path)] = found.get(name(path), 0) + 1
    assert found == BOUNDARIES


def test_relationships_never_load_by_themselves():
    configure_mappers()
    lazy = {
        f"{mapper.class_.__name__}.{relation.key}": relation.lazy
        for mapper in SQLModel._sa_registry.mappers
        for relation in mapper.relationships
    }
    assert lazy
    assert set(lazy.values()) == {"raise"}


def test_no_application_code_commits():
    committing = [name(path) for path in SOURCES if re.search(r"\.commit\(\)", path.read_text())]
    assert committing == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_are_nouns_of_readable_length(path):
    assert len(path.read_text().splitlines()) <= 500
    assert path.stem not in {"utils", "helpers", "common", "misc"}


def test_open_marks_are_not_left_in_the_sources():
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [name(path) for path in SOURCES if marks.search(path.read_text())] == []


def test_no_state_holds_a_table_class():
    tables = {mapper.class_ for mapper in SQLModel._sa_registry.mappers}
    for page in router.PAGES:
        for state in page.states:
            for field, annotation in state.__annotations__.items():
                assert annotation not in tables, field
