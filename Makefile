# Two commands do it all: `make reproduce` and `make test`. Both set up what they need first.

SHELL := /bin/bash
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/.venv/bin:$(PATH)
SNAKEMAKE := .venv/bin/snakemake
MIRRORED := $(if $(MIRROR),"mirror=$(MIRROR)")
JOB := .venv/bin/python benchmarks/job.py
ARGS :=

.PHONY: help setup reproduce laptop real full test resume kills perturbed kept slurm-check audit accessible gpu-check lint format lock pull unlock clean

help: ## list these commands
	@echo "make COMMAND [MIRROR=folder of raw files] [ARGS='more for snakemake or pytest, e.g. -n']"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name says; do printf '  %-12s %s\n' "$$name" "$$says"; done

setup: ## install everything into .venv; instant when current
	@./setup.sh

reproduce: setup ## every table and figure on embedded worlds (config.yaml's tier), no network, no GPU
	@$(SNAKEMAKE) $(ARGS)

laptop: setup ## the same with larger worlds, whole sweeps and two seeds: half an hour
	@$(SNAKEMAKE) --config tier=laptop $(ARGS)

real: setup ## the same on public data, sampled to a laptop's scale, from the network or MIRROR
	@$(SNAKEMAKE) --config tier=real $(MIRRORED) $(ARGS)

full: setup ## the papers' own data, sizes and five seeds; for a GPU server
	@$(SNAKEMAKE) --config tier=full $(MIRRORED) $(ARGS)

test: setup ## run the tests
	@.venv/bin/pytest -n 2 --dist loadgroup $(ARGS)

resume: setup ## kill every way of training, the slow ones too, and compare the weights: minutes
	@RECLOOP_EVERY_TRAINING=1 $(JOB) resume .venv/bin/pytest tests/workflow/test_every_training.py $(ARGS)

kills: setup ## kill whole smoke runs at random moments and compare the results, e.g. ARGS='--kills 100'
	@$(JOB) kills .venv/bin/python benchmarks/kills.py $(ARGS)

perturbed: setup ## whole smoke runs again with all that could be random otherwise: the same files, e.g. ARGS='--studies hdt'
	@$(JOB) perturbed .venv/bin/python benchmarks/perturbed.py $(ARGS)

kept: setup ## make a study, record, push and pull it with DVC, and see that nothing is made twice: minutes
	@RECLOOP_DVC=1 $(JOB) kept .venv/bin/pytest tests/workflow/test_dvc_agrees.py $(ARGS)

slurm-check: setup ## a study through a real Slurm of one node, disturbed, held against a run without; root, Slurm and munge
	@$(JOB) slurm-check .venv/bin/python benchmarks/slurm_check.py $(ARGS)

audit: setup ## known faults of the pinned packages, and secrets in the files; needs a package index
	@$(JOB) audit .venv/bin/python benchmarks/audit.py $(ARGS)

accessible: setup ## look for barriers on the pages made, and on the live page, with axe in Chromium, e.g. ARGS='--live quick'
	@$(JOB) accessible .venv/bin/python benchmarks/accessible.py $(ARGS)

gpu-check: setup ## all that a GPU does here, in at most eight minutes: a table to paste; see docs/gpu.md
	@$(JOB) gpu-check .venv/bin/python benchmarks/gpu_check.py $(ARGS)

lint: setup ## check style, format and declared dependencies
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check --line-length 100 .
	.venv/bin/deptry . --no-ansi

format: setup ## put Python and Snakemake files into the one format
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .
	.venv/bin/snakefmt --line-length 100 .

lock: setup ## resolve envs/constraints.txt anew from pyproject.toml
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra lm --extra live --extra slurm --extra kubernetes --extra crate --no-annotate --no-header --upgrade \
	  pyproject.toml --output-file envs/constraints.txt

# Times of pulled files say nothing, hence the touch.
pull: setup ## fetch kept results with DVC and tell Snakemake that they are current
	.venv/bin/dvc pull
	$(SNAKEMAKE) --touch $(ARGS)

unlock: setup ## release the folder after a killed run
	@$(SNAKEMAKE) --unlock

clean: ## remove caches and checkpoints; data, results and .venv stay
	rm -rf .recloop .pytest_cache .ruff_cache .hypothesis
	find recloop tests workflow -name __pycache__ -prune -exec rm -rf {} +
