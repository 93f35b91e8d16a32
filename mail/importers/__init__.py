"""Where mail is imported from: each source yields entries, ``mail.services.importing`` takes them in."""
