"""The options of backups: ``JMAP["BACKUP"]``."""

from dataclasses import dataclass

from jmap.conf import OptionsReader


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """Where the programs are that a backup needs."""

    postgres_bin: str = ""
    """The folder of pg_dump, pg_restore and psql; empty looks along PATH."""


backup_options = OptionsReader(BackupOptions, section="BACKUP")
