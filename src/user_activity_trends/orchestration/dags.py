"""Generate the Airflow DAGs: ``python -m user_activity_trends.orchestration.dags``.

``kedro-airflow`` renders ``airflow/dag_template.py.j2`` once a pipeline that
``airflow.yml`` names; this module gives it what the template needs besides.
"""

import inspect
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import ProjectMetadata, bootstrap_project
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import GroupedNodes, Pipeline

from user_activity_trends.cli import readable
from user_activity_trends.errors import SettingError
from user_activity_trends.orchestration.dag_settings import (
    AssetSchedule,
    DagSettings,
    read_dag_settings,
)
from user_activity_trends.orchestration.task import K_MAX_MINIMUM, PLAIN_TEXT
from user_activity_trends.parameters import ProjectParams, check_parameters

TEMPLATE = "airflow/dag_template.py.j2"
FOLDER = "airflow/dags"
_STAGES = "user_activity_trends.pipelines"


@click.command()
@click.option("--env", default="base", show_default=True, help="Kedro environment of the DAGs.")
@click.option("--target", default=FOLDER, show_default=True, type=Path, help="Folder to write to.")
def main(env: str, target: Path) -> None:
    """Generate one DAG for each pipeline that airflow.yml names."""
    metadata = bootstrap_project(Path.cwd())
    with readable():
        generate(metadata, env, target)


def generate(metadata: ProjectMetadata, env: str, target: Path) -> None:
    """Write the DAG of each pipeline that ``airflow.yml`` names.

    Args:
        metadata: The Kedro project.
        env: Kedro environment, which is part of each DAG's id.
        target: Folder to write to.

    Raises:
        SettingError: ``airflow.yml`` names a pipeline, recipe or dataset that
            does not exist, or has settings that are not accepted.
    """
    from kedro_airflow.plugin import create

    session = KedroSession.create(project_path=metadata.project_path, save_on_close=False, env=env)
    with session:
        context = session.load_context()
        settings = read_dag_settings(context.config_loader["airflow"], env)
        parameters = check_parameters(context.config_loader["parameters"])
        persisted = _persisted(context.catalog)
    pipelines.set_requested(None)
    for block, one in settings.items():
        name = one.pipeline
        if name not in pipelines:
            msg = (
                f"airflow.yml: {block}: there is no pipeline {name}; known: {', '.join(pipelines)}"
            )
            raise SettingError(msg)
        _check(block, one, list(parameters.recipes.root), persisted)
        grouping = "namespace" if one.tasks_by == "stage" else None
        create_context = click.Context(create, obj=metadata)
        create_context.invoke(
            create,
            pipeline_names=[name],
            env=env,
            target_path=str(target),
            jinja_file=str(metadata.project_path / TEMPLATE),
            node_grouping=grouping,
            tags=[],
            params=_for_the_template(env, one, pipelines[name], persisted, parameters)
            | {"covered_by": _covering(one, settings.values(), env)},
            conf_source=None,
            convert_all=False,
        )


def _persisted(catalog: CatalogProtocol[Any, Any]) -> set[str]:
    """Return the names of the datasets that outlive a process."""
    return {
        name
        for name in catalog.keys()  # noqa: SIM118 (a catalog is no mapping)
        if not isinstance(catalog.get(name), MemoryDataset)
    }


def _check(block: str, one: DagSettings, recipes: list[str], persisted: set[str]) -> None:
    if one.params.recipe not in recipes:
        known = ", ".join(recipes)
        msg = f"airflow.yml: {block}.params.recipe is {one.params.recipe}; known: {known}"
        raise SettingError(msg)
    if isinstance(one.schedule, AssetSchedule):
        unknown = sorted(set(one.schedule.assets) - persisted)
        if unknown:
            msg = (
                f"airflow.yml: {block}.schedule.assets has what no task writes: "
                f"{', '.join(unknown)}; name datasets of catalog.yml"
            )
            raise SettingError(msg)


def dag_id(pipeline: str, env: str) -> str:
    """Return the id of the DAG of a pipeline in an environment.

    >>> dag_id("__default__", "base")
    'user_activity_trends-default-base'
    """
    return f"user_activity_trends-{pipeline.strip('_')}-{env}"


def _covering(one: DagSettings, others: Iterable[DagSettings], env: str) -> list[str]:
    """Return the ids of the other DAGs that run every node of this one's pipeline."""
    own = {node.name for node in pipelines[one.pipeline].nodes}
    return [
        dag_id(other.pipeline, env)
        for other in others
        if other is not one and own <= {node.name for node in pipelines[other.pipeline].nodes}
    ]


def _for_the_template(
    env: str,
    one: DagSettings,
    pipeline: Pipeline,
    persisted: set[str],
    parameters: ProjectParams,
) -> dict[str, Any]:
    """Return what the template needs besides what ``kedro-airflow`` gives it."""
    grouping = "namespace" if one.tasks_by == "stage" else None
    groups = pipeline.group_nodes_by(grouping)
    nodes = {node.name: node for node in pipeline.nodes}
    stages = dict.fromkeys(str(node.namespace) for node in pipeline.nodes)
    reads = pipeline.inputs()
    assets = one.schedule.assets if isinstance(one.schedule, AssetSchedule) else ()
    shown = {
        "sessions_file": "sessions" in reads,
        "new_sessions_file": "new_sessions" in reads,
        "recipe": True,
        "k_max": "params:clustering.sweep" in reads,
    }
    return {
        "dag_id": dag_id(one.pipeline, env),
        "settings": one,
        "scheduled_by": assets,
        "asset_names": {dataset: f"user_activity_trends-{env}-{dataset}" for dataset in persisted},
        "outlets": {
            group.name: sorted(
                {out for node in group.nodes for out in nodes[node].outputs} & persisted
            )
            for group in groups
        },
        "dag_doc": _dag_doc(one, stages),
        "task_docs": {group.name: _task_doc(group, nodes) for group in groups},
        "shown": [param for param, is_read in shown.items() if is_read],
        "dependencies": _direct_dependencies(groups),
        "recipes": list(parameters.recipes.root),
        "configured_k_max": parameters.clustering.sweep.k_max,
        "k_max_minimum": K_MAX_MINIMUM,
        "plain_text": PLAIN_TEXT,
    }


def _direct_dependencies(groups: list[GroupedNodes]) -> dict[str, list[str]]:
    """Return what each task waits for, without what those tasks wait for anyway."""
    waits = {group.name: set(group.dependencies) for group in groups}

    def all_before(name: str) -> set[str]:
        return waits[name].union(*map(all_before, waits[name]))

    return {
        name: sorted(direct - set().union(*map(all_before, direct)))
        for name, direct in waits.items()
    }


def _dag_doc(one: DagSettings, stages: dict[str, None]) -> str:
    told = "\n".join(f"- **{stage}**: {_about_stage(stage)}" for stage in stages)
    return f"{one.description}.\n\n{told}"


def _task_doc(group: GroupedNodes, nodes: dict[str, Any]) -> str:
    told = "\n".join(f"- `{node}`: {_first_line(nodes[node].func)}" for node in group.nodes)
    return f"{_about_stage(group.name)}\n\n{told}" if group.type == "namespace" else told


def _about_stage(stage: str) -> str:
    return _first_line(import_module(f"{_STAGES}.{stage}"))


def _first_line(documented: Any) -> str:
    # Airflow renders Markdown.
    return (inspect.getdoc(documented) or "").partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    main()
