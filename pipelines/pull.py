"""Fetches a model's files from a Hugging Face hub into the models folder, verified; broken-off files go on later.

Whole files over plain HTTPS with huggingface_hub's own client. The environment decides, as that reads it: HF_ENDPOINT
(another hub), HF_TOKEN, HTTPS_PROXY and NO_PROXY, SSL_CERT_FILE or SSL_CERT_DIR (a private authority). Its downloader
is not used because it begins again where an earlier run was broken off, and because its faster protocol (Xet) has a
client of its own that this project could not test behind proxies.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]  # documented so

from pipelines.catalog import Catalog, File, LockedFile, LockedModel, Model, Source, add_to_lock
from pipelines.errors import DarkroomError, WeightsRefused
from pipelines.weights import check_folder, inside, sha256

Report = Callable[[str, int, int], None]  # a file, how many of its bytes are here, and how many it has
UNFINISHED = ".unfinished"  # a folder in the models folder
ATTEMPTS = 5  # in a row that bring nothing
LINE_SECONDS = 60  # without a byte, after which the line counts as broken
PAUSE_SECONDS = 1
SHA256_TAG = re.compile(r"[0-9a-f]{64}")  # the hub's tag of a large file is its sha256


class PullFailed(DarkroomError):
    """The files did not come; the sentence says what to do."""

    code = "pull_failed"


def pull(catalog: Catalog, name: str, report: Report) -> None:
    """Bring the files that models.yaml names for the model, and no others, into its folder; no-op if they are there.

    Nothing is in that folder, or in the lock file, before every file is here and verified. Load the catalogue again
    to see it. Raises ModelUnknown, PullFailed, and WeightsRefused where a file is not what it should be.
    """
    model = catalog.get(name)
    if name not in catalog.to_pull(model):
        return
    if model.source is None:
        raise PullFailed("This model has no source to pull from; its description says where its files come from.")
    with _explained():
        commit = _metadata(model.source, model.files[0], model.source.revision or "main")[0]
        staging = catalog.models_folder / UNFINISHED / f"{model.id}-{commit}"
        source = Source(hub=model.source.hub, revision=commit)
        locked = {file.path: _fetch(source, file, staging, report) for file in model.files}
    check_folder(staging)
    add_to_lock(catalog.models_folder, {model.id: LockedModel(hub=source.hub, revision=commit, files=locked)})
    _install(staging, catalog.folder(model), model)  # last: a file that is there is one whose sha256 is known


def _fetch(source: Source, file: File, staging: Path, report: Report) -> LockedFile:
    """The file as it lies in `staging`, verified against the catalogue's sha256 and the hub's."""
    _, tag, size = _metadata(source, file, source.revision or "")
    path = inside(staging, file.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    report(file.path, _length(path), size)
    _download(_url(source, file, source.revision or ""), path, size, lambda here: report(file.path, here, size))
    found = sha256(path)
    known = {file.sha256, tag if SHA256_TAG.fullmatch(tag) else None} - {None}
    if known - {found}:
        path.unlink()
        raise WeightsRefused(f"The file {file.path} has another sha256 than it should: nothing was installed.")
    return LockedFile(sha256=found, size=size)


def _metadata(source: Source, file: File, revision: str) -> tuple[str, str, int]:
    """Commit, tag and bytes of the file."""
    found = get_hf_file_metadata(_url(source, file, revision))
    if not (found.commit_hash and found.etag and found.size is not None):
        raise PullFailed("What answers at HF_ENDPOINT is no hub: it does not tell commit, tag and size of a file.")
    if not re.fullmatch(r"[0-9a-f]{7,64}", found.commit_hash):  # it becomes the name of a folder
        raise PullFailed("What answers at HF_ENDPOINT is no hub: its commit is not a commit's name.")
    return found.commit_hash, found.etag, found.size


def _url(source: Source, file: File, revision: str) -> str:
    # Read now: huggingface_hub looks at HF_ENDPOINT only when it is imported.
    return hf_hub_url(source.hub, file.path, revision=revision, endpoint=os.environ.get("HF_ENDPOINT"))


def _download(url: str, path: Path, size: int, seen: Callable[[int], None]) -> None:
    """Make `path` whole, from as far as it is; goes on after a broken line for as long as that brings bytes."""
    idle = 0
    while (here := _length(path)) < size and idle < ATTEMPTS:
        time.sleep(PAUSE_SECONDS * (idle > 0))
        try:
            _append(url, path, here, seen)
        except OSError:  # the hub's refusals are of this kind too, and our disk's
            raise
        except Exception:  # the line's: whatever the HTTP client beneath huggingface_hub raises
            if idle == ATTEMPTS - 1:
                raise
        idle = 0 if _length(path) > here else idle + 1
    if _length(path) != size:
        path.unlink(missing_ok=True)
        raise PullFailed("The hub sent a file of another length than it said; pull again.")


def _append(url: str, path: Path, here: int, seen: Callable[[int], None]) -> None:
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={here}-"}
    # The client follows redirects to the hub's storage and leaves the token behind when the host changes.
    with get_session().stream("GET", url, headers=headers, timeout=LINE_SECONDS) as response:
        hf_raise_for_status(response)
        with path.open("ab" if response.status_code == 206 else "wb") as file:  # 200: it sends all of it again
            for chunk in response.iter_bytes():  # as they come, so that none is lost when the line breaks
                file.write(chunk)
                seen(file.tell())


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _install(staging: Path, folder: Path, model: Model) -> None:
    for file in model.files:
        target = inside(folder, file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / file.path).replace(target)
    shutil.rmtree(staging)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what the hub and the line do wrong into PullFailed."""
    try:
        yield
    except DarkroomError:
        raise
    except GatedRepoError as error:
        raise PullFailed("Accept this model's terms on its page at the hub, set HF_TOKEN, then pull again.") from error
    except RepositoryNotFoundError as error:
        raise PullFailed("The hub has no such repository for you: set HF_TOKEN if it is a private one.") from error
    except EntryNotFoundError as error:
        raise PullFailed("The hub's repository lacks a file that models.yaml names for this model.") from error
    except Exception as error:
        sentence = "The hub cannot be reached or broke off. Check the network, HTTPS_PROXY and SSL_CERT_FILE, then pull"
        raise PullFailed(f"{sentence} again: what has come is kept.") from error
