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
    # The operator has no field that is rendered: its table may be empty, the others may not.
    for table, column in (
        ("rendered_task_instance_fields", "rendered_fields"),
        ("serialized_dag", "data"),
        ("dag_code", "source_code"),
        ("dag_run", "conf"),
        ("asset_event", "extra"),
        ("log", "extra"),
    ):
        answer = stack.query(f"select {column} from {table}")  # noqa: S608 (names of ours)
        assert answer.strip() or table == "rendered_task_instance_fields", table
        assert [name for name, secret in secrets.items() if secret in answer] == [], table
