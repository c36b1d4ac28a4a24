"""Alembic scripts that bring a database to the schema of `tables.py`, one file a step.

There is no way back: an older normalcy refuses a newer database, and a backup undoes an update.
"""
