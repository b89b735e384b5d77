# `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
ENVIRONMENT := .venv
BENCH_ENVIRONMENT := .venv-bench
BIN := $(ENVIRONMENT)/bin
# MLflow takes older packages than the rest, so it has an environment of its own.
MLFLOW_ENVIRONMENT := .venv-mlflow
RUN_ENVIRONMENT := $(if $(filter-out 0 no off false,$(MLFLOW)),$(MLFLOW_ENVIRONMENT)/mlflow,$(ENVIRONMENT)/runtime)

# Bytecode makes every start seconds faster; telemetry is off (see .telemetry).
unexport PYTHONDONTWRITEBYTECODE
export DO_NOT_TRACK = 1
export MLFLOW_DISABLE_TELEMETRY = true

# Values reach the recipes as environment variables, as they were given: neither
# make nor the shell looks for anything to expand in them.
override SESSIONS := $(value SESSIONS)
override NEW := $(value NEW)
override RECIPE := $(value RECIPE)
override PARAMS := $(value PARAMS)
override SEEDS := $(value SEEDS)
export SESSIONS NEW RECIPE PARAMS SEEDS

.PHONY: help run test test-long check format bench planted-truth retraining viz viz-build real-data sample schema lock clean dags airflow airflow-env test-airflow test-airflow-faults mlflow test-mlflow

help: ## List the targets
	@echo "make TARGET [NAME=VALUE ...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1: \2/p' $(MAKEFILE_LIST)

$(ENVIRONMENT)/%.installed: requirements/%.txt tools/install
	@tools/install $(ENVIRONMENT) $<
	@touch $@

run: $(RUN_ENVIRONMENT).installed ## Run the main job; SESSIONS=PATH NEW=PATH RECIPE=NAME PARAMS=K=V,... MLFLOW=1
	@params=; add() { params="$${params:+$$params,}$$1"; }; \
	for path in "$$SESSIONS" "$$NEW"; do case "$$path" in *,*) \
		echo "make run: $$path has a comma, which --params cannot carry; rename the file" >&2; exit 1;; \
	esac; done; \
	if [ -n "$$SESSIONS" ]; then add "sessions_file=$$SESSIONS"; fi; \
	if [ -n "$$NEW" ]; then add "new_sessions_file=$$NEW"; fi; \
	if [ -n "$$RECIPE" ]; then add "recipe=$$RECIPE"; fi; \
	if [ -n "$$PARAMS" ]; then add "$$PARAMS"; fi; \
	exec $(dir $(RUN_ENVIRONMENT))bin/kedro run --params "$$params"

test: $(ENVIRONMENT)/dev.installed ## Run all tests but those of the targets below, with coverage
	@tools/need chromium=chromium
	@$(BIN)/python -m pytest --ignore tests/airflow --ignore tests/mlflow -m "not long" \
		--numprocesses 2 --dist worksteal --cov --cov-report term

test-long: $(ENVIRONMENT)/dev.installed ## Kill runs at every save, and run and draw in many other ways
	@tools/need chromium=chromium
	@$(BIN)/python -m pytest --ignore tests/airflow --ignore tests/mlflow -m long \
		--numprocesses 2 --dist worksteal

check: $(ENVIRONMENT)/dev.installed ## Lint, format, types, import contracts, pins, secrets
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports
	@! git grep -nE '(^|[^#])(index-url|find-links)|https?://[^ ]*/simple' -- requirements || \
		{ echo "requirements/ must hold no download address" >&2; exit 1; }
	@git ls-files -z -- . ':!requirements/*.txt' ':!*.csv' ':!*.png' \
		| xargs -0 $(BIN)/detect-secrets-hook

format: $(ENVIRONMENT)/dev.installed ## Format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: $(BENCH_ENVIRONMENT)/runtime.installed ## Time kedro run against the original recipe; SESSIONS=PATH
	@$(BENCH_ENVIRONMENT)/bin/python benchmarks/run_against_original.py

$(BENCH_ENVIRONMENT)/runtime.installed: requirements/runtime.txt tools/install
	@tools/install $(BENCH_ENVIRONMENT) $<
	@touch $@

planted-truth: $(ENVIRONMENT)/runtime.installed ## Count how often planted groups are found; SEEDS=N (100: an hour)
	@OMP_NUM_THREADS=1 PYTHONPATH=src exec $(BIN)/python benchmarks/planted_truth.py --seeds "$${SEEDS:-100}"

retraining: $(ENVIRONMENT)/runtime.installed ## Count what retraining keeps and refuses; SEEDS=N (100: an hour)
	@OMP_NUM_THREADS=1 PYTHONPATH=src exec $(BIN)/python benchmarks/retraining.py --seeds "$${SEEDS:-100}"

dags: $(ENVIRONMENT)/dev.installed ## Generate airflow/dags from conf/base/airflow.yml; ENV=NAME
	@PYTHONPATH=src $(BIN)/python -m user_activity_trends.orchestration.dags \
		--env "$(if $(filter command,$(firstword $(origin ENV))),$(ENV),base)"
	@$(BIN)/ruff format --quiet airflow/dags

