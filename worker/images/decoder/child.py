"""The program of a decoder: takes images from a socket, and answers with what would be sent.

    python -m worker.images.decoder.child FILE-DESCRIPTOR MEMORY

It ends when the worker does, however that ends, and when nobody has asked for a while.
"""

import fcntl
import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from math import ceil
from pathlib import Path

from facelift.fit import Fit
from worker.images.decoder.messages import (
    PREFIX,
    READY,
    Head,
    decode_limits,
    encode_failure,
    encode_image,
)
from worker.images.fit import fit

_IDLE_SECONDS = 60
_NICENESS = 10  # the worker's own threads, and so all other jobs, go first
_FIRST_TO_KILL = "1000"  # of what the kernel may kill when memory is scarce


def main() -> None:
    """Serve until the worker closes the socket."""
    descriptor, memory = map(int, sys.argv[1:])
    _die_with(sys.stdin.fileno())
    _limit(memory)
    with socket.socket(fileno=descriptor) as worker:
        worker.settimeout(_IDLE_SECONDS)
        worker.sendall(READY)
        with suppress(TimeoutError, ConnectionError, EOFError):
            while True:
                head, data = _receive(worker)
                for piece in _answer(head, data):
                    worker.sendall(piece)
                del data


def _die_with(lifeline: int) -> None:
    """Have the kernel end this process as soon as the other end of a pipe is closed.

    By a signal, whose default is to end the process: a thread could not run while a decoder
    computes. Nothing is ever written to the pipe.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)


def _limit(memory: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):  # for the worker, which ends this process
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # only Linux has these files
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_KILL, "ascii")
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _receive(worker: socket.socket) -> tuple[Head, bytes]:
    lengths = PREFIX.unpack(_read(worker, PREFIX.size))
    head, data = (_read(worker, length) for length in lengths)
    return json.loads(head), data


def _read(worker: socket.socket, length: int) -> bytes:
    read = bytearray(length)
    left = memoryview(read)
    while left:
        count = worker.recv_into(left)
        if not count:
            raise EOFError
        left = left[count:]
    return bytes(read)


def _answer(head: Head, data: bytes) -> list[bytes]:
    _limit_time(head["seconds"])
    try:
        x, y = head["focus"]
        image = fit(data, decode_limits(head["limits"]), Fit(head["how"]), (x, y))
        return encode_image(image, data)
    except Exception as error:  # noqa: BLE001 - the worker raises it
        return encode_failure(error)


def _limit_time(seconds: float) -> None:
    """Have the kernel end this process once it has computed for so long from now on."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = ceil(usage.ru_utime + usage.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
