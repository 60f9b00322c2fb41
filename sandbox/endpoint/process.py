"""The sandbox endpoint in its own process, for tests, the demo and the benchmarks.

with EndpointProcess() as endpoint:
    endpoint.add_rule("bot-42", "status", status=500, times=2)
    ...
    assert [each.status for each in endpoint.arrivals()] == [500, 500, 200]
"""

import http.client
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from sandbox.child import ChildProcess
from sandbox.endpoint.operations import Asset
from sandbox.endpoint.request_log import ASSET_STATES, Arrival, AssetState

_START_SECONDS = 20.0
_STOP_SECONDS = 3.0
_CALL_SECONDS = 10.0


class EndpointProcess:
    """Starts the endpoint on entering the context and stops it on leaving.

    Stopped and started again, it has the same address.

    Args:
        api_keys: the keys that it accepts at first.
        port: to listen on; 0 for one that is free at the first start.
        options: further options of `facelift endpoint`, such as `("--latency", "50ms")`.

    Attributes:
        url: its base URL, once started.
        api_key: the first of its keys.
    """

    def __init__(
        self,
        *,
        api_keys: Sequence[str] = ("sandbox-key",),
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        self.url = ""
        self.api_key = api_keys[0]
        self._environment = {**os.environ, "FACELIFT_API_KEY": " ".join(api_keys)}
        self._command = [sys.executable, "-P", "-m", "sandbox.endpoint.cli", "--json", "--quiet"]
        self._command += options
        self._port = port
        self._process: ChildProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The id of its process; None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: it does not; the reason is on stderr.
        """
        command = [*self._command, f"--port={self._port}"]
        self._process = ChildProcess(command, stdout=subprocess.PIPE, env=self._environment)
        output = self._process.popen.stdout
        ready = output and select.select([output], [], [], _START_SECONDS)[0]
        line = output.readline() if output and ready else b""
        if not line:
            self.stop()
            raise RuntimeError("the sandbox endpoint does not start")
        self.url = json.loads(line)["url"]
        self._port = urlsplit(self.url).port or 0

    def stop(self) -> None:
        """Stop it, by force if it does not react; does nothing if it is not running."""
        process, self._process = self._process, None
        if process is not None:
            process.stop(_STOP_SECONDS)
            if process.popen.stdout:
                process.popen.stdout.close()

    def add_rule(self, chatbot_id: str, fault: str, **options: Any) -> None:  # noqa: ANN401 - see `rules`
        """Queue a rule, with `times`, `asset`, `action` and the options of its fault.

        Raises:
            ValueError: there is no such fault or option, or a value is not valid.
        """
        rule = {"chatbot_id": chatbot_id, "fault": fault, **options}
        self._call("POST", "rules", {"rules": [rule]})

    def clear_rules(self, chatbot_id: str | None = None) -> None:
        """Forget the rules of one chatbot ("*" for those of every one), or all of them."""
        query = {} if chatbot_id is None else {"chatbot_id": chatbot_id}
        self._call("DELETE", f"rules?{urlencode(query)}")

    def revoke(self, key: str) -> None:
        """Respond with 401 to this key from now on."""
        self._call("POST", "keys", {"revoke": [key]})

    def accept(self, key: str) -> None:
        """Accept this key from now on, whether it was known or not."""
        self._call("POST", "keys", {"accept": [key]})

    def arrivals(self, since: int = 0) -> list[Arrival]:
        """The log after number `since`, oldest first."""
        page = self._call("GET", f"arrivals?since={since}&limit={sys.maxsize}")
        return [Arrival(**each) for each in json.loads(page)["arrivals"]]

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset; docs/endpoint.md names them."""
        return dict(json.loads(self._call("GET", "stats")))

    def assets(self, chatbot_id: str | None = None) -> list[AssetState]:
        """What one chatbot shows (None: every one), for each asset that was ever changed."""
        query = {} if chatbot_id is None else {"chatbot_id": chatbot_id}
        page = json.loads(self._call("GET", f"assets?{urlencode(query)}"))
        return ASSET_STATES.validate_python(page["assets"])

    def image(self, chatbot_id: str, asset: Asset = "profile_picture") -> bytes | None:
        """The image that a chatbot has as this asset; None if it has none.

        Raises:
            ValueError: it was dropped to save memory.
        """
        query = urlencode({"chatbot_id": chatbot_id, "asset": asset})
        try:
            return self._call("GET", f"image?{query}")
        except LookupError:
            return None

    def reset(self) -> None:
        """Return it to the state of its start."""
        self._call("POST", "reset")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_CALL_SECONDS)
        try:
            connection.request(method, f"/_sandbox/{path}", json.dumps(body) if body else None)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status == http.HTTPStatus.NOT_FOUND:
            raise LookupError(answer.decode())
        if response.status != http.HTTPStatus.OK:
            raise ValueError("; ".join(json.loads(answer)["problems"]))
        return answer
