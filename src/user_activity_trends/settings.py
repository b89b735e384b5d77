"""Settings of the Kedro project."""

import os
import warnings
from typing import Any

from user_activity_trends import logs
from user_activity_trends.files import atomic
from user_activity_trends.hooks import RetentionHooks, RunHooks
from user_activity_trends.kedro_session import RunSession
from user_activity_trends.locations import environment_variable, output_root
from user_activity_trends.tracking.hooks import TrackingHooks

# Kedro registers its resolvers through a name that OmegaConf 2.4 calls deprecated.
warnings.filterwarnings("ignore", message=r"register_new_resolver\(\) is deprecated")

# MLflow's telemetry, as Kedro's (.telemetry), is off. It knows DO_NOT_TRACK by another value.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

atomic.install()
logs.install()

SESSION_CLASS = RunSession
# The last of those that come last: what is removed was mirrored, if MLflow has answered.
HOOKS = (RunHooks(), TrackingHooks(), RetentionHooks())
# It would ask MLflow's server before and while nodes run; tracking/hooks.py says more.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)

CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {
        "airflow": ["airflow*", "airflow/**"],
        "mlflow": ["mlflow*", "mlflow/**"],
    },
    # An environment overrides leaves; without this its keys would replace whole blocks.
    "merge_strategy": dict.fromkeys(
        ("parameters", "catalog", "globals", "airflow", "mlflow"), "soft"
    ),
    "custom_resolvers": {
        # Not oc.env: Kedro takes that one away after it has read the credentials.
        "environment": environment_variable,
        "output_root": output_root,
    },
}
