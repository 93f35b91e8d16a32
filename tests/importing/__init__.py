"""Importing mail: what comes in, what is kept of it, and what running again does."""
