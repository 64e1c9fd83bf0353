"""Two hundred pages at once for a minute: none starves, and memory returns."""

import asyncio
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from .conftest import unpacked

CLIENTS = 200
SECONDS = 60

pytestmark = pytest.mark.long


def memory(pid: int) -> int:
    """The resident memory of a process, in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


async def watch(host: str, cookie: str, seconds: float) -> tuple[int, int]:
    """Play for a while; the number of frames and the last epoch."""
    import json

    headers = {"Cookie": cookie}
    uri, origin = f"ws://{host}/socket", f"http://{host}"
    async with connect(uri, origin=origin, additional_headers=headers) as socket:
        setup = json.loads(await socket.recv())["setup"]
        await socket.send(json.dumps({"type": "setup", "setup": setup}))
        await socket.send(json.dumps({"type": "play", "epochs": 30}))
        frames, epoch = 0, 0
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while clock() < end:
            data = await asyncio.wait_for(socket.recv(), 30)
            if isinstance(data, bytes):
                frames, epoch = frames + 1, unpacked(data)["epoch"]
                await socket.send('{"type": "shown"}')
        return frames, epoch


async def everybody(host: str, cookie: str, seconds: float) -> list[tuple[int, int]]:
    return await asyncio.gather(*(watch(host, cookie, seconds) for _ in range(CLIENTS)))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_two_hundred_pages() -> None:
    command = [sys.executable, "-m", "fallline", "play", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        host, _, query = process.stdout.readline().split("http://")[1].strip().partition("/")
        cookie = f"fallline-{host.split(':')[1]}={query.removeprefix('?token=')}"
        sizes = []
        for seconds in (10, SECONDS, 10):
            results = asyncio.run(everybody(host, cookie, seconds))
            frames = [count for count, _ in results]
            epochs = [epoch for _, epoch in results]
            print(f"frames {min(frames)} to {max(frames)}, epochs {min(epochs)} to {max(epochs)}")
            if seconds == SECONDS:  # in the short rounds most of the time goes to connecting
                assert min(frames) > statistics.median(frames) / 3
                assert min(epochs) > statistics.median(epochs) / 3
            sizes.append(memory(process.pid))
        print(f"memory {sizes} kB")
        assert sizes[2] < 1.1 * sizes[1]
    finally:
        process.kill()
        process.communicate()
