"""docs/compatibility.md: what each client's program found, from one run."""

from dataclasses import dataclass, field

from conforming.clients import Client

HEAD = """# Compatibility

The clients that people have already, run against a server that draws with the shapes models: `scripts/conformance`
installs each in an environment of its own, runs its program of `scripts/clients/`, lets `tests/judge.py` look at every
picture that comes back (its size, its colours, its shape, what a mask left alone), and writes this page. What is here
is from one run, on {day}, of commit {commit}.
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
        lines.append(f"\nOne seed, prompt, sampler and number of steps, asked for by {count} clients: {told}.")
    for title, part in (("Not passed", "failed"), ("Not run", "absent")):
        found = [(outcome, check, why) for outcome in outcomes for check, why in getattr(outcome, part).items()]
        if found:
            lines.append(f"\n## {title}\n")
            lines += [f"- `{outcome.client.packages[0]}`, {check}: {why}" for outcome, check, why in found]
    return "\n".join(lines) + "\n"
