"""From a file to every colleague's screen, on real parts, as the README promises."""

import asyncio
import base64
import csv
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import PICTURES, ROOT

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

REAL_FILE = ROOT.parent / "shared" / "samples" / "contacts" / "organisations_211.csv"
FATES = ("Created", "Updated", "Unchanged", "Merged", "Skipped", "Rejected")
ROWS = 100_000
IMPORT_MS = 180_000


@pytest.fixture(scope="module")
def large_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("files") / "everybody.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["First name", "Last name", "Email", "Phone", "Organization"])
        for number in range(ROWS):
            email = "not an address" if number % 1000 == 999 else f"p{number}@crowd.example"
            writer.writerow(
                [
                    f"Pat{number % 500}",
                    f"Crowd{number}",
                    email,
                    f"+4420{number:08d}",
                    f"Firm {number % 900}",
                ]
            )
    return path


async def start_import(page: Page, path: Path) -> None:
    await page.get_by_role("link", name="Imports").click()
    await page.get_by_role("link", name="New import").click()
    await page.get_by_label("File").set_input_files(path)
    await page.get_by_role("button", name="Start import").click()


async def counts(page: Page) -> dict[str, int]:
    found = {}
    for fate in FATES:
        value = await page.get_by_label(fate, exact=True).inner_text()
        found[fate.lower()] = int(value.replace(",", ""))
    return found


def stored_counts(house, filename: str) -> dict[str, int]:
    [row] = house.sql(
        "SELECT rows_created, rows_updated, rows_unchanged, rows_merged, rows_skipped, rows_rejected"
        " FROM import_batches WHERE filename = %s ORDER BY inserted_at DESC LIMIT 1",
        filename,
    )
    return dict(zip([fate.lower() for fate in FATES], row, strict=True))


async def test_a_file_reaches_a_colleagues_screen(house, people, large_file):
    admin = await people("admin@example.com")
    member = await people("member@example.com")
    theirs = await member.open("/w/demo/imports")
    their_list = await member.open("/w/demo/contacts?search=crowd")
    await expect(their_list.get_by_text("Nothing matches")).to_be_visible()
    mine = await admin.open("/w/demo")

    if REAL_FILE.exists():
        await start_import(mine, REAL_FILE)
        await expect(mine.get_by_role("status").filter(has_text="Finished")).to_be_visible(
            timeout=IMPORT_MS
        )
        shown = await counts(mine)
        assert sum(shown.values()) == 2132
        assert shown == stored_counts(house, REAL_FILE.name)

    await start_import(mine, large_file)
    listed = mine.get_by_role("table", name="Rejected rows").get_by_role("row")
    await expect(listed.nth(1)).to_contain_text("not an address", timeout=IMPORT_MS)
    row = theirs.get_by_role("row").filter(has_text=large_file.name)
    bar = row.get_by_role("progressbar", name="Import progress")
    await bar.wait_for(timeout=IMPORT_MS)
    seen = set()
    pictured = False
    async with asyncio.timeout(IMPORT_MS / 1000):
        while await bar.count():
            value = (
                await bar.get_attribute("aria-valuenow", timeout=5_000)
                if await bar.count()
                else None
            )
            if value is not None:
                seen.add(int(value))
                if not pictured and int(value) >= 45:
                    pictured = await take_picture(mine, theirs)
            await theirs.wait_for_timeout(100)
    assert len(seen) >= 3, f"the bar stood still: {sorted(seen)}"
    await expect(row).to_contain_text("99,900 created")
    await expect(mine.get_by_role("status").filter(has_text="Finished")).to_be_visible()
    shown = await counts(mine)
    assert shown == stored_counts(house, large_file.name)
    assert (shown["created"], shown["rejected"]) == (99_900, 100)
    assert sum(shown.values()) == ROWS
    await expect(mine.get_by_role("link", name="Download rejected rows")).to_be_visible()

    await expect(their_list.get_by_role("row").nth(1)).to_contain_text("Crowd")
    await expect(their_list.get_by_role("heading", name="Contacts")).to_be_visible()
    [(stored,)] = house.sql("SELECT count(*) FROM contacts WHERE search LIKE '%%crowd%%'")
    await expect(their_list.locator(".page-header__subtitle")).to_have_text(f"{stored:,}")


