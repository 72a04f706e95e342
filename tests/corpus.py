"""Pictures of all kinds, good and bad, a face among them: those that Pillow is tested with, out of its sources.

They are no part of this project: pip gets them from its package index once, and they stay in the reader's cache.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import PIL

SECONDS = 180  # for 47 MB
IMAGES = "Tests/images"


def folder() -> Path | None:
    """Where they lie; None where they were never fetched and cannot be now."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "darkroom-tests"
    kept = cache / f"pillow-{PIL.__version__}"
    if not kept.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as scratch:
            images = _fetch(Path(scratch))
            if images is None:
                return None
            images.rename(kept)
    return kept


def _fetch(scratch: Path) -> Path | None:
    """pip asks for sources what they depend on, which takes a build backend, but builds nothing."""
    version = f"pillow=={PIL.__version__}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pillow", "--dest", scratch]
    try:
        run = subprocess.run([*pip, version], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    archive = next(scratch.glob("*.tar.gz"), None)
    if run.returncode != 0 or archive is None:
        return None
    with tarfile.open(archive) as sources:
        images = [member for member in sources if f"/{IMAGES}/" in member.name]
        sources.extractall(scratch, members=images, filter="data")
    return next(scratch.glob(f"*/{IMAGES}"), None)
