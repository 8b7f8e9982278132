# make book · make pdf · make test. Everything they need goes into .venv, data/, results/ and _build/.

SCALE   ?= standard
# Unless given, each page shows the seeds whose records are published.
SEEDS   ?=
DATASET ?= cifar10
PYTHON  ?= python3
PORT    ?= 8000
ifndef JOBS
JOBS := $(shell getconf _NPROCESSORS_ONLN)
endif

# Recipes read these from the environment, in quotes: whatever they hold is text, never a command.
override SCALE   := $(value SCALE)
override SEEDS   := $(value SEEDS)
override DATASET := $(value DATASET)
override JOBS    := $(value JOBS)
override PYTHON  := $(value PYTHON)
override PORT    := $(value PORT)
export SCALE SEEDS DATASET JOBS PYTHON PORT

BIN := .venv/bin
ENV := .venv/.complete

.PHONY: book pdf test mutants reference golden bench serve data newest clean sound

book: $(ENV)
	$(BIN)/fhelpers book --scale="$$SCALE" --seeds="$$SEEDS" --dataset="$$DATASET" --jobs="$$JOBS"

# The book as it was built last, as one PDF beside its pages.
pdf: $(ENV)
	$(BIN)/fhelpers pdf

test: $(ENV)
	$(BIN)/fhelpers data cifar10 mnist fashion-mnist
	$(BIN)/pytest --numprocesses 3  # one more than two cores: browsers and kernels keep it waiting

# Wrong science, edit by edit: which of it turns a reference notebook red.
mutants: $(ENV)
	$(BIN)/fhelpers data fashion-mnist
	$(BIN)/python tests/mutants.py

# After a change that is meant to alter results: look at what git shows as different, then commit.
reference: $(ENV)
	$(BIN)/python tests/reference/update.py

# After a kind of run got a new version: keep its new results, and look at the difference.
golden: $(ENV)
	$(BIN)/python tests/golden/runs.py --write

bench: $(ENV)
	$(BIN)/python benchmarks/split.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/masks.py
	$(BIN)/python benchmarks/attacks.py
	$(BIN)/python benchmarks/detection.py

serve: $(ENV)
	@test -e _build/html/index.html || { echo 'There are no pages yet: run "make book" first.' >&2; exit 2; }
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html -- "$$PORT"

data: $(ENV)
	$(BIN)/fhelpers data -- "$$DATASET"

# Pages only: runs, data and the environment cost more to make again (rm -r results data .venv).
clean:
	rm -rf _build book/sections .snakemake

# The newest versions instead of the locked ones: to learn early what a release breaks.
newest:
	"$$PYTHON" -m venv .venv
	$(BIN)/pip install --upgrade --editable ".[book,test]"
	touch $(ENV)

define CHECK_PYTHON
import os, sys
if not (3, 11) <= sys.version_info < (3, 13):
    sys.exit("This needs Python 3.11 or 3.12, but %s is %d.%d: name another one, as in " \
             "make book PYTHON=python3.11" % (os.environ["PYTHON"], *sys.version_info[:2]))
endef
export CHECK_PYTHON

# An environment knows the place where it was made, and the interpreter it was made with.
sound:
	@test ! -e .venv/pyvenv.cfg || { $(BIN)/python -c "" >/dev/null 2>&1 && \
	    { ! grep -q "^command = " .venv/pyvenv.cfg || grep -qF " $$(pwd -P)/.venv" .venv/pyvenv.cfg; }; } || \
	  { echo "The environment .venv does not work: this folder was moved or copied, or its Python" \
	    "is gone. Type rm -r .venv and call make again." >&2; exit 2; }

# The stamp comes last, so an installation that was cut off is carried on by the next call.
$(ENV): requirements.lock pyproject.toml | sound
	"$$PYTHON" -c "$$CHECK_PYTHON"
	"$$PYTHON" -m venv .venv
	$(BIN)/pip install --requirement requirements.lock
	$(BIN)/pip install --no-deps --no-build-isolation --editable .
	touch $@
