"""Model versions in MLflow: a mirror of the catalog, which stays the one source of truth.

MLflow is optional (the extra ``mlflow``), and nothing here imports it before it
is used. What is logged is a function of what the catalog holds, so what could
not be logged in its time can be logged later.
"""