async def test_a_contact_saved_here_appears_there_without_losing_place(house, people):
    admin = await people("admin@example.com")
    member = await people("member@example.com")
    theirs = await member.open("/w/demo/contacts?search=quimby")
    await expect(theirs.get_by_text("Nothing matches")).to_be_visible()
    mine = await admin.open("/w/demo/contacts/new")
    documents = []
    mine.on("request", lambda r: documents.append(r.url) if r.resource_type == "document" else None)

    await mine.get_by_label("Email").fill("bad")
    await expect(mine.get_by_text("must be a valid email address")).to_be_visible()
    field = mine.get_by_label("Email")
    described = await field.get_attribute("aria-describedby")
    await expect(mine.locator(f"#{described}")).to_have_text("must be a valid email address")
    await mine.get_by_label("First name").fill("Quimby")
    await field.fill("quimby@example.com")
    await mine.get_by_role("button", name="Save").dblclick()

    await expect(mine).to_have_url(re.compile(r"/w/demo/contacts$"))
    await expect(theirs.get_by_role("row").nth(1)).to_contain_text("Quimby")
    assert documents == []
    [(saved,)] = house.sql("SELECT count(*) FROM contacts WHERE name = 'Quimby'")
    assert saved == 1

    await theirs.get_by_role("link", name="Quimby").click()
    await theirs.get_by_label("Notes").fill("half a thought")
    await admin_renames(mine, "Quimby", "Quimbara")
    await expect(theirs.get_by_role("row").nth(1)).to_contain_text("Quimbara")
    await expect(theirs.get_by_label("Notes")).to_have_value("half a thought")
    await expect(theirs).to_have_title(re.compile("Edit contact"))


async def admin_renames(page: Page, old: str, new: str) -> None:
    await page.get_by_role("searchbox", name="Search contacts").fill(old)
    await page.get_by_role("link", name=old).click()
    await page.get_by_label("First name").fill(new)
    await page.get_by_role("button", name="Save").click()


async def test_a_sign_out_closes_the_other_tabs_too(people):
    person = await people("member@example.com")
    first = await person.open("/w/demo/contacts")
    second = await person.open("/w/demo/imports")
    await expect(second.get_by_role("heading", name="Imports")).to_be_visible()
    await first.get_by_role("button", name="Sign out").click()
    await expect(first).to_have_url(re.compile("/sign-in"))
    await expect(second).to_have_url(re.compile("/sign-in"))


async def test_nothing_is_loaded_from_other_hosts(house, people):
    person = await people("member@example.com")
    foreign = []
    person.context.on(
        "request", lambda request: None if house.url in request.url else foreign.append(request.url)
    )
    for path in ("/w/demo", "/w/demo/contacts", "/w/demo/imports", "/w/demo/imports/new"):
        page = await person.open(path)
        await page.get_by_role("heading", level=1).wait_for()
        await page.close()
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


async def take_picture(left: Page, right: Page) -> bool:
    """Leave the README's picture: both browsers at one moment, beside each other."""
    PICTURES.mkdir(exist_ok=True)
    shots = [base64.b64encode(await page.screenshot()).decode() for page in (left, right)]
    canvas = await left.context.new_page()
    await canvas.set_viewport_size({"width": 1720, "height": 620})
    images = "".join(
        f'<img style="width:820px;border-radius:10px;box-shadow:0 8px 30px #0003"'
        f' src="data:image/png;base64,{shot}">'
        for shot in shots
    )
    await canvas.set_content(
        f'<body style="margin:0;height:620px;background:#e9e7e1;display:flex;gap:24px;'
        f'align-items:center;justify-content:center">{images}</body>'
    )
    await canvas.screenshot(path=PICTURES / "two-browsers.png")
    await canvas.close()
    return True
