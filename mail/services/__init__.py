"""What may be done to mail: every write goes through here, under the account's lock (``jmap.store.writing``).

Services speak Python: rows by integer key, keywords as text, errors of ``mail.services.errors``. What the wire calls
these is known in ``mail.datatypes`` alone.
"""
