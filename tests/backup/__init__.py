"""Backup and restore: what is brought back is what was there, and nobody who saw the lost future believes in it."""
