"""What a run says, for people and for machines; ``record`` is the form that all others are made from."""
