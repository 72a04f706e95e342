"""The files of a model's entry, as the catalogue knows them: of the sha256 that it says, and inside their folder."""

from pathlib import Path

from pipelines.catalog import Catalog, Model
from pipelines.weights import inside, verify_sha256


class Checked:
    """Remembers what it has seen: no file is read again for its sha256 while it stays as it is."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._right: set[tuple[Path, str, int, int]] = set()

    def files(self, entry: Model) -> list[Path]:
        """All of them. Raises WeightsRefused."""
        folder = self._catalog.folder(entry)
        paths = [inside(folder, file.path) for file in entry.files]
        for file, path in zip(entry.files, paths, strict=True):
            if file.sha256:
                self._check(path, file.sha256)
        return paths

    def file(self, entry: Model) -> Path:
        """The only one that it has."""
        (path,) = self.files(entry)
        return path

    def _check(self, path: Path, expected: str) -> None:
        state = path.stat()
        seen = (path, expected, state.st_size, state.st_mtime_ns)
        if seen not in self._right:
            verify_sha256(path, expected)
            self._right.add(seen)
