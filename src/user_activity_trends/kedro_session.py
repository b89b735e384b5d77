"""The project's Kedro sessions: their id is on every log line."""

from collections.abc import Generator, Mapping
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.framework.session import KedroServiceSession, KedroSession
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from user_activity_trends import logs, summary
from user_activity_trends.errors import MixedRunsError
from user_activity_trends.files.claims import Claims


class RunSession(KedroSession):
    """A Kedro session that tells the log which run it is."""

    def __init__(self, session_id: str, **kwargs: Any) -> None:
        logs.set_run_id(session_id)
        super().__init__(session_id=session_id, **kwargs)


class TaskSession(KedroServiceSession):
    """One task of a run that is several processes, all of which share the run's version.

    What the run writes has that version, and what it has written is read back
    with it. A task that is run again replaces what its run has written before;
    nothing else may replace a version. What has no version and is written by the
    run's own pipeline is read only if this run wrote it.
    """

    def __init__(self, session_id: str, **kwargs: Any) -> None:
        logs.set_run_id(session_id)
        super().__init__(session_id=session_id, **kwargs)

    def run_task(
        self,
        pipeline: str,
        *,
        namespace: str | None,
        nodes: list[str] | None,
        input_versions: Mapping[str, str],
        runtime_params: dict[str, Any],
    ) -> None:
        """Run one stage, or some nodes, of a pipeline.

        Args:
            pipeline: Name of the pipeline that the whole run is.
            namespace: Stage to run.
            nodes: Nodes to run if there is no namespace.
            input_versions: Version by dataset of what earlier runs wrote; of what is
                not in it the latest is read.
            runtime_params: Parameters of the run.
        """
        pipelines.set_requested([pipeline])
        whole = pipelines.get(pipeline, Pipeline([]))  # Kedro tells of one that does not exist
        self._hook_manager.register(_OneVersion(self.session_id, whole))
        versions = dict.fromkeys(whole.all_outputs(), self.session_id)
        versions |= {name: input_versions[name] for name in whole.inputs() & {*input_versions}}
        # A report is kept with the model that it is about, which may be that of an earlier run.
        versions.pop("promotion_report", None)
        if judged := versions.get("model_record"):
            versions["promotion_report"] = judged
        self.run(
            run_id=self.session_id,
            pipeline_names=[pipeline],
            namespaces=[namespace] if namespace else None,
            node_names=nodes,
            load_versions=versions,
            runtime_params=runtime_params,
        )


class _OneVersion:
    """Keep what the tasks of a run hand to each other to what the run itself has written."""

    def __init__(self, run_id: str, whole: Pipeline) -> None:
        self._run_id = run_id
        self._nodes = [node.name for node in whole.nodes]
        self._handed_on = whole.all_outputs()

    @hook_impl
    def before_pipeline_run(self, catalog: CatalogProtocol[Any, Any]) -> None:
        self._catalog = catalog

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        if self._has_versions(dataset_name):
            # Kedro refuses to save a version that exists, whoever wrote it, and has no public
            # way round. This one is the run's own: its file is replaced, whole.
            dataset = self._catalog[dataset_name]
            path = dataset._get_versioned_path(self._run_id)  # noqa: SLF001
            dataset._get_save_path = lambda: path  # noqa: SLF001

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        if self._is_shared_file(dataset_name):
            Claims(self._catalog[dataset_name]).take(self._run_id)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        # After, not before: what is replaced while it is read is found out as well.
        if dataset_name not in self._handed_on or not self._is_shared_file(dataset_name):
            return
        owner = Claims(self._catalog[dataset_name]).owner()
        if owner != self._run_id:
            msg = (
                f"{dataset_name} was written by {f'run {owner}' if owner else 'something else'}, "
                f"not by this run ({self._run_id}), so nothing was made of it; runs that write "
                "to the same DATA_ROOT must not overlap. Start this run again from its first task"
            )
            raise MixedRunsError(msg)

    @hook_impl(wrapper=True)
    def after_pipeline_run(
        self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> Generator[None, Any, Any]:
        claims = Claims(catalog["run_summary"])
        with claims.locked():
            result = yield  # the summary of this task is written
            claims.tell(pipeline.nodes[0].name, self._run_id, catalog.load("run_summary"))
            catalog.save("run_summary", summary.joined(claims.told(self._nodes, self._run_id)))
        return result

    def _is_shared_file(self, name: str) -> bool:
        return hasattr(self._catalog[name], "_fs") and not self._has_versions(name)

    def _has_versions(self, name: str) -> bool:
        return getattr(self._catalog[name], "_version", None) is not None
