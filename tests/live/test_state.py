"""States driven through the harness: entrance, policy, joins, pushes."""

import pytest

from myapp.live import reflex_seams
from myapp.live.testing import SocketRefused
from tests.live.house import CONTACTS, ContactPage, DashboardPage

pytestmark = pytest.mark.anyio


async def test_mount_joins_and_shows_the_picture(connect, speaker):
    speaker.say(CONTACTS, ("set", {"head": 5}))
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    assert view[ContactPage.head] == 5
    assert view.rows(ContactPage.rows) == [{"id": "a", "version": 1, "name": "Ada"}]
    assert view.title == "Contacts"
    assert view.flashes == []


async def test_a_push_reaches_every_member(connect, speaker):
    views = [await connect(cookies={"session": name}) for name in ("ann", "bob")]
    for view in views:
        await view.mount("/contacts")
    speaker.say(CONTACTS, ("set", {"head": 6}))
    await reach(views[0], lambda: all(view[ContactPage.head] == 6 for view in views))
    await views[0].send(ContactPage.look)
    assert views[0][ContactPage.seen] == 6


async def test_a_patch_replaces_a_row_and_asks_again(connect, speaker):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    row = {"id": "a", "version": 2, "name": "Ada L."}
    speaker.say(CONTACTS, ("row", {"id": "a", "version": 2, "view": row}))
    await reach(view, lambda: view.rows(ContactPage.rows) == [row])
    assert view.is_asking(ContactPage.rows)
    await view.send(ContactPage.refresh)
    assert not view.is_asking(ContactPage.rows)


async def test_a_browser_cannot_call_what_has_no_policy(connect, hub):
    view = await connect(cookies={"session": "root"})
    await view.mount("/contacts")
    state = ContactPage.get_full_name()
    for name in ("unguarded", "setvar", "handle_info", "_mount", "nothing"):
        await view.emit(f"{state}.{name}", {"var_name": "seen", "value": 1})
    await view.emit("reflex___state____state.set_is_hydrated", {"value": True})
    assert hub.entrance.refused == 6
    async with view.state(ContactPage) as page:
        assert page.seen == -1
    assert f"{state}.unguarded" in hub.entrance.undeclared("tests")
    assert hub.entrance.undeclared("myapp.live") == []
    assert f"{state}.mount" in hub.entrance.allowed


async def test_a_policy_refuses_the_wrong_role(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.delete("1"))
    assert view.flashes == [("error", "You may not do this here.")]
    admin = await connect(cookies={"session": "root"})
    await admin.mount("/contacts")
    await admin.send(ContactPage.delete("1"))
    assert admin[ContactPage.seen] == 99


async def test_mount_is_refused_without_a_person(connect, speaker):
    speaker.say(CONTACTS, ("set", {"head": 5}))
    view = await connect()
    await view.mount("/contacts")
    assert view.flashes == [("error", "You may not do this here.")]
    assert view.rows(ContactPage.rows) == []
    assert "5" not in str([delta.get(ContactPage.get_full_name()) for delta in view.deltas])


async def test_a_live_var_reads_its_initial_value_without_membership(connect, speaker):
    speaker.say(CONTACTS, ("set", {"head": 5}))
    member = await connect(cookies={"session": "ann"})
    await member.mount("/contacts")
    other = await connect(cookies={"session": "bob"})
    await other.mount("/elsewhere")
    await other.send(ContactPage.look)
    assert other[ContactPage.seen] == 0


async def test_a_bug_shows_one_sentence_and_no_trace(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.crash)
    assert [kind for kind, _ in view.flashes] == ["error"]
    assert "secret" not in str(view.deltas) + str(view.events)


async def test_an_expected_error_is_answered_by_its_own_sentence(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.miss)
    assert view.flashes == [("error", "There is no such contact.")]


async def test_flash_and_redirect_and_steps(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.go)
    assert view.flashes == [("success", "Saved.")]
    assert view.redirects == ["/elsewhere"]
    await view.send(ContactPage.steps)
    assert view[ContactPage.seen] == 2


async def test_navigation_leaves_the_topics_of_the_page_before(connect, hub, speaker):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    assert hub.sessions()[0].joined
    await view.mount("/elsewhere")
    assert not hub.sessions()[0].joined
    await reach(view, lambda: speaker.unsubscribed == [str(CONTACTS)])


async def test_disconnect_leaves_and_drops_the_state_after_a_while(connect, hub):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    assert reflex_seams.has_state(connect.app, view.token)
    await view.disconnect()
    assert len(hub.sockets) == 0
    await reach(view, lambda: not reflex_seams.has_state(connect.app, view.token))


async def test_a_revoked_session_loads_anew_in_all_its_tabs(connect, hub):
    tabs = [await connect(cookies={"session": name}) for name in ("ann", "ann", "bob")]
    for tab in tabs:
        await tab.mount("/contacts")
    assert await hub.disconnect("ann") == 2
    told = [{"live_page": {"reload": True}} in tab.deltas for tab in tabs]
    assert told == [True, True, False]


async def test_info_reaches_the_states_that_asked(connect, hub, speaker):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    speaker.say(CONTACTS, ("note", {"n": 1}))
    await reach(view, lambda: _heard(view) == ["note", "n"])
    hub.send_info(CONTACTS, "to all", {})
    hub.send_info(view.sid, "to you", {})
    await reach(view, lambda: _heard(view) == ["note", "n", "to all", "to you"])


