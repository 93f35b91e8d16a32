"""Processes that are killed and connections that are cut: nothing is lost, doubled or half done."""
