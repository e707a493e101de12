# `make demo` and `make test` need nothing before them but git and make: each first prepares .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test test-kernel image test-image deb quick lint format bench install clean
BIN := .venv/bin

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: install ## two simulated boxes call each other; ARGS="--out DIR --seed N"
	@$(BIN)/fernruf demo $(ARGS)

test: lint ## everything that must be true: lint, types, layers, all tests
	@$(BIN)/python -m pytest $(ARGS)

quick: install ## the tests that take seconds; ARGS="-k NAME"
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-kernel: install ## in a QEMU guest: a handset on the kernel's hidraw, sound through its loop
	@tests/guest/run.sh

lint: install ## style, types and layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: install ## put the code into shape
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: ## measure all there is: hours; one alone: .venv/bin/python -m bench.NAME
	@tools/install.sh dev,bench
	@set -e; for file in $$(grep -l __main__ bench/*.py); do $(BIN)/python -m "bench.$$(basename $$file .py)"; done

image: ## build the image of the SD card: build/image/fernruf.img.zst (root, Debian)
	@board/image/build.sh

deb: ## the package for Raspberry Pi OS, and what flash.py write --base takes: dist/
	@board/deb/build.sh

test-image: install ## boot that image in an emulated Raspberry Pi; takes long
	@command -v qemu-system-aarch64 qemu-img >/dev/null || apt-get install -y -q qemu-system-arm qemu-utils
	@$(BIN)/python -m pytest --image tests/image $(ARGS)

install: ## prepare .venv with everything the other targets need
	@tools/install.sh

clean: ## remove what was made; the next `make` starts anew
	@rm -rf .venv *.egg-info .*_cache .hypothesis demo-out
	@find firmware tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +
