"""A project whose user model is not Django's: keys are UUIDs, people sign in by email address."""
