"""Mail out: identities, submissions, vacation responses, and the queue that loses nothing (RFC 8621 §6 to §8)."""
