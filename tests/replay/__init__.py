"""Random histories through JMAP requests: every older state leads to what is there now."""
