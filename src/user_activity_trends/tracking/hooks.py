"""What MLflow is told after a run that changed a model, or which one is in use.

kedro-mlflow's own hook is turned off (``settings.py``): it asks the server before
the first node and while nodes run, so a server that is away would break the run;
it makes a run of what trains nothing; and it logs typed parameters as one text.
Its configuration is used as it is.
"""

from collections.abc import Callable
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol

from user_activity_trends.tracking import switch
from user_activity_trends.tracking.figures import figures_of
from user_activity_trends.tracking.versions import Versions

REPORT = "promotion_report"
"""Dataset after which a new model is whole."""
CHANGES = frozenset({REPORT, "champion"})
"""Datasets after which MLflow is behind: a new model is whole, or another one is in use."""
PAGE = "report"
"""Dataset before which all figures of the model in use were drawn."""


def models_of(catalog: CatalogProtocol[Any, Any]) -> Versions:
    """Return the model versions of a catalog."""
    from user_activity_trends.lifecycle.store import ModelStore

    return ModelStore(catalog)


class TrackingHooks:
    """Mirror model versions to MLflow, after everything else is done."""

    def __init__(
        self, open_store: Callable[[CatalogProtocol[Any, Any]], Versions] = models_of
    ) -> None:
        """Take what finds the model versions of a catalog."""
        self._open_store = open_store
        self._saved: set[str] = set()
        self._context: Any = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse a wrong ``mlflow.yml`` before any node runs; no server is asked."""
        self._context = context
        if switch.enabled(context):
            from user_activity_trends.tracking import server

            server.read_settings(context)

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Forget what an earlier run of the same session saved."""
        self._saved.clear()

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Remember what was saved."""
        self._saved.add(dataset_name)

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Mirror what is new; the summary of the run has been shown by then."""
        self._mirror(run_params, catalog)

    @hook_impl(trylast=True)
    def on_pipeline_error(
        self, run_params: dict[str, Any], catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Mirror a model that was refused, and one that is in use although a later stage failed."""
        self._mirror(run_params, catalog)

    def _mirror(self, run_params: dict[str, Any], catalog: CatalogProtocol[Any, Any]) -> None:
        pipelines = run_params["pipeline_names"] or ["__default__"]
        if not switch.enabled(self._context, pipelines):
            return
        if not self._saved & {*CHANGES, PAGE}:
            return
        judged = REPORT in self._saved
        drawn = PAGE in self._saved
        switch.mirror(
            self._context,
            self._open_store(catalog),
            trained=catalog.load(REPORT)["candidate"] if judged else None,
            figures=figures_of(catalog, self._saved) if drawn else None,
        )
