"""What the enhancer makes of a prompt is drawn as the prompt alone would be: every template, the judge's prompts."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.demo.world import Scene
from server.prompts.blocklist import Blocklist
from server.prompts.enhancer import Enhancer
from server.prompts.library import Library
from server.prompts.looks import Looks
from tests.shapes import TARGETS, Artist, judge, judged_scenes, percent

pytestmark = pytest.mark.draws

KEPT = 0.9  # of the share that the judge asks of a prompt alone
FEW = 4  # prompts a template, too few for a share of each
LIMIT = 2000  # characters


def enhanced(scenes: list[tuple[Scene, str]], template: str, enhancer: Enhancer) -> list[tuple[Scene, str]]:
    async def all_of_them() -> list[str]:
        asked = [
            enhancer.enhance(text, "", template=template, looks=Looks(), seed=seed, limit=LIMIT)
            for seed, (_, text) in enumerate(scenes)
        ]
        return [one.prompt for one in await asyncio.gather(*asked)]

    longer = asyncio.run(all_of_them())
    assert all(len(one) > len(text) for one, (_, text) in zip(longer, scenes, strict=True))
    return [(scene, one) for one, (scene, _) in zip(longer, scenes, strict=True)]


@pytest.mark.parametrize("count", [FEW, pytest.param(30, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_an_enhanced_prompt_is_obeyed(
    artist: Artist, report: Callable[[list[str]], None], tmp_path: Path, count: int
) -> None:
    library = Library(tmp_path)
    enhancer, templates = Enhancer(library, Blocklist()), list(library.now.enhancement)
    assert len(templates) == 7
    scenes = judged_scenes(count * len(templates))  # others for each template: one hard prompt is wrong in all of them
    tallies = {
        template: judge(artist, enhanced(scenes[start :: len(templates)], template, enhancer))
        for start, template in enumerate(templates)
    }
    for template, tally in tallies.items():
        shares = {name: percent(right) for name, right in tally.items()}
        report([f"enhanced by {template}, {count} prompts, percent right: {shares}"])
        assert count == FEW or all(shares[name] >= KEPT * TARGETS[name] for name in TARGETS), template
    for name, target in TARGETS.items():
        share = percent([right for tally in tallies.values() for right in tally[name]])
        assert share >= KEPT * target, name
