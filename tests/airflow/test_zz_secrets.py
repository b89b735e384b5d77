"""No secret is in anything that the deployment has told, whatever was done to it before."""

from planted import Webhook
from stack import Stack


def test_no_secret_is_in_a_log_or_a_rendered_field(
    stack: Stack, trained: str, webhook: Webhook
) -> None:
    assert trained
    secrets = stack.passwords | {"webhook": webhook.token}
    logs = [path for path in (stack.folder / "logs").rglob("*") if path.is_file()]
    assert len(logs) > 10
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert [name for name, secret in secrets.items() if secret in text] == [], path
    for told in (
        "select rendered_fields from rendered_task_instance_fields",
        "select data from serialized_dag",
        "select source_code from dag_code",
        "select conf from dag_run",
        "select extra from asset_event",
        "select extra from log",
    ):
        answer = stack.query(told)
        assert answer.strip(), told
        assert [name for name, secret in secrets.items() if secret in answer] == [], told
