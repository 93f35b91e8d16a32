"""The admin of mail out."""
