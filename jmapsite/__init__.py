"""The ready-made Django project: settings, URLs, entry points and first-run commands; no mail logic."""
