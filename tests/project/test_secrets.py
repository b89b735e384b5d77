"""The scanner of ``make check`` finds secrets such as a deployment has, and nothing is ignored."""

import base64
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(sys.executable).with_name("detect-secrets-hook")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (".env", "POSTGRES_PASSWORD={password}"),
        ("compose.yaml", 'AIRFLOW__CORE__FERNET_KEY: "{fernet_key}"'),
        ("compose.yaml", "URL: postgresql://airflow:{password}@postgres/airflow"),
        ("airflow.yml", "jwt_secret: {password}"),
        ("key.pem", "-----BEGIN {rsa} PRIVATE KEY-----"),
    ],
)
def test_a_planted_secret_fails_the_check(tmp_path: Path, name: str, line: str) -> None:
    planted = line.format(
        password=secrets.token_hex(24),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        rsa="RSA",
    )
    (tmp_path / name).write_text(f"{planted}\n", encoding="utf-8")

    done = subprocess.run([HOOK, name], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"{name}:" in done.stdout
