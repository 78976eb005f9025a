"""The files that set up, start and describe: what they promise is true."""

import os
import re
import subprocess
from pathlib import Path
from pkgutil import resolve_name

import yaml
from pydantic_settings import BaseSettings

from connectors.smtp_settings import Relay
from pipelines import checks

ROOT = Path(__file__).parents[2]


def test_no_host_is_named_in_the_lock() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_every_make_target_that_is_documented_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "demo-fresh", "up", "test", "test-demo", "check", "lock"):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_the_ci_script_can_be_run_and_refuses_without_the_specs(tmp_path: Path) -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    environment = {"PATH": os.environ["PATH"], "AFTERWORD_SPECS": str(tmp_path)}
    result = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "AFTERWORD_SPECS" in result.stderr


def test_every_part_of_the_operations_page_that_doctor_names_is_there() -> None:
    headings = {
        line.lstrip("# ") for line in (ROOT / "docs" / "operations.md").read_text().splitlines() if line[:2] == "##"
    }
    named = re.findall(r"See docs/operations\.md, (.+?)\.\"", (ROOT / "pipelines" / "doctor.py").read_text())
    assert named
    assert set(named) <= headings


def read_by(settings: type[BaseSettings]) -> set[str]:
    """The variables that a settings class reads."""
    prefix = settings.model_config.get("env_prefix", "")
    return {str(field.validation_alias or f"{prefix}{name}").upper() for name, field in settings.model_fields.items()}


def test_every_variable_that_the_code_reads_is_explained() -> None:
    explained = set(re.findall(r"^([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    by_classes, by_hand = set[str](), set[str]()
    for folder in ("connectors", "dashboard", "data", "invitations", "pipelines", "web"):
        for file in (ROOT / folder).rglob("*.py"):
            code = file.read_text()
            by_hand |= set(re.findall(r"(?:environ(?:\.get)?|getenv)[(\[]\s*\"([A-Z_]+)\"", code))
            for name in re.findall(r"^class (\w+)\((?:BaseSettings|FromEnvironment)\)", code, re.MULTILINE):
                module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                by_classes |= read_by(resolve_name(f"{module}:{name}"))
    assert {"AFTERWORD_HOME", "TWILIO_WEBHOOK_SECRET", "MAILGUN_FROM", "AFTERWORD_TICK_SECONDS"} <= by_classes
    ours = {name for name in by_classes | by_hand if name.startswith(("AFTERWORD_", "TWILIO_", "MAILGUN_"))}
    for_tests = {"AFTERWORD_TEST_POSTGRES", "AFTERWORD_SPECS"}
    assert ours == explained - for_tests, "a variable that is read and not explained, or explained and not read"


def test_the_example_of_a_relay_is_one_that_can_be_used() -> None:
    example = re.search(r"'(smtp\+starttls://\S+)'", (ROOT / ".env.example").read_text())
    assert example is not None
    assert Relay.parse(example[1]).sender == "reviews@example.com"


def test_a_copy_of_the_example_can_be_read_by_a_shell() -> None:
    script = f"set -eu; . {ROOT / '.env.example'}; echo $AFTERWORD_HOME"
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "data/local"


def test_every_check_is_explained_to_the_operator() -> None:
    told = (ROOT / "docs" / "operations.md").read_text()
    for check in checks.ALL:
        for key in check.check_keys:
            assert f"`{key.name}`" in told


def test_dagster_keeps_to_this_machine_and_never_retries_a_failed_step() -> None:
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert settings["telemetry"]["enabled"] is False
    assert settings["concurrency"]["pools"]["granularity"] == "op"
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_the_workspace_can_be_loaded_from_any_folder() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    module = workspace["load_from"][0]["python_module"]
    assert module["module_name"] == "pipelines.definitions"
    assert "working_directory" not in module
