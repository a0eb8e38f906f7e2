# `make help` names the targets. The two that a newcomer needs are demo and test. Each sets up all it needs in .venv.
#
# Other releases than the pinned ones, as the workflows choose them, in an environment that is then made anew:
#   make unit ANSIBLE_CORE='2.20.*' CRYPTOGRAPHY='43.*' PYTHON=python3.12

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
GALAXY := https://galaxy.ansible.com/
COLLECTIONS := $(VENV)/collections
TREE := $(COLLECTIONS)/ansible_collections/vwan/user_vpn
# With an older cryptography the lab needs an older asyncssh, which pip chooses.
RELEASES := $(if $(ANSIBLE_CORE),'ansible-core==$(ANSIBLE_CORE)') $(if $(CRYPTOGRAPHY),'cryptography==$(CRYPTOGRAPHY)' asyncssh)
# Named after what was chosen: with another choice it is missing, and everything is made anew.
MADE := $(VENV)/made$(if $(PYTHON),-$(subst /,_,$(PYTHON)))$(if $(ANSIBLE_CORE),-ansible-core-$(ANSIBLE_CORE:.*=))$(if $(CRYPTOGRAPHY),-cryptography-$(CRYPTOGRAPHY:.*=))

# Nothing of the user's own Ansible or Python settings gets in.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(COLLECTIONS)
export ANSIBLE_HOME := $(CURDIR)/$(VENV)/ansible
export PYTHONPATH := $(CURDIR)/$(COLLECTIONS)
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache
unexport ANSIBLE_CONFIG PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo lab test unit integration lint sanity bench bench-quick soak mutants browser bench-page pictures fragments hooks test-matrix docs build release-check release publish format clean conformance

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /make \1|/p' Makefile | while IFS='|' read -r name what; do printf '%-20s%s\n' "$$name" "$$what"; done

demo: $(VENV)/demo.ready ## the whole workflow, from the Azure of the lab to its three Macs
	@$(BIN)/python -m ansible_collections.vwan.user_vpn.tests.lab.demo

# LAB holds its options (LAB=--help).
lab: $(VENV)/demo.ready ## a lab with its inventory to try playbooks against, until Ctrl-C
	@$(BIN)/python -m ansible_collections.vwan.user_vpn.tests.lab.hold $(LAB)

test: $(VENV)/test.ready $(VENV)/azure28.ready ## everything that is checked
	@$(BIN)/python tests/tools/run_all.py lint unit integration azure28 sanity

lint: $(VENV)/test.ready ## formats, types, roles in step, the documentation of modules
	@$(BIN)/python tests/tools/run_all.py lint

unit: $(VENV)/test.ready ## a part of test: without playbooks
	@$(BIN)/python tests/tools/run_all.py unit

integration: $(VENV)/test.ready $(VENV)/azure28.ready ## a part of test: playbooks against the lab
	@$(BIN)/python tests/tools/run_all.py integration azure28

sanity: $(VENV)/test.ready ## a part of test: ansible-test sanity
	@$(BIN)/python tests/tools/run_all.py sanity

soak: $(VENV)/test.ready ## every case of the tests, for hours
	@USER_VPN_SOAK=1 $(BIN)/python tests/tools/run_all.py unit integration

# BENCH names single cases, which are only printed (BENCH="site:100 peer:10",
# with --json every run); BENCH_ALL=1 adds what takes an hour more.
bench: $(VENV)/bench.ready $(VENV)/peer.ready ## what fleets cost, into docs/performance.md
	@$(BIN)/python -m ansible_collections.vwan.user_vpn.tests.bench $(or $(BENCH),--write $(if $(BENCH_ALL),--all))

bench-quick: $(VENV)/bench.ready ## the same for a few Macs, only printed
	@$(BIN)/python -m ansible_collections.vwan.user_vpn.tests.bench --quick

# MAC=user@host, or MAC=localhost on a Mac; GUIDED=no asks nobody for anything; SSH is the command in place of ssh, with
# options (SSH="ssh -p 2222"); ONLY="security: " runs a part. See docs/conformance.md.
conformance: $(VENV)/test.ready ## the lab's doubles of macOS against a real Mac, into .conformance
	@test -n "$$MAC" || { echo "Which Mac? make conformance MAC=user@host, or MAC=localhost on a Mac"; exit 2; }
	@$(BIN)/python -m ansible_collections.vwan.user_vpn.tests.conformance "$$MAC" --guided "$${GUIDED:-yes}" --only "$$ONLY"

# MUTANTS holds options of the driver, for example --area sh --number 40.
mutants: $(VENV)/test.ready ## which small faults no test notices
	@$(BIN)/python tests/tools/mutants.py $(MUTANTS)

# `make test` does it, too, where this was done once.
browser: $(VENV)/browser.ready ## the report's page in a real browser
	@$(BIN)/python tests/lab/browser.py install
	@cd $(TREE) && $(CURDIR)/$(BIN)/python -m pytest -q tests/integration/test_page.py

