"""An app of the servers under test: methods that a test can hold open or make fail."""
