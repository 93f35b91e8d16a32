"""The store of mail: one lock, one modseq for each change, and books that are always right."""
