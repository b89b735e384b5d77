"""Is a part of the deployment well? ``python health.py PART``; exit code 0 is yes, 1 is no.

For the health checks in compose.yaml. `airflow jobs check` would say the same,
but needs 6 to 12 seconds of a processor each time.
"""

import json
import os
import socket
import sys
import urllib.request

API = "http://api-server:8080"
SCHEDULER = "http://127.0.0.1:8974"
SECONDS = 8

# Without a proxy, whatever the environment says: these addresses are the deployment's own.
_web = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def api_says(part: str) -> None:
    """Ask the api-server, which answers with status 200 also when a part is dead."""
    with _web.open(f"{API}/api/v2/monitor/health", timeout=SECONDS) as answer:
        status = json.load(answer)[part]["status"]
    if status != "healthy":
        sys.exit(f"{part}: {status}")


def worker_answers() -> None:
    """Send a ping through Redis to this container's worker."""
    from celery import Celery

    broker = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
    worker = f"celery@{socket.gethostname()}"
    if not broker.control.ping(destination=[worker], timeout=SECONDS, limit=1):
        sys.exit(f"{worker} does not answer")


def scheduler_answers() -> None:
    """Ask the scheduler's own health server, whose status is 503 when it is not well."""
    _web.open(f"{SCHEDULER}/health", timeout=SECONDS).close()


PARTS = {
    "api-server": lambda: api_says("metadatabase"),
    "dag-processor": lambda: api_says("dag_processor"),
    "scheduler": scheduler_answers,
    "triggerer": lambda: api_says("triggerer"),
    "worker": worker_answers,
}

if __name__ == "__main__":
    try:
        PARTS[sys.argv[1]]()
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
