"""What may be said, but does not do what it seems to: warnings about options that each are allowed."""

from __future__ import annotations

from swftp.config.sections import Config


def advice(config: Config) -> list[str]:
    """One line for each, as `ConfigError` would have it."""
    return _of_startups(config) + (_of_data_connections(config) if "ftp" in config.protocols else [])


def _of_startups(config: Config) -> list[str]:
    """Where the random drop begins: below where everybody is refused, or it never does."""
    limits = config.limits
    if not 0 < limits.startups_full < limits.startups_start:
        return []
    words = "is above startups_full: all are refused before any is at random"
    return [str(config.problem("limits", "startups_start", words))]


def _of_data_connections(config: Config) -> list[str]:
    """Whose they are: who comes from the client's address, or who goes on with its TLS session."""
    ftp = config.ftp
    in_tls = ftp.require_tls_data or ftp.require_tls_login or ftp.client_certificate == "required"
    if ftp.tls_reuse == "required" and in_tls:
        return []
    if not ftp.check_peer:
        words = "data connections may be anybody's, without tls_reuse = required and require_tls_data"
        return [str(config.problem("ftp", "check_peer", words))]
    if ftp.tls_reuse == "required":
        words = "is asked of nobody who says no AUTH TLS, without require_tls_data or require_tls_login"
        return [str(config.problem("ftp", "tls_reuse", words))]
    return []
