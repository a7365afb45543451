# A thin face on `python -m myapp`: it makes the environment, the tasks do the rest.

.PHONY: run dev test check build lock clean help
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON := .venv/bin/python

help: ## This list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

run: install ## Set everything up and run the application on one port (PORT, default 3000)
	@exec $(PYTHON) -m myapp run

dev: install ## The same with hot reload
	@exec $(PYTHON) -m myapp dev

build: install ## Build the browser's side
	@exec $(PYTHON) -m myapp build

test: install-dev ## The whole test suite; ARGS="-k name" goes to pytest
	@exec $(PYTHON) -m myapp test $(ARGS)

check: install-dev ## Format, lint, types, import borders, dependencies
	@exec $(PYTHON) -m myapp check

lock: ## Write both lock files anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 2; }
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url pyproject.toml --group dev -c requirements.lock \
		-o requirements-dev.lock

clean: ## Delete what can be made again; data (.data) stay
	@rm -rf .venv .web .pytest_cache .ruff_cache .import_linter_cache test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The installed lock is kept as a copy: a touched file installs nothing, a changed one does.
# The development lock holds everything of the other one.
.PHONY: install install-dev
install: $(PYTHON)
	@cmp -s requirements.lock .venv/requirements.lock || { \
		echo "  Installing packages (the first time takes a minute or two)"; \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
			-r requirements.lock && cp requirements.lock .venv/requirements.lock; }

install-dev: $(PYTHON)
	@cmp -s requirements-dev.lock .venv/requirements-dev.lock || { \
		echo "  Installing packages for development (the first time takes a minute or two)"; \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
			-r requirements-dev.lock && cp requirements-dev.lock requirements.lock .venv/; }

$(PYTHON):
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "  Making .venv with $$($$python --version)"; \
			$$python -m venv .venv >.venv.log 2>&1 && { rm -f .venv.log; exit 0; }; \
			cat .venv.log; rm -rf .venv .venv.log; \
			echo "$$python cannot make an environment; on Debian: apt install python3-venv"; exit 2; \
		fi; \
	done; echo "myapp needs Python 3.11 or later, and none was found on PATH"; exit 2
