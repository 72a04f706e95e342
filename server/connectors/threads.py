"""Threads for uploads alone: a mount or a host that hangs must not hold up those in which the database is asked."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

AT_ONCE = 8

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Threads:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "upload")

    async def run(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))
