"""Start what is measured, and read the processor time and memory of whole process trees."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

API_KEY = "sandbox-key"
_BIN = Path(sys.executable).parent


class Usage(NamedTuple):
    """CPU seconds that processes used until now, and their present memory in bytes."""

    cpu: float
    rss: int


def environment(redis_url: str, endpoint_url: str, media: Path, concurrency: int) -> dict[str, str]:
    """The environment of the job and of Facelift's worker."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("FACELIFT_")},
        "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "BENCH_REDIS_URL": redis_url,
        "BENCH_ENDPOINT_URL": endpoint_url,
        "BENCH_API_KEY": API_KEY,
        "BENCH_MEDIA": str(media),
        "BENCH_CONCURRENCY": str(concurrency),
        "FACELIFT_REDIS_URL": redis_url,
        "FACELIFT_ENDPOINT_URL": endpoint_url,
        "FACELIFT_API_KEY": API_KEY,
        "FACELIFT_IMAGE_STORES": f"media={media.resolve().as_uri()}",
        "FACELIFT_RATE_LIMIT": "off",
    }


def usage_of(pid: int) -> Usage:
    """The usage of a process and its descendants, including those that have exited."""
    cpu, rss = 0.0, 0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            cpu += sum(process.cpu_times()[:4])  # its own, and that of ended children
            rss += process.memory_info().rss
    return Usage(cpu, rss)


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)


class Workers:
    """Worker processes, started on entering the context and killed on leaving it.

    Args:
        commands: what to run, one each.
        environ: for them.
    """

    def __init__(self, commands: Sequence[str], environ: Mapping[str, str]) -> None:
        self._commands = commands
        self._environ = environ
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for command in self._commands:
            words = shlex.split(command)
            self._processes.append(
                subprocess.Popen(
                    [_BIN / words[0], *words[1:]],
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    start_new_session=True,
                )
            )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            for each in reversed(list(_tree(process.pid))):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()
        self._log.close()

    def usage(self) -> Usage:
        """Their usage until now."""
        each = [usage_of(process.pid) for process in self._processes]
        return Usage(sum(one.cpu for one in each), sum(one.rss for one in each))

    def log(self) -> str:
        """Their log until now."""
        file = self._log.fileno()  # whose offset is theirs too, so it stays where it is
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    def log_tail(self) -> str:
        """The end of their log."""
        return self.log()[-2_000:]


class Sink:
    """`sink.py` in its own process, started on entering the context and stopped on leaving it."""

    def __init__(self, latency: float = 0.1) -> None:
        self._command = [sys.executable, "-m", "benchmarks.sink", str(latency)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._output = cast("IO[str]", self._process.stdout)
        self.url = self._output.readline().strip()
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait()
        self._output.close()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def count(self) -> int:
        """Chatbots whose upload was answered."""
        return int(self._ask("count"))

    def repeated(self) -> int:
        """Uploads beyond the first of their chatbot."""
        numbers, _ = self._ask("arrivals")
        return len(numbers) - len(set(numbers))

    def arrivals(self) -> dict[int, float]:
        """When the first upload of each chatbot began, in monotonic seconds, by its number."""
        numbers, times = self._ask("arrivals")
        return dict(zip(reversed(numbers), reversed(times), strict=True))

    def _ask(self, what: str) -> Any:  # noqa: ANN401 - as asked
        self._connection.request("GET", f"/_sink/{what}")
        return json.loads(self._connection.getresponse().read())


def produce(module: str, how: str, environ: Mapping[str, str], *numbers: int) -> Any:  # noqa: ANN401 - as asked
    """Run `producer.py`, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.producer", module, how, *map(str, numbers)],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)
