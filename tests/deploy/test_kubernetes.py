"""The manifests in `deploy/kubernetes` are valid and match the worker's settings."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from fakeredis import FakeRedis
from jsonschema import Draft202012Validator

from facelift.codes import WaitReason
from facelift.ledger.store import JobStore
from facelift.units import show_duration
from worker.http.addresses import METADATA, is_metadata
from worker.monitoring.collectors import PoolCollector
from worker.settings.load import load, unknown_variables
from worker.settings.model import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMA = json.loads(Path(__file__).with_name("scaledobject.schema.json").read_text())
OLDEST = "1.30"
BESIDES_THE_REQUEST = 20  # seconds to release the other jobs


def documents(pattern: str) -> dict[str, dict[str, Any]]:
    """By kind and name."""
    return {
        f"{each['kind']} {each['metadata']['name']}": each
        for file in sorted(FOLDER.glob(pattern))
        for each in yaml.safe_load_all(file.read_text("utf-8"))
    }


CORE = documents("*.yaml")
WORKER = CORE["Deployment facelift-worker"]["spec"]["template"]["spec"]
FLOWER = CORE["Deployment facelift-flower"]["spec"]["template"]["spec"]


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in pod["containers"][0]["env"]}


@pytest.mark.parametrize("name", CORE)
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_manifest_is_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(CORE[name], version, strict=True)


def test_scaled_object_is_valid() -> None:
    (scaled,) = documents("keda/*.yaml").values()
    Draft202012Validator(SCHEMA).validate(scaled)
    assert f"Deployment {scaled['spec']['scaleTargetRef']['name']}" in CORE


def test_scaling_uses_metrics_that_workers_export() -> None:
    (scaled,) = documents("keda/*.yaml").values()
    queries = [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    asked = set(re.findall(r"facelift_[a-z_]+", " ".join(queries)))
    with FakeRedis(decode_responses=True) as redis:
        exported = {metric.name for metric in PoolCollector(JobStore(redis).pool).collect()}
    assert asked <= exported
    assert len(asked) == 3
    assert set(re.findall(r'reason="(\w+)"', " ".join(queries))) <= set(WaitReason)


def test_grace_period_is_that_of_the_longest_request() -> None:
    request = settings_of_the_worker().request_timeout
    assert show_duration(request) == Settings.model_fields["request_timeout"].default
    grace = request + BESIDES_THE_REQUEST
    assert WORKER["terminationGracePeriodSeconds"] == grace
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert compose["services"]["worker"]["stop_grace_period"] == f"{grace:g}s"


def settings_of_the_worker() -> Settings:
    """The worker's settings in its environment."""
    plain = {name: each["value"] for name, each in environment(WORKER).items() if "value" in each}
    del plain["FACELIFT_API_KEY_FILE"]  # there is none here
    given = {"FACELIFT_REDIS_URL": "redis://redis", "FACELIFT_API_KEY": "key"}
    environ = CORE["ConfigMap facelift"]["data"] | plain | given
    assert list(unknown_variables(environ)) == []
    return load(environ)


@pytest.mark.parametrize("pod", [WORKER, FLOWER], ids=["worker", "flower"])
def test_pod_has_no_more_rights_than_it_needs(pod: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"livenessProbe", "readinessProbe", "resources"} <= set(container)


def test_secrets_are_given_by_reference_and_flower_gets_no_key() -> None:
    secrets = ("REDIS_URL", "BASIC_AUTH", "KEY_ID", "ACCESS_KEY")
    for pod in (WORKER, FLOWER):
        for name, each in environment(pod).items():
            if name.endswith(secrets):
                assert "secretKeyRef" in each["valueFrom"], name
    assert not any(kind.startswith("Secret ") for kind in CORE)
    assert set(environment(FLOWER)) == {"FACELIFT_REDIS_URL", "FLOWER_BASIC_AUTH"}
    assert "facelift-worker" not in json.dumps(FLOWER)


def test_flower_is_reached_within_the_cluster_only() -> None:
    assert CORE["Service facelift-flower"]["spec"]["type"] == "ClusterIP"


def test_network_policies_select_the_pods_and_leave_out_every_metadata_address() -> None:
    for name in ("worker", "flower"):
        policy = CORE[f"NetworkPolicy facelift-{name}"]["spec"]
        pods = CORE[f"Deployment facelift-{name}"]["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= pods.items()
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        (ingress,) = policy["ingress"]
        containers = (WORKER if name == "worker" else FLOWER)["containers"]
        assert ingress["ports"][0]["port"] == containers[0]["ports"][0]["containerPort"]
    policy = CORE["NetworkPolicy facelift-worker"]["spec"]
    blocks = [each["ipBlock"] for rule in policy["egress"] for each in rule.get("to", ())]
    assert {ip_network(each["cidr"]).version for each in blocks} == {4, 6}
    left_out = [ip_network(each) for block in blocks for each in block["except"]]
    assert all(is_metadata(str(each.network_address)) for each in left_out)
    assert set(left_out) == set(METADATA)


def test_compose_limits_memory_processes_and_logs_and_redis_has_a_password() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    for name, service in compose["services"].items():
        assert {"mem_limit", "pids_limit", "logging"} <= set(service), name
        assert "max-size" in service["logging"]["options"]
        for each in service.get("environment", ()):
            if each.startswith("FACELIFT_REDIS_URL="):
                assert "://:${FACELIFT_REDIS_PASSWORD:-" in each
    assert "--requirepass" in compose["services"]["redis"]["command"][-1]
