"""What happens around a run: parameters are checked before, results are shown after."""

import logging
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from user_activity_trends import locations, logs, summary
from user_activity_trends.errors import ColumnsError, InputFileError, SettingError
from user_activity_trends.files import atomic

logger = logging.getLogger(__name__)

_FOLLOWERS = ("model_in_use", "reigning_champion", "earlier_lineage")


class RunHooks:
    """Check the parameters, clean up, time the stages, and report at the end."""

    def __init__(self) -> None:
        self._output_root: Path | None = None
        self._parameters: dict[str, Any] = {}
        self._carried: list[str] = []
        self._begun = 0.0
        self._started: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._saved: set[str] = set()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse parameters that are not known, before any node runs."""
        from user_activity_trends.parameters import check_parameters

        self._begun = time.perf_counter()
        logs.check_format()
        checked = check_parameters(context.config_loader["parameters"])
        self._parameters, self._carried = checked.model_dump(mode="json"), checked.columns.carried
        root = str(context.config_loader["globals"]["data_root"])
        self._output_root = None if "://" in root else context.project_path / root

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Let the datasets that follow others know where these are."""
        for name in _FOLLOWERS:
            catalog[name].connect(catalog)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Remove what a run that died has left, and make sure that the inputs are there."""
        self._saved.clear()
        given = (run_params["runtime_params"] or {}).get("new_sessions_file")
        if "new_sessions" in pipeline.inputs() and not given:
            own = self._is_about_own_sessions(catalog, trains="sessions" in pipeline.inputs())
            self._leave_out_the_sample(catalog, own=own)
        self._started, self._seconds = {}, defaultdict(float)
        catalog["run_context"].tell(self._parameters)
        if self._output_root is not None:
            for leftover in atomic.remove_leftovers(self._output_root):
                logger.info("removed what an interrupted run has left: %s", leftover)
        inputs = [name for name in sorted(pipeline.inputs()) if not name.startswith("param")]
        if "champion" in pipeline.all_outputs():
            inputs = [name for name in inputs if name != "model_in_use"]  # it may be the first
        for name in inputs:
            self._check_input(name, catalog)
        if "valid_sessions" in pipeline.all_outputs():
            self._keep_the_sample_away(catalog)
        if {"sessions", "new_sessions"} <= set(inputs):
            self._refuse_new_sessions_early(catalog)

    @staticmethod
    def _is_about_own_sessions(catalog: CatalogProtocol[Any, Any], *, trains: bool) -> bool:
        """Tell whether the model that scores is not that of the embedded sample."""
        if trains:
            return not locations.is_sample(getattr(catalog["sessions"], "file", None))
        return catalog["champion"].exists() and not catalog.load("champion")["sample"]

    @staticmethod
    def _leave_out_the_sample(catalog: CatalogProtocol[Any, Any], *, own: bool) -> None:
        """Score nothing if there are no new sessions: the sample is not for one's own model."""
        new = getattr(catalog["new_sessions"], "file", None) or ""
        if new.endswith(locations.SAMPLE_NEW_SESSIONS) and (
            own or not catalog["new_sessions"].exists()
        ):
            catalog["new_sessions"].leave_out()

    @staticmethod
    def _check_input(name: str, catalog: CatalogProtocol[Any, Any]) -> None:
        dataset = catalog[name]
        file = getattr(dataset, "file", "")
        if file is None and name == "sessions":
            msg = "sessions: no file is given; name one (sessions_file)"
            raise InputFileError(msg)
        if file is None:
            logger.info("%s: no file is given, so nothing is scored", name)
        elif not dataset.exists():
            place = file or getattr(dataset, "_filepath", "")
            msg = f"{name}: there is no such file: {place}"
            if file:
                msg += f"; check the path ({name}_file)"
            else:
                msg += "; an earlier stage writes it: kedro run --pipelines training"
            if name == "champion":
                msg += " (if that has refused its model: kedro models list)"
            raise InputFileError(msg)
        elif file.endswith((locations.SAMPLE_SESSIONS, locations.SAMPLE_NEW_SESSIONS)):
            logger.info("%s: the embedded sample, which is synthetic (%s)", name, file)

    @staticmethod
    def _keep_the_sample_away(catalog: CatalogProtocol[Any, Any]) -> None:
        """Refuse the embedded sample where results of one's own sessions would be replaced."""
        file = getattr(catalog["sessions"], "file", None)
        champion = catalog["champion"]
        if not locations.is_sample(file) or not champion.exists():
            return
        if not catalog.load("champion")["sample"]:
            msg = (
                f"sessions: {file} is the embedded sample, but the model in use is of sessions of "
                "your own, whose results it would replace; name yours (sessions_file), or set "
                "another DATA_ROOT for the sample"
            )
            raise SettingError(msg)

    @staticmethod
    def _refuse_new_sessions_early(catalog: CatalogProtocol[Any, Any]) -> None:
        """Find out before training, not after it, that new sessions cannot be scored."""
        from user_activity_trends.pipelines.inference.nodes import check_new_sessions

        names = ("params:columns", "params:recipes", "params:recipe")
        check_new_sessions(catalog.load("new_sessions"), *map(catalog.load, names))

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node runs."""
        logger.info("%s", node.name)

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Start the clock of a node with its first input."""
        self._started.setdefault(node.name, time.perf_counter())

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Refuse sessions of an earlier run that lack what the configuration names by now."""
        if dataset_name != "valid_sessions":
            return
        lacking = [one for one in self._carried if one not in data.columns]
        if lacking:
            msg = (
                f"valid_sessions, which an earlier run has written, lack {', '.join(lacking)}, "
                "which columns in parameters.yml names by now; run your sessions again (kedro "
                "run), or take it out there"
            )
            raise ColumnsError(msg)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Add what passed, until its last output, to the node's stage."""
        self._saved.add(dataset_name)
        now = time.perf_counter()
        self._seconds[str(node.namespace)] += now - self._started[node.name]
        self._started[node.name] = now

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Save ``run_summary`` and show it."""
        written = summary.collect(
            catalog,
            self._saved,
            run_id=run_params["run_id"],
            recipe=catalog.load("params:recipe"),
            seconds=dict(self._seconds) | {"total": time.perf_counter() - self._begun},
        )
        catalog.save("run_summary", written)
        summary.show(written)


class RetentionHooks:
    """Remove old model versions, after everything else is done with them."""

    def __init__(self) -> None:
        self._judged = False

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Forget what an earlier run of the same session did."""
        self._judged = False

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Notice that a model was judged."""
        self._judged |= dataset_name == "champion"

    @hook_impl(trylast=True)
    def after_pipeline_run(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Keep ``promotion.keep_versions``."""
        if not self._judged:
            return
        newest = catalog.load("params:promotion.keep_versions")
        if newest is None:
            return
        from user_activity_trends.lifecycle.store import ModelStore

        judged = catalog.load("promotion_report")["candidate"]
        for version in ModelStore(catalog).retain(newest, judged):
            logger.info("removed model %s (promotion.keep_versions = %d)", version, newest)
