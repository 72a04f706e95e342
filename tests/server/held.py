"""Run by test_draining.py: `listen` as `darkroom serve` calls it, with a step worker that is held until told."""

import sys
import threading
from pathlib import Path

from pipelines.logs import configure_logs
from server.app import create_app
from server.cli.composing import logs_of
from server.cli.draining import listen
from server.settings import Settings
from tests.server.serving import small_catalog
from tests.server.worker import StepWorker


def main() -> None:
    settings, worker = Settings(), StepWorker()
    configure_logs(logs_of(settings))
    worker.hold()
    threading.Thread(target=lambda: (sys.stdin.readline(), worker.let_go()), daemon=True).start()
    listen(create_app(settings, small_catalog(Path(sys.argv[1])), worker), settings)


if __name__ == "__main__":
    main()
