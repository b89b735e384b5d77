"""What tests plant beside the deployment: faults in its tasks, and a webhook."""

import json
import secrets
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Faults:
    """Faults in the tasks; see ``test_project/fault_hooks.py``."""

    folder: Path

    def plant(self, name: str) -> Path:
        """Plant a fault and return its file."""
        planted = self.folder / name
        planted.touch()
        return planted

    def clear(self) -> None:
        """Remove all faults and traces of faults."""
        for file in self.folder.iterdir():
            file.unlink()


class Webhook:
    """A server on the loopback interface that keeps what is posted to it."""

    def __init__(self) -> None:
        """Start it."""
        self.token = secrets.token_hex(16)
        self.messages: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == f"/{hook.token}":
                    hook.messages.append(json.loads(content))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{self.token}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def about(self, run_id: str) -> list[dict[str, Any]]:
        """Return the messages about a run."""
        return [message for message in self.messages if message["run_id"] == run_id]

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
