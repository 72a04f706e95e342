"""docs/compatibility.md: what each client's program found, from one run."""

from dataclasses import dataclass, field

from conforming.clients import Client

HEAD = """# Compatibility

The clients that people have already, run against a server that draws with the shapes models: `scripts/conformance`
installs each in an environment of its own, runs its program of `scripts/clients/`, lets `tests/judge.py` look at every
picture that comes back (its size, its colours, its shape, what a mask left alone), and writes this page. What is here
is from one run, on {day}, of commit {commit}.
"""

ALIKE = """
One seed, prompt, sampler and number of steps, asked for by {count} clients: {told}.
What nobody names, such as size and guidance, is the model's own in every API; only what an account has set as its
options or its preferences is added. `tests/dialects/test_one_seed.py` asks for the same by `/api/v2`, which has no
client of its own.
"""

PROGRAMS = """
## Programs, request by request

These are too large to be installed here. `tests/dialects/sequences/` has what they send, as their sources have it, and
`scripts/test` runs it against the shapes models, with keys and without, and judges the pictures.

| Program | What it takes as its server |
|---|---|
| Open WebUI, engine Open AI: pictures and edits | `http://HOST:8080/v1`, and the key |
| Open WebUI, engine Automatic1111 | `http://HOST:8080`, and `anybody:KEY` |
| SillyTavern, source Stable Diffusion Web UI | `http://HOST:8080`, and `anybody:KEY` |
| LibreChat, tool Stable Diffusion | `SD_WEBUI_URL=http://anybody:KEY@HOST:8080` |
| Krita, plug-in Cyanic SD | `http://HOST:8080`, without keys: it sends none |
| Photoshop, plug-in Auto-Photoshop-StableDiffusion | the same |

What speaks to ComfyUI sends graphs of nodes; those are not taken.
"""


@dataclass
class Outcome:
    """passed, absent, failed: checks by name; the last two with why."""

    client: Client
    version: str
    passed: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return len(self.passed) + len(self.failed)


def page(outcomes: list[Outcome], alike: tuple[int, bool] | None, day: str, commit: str) -> str:
    """alike: how many clients drew the same wish, and whether their pictures are the same; None for fewer than two."""
    lines = [
        HEAD.format(day=day, commit=commit),
        "| Client | Version | Speaks | What was run | Passed |",
        "|" + "---|" * 5,
    ]
    for outcome in outcomes:
        what = ", ".join([*outcome.passed, *outcome.failed])
        name = f"`{outcome.client.packages[0]}`{' (Node)' if outcome.client.is_node else ''}"
        passed = f"{len(outcome.passed)} of {outcome.total}"
        lines.append(f"| {name} | {outcome.version} | {outcome.client.dialect} | {what} | {passed} |")
    if alike is not None:
        count, is_same = alike
        told = "the same picture, to the pixel" if is_same else "pictures that differ"
        lines.append(ALIKE.format(count=count, told=told).rstrip())
    lines.append(PROGRAMS.rstrip())
    for title, part in (("Not passed", "failed"), ("Not run", "absent")):
        found = [(outcome, check, why) for outcome in outcomes for check, why in getattr(outcome, part).items()]
        if found:
            lines.append(f"\n## {title}\n")
            lines += [f"- `{outcome.client.packages[0]}`, {check}: {why}" for outcome, check, why in found]
    return "\n".join(lines) + "\n"
