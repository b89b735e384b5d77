"""Open MLflow's user interface on the store that ``mlflow.yml`` names."""

import os
import socket
import sys
from pathlib import Path

import click
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from user_activity_trends.cli import readable
from user_activity_trends.tracking import server
from user_activity_trends.tracking.addresses import without_secrets


def main() -> None:
    """Show where the interface is, or become it where there is no server."""
    project = Path.cwd()
    bootstrap_project(project)
    session = KedroSession.create(project_path=project, save_on_close=False)
    with readable(), session:
        settings = server.read_settings(session.load_context())
    address = settings.server.mlflow_tracking_uri
    if address.startswith(("http://", "https://")):
        shown = without_secrets(address, address)
        click.echo(f"the tracking server has the user interface: {shown}")
        return
    where, port = settings.ui.host, settings.ui.port
    _must_be_free(where, int(port))
    created = settings.tracking.experiment.create_experiment_kwargs
    # By environment: other users of the machine can read the arguments of a process.
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": address,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": created.artifact_location,
        # A dozen processes for evaluations that this project does not use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    click.echo(f"MLflow, in a few seconds: http://{where}:{port} (Ctrl-C ends it)")
    command = [sys.executable, "-m", "mlflow", "ui", "--host", where, "--port", port]
    os.execve(sys.executable, command, environment)  # noqa: S606 (Ctrl-C shall reach it)


def _must_be_free(host: str, port: int) -> None:
    """Refuse a port at which another program answers, whose address would be told."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            msg = f"{host}:{port}: {error.strerror}; set MLFLOW_PORT to a free port"
            raise SystemExit(msg) from error


if __name__ == "__main__":
    main()
