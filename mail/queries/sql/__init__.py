"""The SQL of Email queries, PostgreSQL and SQLite side by side.

Rules kept here:
- a piece of SQL travels with its parameters as a Fragment; values are parameters, names come from code alone;
- LIMIT and OFFSET stand in the text: a prepared plan that does not know them takes a tenth of the table for granted and
  sorts what it should walk;
- a moment that was read is kept as the database has it, text on SQLite and datetime on PostgreSQL (``stamp``).
"""
