"""The scanner of ``make check`` finds secrets such as a deployment has, and nothing is ignored."""

import base64
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(sys.executable).with_name("detect-secrets-hook")


def _password() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        (".env", f"POSTGRES_PASSWORD={_password()}\n"),
        ("compose.yaml", f'environment:\n  AIRFLOW__CORE__FERNET_KEY: "{_fernet_key()}"\n'),
        ("compose.yaml", f"URL: postgresql://airflow:{_password()}@postgres/airflow\n"),
        ("airflow.yml", f"jwt_secret: {_password()}\n"),
        ("key.pem", f"-----BEGIN {'RSA'} PRIVATE KEY-----\n"),
    ],
)
def test_a_planted_secret_fails_the_check(tmp_path: Path, name: str, planted: str) -> None:
    (tmp_path / name).write_text(planted, encoding="utf-8")

    done = subprocess.run([HOOK, name], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"{name}:" in done.stdout
