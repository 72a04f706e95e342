"""What AIPerf, a load generator that others wrote, measures of /v1/images/generations with the shapes model."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarking.tables import table

SAID = {"size": "128x128", "steps": 20, "guidance_scale": 4.0, "sampler": "euler"}
PROMPTS = [
    f"a big {colour} {shape} on a {ground} background"
    for colour, ground in (("yellow", "black"), ("red", "white"), ("blue", "white"))
    for shape in ("star", "circle")
]
LATENCIES = ("avg", "p50", "p90", "p99")
SECONDS = 900  # of one run

Run = dict[str, Any]


def measure(program: Path, address: str, key: str, tokenizer: Path, at_once: int, requests: int, folder: Path) -> Run:
    """What `reported` says of a run of so many requests. program: AIPerf's. folder: for what it writes.

    tokenizer: of the prompts, whose words it insists on counting. Raises RuntimeError where AIPerf breaks off.
    """
    place, prompts = folder / f"run-{at_once}", folder / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"text": prompt}) + "\n" for prompt in PROMPTS), encoding="utf-8")
    command = [
        str(program), "profile", "--model", "shapes-xl", "--url", address, "--api-key", key,
        "--endpoint-type", "image-generation", "--input-file", str(prompts), "--custom-dataset-type", "single-turn",
        "--tokenizer", str(tokenizer), "--extra-inputs", json.dumps(SAID), "--concurrency", str(at_once),
        "--request-count", str(requests), "--warmup-request-count", str(at_once), "--artifact-dir", str(place),
        "--no-gpu-telemetry", "--no-server-metrics", "--ui", "none",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    report = place / "profile_export_aiperf.json"  # beside those of its phases
    if done.returncode or not report.exists():
        raise RuntimeError(f"aiperf broke off: {(done.stdout + done.stderr)[-2000:]}")
    return reported(json.loads(report.read_text(encoding="utf-8")))


def reported(report: Mapping[str, Any]) -> Run:
    """AIPerf tells latencies in milliseconds, and of failed requests only where there are some."""
    latency, failed = report["request_latency"], report.get("error_request_count") or {"avg": 0}
    return {
        "requests": int(report["request_count"]["avg"]),
        "failed": int(failed["avg"]),
        "pictures_a_second": round(report["request_throughput"]["avg"], 3),
        "latency_seconds": {name: round(latency[name] / 1000, 3) for name in LATENCIES},
    }


def load_table(runs: Mapping[str, Run]) -> str:
    """runs: by the requests at once."""
    lines = [
        (count, run["requests"], run["failed"], run["pictures_a_second"], *run["latency_seconds"].values())
        for count, run in runs.items()
    ]
    head = ("requests at once", "requests", "failed", "pictures a second", "latency, mean", *LATENCIES[1:])
    return table(head, *lines)
