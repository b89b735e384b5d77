"""Addresses of servers and databases, as they may be shown."""

import re
from urllib.parse import unquote

_TELLING = 3
"""Length from which part of a password is masked as well."""


def without_secrets(text: str, address: str) -> str:
    """Take user and password of an address out of a text.

    What stands between the scheme and the last ``@`` is never shown: a password may have
    any character there, also those that end it by the rules of addresses.

    Args:
        text: What is to be shown; perhaps the address itself, or part of it.
        address: Where the server is, as it was configured.

    >>> at = "postgresql://ann:p#s@s/word@db.example:5432/mlflow"
    >>> without_secrets(at, at)
    'postgresql://***@db.example:5432/mlflow'
    >>> without_secrets('role "ann" of db.example, password p#s@s/word', at)
    'role "ann" of db.example, password ***'
    >>> without_secrets("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db")
    'sqlite:////srv/mlflow.db'
    """
    _, _, rest = address.partition("://")
    known, at, _ = rest.rpartition("@")
    if at:
        password = known.partition(":")[2]
        text = text.replace(f"{known}@", "***@")
        # Whoever reads the address may take what follows an @ for the host.
        parts = (part for part in password.split("@") if len(part) >= _TELLING)
        for secret in filter(None, (password, unquote(password), *parts)):
            text = text.replace(secret, "***")
    return re.sub(r"(?<=://)[^\s/@]*:[^\s/@]*@", "***@", text)
