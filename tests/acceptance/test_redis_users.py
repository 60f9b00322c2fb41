"""What each Redis user of `deploy/redis/users.acl` can do, and what it cannot."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from facelift import UploadClient
from facelift.errors import LedgerRefused
from sandbox.redis_server import RedisServer
from tests.acceptance.flower import Flower
from tests.acceptance.world import eventually, worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.endpoint.process import EndpointProcess

ROOT = Path(__file__).parents[2]
USERS = (ROOT / "deploy" / "redis" / "users.acl").read_text()
NAMES = ("admin", "producer", "worker", "flower")
LEDGER = "{facelift}:job:somebody"


class Guarded:
    """A Redis with our users; each one's password is its name."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def url(self, name: str) -> str:
        return f"redis://facelift-{name}:{name}@127.0.0.1:{self._server.port}/0"

    def do(self, name: str, *command: str) -> Any:
        with Redis.from_url(self.url(name), decode_responses=True) as redis:
            return redis.execute_command(*command)


@pytest.fixture(scope="module")
def guarded(redis_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("users")
    file = folder / "users.acl"
    file.write_text("user default on nopass ~* &* +@all\n")  # until it is known to run
    with RedisServer(
        folder / "redis", binary=redis_binary, arguments=("--aclfile", str(file))
    ) as server:
        users = USERS
        for name in NAMES:
            hashed = sha256(name.encode()).hexdigest()
            users = users.replace(f"{name.upper()}_PASSWORD_SHA256", hashed)
        file.write_text(users)
        with Redis.from_url(server.url) as redis:
            try:
                redis.execute_command("ACL", "LOAD")
            except ResponseError as error:
                if "%R~" in str(error) or "Syntax error" in str(error):
                    pytest.skip("the users need Redis 7")
                raise
        made = Guarded(server)
        made.do("admin", "SET", "somebody:else", "secret")
        made.do("admin", "HSET", LEDGER, "state", "queued")
        yield made


def test_file_as_it_lies_there_opens_no_redis(redis_binary: Path, tmp_path: Path) -> None:
    """Who forgets to put passwords in finds out at the start."""
    file = shutil.copy(ROOT / "deploy" / "redis" / "users.acl", tmp_path)
    with (
        pytest.raises(Exception, match=r"(?i)acl"),
        RedisServer(tmp_path / "redis", binary=redis_binary, arguments=("--aclfile", str(file))),
    ):
        pass


def test_client_worker_and_flower_work_under_their_users(
    guarded: Guarded, environment: dict[str, str], endpoint: EndpointProcess, tmp_path: Path
) -> None:
    endpoint.add_rule("bot-flaky", "status", status=500, times=1)
    own = {"FACELIFT_REDIS_URL": guarded.url("worker")}
    with (
        worker(tmp_path / "worker.log", environment | own) as process,
        UploadClient(guarded.url("producer")) as client,
    ):
        flower = Flower(guarded.url("flower"), tmp_path / "flower.log")
        try:
            flower.until_ready()
            jobs = [client.enqueue(f"bot-{name}", "media:good.png").id for name in ("flaky", "a")]
            assert {client.wait(job, 30).outcome for job in jobs} == {"delivered"}
            assert client.wait(client.replay(jobs[0]).id, 30).outcome == "delivered"
            later = client.enqueue("bot-later", "media:good.png", not_before=2e9).id
            assert client.cancel(later) == "cancelled"
            with Celery("producer", broker=guarded.url("producer"), set_as_current=False) as app:
                fields = {"chatbot_id": "bot-sent", "image": "media:good.png"}
                app.send_task("facelift.enqueue", queue="facelift", task_id="sent", kwargs=fields)
            eventually(lambda: guarded.do("producer", "EXISTS", "{facelift}:job:sent"), "not sent")
            assert client.wait("sent", 30).outcome == "delivered"

            eventually(lambda: flower.state(jobs[0]) == "SUCCESS", "Flower does not hear of it")
            assert flower.row(jobs[0])["args"] == "bot-flaky"
            assert flower.get("/broker")
            assert process.stop() == 0
        finally:
            flower.stop()
    for log in (process.log, flower.log.read_text()):
        assert "permission" not in log.lower()
        assert "NOPERM" not in log


DENIED = {
    "producer": [
        ("PUBLISH", "/0.facelift.pidbox", "shutdown"),
        ("PUBLISH", "/0.facelift.events/task.multi", "a lie"),
        ("PSUBSCRIBE", "*"),
        ("SMEMBERS", "_kombu.binding.reply.facelift.pidbox"),
        ("HGETALL", "unacked"),
    ],
    "worker": [
        ("PUBLISH", "somebody:else", "hello"),
        ("PSUBSCRIBE", "*"),
        *(("HGETALL", "unacked"), ("LPUSH", "celery", "a message")),
        ("PUBLISH", "/0.celery.pidbox", "shutdown"),
    ],
    "flower": [
        ("HSET", LEDGER, "state", "succeeded"),
        ("DEL", LEDGER),
        ("EVAL", "return redis.call('HSET', ARGV[1], 'state', 'x')", "0", LEDGER),
        ("LPUSH", "facelift", "a message"),
        ("RPOP", "facelift"),
        ("PUBLISH", "{facelift}:changes:somebody", "succeeded"),
    ],
}
DENIED_TO_ALL = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("RANDOMKEY",),
    ("DBSIZE",),
    ("MONITOR",),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("SCRIPT", "FLUSH"),
    ("SAVE",),
    ("REPLICAOF", "NO", "ONE"),
    ("GET", "somebody:else"),
    ("SET", "somebody:else", "theirs"),
    ("EVAL", "return redis.call('GET', ARGV[1])", "0", "somebody:else"),
    ("EVAL", "return redis.call('FLUSHALL')", "0"),
]


