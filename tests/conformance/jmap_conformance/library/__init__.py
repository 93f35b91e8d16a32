"""Messages written by hand, each with what the RFCs say that JMAP shows of it."""
