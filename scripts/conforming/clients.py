"""The clients: what is installed for each, in an environment of its own, and how its program is run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parents[1] / "clients"
SECONDS = 1800  # of one program


@dataclass(frozen=True)
class Client:
    """packages: of PyPI, or of npm where the program is in JavaScript; the first one's version is told.

    dialect: what it speaks.
    """

    packages: tuple[str, ...]
    program: str
    dialect: str

    @property
    def is_node(self) -> bool:
        return self.program.endswith(".mjs")

    @property
    def name(self) -> str:
        return Path(self.program).stem.removesuffix("_client")


CLIENTS = (
    Client(("openai", "pillow"), "openai_client.py", "OpenAI"),
    Client(("openai",), "openai_node.mjs", "OpenAI"),
    Client(("ai", "@ai-sdk/openai-compatible"), "ai_node.mjs", "OpenAI"),
    Client(("litellm", "pillow"), "litellm_client.py", "OpenAI"),
    Client(("huggingface_hub", "pillow"), "huggingface_client.py", "Hugging Face"),
    Client(("webuiapi", "aiohttp"), "webuiapi_client.py", "AUTOMATIC1111"),
)


@dataclass(frozen=True)
class Environment:
    """Where a client is installed, and in which version."""

    folder: Path
    version: str


def install(client: Client, folder: Path) -> Environment:
    """Once; to take a newer version, remove the folder. Raises CalledProcessError where the registry has no answer."""
    return _install_node(client, folder) if client.is_node else _install_python(client, folder)


def run(client: Client, environment: Environment, address: str, key: str, pictures: Path) -> list[dict[str, Any]]:
    """What the program told of its checks. Raises RuntimeError where it broke off before the last one."""
    if client.is_node:
        for program in PROGRAMS.glob("*.mjs"):  # a module looks for packages beside itself
            shutil.copy(program, environment.folder)
        command = ["node", str(environment.folder / client.program)]
    else:
        command = [str(environment.folder / "bin" / "python"), str(PROGRAMS / client.program)]
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", "PYTHONPATH": ""}
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_DISABLE_TELEMETRY": "1"}
    called = subprocess.run(
        [*command, address, key, str(pictures)],
        env=os.environ | local | quiet,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = [json.loads(line) for line in called.stdout.splitlines() if line.startswith("{")]
    if called.returncode or not told:
        raise RuntimeError(f"{client.program} broke off: {called.stderr[-2000:]}")
    return told


def _install_python(client: Client, folder: Path) -> Environment:
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *client.packages], check=True)
        (folder / "installed").touch()
    asking = "import sys, importlib.metadata as known; print(known.version(sys.argv[1]))"
    asked = subprocess.run([str(python), "-c", asking, client.packages[0]], check=True, capture_output=True, text=True)
    return Environment(folder, asked.stdout.strip())


def _install_node(client: Client, folder: Path) -> Environment:
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or "npm"
        subprocess.run([npm, "install", "--silent", "--prefix", str(folder), *client.packages], check=True)
        (folder / "installed").touch()
    package = folder / "node_modules" / client.packages[0] / "package.json"
    return Environment(folder, json.loads(package.read_text(encoding="utf-8"))["version"])
