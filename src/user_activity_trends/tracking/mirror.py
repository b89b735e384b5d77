"""The mirror itself: one MLflow run and one registered version for each model version."""

import json
import logging
from collections.abc import Collection, Mapping
from typing import Any

from kedro.io import DatasetError

from user_activity_trends.errors import UserActivityTrendsError
from user_activity_trends.tracking import content, figures
from user_activity_trends.tracking.example import centroids_in_own_units
from user_activity_trends.tracking.versions import Versions

logger = logging.getLogger(__name__)

VERSION_TAG = "model_version"
"""Tag by which a version is found in MLflow, on its run and in the registry."""
MODEL_TAG = "registered_model"
FINGERPRINT_TAG = "model"
"""Tag of a version in the registry that tells its model from others of the same version."""
MODEL = "segmentation_model"
CHAMPION, CANDIDATE = "champion", "candidate"
RECORDS = ("segment_identities", "segment_scorer", "training_metrics")
"""Datasets that every model has, as JSON."""
REPORT = "promotion_report"
"""One that it has if it stood before the gates."""

TRUSTED_TYPES = ("numpy.dtype",)
"""What a model needs besides the types that skops trusts itself."""
_REQUIRED = ("scikit-learn", "numpy", "pandas")
"""What a model needs to be loaded, in the versions that made it."""
_BATCH = 25
"""Parameters at a time: with the longest values still less than a request may have."""


