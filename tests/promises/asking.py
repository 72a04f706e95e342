"""Run by test_a_rate_limit_is_exact.py, several at once: asks, at a word, and says how often it was let in.

The argument is the database's address.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from server.errors import RateLimited
from server.store import accepting
from server.store.counts import Window
from server.store.database import Database

HOUR = Window("any API: account ann", 3600, 7200, 37)
DAY = Window("any API: account ann", 86_400, 0, 1000)
NOW = 7300.0
THREADS, ASKED = 10, 20


def let_in(database: Database, *windows: Window, now: float = NOW) -> bool:
    try:
        with database.begin() as connection:
            accepting.count(connection, windows, now)
    except RateLimited:
        return False
    return True


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    database = Database(sys.argv[1])
    say("ready")
    sys.stdin.readline()
    with ThreadPoolExecutor(THREADS) as threads:
        say(sum(threads.map(lambda _: let_in(database, HOUR, DAY), range(ASKED))))


if __name__ == "__main__":
    main()
