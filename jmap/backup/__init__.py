"""Backup and restore of a whole site: its database of one moment, and every blob that this database knows."""
