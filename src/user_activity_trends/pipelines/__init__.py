"""The stages: one package, one namespace, one box in Kedro-Viz and one task in Airflow each."""
