"""The rows of accounts and keys, on both databases."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import insert, select

from server.store import accounts as rows
from server.store import keys as key_rows
from server.store.database import Database
from server.store.owners import ADMIN, Account, Key, Preferences, Scope
from server.store.tables import accounts, keys

SOMEBODY = Account("account_1", "somebody", 1.0, "s@example.org", "pro", Preferences("flat", None, False, None), 2**40)
KEY = Key("k", "0" * 64, "account_1", "a key", 1.0, frozenset({Scope.READ}), frozenset({"flat", "ink"}), 100.0)


def test_what_is_put_is_what_is_found(database: Database) -> None:
    whole = Key("all", "1" * 64, "account_1", "another", 2.0)
    with database.begin() as connection:
        rows.put(connection, SOMEBODY)
        key_rows.put(connection, KEY)
        key_rows.put(connection, whole)
    with database.look() as connection:
        assert rows.get(connection, "account_1") == SOMEBODY
        assert key_rows.get(connection, "k") == KEY
        assert key_rows.of_account(connection, "account_1") == [whole, KEY]
        assert connection.execute(select(keys.c.id).where(keys.c.models.is_(None))).scalars().all() == ["all"]


def test_admin_is_there_from_the_start(database: Database) -> None:
    with database.look() as connection:
        admin = rows.get(connection, ADMIN)
    assert admin is not None
    assert admin.preferences == Preferences()


def test_a_key_is_valid_until_it_ends_is_revoked_or_loses_its_account(database: Database) -> None:
    def valid(now: float) -> bool:
        with database.look() as connection:
            return key_rows.get_valid(connection, "k", now) is not None

    with database.begin() as connection:
        rows.put(connection, SOMEBODY)
        key_rows.put(connection, KEY)
    assert [valid(99.0), valid(100.0)] == [True, False]
    with database.begin() as connection:
        connection.execute(accounts.update().where(accounts.c.id == "account_1").values(deleted=50.0))
    assert not valid(60.0)
    with database.begin() as connection:
        connection.execute(accounts.update().where(accounts.c.id == "account_1").values(deleted=None))
        key_rows.revoke(connection, "k", 61.0)
        key_rows.revoke(connection, "k", 62.0)
    assert not valid(60.0)
    with database.look() as connection:
        revoked = key_rows.get(connection, "k")
    assert revoked is not None
    assert revoked.revoked == 61.0, "the first time counts"


def test_a_deleted_account_is_not_made_again_by_its_next_token(database: Database) -> None:
    with database.begin() as connection:
        rows.put(connection, SOMEBODY)
        rows.remove(connection, "account_1", 5.0)
        assert rows.put_unless_there(connection, SOMEBODY) is None
        assert [account.id for account in rows.page(connection, 10)] == [ADMIN]


def test_of_many_that_see_an_account_first_one_makes_it(database: Database) -> None:
    def see(name: str) -> str:
        with database.begin() as connection:
            account = rows.put_unless_there(connection, Account("account_1", name, 1.0))
        assert account is not None
        return account.name

    with ThreadPoolExecutor(8) as threads:
        names = set(threads.map(see, "abcdefgh"))
    assert len(names) == 1


def test_of_many_servers_that_start_one_makes_the_first_key(database: Database) -> None:
    def start(number: int) -> bool:
        with database.begin() as connection:
            return key_rows.put_first(connection, Key(str(number), "0" * 64, ADMIN, "first", 1.0))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(start, range(8))) == 1


def test_preferences_that_change_at_once_are_all_kept(database: Database) -> None:
    def prefer(change: dict[str, object]) -> None:
        with database.begin() as connection:
            rows.prefer(connection, ADMIN, change)

    changes: list[dict[str, object]] = [{"default_model": "flat"}, {"default_size": "64x64"}, {"auto_save": True}]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(prefer, changes))
    with database.look() as connection:
        admin = rows.get(connection, ADMIN)
    assert admin is not None
    assert admin.preferences == Preferences("flat", "64x64", None, True)


def test_an_account_of_before_has_the_preferences_of_now(database: Database) -> None:
    old = {"id": "old", "name": "old", "plan": "free", "preferences": {"auto_save": False}, "created": 1.0}
    with database.begin() as connection:
        connection.execute(insert(accounts), old)
        account = rows.get(connection, "old")
    assert account is not None
    assert account.preferences == Preferences(auto_save=False)
