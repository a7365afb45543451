"""The repo: one commit, effects that ride on it, and two walls around a workspace."""

import asyncio
from dataclasses import dataclass

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import select

from myapp import contacts, runtime
from myapp.accounts import SYSTEM
from myapp.contacts.schemas import Contact, ContactEmail
from myapp.kit.changeset import Changeset
from myapp.kit.repo import ForeignTransaction, NoScope, NotFound, NoTransaction, Repo
from myapp.kit.result import Error
from myapp.kit.topics import Fact
from tests.fixtures.contacts import contact_fixture

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Said(Fact):
    word: str


async def test_what_is_said_leaves_with_the_commit_under_one_number(scope, heard):
    topic = contacts.topic(scope)
    async with runtime.repo.transaction(scope):
        await runtime.repo.say(scope, topic, Said("one"))
        await runtime.repo.say(scope, topic, Said("two"))
        assert await heard.on(topic) == []
    messages = await heard._event_log.since(str(topic), 0)
    assert [(m.seq, [data["word"] for _, data in m.events]) for m in messages] == [
        (1, ["one", "two"])
    ]


async def test_a_rolled_back_transaction_said_nothing(scope, heard):
    with pytest.raises(ZeroDivisionError):
        async with runtime.repo.transaction(scope):
            await runtime.repo.say(scope, contacts.topic(scope), Said("lost"))
            raise ZeroDivisionError
    assert await heard.on(contacts.topic(scope)) == []


async def test_a_rolled_back_savepoint_forgets_only_its_own_words(scope, heard):
    topic = contacts.topic(scope)
    async with runtime.repo.transaction(scope):
        await runtime.repo.say(scope, topic, Said("kept"))
        with pytest.raises(ZeroDivisionError):
            async with runtime.repo.savepoint():
                await runtime.repo.say(scope, topic, Said("dropped"))
                raise ZeroDivisionError
    assert [data["word"] for _, data in await heard.on(topic)] == ["kept"]


async def test_saying_outside_a_transaction_is_the_same_call(scope, heard):
    await runtime.repo.say(scope, contacts.topic(scope), Said("alone"))
    assert await heard.has(contacts.topic(scope), Said("alone"))


async def test_numbers_have_no_gaps_and_follow_commits(scope, heard):
    topic = contacts.topic(scope)

    async def speak(number: int) -> None:
        async with runtime.repo.transaction(scope):
            await runtime.repo.say(scope, topic, Said(str(number)))
            if number % 3 == 0:
                raise ZeroDivisionError

    await asyncio.gather(*(speak(number) for number in range(30)), return_exceptions=True)
    messages = await heard._event_log.since(str(topic), 0)
    assert [message.seq for message in messages] == list(range(1, 21))


async def test_a_nested_transaction_joins_the_outer_one(scope):
    with pytest.raises(ZeroDivisionError):
        async with runtime.repo.transaction(scope):
            await contact_fixture(scope, email="inner@example.com")
            raise ZeroDivisionError
    assert await contacts.count_contacts(scope) == 0


async def test_a_transaction_inherited_by_another_task_is_refused(scope):
    async def intrude() -> None:
        async with runtime.repo.transaction(scope):
            pass

    async with runtime.repo.transaction(scope):
        with pytest.raises(ForeignTransaction):
            await asyncio.create_task(intrude())


async def test_a_transaction_of_another_workspace_is_not_joined(scope, other_scope):
    async with runtime.repo.transaction(scope):
        with pytest.raises(NoScope):
            async with runtime.repo.transaction(other_scope):
                pass


async def test_statements_need_a_transaction(scope):
    with pytest.raises(NoTransaction):
        await runtime.repo.all(select(Contact))


async def test_every_statement_sees_one_workspace_only(scope, other_scope):
    mine = await contact_fixture(scope)
    await contact_fixture(other_scope)
    async with runtime.repo.snapshot(scope):
        assert [str(c.id) for c in await runtime.repo.all(select(Contact))] == [mine.id]
        emails = await runtime.repo.all(select(ContactEmail))
        assert [str(email.contact_id) for email in emails] == [mine.id]
    async with runtime.repo.snapshot(other_scope):
        with pytest.raises(NotFound):
            await runtime.repo.get(Contact, mine.id)


async def test_a_workspaces_table_without_a_scope_is_refused(services):
    async with runtime.repo.snapshot(SYSTEM):
        with pytest.raises(NoScope):
            await runtime.repo.all(select(Contact))


async def test_textual_sql_must_name_the_workspace(scope):
    async with runtime.repo.snapshot(scope):
        with pytest.raises(NoScope, match="workspace_id"):
            await runtime.repo.sql("SELECT count(*) FROM contacts")


async def test_only_changesets_are_written(scope):
    async with runtime.repo.transaction(scope):
        with pytest.raises(TypeError, match="changesets"):
            await runtime.repo.insert(Contact(workspace_id=scope.workspace_id))


async def test_a_record_of_another_workspace_is_not_inserted(scope, other_scope):
    async with runtime.repo.transaction(scope):
        stray = Contact(workspace_id=other_scope.workspace_id)
        with pytest.raises(NoScope):
            await runtime.repo.insert(Changeset(stray))


async def test_an_invalid_changeset_reaches_no_database(scope):
    broken = Changeset(Contact(workspace_id=scope.workspace_id)).add_error("name", "is odd")
    async with runtime.repo.transaction(scope):
        with runtime.repo.counting() as statements:
            assert await runtime.repo.insert(broken) == Error(broken)
    assert statements == []


async def test_callbacks_run_after_the_commit_only(scope):
    called = []
    with pytest.raises(ZeroDivisionError):
        async with runtime.repo.transaction(scope):
            runtime.repo.after_commit(lambda: called.append("lost"))
            raise ZeroDivisionError
    async with runtime.repo.transaction(scope):
        runtime.repo.after_commit(lambda: called.append("kept"))
        assert called == []
    assert called == ["kept"]


async def test_a_full_pool_says_so_instead_of_hanging(services, scope, tmp_path):
    url = services.settings.database_url.get_secret_value()
    small = Repo(url, services.pubsub, pool_size=1, pool_timeout_s=0.2)
    try:
        async with small.transaction(scope):
            await small.execute(select(1))

            async def second() -> None:
                async with small.engine.connect():
                    pass

            with pytest.raises(PoolTimeoutError, match="QueuePool limit"):
                await asyncio.create_task(second())
    finally:
        await small.close()