class Mirror:
    """The versions of one registered model; the tracking server is set up and answers."""

    def __init__(self, model: str, experiment_id: str) -> None:
        """Take the registered model's name, and where its runs are."""
        from mlflow import MlflowClient

        self._client = MlflowClient()
        self._model = model
        self._experiment_id = experiment_id

    def foreign(self, store: Versions) -> str | None:
        """Say what shows that the registered model is also that of another DATA_ROOT.

        It is an alias (where there is none, the newest version) that leads to a version
        which this one never had, or a version of the same name with another model
        where one of them was in use.

        Args:
            store: The versions that the catalog holds, and knows of.

        Returns:
            The first part of a sentence; None if nothing shows it.
        """
        found = self._client.search_registered_models(f"name='{self._model}'")
        registered = self._tags()
        if not registered:
            return None
        # What a run of this DATA_ROOT has just registered was known here before.
        own = store.fingerprints()
        now = {alias: int(number) for one in found for alias, number in one.aliases.items()}
        named = {f"alias {alias}": now[alias] for alias in (CHAMPION, CANDIDATE) if alias in now}
        named = named or {"newest version": max(registered)}
        champion = store.champion()
        used = {one.version for one in champion.history} if champion else set()
        named |= {
            f"version {one}": one for one, of in registered.items() if of.get(VERSION_TAG) in used
        }
        for name, number in named.items():
            tags = registered[number]
            version, model = tags.get(VERSION_TAG, f"number {number}"), tags.get(FINGERPRINT_TAG)
            place = f"the {name} of the registered model {self._model} is {version}"
            if version not in own:
                return f"{place}, which this DATA_ROOT never had"
            # What was registered before there was this tag is told by its version alone.
            differs = model is not None and own[version] not in {None, model}
            if differs and (version in used or name == f"alias {CHAMPION}"):
                return f"{place} with the fingerprint {model}, which is {own[version]} here"
        return None

    def mirror_all(self, store: Versions, only: Collection[str] | None = None) -> list[str]:
        """Log the versions that MLflow does not have, the oldest first, and set the aliases.

        Args:
            store: The versions that the catalog holds.
            only: Log no others than these.

        Returns:
            The versions that were logged.
        """
        complete = store.versions()
        known = self.registered()
        again = self._trained_again(store)
        missing = [one for one in complete if one not in known or one in again]
        if only is not None:
            missing = [one for one in missing if one in only]
        logged = []
        for version in missing:
            try:
                self.mirror_version(store, version)
            except (UserActivityTrendsError, DatasetError) as error:
                logger.warning("MLflow does not get model %s: %s", version, error)
            else:
                logged.append(version)
        if known or logged:
            champion = store.champion()
            newest = complete[-1] if complete else None
            in_use = champion.version if champion else None
            self.set_aliases(in_use, newest if newest != in_use else None)
        return logged

    def mirror_version(self, store: Versions, version: str) -> None:
        """Log one version, and register it; never twice.

        It is registered last: what the registry has is whole. A run that an
        earlier attempt has left unfinished is replaced, and so is a model that
        was never in use, if its run was run again.
        """
        if number := self.registered().get(version):
            if version not in self._trained_again(store):
                return
            self._client.delete_model_version(self._model, number)
        for left in self._runs(version):
            self._client.delete_run(left)
        record = store.record(version).model_dump(mode="json")
        begun = content.milliseconds(record["trained"])
        run_id = self._client.create_run(
            self._experiment_id,
            start_time=begun,
            run_name=version,
            tags={VERSION_TAG: version, MODEL_TAG: self._model},
        ).info.run_id
        self._log_values(run_id, record, begun)
        self._log_data(run_id, record["data"])
        self._log_json(run_id, content.WHOLE, record)
        for name in RECORDS:
            self._log_json(run_id, f"{name}.json", store.load(name, version))
        if report := store.report(version):
            self._log_json(run_id, f"{REPORT}.json", report)
        model_id = self._log_model(run_id, store.load(MODEL, version), record["packages"])
        # How long the logging took would be told as how long the training took.
        self._client.set_terminated(run_id, end_time=begun)
        self._register(version, record["model"], run_id, model_id)

    def log_figures(self, version: str, drawn: Mapping[str, Any]) -> None:
        """Add figures to the run of a version, in place of those that it has.

        Args:
            version: Of a model; one that MLflow does not have gets none.
            drawn: Plotly figures by their name in the catalog.
        """
        for run_id in self._runs(version):
            self._client.log_text(run_id, figures.page(drawn, version), "figures.html")
            for name, figure in drawn.items():
                self._client.log_text(run_id, figure.to_json(), f"figures/{name}.json")

    def set_aliases(self, champion: str | None, candidate: str | None) -> None:
        """Point the aliases ``champion`` and ``candidate`` to these versions.

        An alias of a version that MLflow does not have, or of None, is taken
        away: none says less than a wrong one.
        """
        known = self.registered()
        now = self._client.get_registered_model(self._model).aliases
        for alias, version in ((CHAMPION, champion), (CANDIDATE, candidate)):
            number = known.get(version) if version else None
            if number is not None and number != now.get(alias):
                self._client.set_registered_model_alias(self._model, alias, number)
            elif number is None and alias in now:
                self._client.delete_registered_model_alias(self._model, alias)

    def registered(self) -> dict[str, str]:
        """Return the registry's number of each model version that it has."""
        known: dict[str, str] = {}
        for number, tags in sorted(self._tags().items(), reverse=True):
            if VERSION_TAG in tags:
                known[tags[VERSION_TAG]] = str(number)
        return known

    def aliases(self) -> dict[str, str]:
        """Return the model version that each alias points to."""
        tags = self._tags()
        now = self._client.get_registered_model(self._model).aliases
        return {alias: tags[int(number)][VERSION_TAG] for alias, number in now.items()}

    def _trained_again(self, store: Versions) -> set[str]:
        """Return the versions of which the registry has a model that the catalog has replaced."""
        own = store.fingerprints()
        return {
            tags[VERSION_TAG]
            for tags in self._tags().values()
            if {VERSION_TAG, FINGERPRINT_TAG} <= {*tags}
            and own.get(tags[VERSION_TAG]) not in {None, tags[FINGERPRINT_TAG]}
        }

    def _tags(self) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {}
        token = None
        while token != "":
            page = self._client.search_model_versions(f"name='{self._model}'", page_token=token)
            found |= {int(one.version): one.tags for one in page}
            token = page.token or ""
        return found

    def _runs(self, version: str) -> list[str]:
        wanted = {VERSION_TAG: version, MODEL_TAG: self._model}
        condition = " and ".join(f"tags.{name} = '{value}'" for name, value in wanted.items())
        found = self._client.search_runs([self._experiment_id], condition)
        return [one.info.run_id for one in found]

    def _log_values(self, run_id: str, record: Mapping[str, Any], begun: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        settings = [Param(*one) for one in content.parameters(record).items()]
        tags = [RunTag(*one) for one in content.tags(record).items()]
        if revision := record["git"]["revision"]:
            tags.append(RunTag("mlflow.source.git.commit", revision))
        measured = [Metric(one.name, one.value, begun, one.step) for one in content.metrics(record)]
        for start in range(0, max(len(settings), len(tags)), _BATCH):
            part = slice(start, start + _BATCH)
            self._client.log_batch(run_id, params=settings[part], tags=tags[part])
        self._client.log_batch(run_id, metrics=measured)

    def _log_data(self, run_id: str, data: Mapping[str, Any]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        described = Dataset(
            name="sessions",
            digest=data["sha256"][: content.LONGEST_DIGEST],
            source_type="local",
            source=json.dumps({"uri": content.as_text(data["file"])}),
            profile=json.dumps({"num_rows": data["rows"], "num_columns": len(data["columns"])}),
        )
        training = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(run_id, datasets=[DatasetInput(described, [training])])

    def _log_json(self, run_id: str, name: str, held: Any) -> None:
        # ASCII, so that no text from a table is one that UTF-8 cannot hold.
        self._client.log_text(run_id, json.dumps(held, indent=2), name)

    @staticmethod
    def _log_model(run_id: str, model: Any, packages: Mapping[str, str]) -> str:
        import mlflow
        from mlflow.models import infer_signature

        example = centroids_in_own_units(model)
        made_by = [f"{name}=={packages[name]}" for name in _REQUIRED if name in packages]
        with mlflow.start_run(run_id=run_id):
            logged = mlflow.sklearn.log_model(
                model,
                name=MODEL,
                signature=infer_signature(example, model.predict(example)),
                input_example=example,
                # MLflow would find them out by loading the model in a process of its own.
                pip_requirements=[*made_by, "skops"],
                serialization_format="skops",  # a pickle from a server could run anything
                skops_trusted_types=list(TRUSTED_TYPES),
            )
        return str(logged.model_id)

    def _register(self, version: str, fingerprint: str, run_id: str, model_id: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(self._model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(self._model)
        made = self._client.create_model_version(
            self._model,
            source=f"models:/{model_id}",
            run_id=run_id,
            tags={VERSION_TAG: version, FINGERPRINT_TAG: fingerprint},
            description=version,  # the user interface cuts tags short
            model_id=model_id,
        )
        if self.registered()[version] != str(made.version):
            # Another process did the same meanwhile, and was first.
            self._client.delete_model_version(self._model, str(made.version))
            self._client.delete_run(run_id)