airflow: .venv-airflow/airflow.installed .venv-tasks/project.installed ## Start Airflow on this machine, until Ctrl-C
	@exec .venv-airflow/bin/python tools/local_airflow.py

test-airflow: $(ENVIRONMENT)/dev.installed .venv-airflow/airflow.installed .venv-tasks/project.installed ## Test the DAGs on a real deployment
	@tools/need initdb=postgresql redis-server=redis-server chromium=chromium
	@$(BIN)/python -m pytest tests/airflow -m "not slow_faults" --durations 10 -s

test-airflow-faults: $(ENVIRONMENT)/dev.installed .venv-airflow/airflow.installed .venv-tasks/project.installed ## Break further parts of it
	@tools/need initdb=postgresql redis-server=redis-server
	@$(BIN)/python -m pytest tests/airflow -m slow_faults -s

mlflow: $(MLFLOW_ENVIRONMENT)/mlflow.installed ## Show the model versions in MLflow, on 127.0.0.1, until Ctrl-C
	@PYTHONPATH=src exec $(MLFLOW_ENVIRONMENT)/bin/python -m user_activity_trends.tracking_ui

test-mlflow: $(MLFLOW_ENVIRONMENT)/mlflow.installed $(MLFLOW_ENVIRONMENT)/test-mlflow.installed ## Test with a real MLflow server
	@tools/need initdb=postgresql chromium=chromium
	@$(MLFLOW_ENVIRONMENT)/bin/python -m pytest tests/mlflow --numprocesses 2 --dist loadfile --durations 5

$(MLFLOW_ENVIRONMENT)/%.installed: requirements/%.txt tools/install
	@tools/install $(MLFLOW_ENVIRONMENT) $<
	@touch $@

# Airflow, the project as it is deployed, and what builds the project's wheel: an environment each.
.venv-airflow/airflow.installed: requirements/airflow.txt tools/install
	@tools/install .venv-airflow $<
	@touch $@

.venv-build/build.installed: requirements/build.txt tools/install
	@tools/install .venv-build $<
	@touch $@

.venv-tasks/runtime.installed: requirements/runtime.txt tools/install
	@tools/install .venv-tasks $<
	@touch $@

.venv-tasks/project.installed: .venv-tasks/runtime.installed .venv-build/build.installed \
		pyproject.toml README.md $(shell find src -type f -not -name '*.pyc')
	@rm -rf dist
	@.venv-build/bin/python -m hatchling build --target wheel --directory dist >/dev/null 2>dist.log \
		|| { cat dist.log >&2; exit 1; }
	@rm -f dist.log
	@tools/install .venv-tasks dist/*.whl
	@touch $@

viz: $(ENVIRONMENT)/viz.installed ## Show the pipelines in the browser, on 127.0.0.1
	@exec $(BIN)/kedro viz run --host 127.0.0.1

viz-build: $(ENVIRONMENT)/viz.installed ## Write the same as a static site to build/, with previews of the results
	@$(BIN)/kedro viz build --include-previews

real-data: $(ENVIRONMENT)/runtime.installed ## Download the public data set (UCI 468)
	@PYTHONPATH=src exec $(BIN)/python -m user_activity_trends.real_data

sample: $(ENVIRONMENT)/runtime.installed ## Write the synthetic sample anew
	@PYTHONPATH=src exec $(BIN)/python -m user_activity_trends.sample_data

schema: $(ENVIRONMENT)/runtime.installed ## Write docs/segment_scorer.schema.json anew
	@PYTHONPATH=src exec $(BIN)/python -m user_activity_trends.scorer_schema

lock: ## Pin the newest versions, with hashes (needs uv)
	@for part in runtime dev viz; do \
		case $$part in runtime) from=;; dev) from="--group dev";; viz) from="--extra viz";; esac; \
		uv pip compile pyproject.toml $$from --universal --python-version 3.11 --upgrade \
			--generate-hashes --no-header --quiet \
			$$([ $$part = runtime ] || echo --constraint requirements/runtime.txt) \
			--output-file requirements/$$part.txt; \
	done
	@for part in mlflow test-mlflow; do \
		case $$part in mlflow) from=;; *) from="--group test-mlflow --constraint requirements/mlflow.txt";; esac; \
		uv pip compile pyproject.toml --extra mlflow $$from --universal --python-version 3.11 --upgrade \
			--generate-hashes --no-header --quiet --output-file requirements/$$part.txt; \
	done
	@uv pip compile requirements/airflow.in --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --quiet --output-file requirements/airflow.txt
	@sed -n 's/^requires = \["\(.*\)"\]$$/\1/p' pyproject.toml \
		| uv pip compile - --universal --python-version 3.11 --upgrade \
			--generate-hashes --no-header --quiet --output-file requirements/build.txt

airflow-env: ## Write airflow/.env with fresh secrets, for airflow/compose.yaml
	@python3 tools/airflow_env.py

clean: ## Remove the environments and caches; data/ stays
	@rm -rf .venv .venv-* .airflow dist build .mypy_cache .pytest_cache .ruff_cache .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
