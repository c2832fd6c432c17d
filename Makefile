# Each environment is built once, and again only if its lock file, the Python version or this folder's path changes.

PYTHON ?= python3
ARGS ?=
# More than there are cores: most workers run tests that wait for a process or a socket (tests/scheduling.py).
WORKERS ?= 6

VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help run demo test quick check translations mutations simulate soak soak-cluster bench bench-smoke pictures lock clean postgres env-run env-postgres env-sandbox env-cluster env-dev

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: env-run ## Run the bot (settings in .env)
	@exec $(BIN)/python bot.py

postgres: env-postgres ## Install the driver that DATABASE_URL=postgresql://… needs

demo: $(if $(findstring --cluster,$(ARGS)),env-cluster,env-sandbox) ## Try the bot on this machine, with no account; ARGS= --cluster, --open, --keep, --port=8080, --script
	@exec $(BIN)/python -m sandbox $(ARGS)

# Each worker imports every test, which takes a third of the time if the compiled files are kept.
test: env-dev ## Run the tests; ARGS= are passed to pytest
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# Tests that start bots, browsers and databases, or try every step of a delivery, take most of the time.
quick: env-dev ## Run only the packages' own tests, for quick feedback; ARGS= are passed to pytest
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--ignore tests/browser --ignore tests/e2e --ignore tests/sandbox --ignore tests/simulation \
		--ignore tests/relay/delivery/test_delivery_crashes.py $(ARGS)

check: env-dev ## Check lint, formatting, types, import rules and translations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.translations check

translations: env-dev ## Collect the texts for translators, and compile the translations
	@$(BIN)/python -m tools.translations update

mutations: env-dev ## Put small faults into copies and check that a test notices each; ARGS= are words from their names
	@$(BIN)/python -m tests.mutations $(ARGS)

simulate: env-dev ## Run the whole bot through simulated days; SEED=, SEEDS= (20), MINUTES=
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

soak: mutations ## Run mutations and simulated days, then kill -9 the bot again and again; SEED=, MINUTES= (10), SOAK_SECONDS= (600), SOAK_KILLS= (220)
	@$(BIN)/python -m tests.simulation --minutes $(or $(MINUTES),10)
	@$(BIN)/python -m tests.soak.load
	@$(BIN)/python -m tests.soak

soak-cluster: env-dev ## Run several bots on a real PostgreSQL under faults; SEED= repeats a plan, MINUTES= (5)
	@SEED=$(SEED) MINUTES=$(MINUTES) $(BIN)/python -m tests.soak.cluster

bench: env-dev ## Compare with a bare loop and a naive bot; ARGS= are benchmark names and --out FOLDER
	@$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: env-dev ## Check within seconds that the benchmarks still run; figures don't matter
	@$(BIN)/python -m benchmarks --smoke --out build/bench-smoke

pictures: env-dev ## Take the README's pictures again, from the running page (needs chromium)
	@$(BIN)/python -m sandbox.pictures

lock: env-dev ## Lock the newest versions that pyproject.toml allows, with hashes for every platform
	@$(BIN)/python tools/lock.py

clean: ## Remove the virtual environment and caches, but no data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# dev contains all others, and each contains run. An environment that contains more than is needed stays as it is.
env-run: ## Install the bot's packages into .venv, as `make run` does
	@PYTHON='$(PYTHON)' tools/environment run postgres sandbox cluster dev

env-postgres:
	@PYTHON='$(PYTHON)' tools/environment postgres cluster dev

env-sandbox:
	@PYTHON='$(PYTHON)' tools/environment sandbox cluster dev

env-cluster:
	@PYTHON='$(PYTHON)' tools/environment cluster dev

env-dev:
	@PYTHON='$(PYTHON)' tools/environment dev