async def test_assign_async_goes_from_pending_to_ok(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.work_out)
    await reach(view, lambda: view[ContactPage.report]["status"] == "ok")
    assert view[ContactPage.report]["value"] == 42


async def test_assign_async_is_cancelled_when_the_page_is_left(connect, hub):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.work_for_ever)
    (task,) = hub.sessions()[0].tasks
    await view.mount("/elsewhere")
    await reach(view, task.cancelled)
    async with view.state(ContactPage) as page:
        assert page.report.status == "pending"


async def test_a_failed_assign_async_says_so_and_no_more(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    await view.send(ContactPage.work_in_vain)
    await reach(view, lambda: view[ContactPage.report] == {"status": "failed", "value": None})


async def test_a_save_is_acknowledged_after_its_errors(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    before = len(view.deltas)
    submission = {"form": "contact", "number": 3}
    await view.emit(
        f"{ContactPage.get_full_name()}.save", {"values": {"a": "b", "_submission": submission}}
    )
    assert view.forms == {"contact": 3}
    assert view[ContactPage.form]["errors"] == {"email": ["is taken"]}
    kinds = [set(delta) for delta in view.deltas[before:]]
    assert {"live_forms"} in kinds
    assert kinds.index({"live_forms"}) > 0


async def test_another_login_on_the_same_token_gets_a_fresh_state(connect):
    ann = await connect(cookies={"session": "ann"}, token="tab")
    await ann.mount("/contacts")
    await ann.send(ContactPage.steps)
    await ann.disconnect()
    bob = await connect(cookies={"session": "bob"}, token="tab")
    assert bob.token != "tab"
    await bob.mount("/contacts")
    async with bob.state(ContactPage) as page:
        assert page.seen == -1
    again = await connect(cookies={"session": "ann"}, token="tab")
    assert again.token == "tab"


async def test_the_cookie_is_nowhere_in_the_state(connect):
    view = await connect(cookies={"session": "ann"}, headers={"authorization": "Bearer x1y2"})
    await view.mount("/contacts")
    async with view.state(ContactPage) as page:
        assert page._identity.session_key == "ann"
        seen = str(page.router) + str(page._get_root_state().router_data)
    assert "ann" not in seen
    assert "x1y2" not in seen


@pytest.mark.parametrize("origin", ["http://evil.example", None, "null"])
async def test_a_foreign_origin_is_refused(connect, origin):
    with pytest.raises(SocketRefused):
        await connect(cookies={"session": "ann"}, origin=origin)


async def test_a_failing_load_fails_the_join_for_the_page_and_not_for_the_next(connect, speaker):
    speaker.failing = 3
    view = await connect(cookies={"session": "ann"})
    await view.mount("/contacts")
    assert [kind for kind, _ in view.flashes] == ["error"]
    await view.send(ContactPage.mount)
    assert view.rows(ContactPage.rows)


async def test_a_derived_topic_is_loaded_at_most_once_per_interval(connect, speaker):
    view = await connect()
    await view.mount("/dashboard")
    assert len(speaker.loads) == 1
    for number in range(20):
        speaker.values[speaker.loads[0]] = {"total": number}
        speaker.say(CONTACTS, ("note", {}))
    await reach(view, lambda: view[DashboardPage.total] == 19)
    assert len(speaker.loads) <= 4


async def test_what_a_mixin_declares_belongs_to_the_page(connect, speaker):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/dashboard")
    await view.send(DashboardPage.say_who)
    assert view.flashes == [("info", "ann")]
    key = f"{DashboardPage.get_full_name()}.lines"
    assert key in view.streams
    assert f'"{key}"' in str(DashboardPage.lines._get_all_var_data().hooks)


async def test_background_handlers_are_inside_the_boundary_too(connect):
    view = await connect(cookies={"session": "ann"})
    await view.mount("/dashboard")
    await view.send(DashboardPage.in_background)
    assert view[DashboardPage.done] == 1
    await view.send(DashboardPage.in_background_for_admins)
    assert view.flashes == [("error", "You may not do this here.")]
    assert view[DashboardPage.done] == 1


async def test_a_person_that_cannot_be_asked_for_is_a_refusal(connect, hub):
    async def away(_cookies, _headers):
        raise ConnectionError("the database is away")

    object.__setattr__(hub.sockets._door, "authenticate", away)
    with pytest.raises(SocketRefused):
        await connect(cookies={"session": "ann"})
    assert len(hub.sockets) == 0


async def test_payloads_a_handler_does_not_take_are_answered_with_a_sentence(connect):
    view = await connect(cookies={"session": "root"})
    await view.mount("/contacts")
    name = f"{ContactPage.get_full_name()}.delete"
    await view.emit(name, {"nonsense": 1})
    await view.emit(name, {"self": 1})
    async with view.state(ContactPage) as page:
        assert page.seen == -1
    assert "Traceback" not in str(view.deltas) + str(view.events)


def _heard(view):
    return view.client.get(ContactPage.get_full_name(), {}).get(
        "heard" + reflex_seams.FIELD_MARKER, []
    )


async def reach(view, condition):
    """Wait until something is so."""
    await view.until(condition)
