from __future__ import annotations

import logging
import os
import re
import threading
import traceback
from typing import TYPE_CHECKING

import pytest

from worker.monitoring.logs import Text
from worker.runtime.accounts import Accounts
from worker.settings.api_keys import read_key_file, read_keys

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "sk-canary"
GRACE = 600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    """The accounts `shop`, whose keys are in a secret file, and `default`, whose are not."""

    def __init__(self, folder: Path, keys: str, grace: float) -> None:
        self.clock = Clock()
        self.file = folder / "key"
        self.reported: list[str] = []
        self.write(keys)
        environ = {"FACELIFT_API_KEY": "sk-default", "FACELIFT_API_KEY_SHOP_FILE": str(self.file)}
        given, problems = read_keys(environ)
        assert problems == []
        self.accounts = Accounts(
            given, grace=grace, on_change=self.reported.append, monotonic=self.clock
        )

    def write(self, keys: str) -> None:
        self.file.write_text(keys)

    def change(self, keys: str) -> None:
        """Have the file hold these, and the worker see it."""
        self.write(keys)
        self.accounts.run_once()

    def keys(self) -> tuple[str, ...]:
        return tuple(self.accounts.keys("shop").values())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, "K1\n", GRACE)


@pytest.fixture
def pair(tmp_path: Path) -> World:
    return World(tmp_path, "K2\nK1\n", GRACE)


def test_each_account_has_its_key_however_it_is_spelled(world: World) -> None:
    assert world.accounts.names == ("default", "shop")
    assert [*world.accounts.keys("default").values()] == ["sk-default"]
    assert [*world.accounts.keys("Shop").values()] == ["K1"]
    assert world.accounts.keys("nobody") == {}


def test_of_a_pair_the_second_is_a_fallback_for_the_grace_period(pair: World) -> None:
    pair.clock.now += GRACE - 0.1
    assert pair.keys() == ("K2", "K1")
    pair.clock.now += 0.1
    assert pair.keys() == ("K2",)


def test_end_of_the_grace_period_is_reported_as_a_change(pair: World) -> None:
    pair.accounts.run_once()
    assert pair.reported == []
    pair.clock.now += GRACE
    for _ in range(2):
        pair.accounts.run_once()
    assert pair.reported == ["shop"]


def test_a_key_that_was_replaced_is_a_fallback_for_the_grace_period(world: World) -> None:
    world.clock.now += 5 * GRACE
    world.change("K2")
    world.clock.now += GRACE - 0.1
    assert world.keys() == ("K2", "K1")
    world.clock.now += 0.1
    assert world.keys() == ("K2",)


def test_without_a_grace_period_there_is_no_fallback(tmp_path: Path) -> None:
    world = World(tmp_path, "K2 K1", 0)
    assert world.keys() == ("K2",)
    world.change("K3")
    assert world.keys() == ("K3",)


def test_a_fallback_that_is_written_beside_its_successor_gets_no_more_time(world: World) -> None:
    world.change("K2")
    world.clock.now += GRACE / 2
    world.change("K2\nK1")
    world.clock.now += GRACE / 2
    assert world.keys() == ("K2",)


def test_a_fallback_that_is_taken_out_of_the_file_is_one_no_longer(pair: World) -> None:
    pair.change("K2")
    assert pair.keys() == ("K2",)


def test_the_key_before_the_one_before_is_forgotten(world: World) -> None:
    world.change("K2")
    world.change("K3")
    assert world.keys() == ("K3", "K2")


def test_a_change_can_be_taken_back(world: World) -> None:
    world.change("K2")
    world.change("K1")
    assert world.keys() == ("K1", "K2")


def test_a_changed_file_is_seen_by_a_round_and_reported_once(world: World) -> None:
    assert world.accounts.run_once() == 2.0
    assert world.reported == []
    world.change("K2")
    assert world.keys()[0] == "K2"
    world.accounts.run_once()
    assert world.reported == ["shop"]


def test_a_file_that_is_written_again_as_it_was_is_no_change(world: World) -> None:
    world.change("K1")
    assert world.reported == []
    assert world.accounts.refresh("shop") is False


