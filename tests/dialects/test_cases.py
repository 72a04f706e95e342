"""Every case of every documented API, over HTTP, against the shapes models."""

import httpx
import pytest

from server.dialects import all_dialects
from tests.dialects.cases import Case, cases_of, run
from tests.dialects.documents import DOCUMENTS

pytestmark = pytest.mark.draws
SERVED = [dialect.name for dialect in all_dialects() if dialect.name in DOCUMENTS]
CASES = [pytest.param(case, id=f"{dialect}-{case.name}") for dialect in SERVED for case in cases_of(dialect)]


@pytest.mark.parametrize("case", CASES)
def test_a_case_of_a_document(case: Case, clients: dict[str, httpx.Client]) -> None:
    run(case, clients)
