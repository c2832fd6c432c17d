"""The Kubernetes manifests fit the bot: its drain, its settings, its health check, and the image's user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import cli
from relay.cluster.shard_plan import DRAIN_S
from settings.model import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SECRETS = {"DISCORD_TOKEN", "DATABASE_URL", "ENCRYPTION_KEY"}


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return document


@pytest.fixture
def deployment() -> dict[str, Any]:
    found = _read("deployment.yaml")
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
    spec: dict[str, Any] = found["spec"]
    return spec


@pytest.fixture
def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = deployment["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    found: dict[str, Any] = only
    return found


def test_there_is_only_a_deployment_and_its_budget() -> None:
    kinds = {yaml.safe_load(path.read_text())["kind"] for path in FOLDER.iterdir()}
    assert kinds == {"Deployment", "PodDisruptionBudget"}


def test_labels_and_selectors_agree(deployment: dict[str, Any], pod: dict[str, Any]) -> None:
    labels = deployment["template"]["metadata"]["labels"]
    budget = _read("disruption-budget.yaml")["spec"]
    (spread,) = pod["topologySpreadConstraints"]
    for selector in (deployment["selector"], budget["selector"], spread["labelSelector"]):
        assert selector == {"matchLabels": labels}


def test_a_process_has_time_to_hand_over_before_it_is_killed(pod: dict[str, Any]) -> None:
    assert pod["terminationGracePeriodSeconds"] > cli._SECONDS_TO_HAND_OVER > DRAIN_S


def test_an_update_starts_a_new_process_before_it_ends_an_old_one(deployment: dict[str, Any]) -> None:
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["type"] == "RollingUpdate"
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert deployment["minReadySeconds"] >= DRAIN_S


def test_node_drains_end_one_process_at_a_time() -> None:
    budget = _read("disruption-budget.yaml")
    assert (budget["apiVersion"], budget["spec"]["maxUnavailable"]) == ("policy/v1", 1)


def test_nodes_can_be_drained_while_the_database_is_down() -> None:
    assert _read("disruption-budget.yaml")["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_first_start_has_as_long_as_under_systemd(container: dict[str, Any]) -> None:
    minutes = re.search(r"(?m)^TimeoutStartSec=(\d+)min$", (ROOT / "deploy/pixverse-relay.service").read_text())
    assert minutes is not None
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 60 * int(minutes[1])


def test_the_documented_builds_can_be_run() -> None:
    builds = re.findall(r"(?m)^docker build .*$", (ROOT / "docs/scaling.md").read_text())
    assert builds
    image = re.compile(r"docker build --build-arg LOCK=postgres --tag \S+/pixverse-relay:\S+ \.")
    assert all(image.fullmatch(build) for build in builds)


def test_settings_are_the_bot_s_and_secrets_come_from_a_secret(container: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in container["env"]}
    assert variables.keys() <= VARIABLES.keys()
    assert {name for name, variable in variables.items() if "value" not in variable} == SECRETS
    for name in SECRETS:
        assert variables[name]["valueFrom"]["secretKeyRef"] == {"name": "pixverse-relay", "key": name}


def test_the_documented_command_creates_that_secret() -> None:
    text = (ROOT / "docs/scaling.md").read_text()
    command = re.search(r"kubectl create secret generic pixverse-relay(?:.*\\\n)*.*", text)
    assert command is not None
    assert set(re.findall(r"--from-literal=(\w+)=", command[0])) == SECRETS


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe"])
def test_probes_use_the_port_that_serves_health(container: dict[str, Any], probe: str) -> None:
    (port,) = container["ports"]
    values = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert values["HTTP_PORT"] == str(port["containerPort"])
    assert values["HTTP_HOST"] == "0.0.0.0"
    assert container[probe]["httpGet"] == {"path": "/healthz", "port": port["name"]}


def test_only_hung_loops_end_a_process(container: dict[str, Any]) -> None:
    program, script, argument = container["livenessProbe"]["exec"]["command"]
    assert f'ENTRYPOINT ["{program}"' in DOCKERFILE
    assert f"COPY deploy/healthcheck.py {script}" in DOCKERFILE
    assert argument == "--loops"


def test_the_container_is_read_only_and_limited(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert f"--uid {pod['securityContext']['runAsUser']} " in DOCKERFILE
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/app/data", "/tmp"}
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"])