@pytest.mark.parametrize("name", sorted(DENIED))
def test_user_is_denied_what_is_not_its_work(guarded: Guarded, name: str) -> None:
    def is_denied(command: tuple[str, ...]) -> bool:
        try:
            guarded.do(name, *command)
        except NoPermissionError:
            return True
        except ResponseError as error:  # how a script tells it
            return str(error).startswith("The user executing the script can't")
        return False

    allowed = [each for each in [*DENIED_TO_ALL, *DENIED[name]] if not is_denied(each)]
    assert allowed == []


@pytest.mark.parametrize("name", ["producer", "worker"])
def test_user_may_call_all_that_the_scripts_call(guarded: Guarded, name: str) -> None:
    called = {
        command.lower()
        for script in (ROOT / "client/facelift/ledger/lua").rglob("*.lua")
        for command in re.findall(r"redis\.p?call\('([A-Z]+)'", script.read_text())
    }
    rules = next(line for line in USERS.splitlines() if f"facelift-{name} " in line).split()
    allowed = {rule[1:] for rule in rules if rule[0] == "+"}
    for category in [rule.removeprefix("+@") for rule in rules if rule.startswith("+@")]:
        allowed.update(guarded.do("admin", "ACL", "CAT", category))
    allowed.difference_update(guarded.do("admin", "ACL", "CAT", "dangerous"))
    assert called - allowed == set()


def test_producer_can_write_the_ledger_by_a_script_of_its_own(guarded: Guarded) -> None:
    """As docs/redis.md says: Redis cannot tell our scripts from others."""
    script = "return redis.call('HSET', ARGV[1], 'state', 'succeeded')"
    assert guarded.do("producer", "EVAL", script, "0", "{facelift}:job:forged") == 1


def test_what_is_denied_is_told_as_a_refusal(guarded: Guarded) -> None:
    with (
        UploadClient(guarded.url("flower")) as client,
        pytest.raises(LedgerRefused, match="refuses these credentials: The user executing"),
    ):
        client.enqueue("bot", "media:good.png")
