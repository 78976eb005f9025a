"""The files that set up, start and describe: what they promise is true."""

import os
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_no_host_is_named_in_the_lock() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_every_make_target_that_is_documented_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "demo-fresh", "up", "test", "check", "lock"):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_the_ci_script_can_be_run_and_refuses_without_the_specs(tmp_path: Path) -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    environment = {"PATH": os.environ["PATH"], "AFTERWORD_SPECS": str(tmp_path)}
    result = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "AFTERWORD_SPECS" in result.stderr


def test_every_variable_that_the_code_reads_is_explained() -> None:
    explained = set(re.findall(r"^([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    promised = """
        AFTERWORD_HOME AFTERWORD_LEDGER_URL AFTERWORD_PUBLIC_URL AFTERWORD_NOW AFTERWORD_SETTLE_SECONDS
        TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_FROM TWILIO_MESSAGING_SERVICE_SID TWILIO_WHATSAPP_FROM
        AFTERWORD_TWILIO_URL AFTERWORD_MAILGUN_URL MAILGUN_API_KEY MAILGUN_DOMAIN MAILGUN_WEBHOOK_KEY
        AFTERWORD_SMTP_URL AFTERWORD_LOCAL_USER
    """
    assert set(promised.split()) <= explained


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
