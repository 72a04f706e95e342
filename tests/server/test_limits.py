"""Limits of requests: what counts and what does not, whose tier it is, and how each API says where a caller stands."""

import re
from pathlib import Path
from time import time

import pytest

from pipelines.errors import CatalogInvalid
from server.dialects.openai.wording import limits_headers
from server.http.standing import our_spelling
from server.limits.limits import Asker, Limits
from server.limits.standing import Allowance, Standing, free
from server.limits.tiers import Tiers
from server.store import accepting
from server.store.database import Database
from server.store.migrate import migrate
from tests.over_http import JOBS
from tests.server.serving import Serve, Served

STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}
OPENAI = "/v1/images/generations"
PAGE = Path(__file__).parents[2] / "docs" / "credits.md"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    """The tiers of docs/credits.md."""
    database = Database(f"sqlite:///{tmp_path / 'darkroom.db'}")
    migrate(database)
    plans = {"bob": "pro", "eve": "enterprise", "ann": "no tier's name"}
    (example,) = re.findall(r"```yaml\n(default:.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    tiers = Tiers.load(file_of(tmp_path, example))
    return Limits(database, tiers, lambda _, account: plans.get(account), lambda: 7300.5)


def file_of(folder: Path, text: str) -> Path:
    file = folder / "limits.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("address", ["/darkroom/v1/jobs", "/darkroom/v1/usage", "/v1/models", "/darkroom/v1/none"])
def test_without_limits_the_figures_are_there_all_the_same(shared: Served, address: str) -> None:
    headers = shared.client.get(address).headers
    is_known = address != "/darkroom/v1/none"  # nobody asked who it is
    ours, openai = "x-ratelimit-limit", "x-ratelimit-limit-requests"
    expected = (openai if address.startswith("/v1/") else ours) if is_known else None
    assert [name for name in (ours, openai) if headers.get(name) == "1000000"] == ([expected] if expected else [])


def test_whoever_is_not_known_is_told_nothing(shared: Served) -> None:
    answer = shared.client.get(JOBS, headers={"Authorization": "Bearer another key that nobody has"})
    assert answer.status_code == 401
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_a_request_that_draws_counts_and_one_that_looks_or_is_refused_does_not(serve: Serve, tmp_path: Path) -> None:
    served = serve(limits_file=file_of(tmp_path, "default: few\ntiers:\n  few: {hour: 3, day: 1000}\n"))

    def left() -> str:
        return served.client.get("/darkroom/v1/usage").headers["x-ratelimit-remaining"]

    assert left() == "3"
    for refused in (STAR | {"steps": 9999}, STAR | {"task": "nothing"}, STAR | {"model": "unheard of"}):
        assert served.client.post(JOBS, json=refused).status_code in (400, 404)
    served.client.post("/darkroom/v1/estimate", json=STAR).raise_for_status()
    assert left() == "3"
    served.client.post(JOBS, json=STAR | {"count": 4}).raise_for_status()
    assert left() == "2", "a request is one, however many pictures it asks for"
    drawn = served.client.post(OPENAI, json={"prompt": "a red star"})
    assert drawn.headers["x-ratelimit-remaining-requests"] == "1", "one count for all APIs"
    served.client.post(JOBS, json=STAR).raise_for_status()
    refused_by_openai = served.client.post(OPENAI, json={"prompt": "a red star"})
    assert refused_by_openai.status_code == 429
    assert refused_by_openai.json()["error"]["code"] == "rate_limit_exceeded"
    refused_by_us = served.client.post(JOBS, json=STAR)
    assert (refused_by_us.status_code, refused_by_us.json()["error"]["code"]) == (429, "rate_limited")
    assert 1 <= int(refused_by_us.headers["retry-after"]) <= 3600
    assert refused_by_us.headers["x-ratelimit-remaining"] == "0"


def test_what_a_full_queue_refuses_does_not_count(serve: Serve, tmp_path: Path) -> None:
    served = serve(limits_file=file_of(tmp_path, "default: few\ntiers:\n  few: {day: 10}\n"), max_queue=1)
    served.worker.hold()
    answers = [served.client.post(JOBS, json=STAR).status_code for _ in range(6)]
    taken = answers.count(202)
    assert 1 <= taken < 6
    assert served.client.get(JOBS).headers["x-ratelimit-remaining"] == str(10 - taken)


def test_every_request_counts_where_the_operator_wants_it(serve: Serve, tmp_path: Path) -> None:
    text = "default: few\nevery_request: true\ntiers:\n  few: {day: 3}\n"
    served = serve(limits_file=file_of(tmp_path, text))
    answers = [served.client.get(JOBS), served.client.post(JOBS, json=STAR), served.client.get("/v1/models")]
    assert [answer.status_code for answer in answers] == [200, 202, 200], "what draws counts no more than once"
    assert answers[1].headers["x-ratelimit-remaining"] == "1"
    assert served.client.get("/v1/models").status_code == 429
    assert served.client.get("/livez").status_code == 200, "nobody asks there who it is"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asker", "most"),
    [
        pytest.param(Asker("nobody knows"), [10, 100, 1000], id="the default"),
        pytest.param(Asker("ann"), [10, 100, 1000], id="a plan without a tier"),
        pytest.param(Asker("bob"), [300, 5000, 50_000], id="pro"),
        pytest.param(Asker("eve"), [1_000_000] * 3, id="enterprise"),
        pytest.param(Asker("bob", "k", "openai"), [300, 5000, 50_000], id="an API like the others"),
        pytest.param(Asker("bob", "k", "generations_v1"), [1_000_000, 100, 1_000_000], id="an API with its own tier"),
    ],
)
async def test_the_plan_names_the_tier_unless_the_api_has_one(limits: Limits, asker: Asker, most: list[int]) -> None:
    standing = await limits.standing(asker)
    assert [standing.minute.limit, standing.hour.limit, standing.day.limit] == most
    assert [standing.minute.reset, standing.hour.reset, standing.day.reset] == [7320, 10_800, 86_400]


