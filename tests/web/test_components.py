"""The components: what they say to a screen reader, and that the stylesheets hold their promises."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import reflex as rx
from reflex_base.vars import VarData

from myapp.web.components import core, feedback, fields, layouts, progress, tables

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "assets"
TEMPLATES = ROOT / "myapp" / "web" / "templates"

TEXT = ("--text", "--text-soft", "--text-faint", "--accent-text", "--danger-text")
GROUNDS = ("--surface", "--surface-sunken", "--surface-raised", "--canvas", "--hover")
PAIRS = [
    *[(text, ground) for text in TEXT for ground in GROUNDS],
    *[("--text", ground) for ground in ("--active", "--accent-soft", "--accent-line")],
    *[(text, "--accent-soft") for text in ("--text-soft", "--accent-text")],
    *[(f"--{tone}-text", f"--{tone}-soft") for tone in ("success", "warning", "danger", "merge")],
    ("--text-soft", "--active"),
    ("--on-accent", "--accent"),
    ("--on-accent", "--accent-hover"),
    ("--on-danger", "--danger"),
    ("--on-danger", "--danger-hover"),
]


def test_text_has_enough_contrast_in_both_themes():
    light, dark = _themes()
    weak = [
        f"{theme} {text} on {ground}: {_contrast(tokens[text], tokens[ground]):.2f}"
        for theme, tokens in (("light", light), ("dark", dark))
        for text, ground in PAIRS
        if _contrast(tokens[text], tokens[ground]) < 4.5
    ]
    assert weak == []


def test_the_outlines_of_controls_and_the_focus_ring_can_be_seen_in_both_themes():
    for tokens in _themes():
        assert _contrast(tokens["--line-control"], tokens["--surface-raised"]) >= 3
        assert _contrast(tokens["--accent-text"], tokens["--surface"]) >= 3
        assert _contrast(tokens["--accent"], tokens["--active"]) >= 2.5


def test_dark_by_choice_and_dark_by_the_system_are_the_same_and_complete():
    css = (ASSETS / "tokens.css").read_text()
    chosen = _declarations(css, ':root[data-theme="dark"]')
    assert chosen == _declarations(css, ":root:not([data-theme])")
    colours = {name for name, value in _declarations(css, ":root").items() if "#" in value}
    assert colours <= chosen.keys()


def test_colours_are_decided_in_the_tokens_alone():
    for name in ("base", "controls", "data", "layout"):
        css = (ASSETS / f"{name}.css").read_text()
        assert re.findall(r":[^;{}]*(#[0-9a-f]{3,8}\b|rgb\(|hsl\()", css) == []
        used = set(re.findall(r"var\((--[\w-]+)\)", css))
        known = _declarations((ASSETS / "tokens.css").read_text(), ":root").keys()
        assert used <= known


def test_nothing_is_loaded_from_another_host():
    for file in [*ASSETS.glob("*.css"), *ASSETS.glob("*.js"), *TEMPLATES.glob("*.html")]:
        assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text()) == [], file.name
    for url in re.findall(r'url\("(/[^"]+)"\)', (ASSETS / "base.css").read_text()):
        assert (ASSETS / url.lstrip("/")).is_file()


def test_every_class_that_a_component_or_template_writes_has_a_style():
    css = "".join((ASSETS / sheet.lstrip("/")).read_text() for sheet in core.STYLESHEETS)
    styled = set(re.findall(r"\.([a-z][\w-]*)", css))
    written = {name for component in CATALOGUE for name in _classes(component)}
    for template in TEMPLATES.glob("*.html"):
        for value in re.findall(r'class="([^"]+)"', template.read_text()):
            written.update(value.split())
    unstyled = {name for name in written if not name.startswith("lucide")} - styled
    assert unstyled <= PLAIN


def test_a_button_is_styled_in_one_place():
    rules = [
        sheet
        for sheet in core.STYLESHEETS
        if re.search(
            r"^\.button(--primary)? \{", (ASSETS / sheet.lstrip("/")).read_text(), re.MULTILINE
        )
    ]
    assert rules == ["/controls.css"]


def test_motion_is_short_and_can_be_refused():
    tokens = _declarations((ASSETS / "tokens.css").read_text(), ":root")
    assert int(tokens["--calm"].removesuffix("ms")) <= 150
    assert "prefers-reduced-motion: reduce" in (ASSETS / "base.css").read_text()


def test_a_progress_bar_tells_its_name_and_a_whole_number_between_0_and_100():
    attributes = _attributes(progress.progress_bar("Import progress", 63.7))
    assert attributes["role"] == '"progressbar"'
    assert attributes["aria-label"] == '"Import progress"'
    assert attributes["aria-valuenow"] == "63"
    assert (attributes["aria-valuemin"], attributes["aria-valuemax"]) == ("0", "100")
    assert _attributes(progress.progress_bar("x", 180))["aria-valuenow"] == "100"
    assert _attributes(progress.progress_bar("x", -1))["aria-valuenow"] == "0"


def test_a_progress_bar_without_an_end_tells_no_number():
    attributes = _attributes(progress.progress_bar("x", 0, is_indeterminate=True))
    assert attributes["aria-valuenow"] == "undefined"
    assert "progress--indeterminate" in attributes["className"]


def test_a_progress_bar_follows_a_var_and_keeps_its_hooks():
    bar = progress.progress_bar("x", Sample.percent, is_indeterminate=Sample.is_busy)
    assert "percent" in _attributes(bar)["aria-valuenow"]
    fill = bar.children[0]
    assert isinstance(fill, rx.Component)
    assert fill._get_all_hooks(), "the style attribute must bring the state's context along"


def test_the_six_fates_are_labelled_in_order():
    fates = progress.fates(created=1200, updated=2, unchanged=3, merged=4, skipped=5, rejected=6)
    assert _words(fates) == [
        *("Created", "1,200", "Updated", "2", "Unchanged", "3"),
        *("Merged", "4", "Skipped", "5", "Rejected", "6"),
    ]


def test_the_navigation_marks_the_current_page():
    shell = _app("contacts")
    links = [
        (_words(link), _attributes(link)["to"], _attributes(link)["aria-current"])
        for link in _find(shell, "ReactRouterLink")
        if "nav__link" in _attributes(link)["className"]
    ]
    assert links == [
        (["Dashboard"], '"/w/demo"', "undefined"),
        (["Contacts"], '"/w/demo/contacts"', '"page"'),
        (["Imports"], '"/w/demo/imports"', "undefined"),
    ]


def test_signing_out_is_a_form_that_the_browser_posts():
    [form] = _find(_app("dashboard"), '"form"')
    attributes = _attributes(form)
    assert (attributes["action"], attributes["method"]) == ('"/sign-out"', '"post"')
    assert "onSubmit" not in attributes


def test_the_page_has_one_main_one_h1_and_a_skip_link():
    shell = _app("imports")
    [main] = _find(shell, '"main"')
    assert _attributes(main)["id"] == '"main"'
    assert len(_find(shell, '"h1"')) == 1
    assert _attributes(_find(shell, '"a"')[0])["href"] == '"#main"'


def test_an_unready_page_shows_its_shape_instead_of_its_content():
    waiting = _app("imports", is_ready=False)
    assert "secret" not in _words(waiting)
    assert len(_find(waiting, '"h1"')) == 1


def test_a_download_is_left_to_the_browser_and_other_links_to_the_router():
    assert core.download_button("x", "/x.csv").render()["name"] == '"a"'
    assert core.link_button("x", "/x").render()["name"] == "ReactRouterLink"


def test_a_sorting_head_tells_its_direction_and_sorts_by_a_button():
    head = tables.sort_head("Name", "descending", "main", on_click=rx.console_log("x"))
    assert _attributes(head)["aria-sort"] == '"descending"'
    assert _attributes(_find(head, '"button"')[0])["type"] == '"button"'


def test_an_icon_button_has_a_name_and_a_tooltip():
    attributes = _attributes(core.icon_button("Sign out", "log-out"))
    assert (attributes["aria-label"], attributes["title"]) == ('"Sign out"', '"Sign out"')


def test_a_searchbox_and_a_file_input_carry_their_names():
    [search] = _find(fields.searchbox("Search contacts"), '"input"')
    assert _attributes(search)["type"] == '"search"'
    assert _attributes(search)["aria-label"] == '"Search contacts"'
    [file] = _find(fields.dropzone(accept=".csv"), '"input"')
    assert _attributes(file)["aria-label"] == '"File"'


def test_an_invalid_field_is_tied_to_its_error():
    control = fields.text_input("c-email", name="email", is_invalid=True)
    shown = fields.field("Email", control, control_id="c-email", error="has already been taken")
    attributes = _attributes(_find(shown, '"input"')[0])
    assert attributes["aria-invalid"] == '"true"'
    assert "c-email-error" in attributes["aria-describedby"]
    assert _attributes(_find(shown, '"p"')[0])["id"] == '"c-email-error"'
    assert _attributes(_find(shown, '"label"')[0])["htmlFor"] == '"c-email"'


@pytest.mark.parametrize(
    ("name", "expected"), [("Ada Byron", "AB"), ("Prince", "P"), ("", ""), ("a b c", "ab")]
)
def test_initials_take_two_words(name, expected):
    assert core.initials(name) == expected


def _var(name: str, kind: type) -> rx.Var:
    # Not a State: a class of that kind would join the tree that other tests enumerate.
    data = VarData(hooks={"const state = useStateContext('sample')": None})
    return rx.Var(f"state.{name}", _var_type=kind, _var_data=data).guess_type()


class Sample:
    """Vars for the components that follow one."""

    percent = _var("percent", int)
    name = _var("name", str)
    tone = _var("tone", str)
    is_busy = _var("is_busy", bool)
    rows = _var("rows", list[dict[str, str]])


def _app(active: layouts.Section, *, is_ready: bool = True) -> rx.Component:
    return layouts.app(
        active,
        core.header("Title", "secret"),
        layouts.page("secret"),
        person_name="Ada Byron",
        person_email="ada@example.com",
        workspace_name="Demo",
        base="/w/demo",
        is_ready=is_ready,
    )


CATALOGUE: list[rx.Component] = [
    core.header("Contacts", "12", actions=[core.button("x")], back=("Imports", "/imports")),
    core.header(Sample.name, core.number(Sample.percent)),
    core.link("All", "/"),
    *[
        core.button("x", variant=v, icon_name="plus")
        for v in ("primary", "secondary", "ghost", "danger")
    ],
    core.button("x", is_disabled=Sample.is_busy, class_name="push-end"),
    core.link_button("x", "/", variant="primary", icon_name="plus"),
    core.download_button("Download rejected rows", "/x.csv"),
    core.icon_button("x", "x"),
    core.icon_link("x", "x", "/"),
    core.section("x", "y", action=core.meta("1", "2")),
    *[core.badge("x", tone) for tone in ("neutral", "accent", "success", "warning", "danger")],
    core.badge(Sample.name, Sample.tone),
    core.avatar(core.initials(Sample.name)),
    core.avatar("AB", shape="square"),
    core.avatar("AB", shape="large"),
    core.card("x", title="x", action=core.link("y", "/"), is_flush=True),
    core.card("x"),
    core.key_values(("a", "b")),
    core.tabs("Views", ("All", "/", True, "1"), ("Some", "/", Sample.is_busy, None)),
    core.panel("Edit", "x", close_href="/"),
    core.code("x"),
    core.kbd("x"),
    core.stack("x", is_tight=True),
    core.cluster("x"),
    core.split("x", "y"),
    fields.field("x", fields.text_input("x", name="x"), control_id="x", hint="h", error="e"),
    fields.text_area("x", name="x", is_invalid=Sample.is_busy),
    fields.select([("a", "A")], label="x"),
    fields.searchbox(),
    fields.dropzone(is_active=Sample.is_busy),
    fields.dropzone(is_active=True),
    fields.file_row("x", "y", percent=4, action=core.button("Cancel")),
    fields.form_row("x", "y"),
    fields.form_row("x", "y", "z"),
    fields.form_actions("x"),
    progress.stats(progress.stat_tile("x", Sample.percent, hint="y", icon_name="users")),
    *[
        progress.progress_line("x", Sample.percent, tone=tone)
        for tone in ("neutral", "accent", "success", "warning", "danger")
    ],
    progress.progress_bar("x", 1, is_indeterminate=Sample.is_busy),
    progress.fates(created=1, updated=2, unchanged=3, merged=4, skipped=5, rejected=6),
    tables.toolbar("x", end=["y"]),
    tables.table(
        "x",
        [
            *[tables.head("x", k) for k in ("main", "number", "secondary", "optional", "actions")],
            tables.sort_head("x", "none", on_click=rx.console_log("x")),
        ],
        tables.row(
            tables.main_cell("x", href="/", sub="y", letters="AB"),
            *[
                tables.cell("x", kind)
                for kind in (
                    "number",
                    "secondary",
                    "optional",
                    "wrap",
                    "progress",
                    "control",
                    "actions",
                )
            ],
            is_current=Sample.is_busy,
        ),
        rx.foreach(
            Sample.rows, lambda row: tables.row(tables.main_cell(row["name"]), key=row["id"])
        ),
    ),
    tables.pagination(
        "1-2 of 3",
        previous=tables.page_button("Previous", is_disabled=True),
        following=tables.page_button("Next", on_click=rx.console_log("x")),
    ),
    feedback.empty_state("users", "x", "y", action=core.button("z")),
    feedback.error_state(retry=rx.console_log("x")),
    feedback.skeleton_rows(2),
    feedback.skeleton_page("x", "tiles"),
    *[feedback.banner("x", tone=t) for t in ("neutral", "accent", "success", "warning", "danger")],
    feedback.status("Finished", "success"),
    _app("dashboard"),
    layouts.page("x", width="form", is_dense=True),
    layouts.page("x", width="narrow"),
    layouts.not_found(),
]

# Names that stand for the element's ordinary look, or carry a look given to their parent.
PLAIN = {
    *("avatar--round", "badge--neutral", "banner--neutral", "page--full", "progress--accent"),
    *("card__body", "fates__item--skipped", "fates__item--unchanged"),
    *("table__head--main", "table__head--wrap", "table__head--actions"),
    *("table__row--hover", "nav__icon"),
}


def _tree(component: rx.Component) -> Iterator[dict]:
    pending = [component.render()]
    while pending:
        node = pending.pop(0)
        yield node
        branches = [node.get("true_value"), node.get("false_value"), *node.get("children", [])]
        pending[:0] = [branch for branch in branches if isinstance(branch, dict)]


def _find(component: rx.Component, name: str) -> list["_Node"]:
    return [_Node(node) for node in _tree(component) if node.get("name") == name]


class _Node:
    """A rendered element, walked like a component."""

    def __init__(self, node: dict):
        self.node = node

    def render(self) -> dict:
        return self.node


def _attributes(component: "rx.Component | _Node") -> dict[str, str]:
    attributes = {}
    for prop in component.render()["props"]:
        name, _, value = prop.partition(":")
        attributes[name.strip('"')] = value
    return attributes


def _words(component: "rx.Component | _Node") -> list[str]:
    contents = [node["contents"] for node in _tree(component) if "contents" in node]
    return [content.strip('"') for content in contents]


def _classes(component: rx.Component) -> set[str]:
    values = [
        prop.removeprefix("className:")
        for node in _tree(component)
        for prop in node.get("props", [])
        if prop.startswith("className:")
    ]
    literals = [text for value in values for text in re.findall(r'"([^"]*)"', value)]
    names = {name for text in literals for name in text.split()}
    return {name for name in names if not name.endswith("--")}


def _declarations(css: str, selector: str) -> dict[str, str]:
    block = re.search(rf"^ *{re.escape(selector)} \{{(.*?)^ *\}}", css, re.DOTALL | re.MULTILINE)
    assert block, selector
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", block[1]))


def _themes() -> tuple[dict[str, str], dict[str, str]]:
    css = (ASSETS / "tokens.css").read_text()
    light = _declarations(css, ":root")
    return light, {**light, **_declarations(css, ':root[data-theme="dark"]')}


def _contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