def test_a_change_that_keeps_size_and_time_is_seen_by_a_round(world: World) -> None:
    before = world.file.stat()
    world.write("K2\n")
    os.utime(world.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    world.accounts.run_once()
    assert world.keys()[0] == "K2"


def test_a_link_that_is_swapped_as_kubernetes_does_is_a_change(tmp_path: Path) -> None:
    for version, key in (("..1", "K1"), ("..2", "K2")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "key").write_text(key)
        os.utime(tmp_path / version / "key", (1_000, 1_000))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/key")
    given, _ = read_keys({"FACELIFT_API_KEY_FILE": str(tmp_path / "key")})
    accounts = Accounts(given, grace=GRACE)
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    accounts.run_once()
    assert [*accounts.keys("default").values()] == ["K2", "K1"]


def test_refresh_reads_a_change_at_once_and_the_next_round_notifies(world: World) -> None:
    world.write("K2")
    assert world.accounts.refresh("SHOP") is True
    assert world.keys() == ("K2", "K1")
    assert world.reported == []
    assert world.accounts.refresh("shop") is False
    world.accounts.run_once()
    assert world.reported == ["shop"]


@pytest.mark.parametrize("account", ["default", "nobody"])
def test_an_account_without_a_file_cannot_be_refreshed(world: World, account: str) -> None:
    assert world.accounts.refresh(account) is False


def test_failed_notification_is_repeated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(world.accounts, "_on_change", fail)
    with pytest.raises(ConnectionError):
        world.change("K2")
    monkeypatch.setattr(world.accounts, "_on_change", world.reported.append)
    world.accounts.run_once()
    world.accounts.run_once()
    assert world.reported == ["shop"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "must name a readable file: No such file or directory"),
        ("", "names a file that is empty"),
        (f"Bearer {CANARY}", "must hold the bare key, without the word Bearer"),
        (f"{CANARY}\x00", "must hold the bare key: printable ASCII"),
        (f"{CANARY} a b", "must hold one key, or two separated by a space"),
    ],
)
def test_invalid_file_keeps_the_last_good_key_and_warns_once(
    world: World, caplog: pytest.LogCaptureFixture, content: str | None, why: str
) -> None:
    world.file.unlink()
    if content is not None:
        world.write(content)
    for _ in range(3):
        world.accounts.run_once()
        assert world.accounts.refresh("shop") is False
    assert world.keys() == ("K1",)
    (warned,) = caplog.messages
    assert warned.startswith(f"FACELIFT_API_KEY_SHOP_FILE {why}")
    assert warned.endswith("; its last good key stays in use")
    assert CANARY not in warned
    caplog.clear()
    caplog.set_level(logging.INFO)
    world.change("K1")
    assert caplog.messages == ["FACELIFT_API_KEY_SHOP_FILE is valid again"]
    assert world.reported == []


def test_one_bad_file_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("A", "B")}
    for file in files.values():
        file.write_text("K1")
    given, _ = read_keys({f"FACELIFT_API_KEY_{n}_FILE": str(f) for n, f in files.items()})
    accounts = Accounts(given, grace=GRACE)
    files["A"].unlink()
    files["B"].write_text("K2")
    accounts.run_once()
    assert [*accounts.keys("a").values()] == ["K1"]
    assert [*accounts.keys("b").values()] == ["K2", "K1"]


def test_key_has_one_fingerprint_on_every_worker(world: World, tmp_path: Path) -> None:
    (first,) = world.accounts.keys("shop")
    assert re.fullmatch("[0-9a-f]{12}", first)
    world.change("K2")
    second, previous = world.accounts.keys("Shop")
    assert (previous, second != first) == (first, True)
    (tmp_path / "other").mkdir()
    elsewhere = World(tmp_path / "other", "K1", GRACE)
    assert [*elsewhere.accounts.keys("shop")] == [first]


def test_a_change_is_one_line_without_the_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.change(f"{CANARY}-2 {CANARY}-1")
    (reported,) = caplog.records
    assert (
        Text()
        .format(reported)
        .endswith("API keys changed account=shop variable=FACELIFT_API_KEY_SHOP_FILE")
    )


def test_no_key_is_in_anything_that_is_shown(tmp_path: Path) -> None:
    world = World(tmp_path, f"{CANARY}-2 {CANARY}-1", GRACE)
    given, _ = read_keys({"FACELIFT_API_KEY": f"{CANARY}-2 {CANARY}-1"})
    inside = world.accounts._accounts["shop"]
    shown = [repr(given), repr(world.accounts), repr(inside), str(vars(world.accounts))]
    shown += [repr(value) for value in vars(inside).values()]
    world.write(f"{CANARY} {CANARY}-1 {CANARY}-2")
    with pytest.raises(ValueError, match="must hold one key") as caught:
        read_key_file(world.file)
    shown += traceback.format_exception(caught.value)
    assert "SecretStr('**********')" in "".join(shown)
    assert CANARY not in "".join(shown)


def test_threads_that_ask_while_keys_change_always_find_one(world: World) -> None:
    over = threading.Event()
    found: set[tuple[str, ...]] = set()

    def ask() -> None:
        while not over.is_set():
            found.add(world.keys())
            world.accounts.refresh("shop")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        staged = world.file.with_name("staged")
        staged.write_text(f"K{number}")
        staged.rename(world.file)
        world.accounts.run_once()
    over.set()
    for thread in threads:
        thread.join()
    assert () not in found
    assert world.keys()[0] == "K49" or world.keys()[1] == "K49"
    assert set(world.reported) == {"shop"}
