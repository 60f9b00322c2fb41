.PHONY: help demo test nightly chaos explore bench lock clean
.DEFAULT_GOAL := help

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: ## the whole of Facelift on this machine, nothing to configure
	@scripts/setup sandbox
	@exec .venv/bin/facelift demo

test: ## lint, types, import rules and every test
	@scripts/setup dev
	@scripts/check

nightly: ## the slow tests that `make test` leaves out
	@scripts/setup dev
	@PROMISE_EXAMPLES=200 .venv/bin/pytest -m nightly
	@FUZZ_EXAMPLES=5000 .venv/bin/pytest --timeout=0 tests/unit/test_image_fuzz.py

chaos: ## three minutes of random faults, then judgement; SEED= repeats a run, JOBS= scales it
	@scripts/setup dev
	@scripts/chaos

explore: ## every interleaving of a scope on the real scripts; SCOPE=, DEPTH=, MINUTES= bound it
	@scripts/setup dev
	@scripts/explore

bench: ## Facelift beside other queues, for docs/performance.md; SHORT=1 takes minutes
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks

lock: ## resolve the locked dependencies anew
	@scripts/lock

clean: ## remove what the other targets made
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov
