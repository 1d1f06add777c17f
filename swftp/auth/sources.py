"""
Where settings come from: the configuration, a cloud of ``clouds.yaml``, ``OS_*`` variables; the first wins.

In full: options of the configuration; the cloud it names; ``OS_*`` variables; the cloud ``OS_CLOUD`` names; our
defaults.  A source that names another ``auth_url`` than one before it speaks of another cloud: none of it is taken.
Users and secrets of these sources are never taken: clients bring their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from swftp.auth.settings import AuthSettings, SettingsError

SYSTEM_DIRECTORY = Path("/etc/openstack")
SUFFIXES = (".yaml", ".yml", ".json")
PAIRS = ("user_domain", "project_domain", "project")
"""Options of which there is one for the id and one for the name."""
SHARED = frozenset(
    ["auth_url", "auth_type", "region_name", "interface", "cacert", "insecure"]
    + [f"{pair}_{kind}" for pair in PAIRS for kind in ("id", "name")]
)
"""Options that every source may set."""
OLD_NAMES = {"tenant_id": "project_id", "tenant_name": "project_name", "endpoint_type": "interface"}
TRUE = ("1", "true", "yes", "on")


def gather(options: Mapping[str, Any], environ: Mapping[str, str], directories: Iterable[Path]) -> AuthSettings:
    """
    The settings in force.

    :param options: fields of `AuthSettings`, and ``cloud``; what is empty is not set.
    :param directories: where ``clouds.yaml`` may be, as of `cloud_directories`.
    :raises SettingsError: a cloud is not there, a file is wrong, or the result cannot be right.
    """
    places = tuple(directories)
    set_here = {name: value for name, value in options.items() if _is_set(value)}
    layers = [set_here]
    if cloud := set_here.pop("cloud", ""):
        layers.append(_cloud(cloud, environ, places))
        if _contradict(*layers):
            raise SettingsError("cloud", f"the cloud {cloud!r} has another auth_url than the option auth_url")
    layers.append(_environment(environ))
    if not cloud and environ.get("OS_CLOUD"):
        layers.append(_cloud(environ["OS_CLOUD"], environ, places))
    known = {field.name for field in fields(AuthSettings)}
    settings = AuthSettings(**{name: value for name, value in _merged(layers).items() if name in known})
    settings.check()
    return settings


def cloud_directories(home: Path) -> tuple[Path, ...]:
    """Where openstacksdk looks for ``clouds.yaml``."""
    return Path(), home / ".config" / "openstack", SYSTEM_DIRECTORY


def _merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        if _contradict(merged, layer):
            continue
        taken = {pair for pair in PAIRS if f"{pair}_id" in merged or f"{pair}_name" in merged}
        for name, value in layer.items():
            if name not in merged and name.removesuffix("_id").removesuffix("_name") not in taken:
                merged[name] = value
    return merged


def _is_set(value: Any) -> bool:
    return value is not None and value is not False and value != "" and value != () and value != {}


def _contradict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    urls = {source["auth_url"].rstrip("/") for source in (one, other) if "auth_url" in source}
    return len(urls) > 1


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {name.removeprefix("OS_").lower(): text for name, text in environ.items() if name.startswith("OS_")}
    return _normal(values)


def _normal(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of *values* that are ours, under our names."""
    found = {OLD_NAMES.get(name, name): value for name, value in values.items() if value not in ("", None)}
    for kind in ("id", "name"):
        default = found.get(f"default_domain_{kind}") or (found.get("default_domain") if kind == "id" else None)
        for pair in ("user_domain", "project_domain"):
            if default and not {f"{pair}_id", f"{pair}_name"} & found.keys():
                found[f"{pair}_{kind}"] = default
    options = {name: str(value) for name, value in found.items() if name in SHARED and name != "insecure"}
    if "interface" in options:
        options["interface"] = options["interface"].removesuffix("URL")
    if str(found.get("insecure", "")).lower() in TRUE or str(found.get("verify", "")).lower() == "false":
        return {**options, "insecure": True}
    return options


def _cloud(name: str, environ: Mapping[str, str], directories: tuple[Path, ...]) -> dict[str, Any]:
    clouds: dict[str, Any] = {}
    for stem, variable in (("clouds", "OS_CLIENT_CONFIG_FILE"), ("secure", "OS_CLIENT_SECURE_FILE")):
        path = _find(stem, environ.get(variable, ""), directories)
        if path is not None:
            _merge(clouds, _read(path))
    cloud = clouds.get(name)
    if not isinstance(cloud, dict):
        there = ", ".join(sorted(map(str, clouds))) or "none"
        raise SettingsError("cloud", f"there is no cloud {name!r} in clouds.yaml; there are: {there}")
    auth = cloud.get("auth")
    found = _normal({**cloud, **(auth if isinstance(auth, dict) else {})})
    if "auth_url" not in found:
        raise SettingsError("cloud", f"the cloud {name!r} has no auth_url (profiles of vendors are not looked up)")
    return found


def _find(stem: str, named: str, directories: tuple[Path, ...]) -> Path | None:
    if named:
        return Path(named)
    candidates = (directory / f"{stem}{suffix}" for directory in directories for suffix in SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise SettingsError("cloud", f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # the words of both may quote the file, and so a secret
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else getattr(error, "lineno", 1)
        raise SettingsError("cloud", f"{path}:{line}: does not parse") from None
    clouds = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(clouds, dict):
        raise SettingsError("cloud", f"{path}: has no mapping named clouds")
    return clouds


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
