"""What /openapi.json says is so: schemathesis sends what it allows and forbids, and looks at the answers."""

import base64
import io
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis.checks import CHECKS, load_all_checks

from server.app import create_app
from server.settings import Settings
from tests.promises.conftest import Torture
from tests.promises.mortal import QuickWorker, kinds_catalog
from tests.server.serving import KEY, quiet, running

__all__ = ["quiet"]  # a fixture

# The checks that are left out, and why.
LEFT_OUT = {
    "positive_data_acceptance": "a description cannot say which models are installed, nor what each of them can do",
    "negative_data_rejection": "what a body has beyond its fields is ignored, and named in a header; a GET has none",
    "max_response_time": "no test asserts a time",
    "use_after_free": "needs links from operation to operation, which the document has none of",
    "ensure_resource_availability": "the same",
    "ignored_auth": "a key may come in either of two headers, and it counts a right one beside a wrong one as ignored",
    "object_level_authorization": "the same; the cross-account matrix is a test of its own",
}
NOT_THERE = (
    b'"MODEL_NOT_AVAILABLE"'  # a 503 that a vendor has for names of models that are not there, whatever they are
)
MODES = tuple(schemathesis.GenerationMode)


def picture(mode: str, format_: str) -> str:
    file = io.BytesIO()
    Image.new(mode, (64, 64), "red").save(file, format_)
    return base64.b64encode(file.getvalue()).decode()


PICTURES = [picture("RGB", "PNG"), picture("L", "JPEG"), picture("RGBA", "WEBP"), "data:image/png;base64,AAAA", "none"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server that draws anything at once and calls nobody."""
    folder = tmp_path_factory.mktemp("data")
    chosen = Settings(data=folder, admin_key=KEY, fetch="off", webhook="off", max_queue=10**6, request_seconds=10)
    with running(create_app(chosen, kinds_catalog(folder), QuickWorker())) as url:
        yield url


def checked(case: schemathesis.Case, *, address: str, session: requests.Session, checks: list[Any]) -> None:
    answer = case.call(base_url=address, session=session, headers={"X-API-Key": KEY}, timeout=60)
    if answer.status_code == 503 and NOT_THERE in answer.content:
        checks = [check for check in checks if check.__name__ != "not_a_server_error"]
    case.validate_response(answer, checks=checks, headers={"X-API-Key": KEY})


def test_every_operation_is_as_the_document_says(torture: Torture, address: str, tmp_path: Path) -> None:
    load_all_checks()
    schemathesis.openapi.format("picture", st.sampled_from(PICTURES))
    names = [name for name in CHECKS.get_all_names() if name not in LEFT_OUT]
    examples, sent, operations = torture.many(2, 150), 0, 0
    with requests.Session() as session:
        session.trust_env = False
        document = session.get(f"{address}/openapi.json").json()
        look = partial(checked, address=address, session=session, checks=CHECKS.get_by_names(names))

        def count(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            look(case)

        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operations += 1
            for mode in MODES:
                strategy = found.ok().as_strategy(generation_mode=mode)
                chosen = settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
                with suppress(Unsatisfiable):  # nothing can be wrong where nothing is asked for
                    chosen(given(case=strategy)(count))()
    assert operations == sum(len(methods) for methods in document["paths"].values())
    result = f"0 failures of {len(names)} checks; {len(LEFT_OUT)} are left out"
    torture.tell("The document is true", f"requests to {operations} operations by schemathesis", sent, result)