@pytest.mark.anyio
async def test_keys_of_an_account_share_its_limit_and_have_their_own_where_the_tier_says_so(limits: Limits) -> None:
    await limits.count(Asker("ann", "one"))
    await limits.count(Asker("ann", "one", "generations_v1"))
    assert (await limits.standing(Asker("ann", "two"))).minute.remaining == 9
    assert (await limits.standing(Asker("ann", "one", "generations_v1"))).hour.remaining == 99
    assert (await limits.standing(Asker("ann", "two", "generations_v1"))).hour.remaining == 100
    assert (await limits.standing(Asker("bob", "three"))).minute.remaining == 300


@pytest.mark.anyio
async def test_an_account_without_limits_costs_no_write(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "count", None)  # whoever calls it fails
    await limits.count(Asker("eve"))
    assert await limits.windows(Asker("eve")) == ()


@pytest.mark.parametrize(
    ("seconds", "spelled"), [(12, "12s"), (60, "1m0s"), (3599, "59m59s"), (3600, "1h0m0s"), (86_399, "23h59m59s")]
)
def test_each_api_spells_the_window_that_is_full_first(seconds: int, spelled: str) -> None:
    now = 1000.0
    standing = Standing(now, free(1020), Allowance(100, 3, int(now) + seconds), Allowance(1000, 903, 90_000), None)
    assert limits_headers(standing) == {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": spelled,
    }
    assert our_spelling(standing) == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "3",
        "X-RateLimit-Reset": str(seconds),
    }


def test_usage_tells_every_window(shared: Served) -> None:
    told = shared.client.get("/darkroom/v1/usage").json()["limits"]
    assert set(told) == {"minute", "hour", "day"}
    for window, seconds in zip(("minute", "hour", "day"), (60, 3600, 86_400), strict=True):
        assert told[window]["limit"] == told[window]["remaining"] == 1_000_000
        assert told[window]["resets_at"] % seconds == 0
        assert -60 < told[window]["resets_at"] - time() <= seconds


@pytest.mark.parametrize(
    "text",
    ["default: nobody\n", "tiers:\n  free: {minute: 0}\n", "tiers: {}\ndialects: {generations: none}\n", "tier: {}\n"],
    ids=["no such default", "nothing is allowed", "no such tier", "no such field"],
)
def test_a_file_of_limits_that_makes_no_sense_is_refused_by_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogInvalid, match=r"limits\.yaml: line \d"):
        Tiers.load(file_of(tmp_path, text))
