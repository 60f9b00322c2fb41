"""`facelift endpoint` as a person runs it, and the handle with which programs do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

import pytest
import requests
from click.testing import CliRunner

from sandbox.endpoint.cli import endpoint as command
from sandbox.endpoint.process import EndpointProcess
from sandbox.endpoint.rules import Rule
from tests.sandbox.test_endpoint_driver import connect, on_the_wire, prepared, upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "sandbox.endpoint.cli"]


@contextmanager
def running(*options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if name != "FACELIFT_API_KEY"}
    process = subprocess.Popen(
        [*COMMAND, "--port=0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | variables,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def refused(*options: str) -> str:
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 2
    return result.output


def test_it_says_where_it_listens_and_reports_each_request(traced: dict[str, str]) -> None:
    with running(**traced) as process:
        line = first_line(process)
        assert line.startswith("Sandbox endpoint listening on http://127.0.0.1:")
        url = line.split()[-1]
        requests.get(f"{url}/a\x1b[31m", timeout=10)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=5)

    assert output == ""
    assert len(errors.splitlines()) == 1
    assert "#1  'GET /a\\x1b[31m'  404" in errors
    assert process.returncode == 0


def test_quiet_reports_nothing_and_json_says_it_to_programs() -> None:
    with running("--quiet", "--json") as process:
        ready = json.loads(first_line(process))
        assert ready["pid"] == process.pid
        requests.get(ready["url"], timeout=10)
        process.send_signal(signal.SIGTERM)

        assert process.communicate(timeout=5) == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_within_a_second_with_slow_requests_in_flight(number: signal.Signals) -> None:
    rules = ["* delay seconds=60 times=1", "* trickle seconds=9 times=1", "* huge_body times=1"]
    with EndpointProcess(options=[f"--fault={rule}" for rule in rules]) as endpoint:
        connections = [connect(endpoint) for _ in rules]
        for connection in connections:
            connection.sendall(on_the_wire(prepared(endpoint)))
        while endpoint.stats()["applied"] < len(rules):
            time.sleep(0.01)
        assert endpoint._process
        process = endpoint._process.popen
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - started < 1
        for connection in connections:
            connection.close()


def test_500_500_200_from_the_command_line() -> None:
    with EndpointProcess(options=["--fault", "bot-1 500 times=2"]) as endpoint:
        assert [upload(endpoint).status_code for _ in range(3)] == [500, 500, 200]


def test_a_file_of_rules_applies_before_the_command_line(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"rules": [{"fault": "html", "times": 1}]}')
    options = ["--rules", str(rules), "--fault", """* 418 times=1 'headers={"A": "b"}'"""]
    with EndpointProcess(options=options) as endpoint:
        responses = [upload(endpoint) for _ in range(3)]

    assert [each.status_code for each in responses] == [502, 418, 200]
    assert responses[1].headers["A"] == "b"


def test_latency_is_added_to_answers_without_a_rule() -> None:
    with EndpointProcess(options=["--latency", "200ms", "--fault", "* 500 times=1"]) as endpoint:
        upload(endpoint)
        upload(endpoint)
        by_rule, normal = endpoint.arrivals()

    assert by_rule.ended_at
    assert normal.ended_at
    assert by_rule.ended_at - by_rule.headers_at < 0.2
    assert normal.ended_at - normal.headers_at >= 0.2


def test_the_rate_limit_refuses_as_v2_does() -> None:
    with EndpointProcess(api_keys=["a", "b"], options=["--rate-limit", "2/60s"]) as endpoint:
        allowed, _, refused = [upload(endpoint) for _ in range(3)]
        other_key = upload(endpoint, key="b")
        endpoint.reset()
        after_reset = upload(endpoint)

    assert [each.status_code for each in (allowed, refused, other_key, after_reset)] == [
        200,
        429,
        200,
        200,
    ]
    assert refused.json()["error"]["code"] == "RATE_LIMIT_TOO_MANY_REQUESTS"
    assert allowed.headers["X-RateLimit-Limit"] == "2"
    assert allowed.headers["X-RateLimit-Remaining"] == "1"
    assert 0 < int(refused.headers["X-RateLimit-Reset"]) - time.time() < 61
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "Retry-After" not in allowed.headers


def test_every_response_to_a_known_key_states_the_rate_limit() -> None:
    with EndpointProcess(options=["--rate-limit", "5/60s"]) as endpoint:
        endpoint.add_rule("bot-1", "status", status=500, times=1)
        endpoint.add_rule("bot-1", "html", times=1)
        endpoint.add_rule("bot-1", "trickle", seconds=0, times=1)
        answers = [upload(endpoint) for _ in range(4)] + [upload(endpoint, chatbot_id=None)]
        stranger = upload(endpoint, key="unknown")

    assert [each.status_code for each in answers] == [500, 502, 200, 200, 400]
    assert [each.headers["X-RateLimit-Remaining"] for each in answers] == list("43210")
    assert "X-RateLimit-Limit" not in stranger.headers


def test_counts_show_how_strictly_the_rate_limit_was_kept() -> None:
    with EndpointProcess(api_keys=["a", "b"], options=["--rate-limit", "2/60s"]) as endpoint:
        for key in ("a", "a", "a", "a", "b", "unknown"):
            upload(endpoint, key=key)
        stats = endpoint.stats()
        keys = [each.key for each in endpoint.arrivals()]

    assert stats["refused"] == 2
    assert stats["busiest"] == {keys[0]: 4, keys[4]: 1}


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False
        )

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Error: Port {port} on 127.0.0.1 is in use; choose another with --port (0: any free).\n"
    )


def test_a_host_of_another_machine_is_one_sentence() -> None:
    result = subprocess.run(
        [*COMMAND, "--host", "192.0.2.1", "--port=0"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert result.stderr.startswith("Error: Cannot listen on 192.0.2.1, port 0: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "value", "right"),
    [
        ("--latency", "fast", "100ms"),
        ("--latency", "100", "100ms"),
        ("--rate-limit", "0/10s", "must allow from 1 to 1000000 requests"),
        ("--rate-limit", "5/0s", "must have a window from 100ms to 1d"),
        ("--rate-limit", "100", "100/10s"),
        ("--port", "70000", "0<=x<=65535"),
        ("--fault", "bot-1", "'bot-42 500 times=2'"),
        ("--fault", "bot-1 500 twice", "'bot-42 500 times=2'"),
        ("--fault", "bot-1 99", "status.status: Input should be greater than or equal to 200"),
        ("--fault", "bot-1 dance", "rules.0: Input tag 'dance' found"),
        ("--rules", "/no/such/file", "No such file"),
    ],
)
def test_a_bad_value_names_the_option_and_what_would_be_right(
    option: str, value: str, right: str
) -> None:
    output = refused(option, value)

    assert f"'{option}'" in output
    assert right in output


def test_a_bad_file_of_rules_names_the_rule_and_its_field(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(
        '{"rules": [{"fault": "html"}, {"fault": "delay"}, {"fault": "trickle", "x": 1}]}'
    )
    output = refused("--rules", str(rules))

    assert "rules.1.delay.seconds: Field required" in output
    assert "rules.2.trickle.x: Extra inputs are not permitted" in output


def test_a_file_of_rules_that_is_not_json_is_reported(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text("{rules: []}")

    assert "Invalid JSON: key must be a string" in refused("--rules", str(rules))


def test_rules_that_would_never_apply_are_refused() -> None:
    output = refused("--fault", "bot-1 500", "--fault", "bot-1 404")

    assert "rules.1: would never apply" in output


def test_the_help_teaches_500_500_200_and_how_to_point_a_worker_at_it() -> None:
    output = CliRunner().invoke(command, ["--help"]).output

    assert "facelift endpoint --fault 'bot-42 500 times=2'" in output
    assert "export FACELIFT_ENDPOINT_URL=http://127.0.0.1:8800" in output


def test_the_help_names_every_behaviour_and_option() -> None:
    output = CliRunner().invoke(command, ["--help"]).output
    for rule in get_args(Rule):
        assert get_args(rule.model_fields["fault"].annotation)[0] in output
        options = set(rule.model_fields) - {"chatbot_id", "fault"}
        assert not [name for name in options if f"{name}=" not in output]


def test_the_key_is_not_on_the_command_line() -> None:
    with EndpointProcess(api_keys=["a-secret-key"]) as endpoint:
        assert "a-secret-key" not in " ".join(endpoint._command)
        assert upload(endpoint).status_code == 200


def test_the_handle_stops_its_process_and_can_start_it_again() -> None:
    endpoint = EndpointProcess()
    endpoint.start()
    first = endpoint.pid
    endpoint.stop()
    endpoint.stop()

    assert endpoint.pid is None
    with pytest.raises(ConnectionRefusedError):
        endpoint.stats()
    with endpoint:
        assert endpoint.pid != first
        assert upload(endpoint).status_code == 200


def test_the_handle_starts_again_at_the_same_address_whatever_was_connected() -> None:
    with EndpointProcess() as endpoint:
        url = endpoint.url
        for _ in range(2):
            with requests.Session() as session:
                session.send(prepared(endpoint), timeout=10)
                endpoint.stop()  # first, so that its side of the connection lingers
                with pytest.raises(requests.ConnectionError):
                    upload(endpoint)
                endpoint.start()
            assert endpoint.url == url
            assert upload(endpoint).status_code == 200


def test_the_handle_kills_a_process_that_does_not_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.endpoint.process._STOP_SECONDS", 0.2)
    with EndpointProcess() as endpoint:
        assert endpoint.pid
        pid = endpoint.pid
        os.kill(pid, signal.SIGSTOP)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_handle_says_that_its_process_does_not_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        endpoint = EndpointProcess(port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="does not start"):
            endpoint.start()

    assert endpoint.pid is None
