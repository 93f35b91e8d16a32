"""Mail for JMAP (RFC 8621): domains, addresses, mailboxes, threads, emails, their MIME index and their search."""
