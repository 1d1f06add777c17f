"""
A 0-db without a disk, for tests: answers byte for byte as version 2.0.7 does, and fails as it is told to.

`tests.functional.test_zdb_conformance` holds the answers that were measured, and asks a real 0-db the same questions
when ``ZDB_ADDR`` is set.  ``python -m tests.zdbfake`` is one in a process of its own.
"""
