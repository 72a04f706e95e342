"""Who is dead and who lives, told apart by the lock that only a living process has."""

import signal
import subprocess
import sys
from pathlib import Path

from server.store.holder import Holder

PROGRAM = """
import sys, time
from pathlib import Path
from server.store.holder import Holder
holder = Holder(Path(sys.argv[1]))
holder.appear()
print(holder.name, flush=True)
time.sleep(60)
"""


def test_a_killed_process_is_dead_at_once_and_a_living_one_is_not(tmp_path: Path) -> None:
    mine = Holder(tmp_path)
    mine.appear()
    with subprocess.Popen([sys.executable, "-c", PROGRAM, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        assert mine.dead() == []
        other.send_signal(signal.SIGKILL)
    assert mine.dead() == [name]
    mine.bury(name)
    assert mine.dead() == []
    mine.leave()


def test_who_left_in_order_is_not_among_the_dead(tmp_path: Path) -> None:
    mine, other = Holder(tmp_path), Holder(tmp_path)
    mine.appear()
    other.appear()
    other.leave()
    assert mine.dead() == []
    mine.leave()
