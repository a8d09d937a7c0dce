"""The service against what one would write in an afternoon: a FastAPI handler that calls torch.

``python benchmarks/service.py [ROUNDS]`` starts `chexnet serve` and two naive servers (the handler as
`async def`, as in most tutorials, and as `def`, which FastAPI runs in threads), and loads them in turns
with 1, 8 and 32 clients that send the same film again as soon as they have their answer. Prints requests
per second, p50 and p95, and the ratio to the better naive server within the same round. Then 200 clients
at once, with what became of every one of their requests.
"""

import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
FILM = (ROOT / "chexnet" / "examples" / "synthetic_thorax_opacity.png").read_bytes()
CLIENTS = {1: 8, 8: 32, 32: 64}
"""Requests a round for each number of clients."""

NAIVE = """
import io
import sys
import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
from chexnet.models import DenseNet121

app = FastAPI()
network = DenseNet121(14)
network.load_state_dict(torch.load(sys.argv[1]))
network.eval()

def classify(content):
    image = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224), Image.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) / 255
    pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with torch.no_grad():
        logits = network(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32)).logits
    return {"probabilities": torch.sigmoid(logits)[0].tolist()}

if sys.argv[2] == "async":
    @app.post("/predict")
    async def predict(film: UploadFile):
        return classify(await film.read())
else:
    @app.post("/predict")
    def predict(film: UploadFile):
        return classify(film.file.read())

uvicorn.run(app, port=0, access_log=False)
"""


@dataclass(frozen=True)
class Server:
    """A running server and how to send it a film."""

    address: str
    path: str

    async def read(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(self.address + self.path, files={"film": ("film.png", FILM, "image/png")})


@dataclass(frozen=True)
class Load:
    """One server under one number of clients, in one round."""

    seconds: float
    latencies: tuple[float, ...]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


@contextmanager
def running(command: list[str], path: str) -> Iterator[Server]:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        for line in process.stderr:
            if found := re.search(r"http://[\d.]+:\d+", line):
                yield Server(found[0], path)
                return
        raise SystemExit(f"{command[:4]} did not start")
    finally:
        process.kill()
        process.wait()


async def loaded(server: Server, clients: int, requests: int) -> Load:
    """Closed loop: each client sends its next film when it has the answer to the last."""
    latencies: list[float] = []
    left = iter(range(requests))

    async def one(client: httpx.AsyncClient) -> None:
        for _ in left:
            started = time.perf_counter()
            answer = await server.read(client)
            assert answer.status_code in (200, 201), answer.text
            latencies.append(time.perf_counter() - started)

    async with _client(clients) as client:
        started = time.perf_counter()
        await asyncio.gather(*(one(client) for _ in range(clients)))
        return Load(time.perf_counter() - started, tuple(latencies))


async def crowd(server: Server, clients: int) -> tuple[list[float], Counter]:
    """All at once; who is told to come back does. Latencies until the film was read, and all statuses."""
    statuses: Counter = Counter()

    async def one(client: httpx.AsyncClient) -> float:
        started = time.perf_counter()
        while True:
            answer = await server.read(client)
            statuses[answer.status_code] += 1
            if answer.status_code != 503:
                return time.perf_counter() - started
            await asyncio.sleep(float(answer.headers["retry-after"]))

    async with _client(clients) as client:
        return list(await asyncio.gather(*(one(client) for _ in range(clients)))), statuses


def _client(connections: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=600, trust_env=False, limits=httpx.Limits(max_connections=connections))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def print_table(measured: dict[tuple[str, int], list[Load]], names: list[str]) -> None:
    print(
        f"{'clients':>7}  {'server':<14}{'films/s':>9}{'p50 ms':>9}{'p95 ms':>9}  × better naive [each round]"
    )
    for clients in CLIENTS:
        for name in names:
            loads = measured[name, clients]
            latencies = [1000 * latency for load in loads for latency in load.latencies]
            better = [
                max(measured[other, clients][number].per_second for other in names if other != "chexnet")
                for number in range(len(loads))
            ]
            ratios = [load.per_second / best for load, best in zip(loads, better, strict=True)]
            print(
                f"{clients:>7}  {name:<14}{statistics.median(load.per_second for load in loads):>9.1f}"
                f"{percentile(latencies, 0.5):>9.0f}{percentile(latencies, 0.95):>9.0f}"
                f"  {statistics.median(ratios):.2f} [{', '.join(f'{ratio:.2f}' for ratio in ratios)}]"
            )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    import torch

    from chexnet.models import DenseNet121

    with tempfile.TemporaryDirectory() as folder:
        weights, script = Path(folder, "weights.pth"), Path(folder, "naive.py")
        torch.save(DenseNet121(14).state_dict(), weights)
        script.write_text(NAIVE)
        naive = [sys.executable, str(script), str(weights)]
        chexnet = [sys.executable, "-m", "chexnet", "serve", "--port", "0"]
        with (
            running([*naive, "async"], "/predict") as naive_async,
            running([*naive, "threads"], "/predict") as naive_threads,
            running(chexnet, "/v1/predictions") as service,
        ):
            servers = {"naive async": naive_async, "naive threads": naive_threads, "chexnet": service}
            measured: dict[tuple[str, int], list[Load]] = {}
            for server in servers.values():
                asyncio.run(loaded(server, 2, 4))  # warm
            for number in range(rounds):
                for clients, requests in CLIENTS.items():
                    # Another one begins each time, so that drift of the machine favours none.
                    order = list(servers)[number % 3 :] + list(servers)[: number % 3]
                    for name in order:
                        load = asyncio.run(loaded(servers[name], clients, requests))
                        print(
                            f"round {number + 1}: {clients} × {name} {load.per_second:.1f}/s", file=sys.stderr
                        )
                        measured.setdefault((name, clients), []).append(load)
            print_table(measured, list(servers))
            latencies, statuses = asyncio.run(crowd(service, 200))
    print(
        f"\n200 clients at once: {len(latencies)} films read, answers {dict(statuses)}, p50 "
        f"{percentile(latencies, 0.5):.1f} s, p95 {percentile(latencies, 0.95):.1f} s, "
        f"slowest {max(latencies):.1f} s"
    )


if __name__ == "__main__":
    main()
