"""Whether model versions are mirrored, and that no run breaks where they cannot be."""

import importlib.util
import logging
from collections.abc import Collection, Mapping
from typing import Any

from user_activity_trends.tracking.addresses import without_secrets
from user_activity_trends.tracking.params import TrackingParams
from user_activity_trends.tracking.versions import Versions

logger = logging.getLogger(__name__)


def installed() -> bool:
    """Tell whether the extra ``mlflow`` is installed, without importing it."""
    return all(map(importlib.util.find_spec, ("mlflow", "kedro_mlflow")))


def enabled(context: Any, pipelines: Collection[str] = ()) -> bool:
    """Tell whether model versions are mirrored.

    Args:
        context: Kedro's context.
        pipelines: What runs; ``mlflow.yml`` may leave pipelines out, by name.
    """
    if not (installed() and params(context).enabled):
        return False
    tracking = context.config_loader["mlflow"].get("tracking", {})
    left_out = tracking.get("disable_tracking", {}).get("pipelines", [])
    return not {*pipelines} & {*left_out}


def params(context: Any) -> TrackingParams:
    """Return the block ``tracking`` of the parameters."""
    return TrackingParams.model_validate(context.config_loader["parameters"]["tracking"])


def mirror(
    context: Any,
    store: Versions,
    *,
    trained: str | None = None,
    figures: Mapping[str, Any] | None = None,
) -> list[str]:
    """Bring MLflow up to date with the catalog: versions that it lacks, then the aliases.

    What a run calls when it has trained, and what every command calls that
    changes which model is in use. Without MLflow it does nothing. The catalog is
    the truth and complete by then, so whatever goes wrong with MLflow is told
    once, as a warning, and breaks nothing.

    Args:
        context: Kedro's context.
        store: The versions that the catalog holds.
        trained: The version that the calling run has made or judged, if it has.
        figures: Plotly figures of the model in use by name.

    Returns:
        The versions that were logged.

    Raises:
        SettingError: ``mlflow.yml`` is not accepted.
    """
    if not enabled(context):
        if not installed() and params(context).enabled and _has_been_used(context):
            logger.warning(
                "MLflow is not installed here, so its aliases stay as they are; the next run or "
                "command in its environment (.venv-mlflow) lets them follow"
            )
        return []
    from user_activity_trends.tracking import server

    server.limit_patience()
    settings, chosen = server.read_settings(context), params(context)
    model = chosen.model_of(context.config_loader["parameters"]["recipe"])
    later = chosen.when_unreachable == "later"
    own = [trained] if trained else []
    with server.quiet():
        try:
            from user_activity_trends.tracking.mirror import Mirror

            mirrored = Mirror(model, server.connect(settings, context))
            if foreign := mirrored.foreign(store):
                logger.warning(
                    "MLflow: %s. It is of another DATA_ROOT, or of files that were since removed "
                    "or replaced, so nothing was logged and no alias was changed. Set "
                    "tracking.registered_model to a name of its own (parameters_tracking.yml, "
                    "e.g. in conf/local), or, if those files are gone, delete the registered "
                    "model in MLflow",
                    foreign,
                )
                return []
            logged = mirrored.mirror_all(store, only=None if later else own)
            champion = store.champion()
            if champion is not None and figures:
                mirrored.log_figures(champion.version, figures)
        except Exception as error:  # noqa: BLE001 (what servers, databases and networks raise)
            _warn(error, settings.server.mlflow_tracking_uri, later=later)
            return []
    for version in logged:
        logger.info("logged in MLflow: %s %s", model, version)
    return logged


def _has_been_used(context: Any) -> bool:
    """Tell whether there is an MLflow that may know of models, without asking it."""
    address = str(context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"])
    file = context.project_path / address.removeprefix("sqlite:///")
    return not address.startswith("sqlite:") or bool(file.exists())


def _warn(error: Exception, address: str, *, later: bool) -> None:
    reason = str(error).strip().partition("\n")[0] or "no reason given"
    logger.warning(
        "MLflow (%s) could not be brought up to date (%s: %s). Everything is in the catalog; what "
        "MLflow lacks, %s (tracking.when_unreachable is %s)",
        without_secrets(address, address),
        type(error).__name__,
        without_secrets(reason, address),
        "the next training run adds" if later else "it will not get",
        "later" if later else "never",
    )
    logger.debug("what MLflow raised", exc_info=error)
