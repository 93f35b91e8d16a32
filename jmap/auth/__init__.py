"""Who makes a request: from credentials to a principal by one cheap query, with no password hash after the first."""
