"""Steps from one schema to the next, carried out by alembic."""
