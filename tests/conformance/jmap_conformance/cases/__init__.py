"""The cases: a folder for each capability, a file for each topic. Importing a file makes its cases known."""
