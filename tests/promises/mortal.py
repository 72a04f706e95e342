"""Run by test_an_accepted_job_is_never_lost.py: a server whose worker takes its time, and dies of the prompt !exit.

The arguments are the data folder and the port.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn

from pipelines.engine.protocol import Cancelled, Failed, Finished, Listener
from pipelines.tasks import Task, TextToImage
from tests.server.serving import application
from tests.server.worker import StepWorker

DRAWING_SECONDS = 0.2
NEAR: dict[str, Any] = {"webhook_allow": ["127.0.0.1/32"], "webhook_retry_seconds": [1.0] * 60}


class MortalWorker(StepWorker):
    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        time.sleep(DRAWING_SECONDS)
        if isinstance(task, TextToImage) and task.prompt == "!exit":
            os._exit(1)
        return super()._drawn(job_id, task, listener)


if __name__ == "__main__":
    uvicorn.run(application(Path(sys.argv[1]), MortalWorker(), **NEAR), port=int(sys.argv[2]), log_level="warning")
