"""The commands of ``kedro models``: which models there are, and which one is in use."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.startup import ProjectMetadata
from kedro.pipeline import Pipeline

from user_activity_trends.errors import ChampionError, InputFileError, ModelMismatchError
from user_activity_trends.tracking.switch import enabled, mirror

if TYPE_CHECKING:
    from kedro.framework.session import KedroSession
    from kedro.io import CatalogProtocol

    from user_activity_trends.lifecycle.champion import Champion
    from user_activity_trends.lifecycle.store import ModelStore
    from user_activity_trends.segmentation.scorer import SegmentScorer

logger = logging.getLogger(__name__)

AFTERWARDS = ("labelling", "reporting")
"""Pipelines whose results follow the model in use."""

_pass_metadata = click.make_pass_decorator(ProjectMetadata)


def _places(command: Any) -> Any:
    """Add the options that say whose models are meant."""
    for option in (
        click.option("--env", default=None, help="Kedro environment."),
        click.option("--recipe", default=None, help="Recipe whose models are meant."),
    ):
        command = option(command)
    return command


@contextmanager
def _opened(
    metadata: ProjectMetadata, env: str | None, recipe: str | None
) -> Iterator[tuple["KedroSession", "ModelStore"]]:
    from user_activity_trends.kedro_session import RunSession
    from user_activity_trends.lifecycle.store import ModelStore

    chosen = {"recipe": recipe} if recipe else {}
    session = RunSession.create(
        project_path=metadata.project_path, save_on_close=False, env=env, runtime_params=chosen
    )
    with session:
        yield session, ModelStore(session.load_context().catalog)


@click.command(name="list")
@_places
@_pass_metadata
def list_models(metadata: ProjectMetadata, env: str | None, recipe: str | None) -> None:
    """List the models, the newest last, and say which one is in use."""
    from user_activity_trends.lifecycle import told

    with _opened(metadata, env, recipe) as (_, store):
        told.show(*told.models(store))


@click.command(name="show")
@click.argument("version", required=False)
@_places
@_pass_metadata
def show_model(
    metadata: ProjectMetadata, version: str | None, env: str | None, recipe: str | None
) -> None:
    """Show what VERSION, or the model in use, was made of, its segments and its gates."""
    from user_activity_trends.lifecycle import told

    with _opened(metadata, env, recipe) as (_, store):
        told.show(*told.model(store, version or _in_use(store)))


@click.command(name="compare")
@click.argument("one")
@click.argument("other")
@_places
@_pass_metadata
def compare_models(
    metadata: ProjectMetadata, one: str, other: str, env: str | None, recipe: str | None
) -> None:
    """Compare the models ONE and OTHER, also on the sessions of the last run."""
    from user_activity_trends.lifecycle import told

    with _opened(metadata, env, recipe) as (session, store):
        catalog = session.load_context().catalog
        sessions = catalog.load("valid_sessions") if catalog.exists("valid_sessions") else None
        told.show(*told.comparison(store, one, other, sessions))


@click.command(name="promote")
@click.argument("version")
@click.option("--force", is_flag=True, help="Also if the gates have refused it.")
@click.option("--why", default=None, help="Reason, for the record.")
@click.option("--labels/--no-labels", default=True, help="Label the sessions of the last run anew.")
@_places
@_pass_metadata
def promote_model(  # noqa: PLR0913, PLR0917 (one argument an option)
    metadata: ProjectMetadata,
    version: str,
    force: bool,  # noqa: FBT001 (a flag)
    why: str | None,
    labels: bool,  # noqa: FBT001 (a flag)
    env: str | None,
    recipe: str | None,
) -> None:
    """Put the model VERSION in use."""
    with _opened(metadata, env, recipe) as (session, store):
        against = _against(store, version, _champion_or_none(store))
        if against and not force:
            msg = (
                f"{version} {against}; see kedro models show {version}{_options(env, recipe)}, or "
                "put it in use all the same: --force"
            )
            raise click.ClickException(msg)
        reason = why or "by hand" + f", although it {against}" * bool(against)
        _must_label(session, store.scorer(version), labels=labels)
        champion = store.promote(version, "promoted by hand", reason)
    _follow(metadata, champion, env, recipe, labels=labels)


@click.command(name="rollback")
@click.option("--why", default="by hand", help="Reason, for the record.")
@click.option("--labels/--no-labels", default=True, help="Label the sessions of the last run anew.")
@_places
@_pass_metadata
def roll_back(
    metadata: ProjectMetadata,
    why: str,
    labels: bool,  # noqa: FBT001 (a flag)
    env: str | None,
    recipe: str | None,
) -> None:
    """Put the model in use that the one in use has replaced."""
    with _opened(metadata, env, recipe) as (session, store):
        target, before = store.rollback_target(), store.champion()
        _must_label(session, store.scorer(target), labels=labels)
        champion = store.rollback(why)
        if before is not None:
            with suppress(ModelMismatchError, InputFileError):  # it cannot be put in use again
                force = " --force" * bool(_against(store, before.version, champion))
                again = f"kedro models promote {before.version}{force}{_options(env, recipe)}"
                click.echo(f"To undo this: {again}")
    _follow(metadata, champion, env, recipe, labels=labels)


def _against(store: "ModelStore", version: str, in_use: "Champion | None") -> str:
    """Say what speaks against putting a version in use; nothing if nothing does."""
    from user_activity_trends.lifecycle.judgement import failed_gates

    record = store.record(version)  # that it exists comes before what its gates said
    report = store.report(version)
    told = ["never stood before the gates"] if report is None else []
    if report is not None and (failed := failed_gates(report)):
        told = [f"was refused by {', '.join(failed)}"]
    if record.data.sample and in_use is not None and not in_use.sample:
        told.append("was trained on the embedded sample")
    return " and ".join(told)


def _options(env: str | None, recipe: str | None) -> str:
    """Repeat the options that say whose models are meant."""
    return "".join(f" --{name} {of}" for name, of in (("env", env), ("recipe", recipe)) if of)


def _lacks(catalog: "CatalogProtocol[Any, Any]") -> list[str]:
    """Name what labels and report need of an earlier run and does not exist."""
    from kedro.framework.project import pipelines

    chain = sum((pipelines[name] for name in AFTERWARDS), start=Pipeline([]))
    free = chain.inputs() - {"champion", "model_in_use"}  # these are what is changed
    return sorted(one for one in free if not one.startswith("params:") and not catalog.exists(one))


def _must_label(session: "KedroSession", scorer: "SegmentScorer", *, labels: bool) -> None:
    """See that labels can follow, before anything is changed."""
    from user_activity_trends.lifecycle.record import check_features
    from user_activity_trends.sessions.columns import ColumnsParams

    catalog = session.load_context().catalog
    if not labels or _lacks(catalog):
        return
    sessions = catalog.load("valid_sessions")
    lacking = scorer.lacking(sessions)
    if lacking:
        msg = (
            f"{scorer.version} takes {', '.join(lacking)}, which the sessions of the last run lack "
            "or have gaps in, so it cannot label them and nothing was changed. Change it all the "
            "same with --no-labels, and run with its columns afterwards"
        )
        raise click.ClickException(msg)
    try:
        check_features(catalog.load("session_features"), sessions)
    except ModelMismatchError as error:
        msg = f"{error}. Nothing was changed; change it all the same with --no-labels"
        raise click.ClickException(msg) from error
    columns = ColumnsParams.model_validate(catalog.load("params:columns"))
    unknown = [name for name in columns.carried if name not in sessions]
    if unknown:
        msg = (
            f"columns in parameters.yml names {', '.join(unknown)}, which the sessions of the last "
            "run lack, so they cannot be labelled and nothing was changed. Run your sessions "
            "again, or change the model in use all the same with --no-labels"
        )
        raise click.ClickException(msg)


def _follow(
    metadata: ProjectMetadata,
    champion: "Champion",
    env: str | None,
    recipe: str | None,
    *,
    labels: bool,
) -> None:
    """Let labels, report and MLflow follow the model in use."""
    logger.info("%s is in use now", champion.version)
    with _opened(metadata, env, recipe) as (session, store):
        context = session.load_context()
        lacks = _lacks(context.catalog)
        if not labels or lacks:
            again = f"kedro run --pipelines {','.join(AFTERWARDS)}"
            again += f" --env {env}" * bool(env) + f" --params recipe={recipe}" * bool(recipe)
            if lacks:
                again = f"a run of your sessions, since there is no {', '.join(lacks)}"
            click.echo(f"Labels and report are as they were; they follow with: {again}")
            mirror(context, store)
            return
    from kedro.runner import SequentialRunner

    with _opened(metadata, env, recipe) as (session, store):
        mirrored = False
        try:
            session.run(pipeline_names=list(AFTERWARDS), runner=SequentialRunner())
            mirrored = enabled(session.load_context(), AFTERWARDS)  # by the run, at its end
        finally:
            if not mirrored:
                mirror(session.load_context(), store)


def _champion_or_none(store: "ModelStore") -> "Champion | None":
    """Return which model is in use; a damaged file, which a promotion mends, names none."""
    try:
        return store.champion()
    except ChampionError:
        return None


def _in_use(store: "ModelStore") -> str:
    champion = store.champion()
    if champion is None:
        msg = "no model is in use; kedro models list shows what there is"
        raise click.ClickException(msg)
    return champion.version


COMMANDS: Sequence[click.Command] = (
    list_models,
    show_model,
    compare_models,
    promote_model,
    roll_back,
)