bench-page: $(VENV)/browser.ready ## how long the page of MACS=5000 takes to open
	@$(BIN)/python tests/lab/browser.py install
	@$(BIN)/python tests/lab/browser.py measure $(or $(MACS),5000)

pictures: $(VENV)/browser.ready ## docs/images, of the page as it is now
	@$(BIN)/python tests/lab/browser.py install
	@$(BIN)/python tests/lab/browser.py pictures docs/images

docs: $(VENV)/docs.ready ## the guides and the reference of modules and roles as a site, in .docs/site
	@rm -rf .docs && mkdir -p .docs/source && cp -R docs/*.md docs/images .docs/source
	@umask 022; mkdir .docs/source/reference
	@$(BIN)/antsibull-docs collection --fail-on-error --use-current --squash-hierarchy --no-add-antsibull-docs-version \
	  --dest-dir .docs/source/reference vwan.user_vpn
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html -d .docs/doctrees -c docs/docsite .docs/source .docs/site
	@$(BIN)/python tests/tools/check_site.py .docs/site

build: $(VENV)/demo.ready ## the tarball for ansible-galaxy
	@$(BIN)/ansible-galaxy collection build --force

release: $(VENV)/test.ready ## whether RELEASE, the name of a tag, can be released
	@$(BIN)/python tests/tools/check_release.py "$$RELEASE"
	@$(BIN)/antsibull-changelog lint

# The lint and sanity of test, and what only a release needs: the site, the tarball, Galaxy's importer, REUSE, the hooks.
release-check: $(VENV)/test.ready $(VENV)/docs.ready $(VENV)/release.ready ## whether what is here could be released
	@$(BIN)/python tests/tools/run_all.py lint sanity release

# BASE: since when, by default since the last release.
fragments: $(VENV)/test.ready ## whether changes that users notice have a changelog fragment
	@$(BIN)/python tests/tools/check_fragments.py $(BASE)

hooks: $(VENV)/test.ready $(VENV)/release.ready ## have git run the quick checks before each commit
	@$(VENV)/release/bin/pre-commit install

# MATRIX: what to run with each, by default the unit tests (MATRIX=test for all).
test-matrix: $(VENV)/test.ready ## the tests with each Python and ansible-core that this machine can have
	@$(BIN)/python tests/tools/matrix.py $(MATRIX)

# What `make build` made. The token comes in GALAXY_TOKEN, and stands in no command line.
publish: $(VENV)/demo.ready ## bring the tarball to Galaxy
	@ANSIBLE_GALAXY_SERVER_LIST=galaxy ANSIBLE_GALAXY_SERVER_GALAXY_URL=$(GALAXY) ANSIBLE_GALAXY_SERVER_GALAXY_TOKEN="$$GALAXY_TOKEN" \
	  $(BIN)/ansible-galaxy collection publish vwan-user_vpn-*.tar.gz

format: $(VENV)/test.ready ## format all Python
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

clean: ## remove what the others made
	rm -rf $(VENV) .conformance .demo .lab .docs .mutants.txt

$(VENV)/%.ready: requirements/%.txt requirements/demo.txt requirements/constraints.txt $(MADE)
	@echo "Installing the Python packages of requirements/$*.txt in $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/$*.txt
	$(if $(strip $(RELEASES)),@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(RELEASES))
	@touch $@

# A second environment, for the oldest release of the Azure SDK that works.
$(VENV)/azure28.ready: requirements/azure28.txt requirements/constraints.txt $(MADE)
	@echo "Installing the Python packages of requirements/azure28.txt in $(VENV)/azure28 (once) ..."
	@$(BIN)/python -m venv $(VENV)/azure28
	@$(VENV)/azure28/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/azure28.txt
	$(if $(strip $(RELEASES)),@$(VENV)/azure28/bin/python -m pip install --quiet --disable-pip-version-check $(RELEASES))
	@touch $@

# A third, for the play that the bench compares with.
$(VENV)/peer.ready: requirements/peer.txt requirements/constraints.txt $(MADE)
	@echo "Installing the Python packages of requirements/peer.txt in $(VENV)/peer (once) ..."
	@$(BIN)/python -m venv $(VENV)/peer
	@$(VENV)/peer/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/peer.txt
	@touch $@

# A fourth: the importer of Galaxy wants other releases than the tests.
$(VENV)/release.ready: requirements/release.txt $(MADE)
	@echo "Installing the Python packages of requirements/release.txt in $(VENV)/release (once) ..."
	@$(BIN)/python -m venv $(VENV)/release
	@$(VENV)/release/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/release.txt
	@touch $@

$(MADE):
	@python=$$(sh tests/tools/preflight.sh) || exit 1; \
	  rm -rf $(VENV) && "$$python" -m venv $(VENV) || exit 1
	@mkdir -p $(dir $(TREE)) && ln -sfn "$(CURDIR)" $(TREE)
	@touch $@
