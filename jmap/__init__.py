"""The JMAP protocol core as a Django app: it knows accounts, state and blobs, and nothing of mail."""
