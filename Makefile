# The commands of this project. A person needs two: make serve, make test.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
EXTRA := faults or browser or scale or conformance

.PHONY: help serve test test-all lint docs lock

help:
	@echo "make serve     set everything up and run the server (HOST, PORT, DATA_DIR, DATABASE_URL, SERVER, WORKERS)"
	@echo "make test      set everything up and run the tests, on SQLite and on PostgreSQL"
	@echo "make test-all  the same with faults, browsers and scale (ONLY=extra: without what make test runs)"
	@echo "make lint      style, types, layering, migrations, generated documents"
	@echo "make docs      write the generated documents anew"
	@echo "make lock      write requirements/*.txt anew (ARGS=--upgrade for newer versions)"

serve:
	@$(PYTHON) scripts/venv.py base
	@exec $(VENV)/python manage.py serve

test:
	@$(PYTHON) scripts/venv.py dev
	@exec $(VENV)/python scripts/services.py run postgres redis nginx dovecot postfix -- scripts/test.sh -m "not ($(EXTRA))" $(ARGS)

test-all:
	@$(PYTHON) scripts/venv.py dev
	@exec $(VENV)/python scripts/services.py run postgres redis nginx dovecot postfix strace browser -- \
		scripts/test.sh $(if $(filter extra,$(ONLY)),-m "$(EXTRA)") $(ARGS)

lint:
	@$(PYTHON) scripts/venv.py dev
	@exec scripts/lint.sh

docs:
	@$(PYTHON) scripts/venv.py dev
	@exec $(VENV)/python scripts/rfc_coverage.py

lock:
	@$(PYTHON) scripts/venv.py dev
	@exec scripts/lock.sh $(ARGS)
