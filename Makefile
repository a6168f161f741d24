# Two commands on a fresh clone: `make demo` and `make test`. Both need Python 3.11 or newer and nothing else. CONTRIBUTING.md has others.
# Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo demo-all dist test site mutants campaign foreign check-full release-check release

# Prove the packaged model, fp32 and int8, on the shipped lines in ONNX Runtime and OpenVINO, without torch; print the table.
demo: .venv/.demo
	$(BIN)/inkport verify --target onnxruntime:fp32 onnxruntime:int8 openvino:fp32 openvino:int8 --latency-lines 50
	@echo "make demo-all adds torch as the reference (a large download) and every other runtime that can be had here"

# Prove the shipped weights on the shipped lines in every runtime, torch being the reference, and print the table.
demo-all: .venv/.export
	$(BIN)/inkport verify

# Source distribution and wheel, in dist: the wheel is built from what the source distribution holds.
dist: .venv/.base
	$(BIN)/pip install --quiet --group dist
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist
	@ls -l dist

# Everything that must hold before a change is merged.
test: .venv/.test .venv/.web .venv/.arm64 .venv/.cpp .venv/.js .venv/.java .venv/.ssh site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# The documents as a site, in out/site: open out/site/index.html. A dead link or a page that is nowhere in the navigation fails.
site: .venv/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# All that there is to check without new weights: `make test`, then what takes half an hour each. Each says how far it is.
check-full:
	@echo "check-full, 1 of 7: make test"
	@$(MAKE) test
	@echo "check-full, 2 of 7: tests that take many seconds each"
	@$(BIN)/pytest -m 'slow and not device' --numprocesses auto --maxprocesses 4 --dist loadfile
	@echo "check-full, 3 of 7: bundles, built as their READMEs say, on all sample lines"
	@$(BIN)/pytest tests/embed
	@echo "check-full, 4 of 7: make mutants, 300 faults one at a time"
	@$(MAKE) mutants
	@echo "check-full, 5 of 7: make campaign"
	@$(MAKE) campaign
	@echo "check-full, 6 of 7: make foreign, PP-OCRv6 against RapidOCR"
	@$(MAKE) foreign
	@echo "check-full, 7 of 7: the wheel, installed without torch in every Python that is here"
	@$(MAKE) dist
	@scripts/try_wheel.sh

# A recogniser of somebody else's, imported, reads what its own pipeline reads. LINES: line sets, the shipped samples if
# left out.
foreign: .venv/.foreign
	$(BIN)/python scripts/import_ppocr.py $(or $(LINES),benchmarks/samples/lines.tsv)
	$(BIN)/python scripts/attention_decoder.py

# Small faults planted in the modules that measure and decide: nine of ten must make a test fail, and the rest be explained.
mutants: .venv/.mutation
	$(BIN)/python scripts/mutants.py

# Damaged files, kills, hostile runtimes, leaks, in numbers that take half an hour; the tests hold a short run of it.
# One that was stopped goes on with the part it was at. What failed lies in out/campaign.
campaign: .venv/.test
	PYTHONPATH=tests $(BIN)/python -P -m campaign --report docs/results/campaign.json

# Documents quote what the committed reports say, and the reports speak of the shipped weights: when either changes.
release-check: .venv/.test
	$(BIN)/python scripts/quote_reports.py --check
	$(BIN)/pytest tests/release

# New weights shipped, measured and quoted, and release-check: make release WEIGHTS=best.safetensors
release: .venv/.test
	scripts/release.sh $(WEIGHTS)

# The stamps are newer than what they install, so a second run starts at once; an interrupted one starts over.
.venv/.base: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "inkport needs Python 3.11 or newer, $(PYTHON) is: $$($(PYTHON) --version 2>&1)" >&2; \
		echo "fix: make $(MAKECMDGOALS) PYTHON=python3.11 (or wherever a newer one is)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { \
		echo "fix: install Python's venv module (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

# Twice quiet: setuptools warns at length of folders that hold data and no code; errors are still shown.
.venv/.demo: .venv/.base pyproject.toml setup.py
	$(BIN)/pip install --quiet --quiet --editable '.[ort,openvino,fast]'
	@touch $@

.venv/.export: .venv/.base pyproject.toml setup.py
	$(BIN)/pip install --quiet --quiet --editable '.[export]'
	@touch $@

.venv/.test: .venv/.export
	$(BIN)/pip install --quiet --quiet --editable '.[export,import,nncf,coreml,litert-export,executorch,ncnn-export,train,prune,render,loadgen,hub,documents,pdf,heic]' --group test --group lint --group docs
	@# For the schema of PAGE in it, which nobody else packs; without it the tests that validate are skipped and say so.
	-@$(BIN)/pip install --quiet --quiet --no-deps ocrd-validators==2.67.1
	@touch $@

.venv/.foreign: .venv/.test
	$(BIN)/pip install --quiet --quiet rapidocr==3.10.0
	@touch $@

.venv/.mutation: .venv/.test
	$(BIN)/pip install --quiet --quiet --group mutation
	@touch $@

.venv/.web: .venv/.base scripts/web_modules.sh runtimes/web/package-lock.json
	scripts/web_modules.sh
	@touch $@

# An emulated arm64 machine is made of Debian packages; elsewhere the tests that need it are skipped and say so.
.venv/.arm64: .venv/.base scripts/arm64_root.sh
	@if grep -qs '^ID=debian$$' /etc/os-release; then PYTHON=$(BIN)/python scripts/arm64_root.sh; fi
	@touch $@

# A C++ bundle, built, for the runtime bundle-cpp; without a compiler the tests that need it are skipped and say so.
.venv/.cpp: .venv/.test scripts/bundle_cpp.sh $(wildcard export/bundle/*.py export/bundle/cpp/* export/bundle/cpp/*/*)
	@if command -v cmake >/dev/null && command -v c++ >/dev/null; then PYTHON=$(BIN)/python scripts/bundle_cpp.sh; fi
	@touch $@

# A web bundle, for the runtimes bundle-node and bundle-web.
.venv/.js: .venv/.test $(wildcard export/bundle/*.py export/bundle/javascript/* export/bundle/javascript/*/*)
	@$(BIN)/inkport bundle --for web --out out/bundle-web >/dev/null
	@touch $@

# The Java core of Android bundles is compiled by the tests; where there is no compiler and none can be got, they are skipped and say so.
.venv/.java: .venv/.base
	@if ! command -v javac >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq --no-install-recommends -y default-jdk-headless >/dev/null; fi
	@touch $@

# The tests of devices over ssh use the system's client; where there is none and none can be got, they are skipped and say so.
.venv/.ssh: .venv/.base
	@if ! command -v ssh >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq --no-install-recommends -y openssh-client >/dev/null; fi
	@touch $@
