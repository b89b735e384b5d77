"""Write airflow/.env with fresh random secrets: ``python3 tools/airflow_env.py``.

The file is for airflow/compose.yaml. One that exists is kept: with another
Fernet key Airflow can no longer read the connections in its database, and with
another password PostgreSQL, which keeps the first, refuses it.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "airflow/.env"


def fresh() -> dict[str, str]:
    """Return the variables of the file; no value needs quoting, in an address neither."""
    return {
        "COMPOSE_PROJECT_NAME": "user_activity_trends",
        "POSTGRES_PASSWORD": secrets.token_hex(32),
        "REDIS_PASSWORD": secrets.token_hex(32),
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_hex(18),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_API_SECRET_KEY": secrets.token_hex(32),
    }


def write(path: Path) -> None:
    """Write the file; nobody but its owner can read it at any time.

    Raises:
        FileExistsError: It exists already; it was not changed.
    """
    text = "".join(f"{name}={value}\n" for name, value in fresh().items())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def main() -> None:
    """Write the file, or say why not and exit with 1."""
    try:
        write(FILE)
    except FileExistsError:
        sys.exit(
            f"{FILE} exists and was not changed: the database and the connections in it depend "
            "on its secrets. Move it away only where there is no deployment yet."
        )
    sys.stdout.write(f"{FILE}: fresh secrets, mode 600. Keep a copy in a safe place.\n")


if __name__ == "__main__":
    main()
