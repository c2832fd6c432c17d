# Each environment is made once and again only when its lock file, the Python or the place of this folder changes.

PYTHON ?= python3
ARGS ?=
# One computes; the tests of the others mostly wait for a process or a socket, so there are more than cores (tests/dealing.py).
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

# Each worker imports every test: with the compiled files kept that takes a third of the time.
test: env-dev ## Run the tests; ARGS= are pytest's
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# What starts bots, browsers and databases, or tries every step of a delivery, takes most of the time.
quick: env-dev ## Run the tests of the rooms alone, while you write; ARGS= are pytest's
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--ignore tests/browser --ignore tests/e2e --ignore tests/sandbox --ignore tests/simulation \
		--ignore tests/relay/delivery/test_delivery_crashes.py $(ARGS)

check: env-dev ## Lint, formatting, types, import rules and translations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.translations check

translations: env-dev ## Collect the texts for translators, and compile the translations
	@$(BIN)/python -m tools.translations update

mutations: env-dev ## Build small faults into copies and see a test notice each; ARGS= are words of their names
	@$(BIN)/python -m tests.mutations $(ARGS)

simulate: env-dev ## Live through days of the whole bot in a simulated world; SEED=, SEEDS= (20), MINUTES=
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

soak: mutations ## Mutations, simulated days, 200 times kill -9; SEED=, MINUTES= (10), SOAK_SECONDS= (600), SOAK_KILLS= (220)
	@$(BIN)/python -m tests.simulation --minutes $(or $(MINUTES),10)
	@$(BIN)/python -m tests.soak.load
	@$(BIN)/python -m tests.soak

soak-cluster: env-dev ## Several bots on a real PostgreSQL under faults; SEED= repeats the plan, MINUTES= (5)
	@SEED=$(SEED) MINUTES=$(MINUTES) $(BIN)/python -m tests.soak.cluster

bench: env-dev ## Measure against a bare loop and a naive bot; ARGS= are benchmarks' names and --out FOLDER
	@$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: env-dev ## Whether the benchmarks still work, in seconds; judges no figure
	@$(BIN)/python -m benchmarks --smoke --out build/bench-smoke

pictures: env-dev ## Take the README's pictures anew, from the running page (needs chromium)
	@$(BIN)/python -m sandbox.pictures

lock: env-dev ## Lock the newest versions that pyproject.toml allows, with hashes for every platform
	@$(BIN)/python tools/lock.py

clean: ## Remove the virtual environment and caches, never the data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# dev contains all others, each of them contains run: an environment that has more is left as it is.
env-run:
	@PYTHON='$(PYTHON)' tools/environment run postgres sandbox cluster dev

env-postgres:
	@PYTHON='$(PYTHON)' tools/environment postgres cluster dev

env-sandbox:
	@PYTHON='$(PYTHON)' tools/environment sandbox cluster dev

env-cluster:
	@PYTHON='$(PYTHON)' tools/environment cluster dev

env-dev:
	@PYTHON='$(PYTHON)' tools/environment dev
