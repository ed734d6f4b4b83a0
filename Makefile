# Every target is a script that can be run by hand; make adds the names.

PREFIX ?= /usr/local

.DEFAULT_GOAL := help
.PHONY: help build demo test bench kernels lint generate install clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

build: ## bin/stead, one statically linked program
	@./scripts/build.sh

demo: ## build, then trace a small shell pipeline and show what was seen
	@./scripts/demo.sh

test: ## everything that must hold before a change lands
	@./scripts/test.sh

bench: ## the cost of a call, beside a bare C supervisor and strace
	@./scripts/bench.sh

kernels: ## the checks of docs/kernels.md under other kernels, in an emulator
	@./scripts/kernels.sh

lint: ## form, and the direction of imports
	@./scripts/lint.sh

generate: ## write the generated tables anew
	@./scripts/generate.sh

install: ## build, and copy to $(PREFIX)/bin
	@./scripts/install.sh "$(PREFIX)"

clean: ## remove what was built
	@./scripts/clean.sh
