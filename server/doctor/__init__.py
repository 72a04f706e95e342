"""What `darkroom doctor` looks at: each file one side of the machine. It reads, changes nothing, and calls nobody.

The one it asks is the database, where that is a server.
"""

from collections.abc import Iterator

from pipelines.catalog import Catalog
from pipelines.errors import CatalogInvalid
from server.doctor import database, device, models, places, software
from server.doctor.findings import Finding, problem
from server.settings import Settings


def findings(settings: Settings, catalog: Catalog | CatalogInvalid) -> Iterator[Finding]:
    """One after another, as they are found. catalog: or why there is none."""
    yield from software.look()
    yield from device.look(settings)
    if isinstance(catalog, CatalogInvalid):
        yield problem("catalogue", catalog.sentence, "Mend the line that it names.")
    else:
        yield from models.look(catalog)
    yield from places.look(settings)
    yield from database.look(settings)
