"""How far it is: bytes that were seen, summed up for whoever shows it."""

from collections.abc import Callable

Seen = Callable[[int], None]  # bytes that were read or written since it was last told
Report = Callable[[str, int, int], None]  # what is being done, how many bytes of it are done, and how many there are


def counting(what: str, total: int, report: Report) -> Seen:
    """Bytes as they come to bytes in all. total: of all there are."""
    done = 0

    def seen(count: int) -> None:
        nonlocal done
        done += count
        report(what, done, total)

    return seen
