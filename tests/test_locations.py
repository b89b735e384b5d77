import pytest

from user_activity_trends.locations import environment_variable


@pytest.mark.parametrize(
    ("value", "found"), [(None, "data"), ("", "data"), ("out", "out"), ("~/out", "/home/her/out")]
)
def test_an_empty_variable_counts_as_not_set(
    value: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATA_ROOT", raising=False)
    monkeypatch.setenv("HOME", "/home/her")
    if value is not None:
        monkeypatch.setenv("DATA_ROOT", value)

    assert environment_variable("DATA_ROOT", "data") == found
