"""What the DAGs of ``user_activity_trends`` need on the Airflow side: an operator, a notifier.

This folder is Airflow's plugins folder. It imports nothing of the project, which
lives in an environment of its own. Airflow imports each file here under its bare
name as well, so none may be called like a module of the standard library.
"""
