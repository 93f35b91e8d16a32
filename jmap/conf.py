"""The options of the applications: one dictionary setting, ``JMAP``, read through typed classes.

Rules kept here: every option has a default, so ``JMAP`` may be absent; its key is the field's name in capitals; an
unknown key, a wrong type or a value out of bounds is an error of Django's system checks that names the key. An app
above this one keeps its options in a section of the same dictionary (``JMAP["MAIL"]``) with a class of its own:

    mail_options = OptionsReader(MailOptions, section="MAIL")
    mail_options().max_mailbox_depth
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SETTING = "JMAP"

T = TypeVar("T")


def option(default: Any, *, minimum: int | None = None, maximum: int | None = None) -> Any:
    """A field of an options class with bounds for its value."""
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum})


@dataclass(frozen=True, slots=True)
class JmapOptions:
    """The options of the protocol core and its HTTP edge.

    The limits are those that the session advertises (RFC 8620 §2), sizes in octets; the defaults are above
    the minimum that the RFC suggests, since a webmail with a few tabs open reaches that.
    """

    max_size_upload: int = option(50_000_000, minimum=1)
    max_concurrent_upload: int = option(10, minimum=1)
    max_size_request: int = option(10_000_000, minimum=1)
    max_concurrent_requests: int = option(10, minimum=1)
    max_calls_in_request: int = option(64, minimum=1)
    max_objects_in_get: int = option(1_000, minimum=1)
    max_objects_in_set: int = option(1_000, minimum=1)
    strict_using: bool = False
    """Answer ``unknownMethod`` to a method whose capability ``using`` does not name. Off by default, since clients in
    use leave capabilities out; an empty ``using`` opens no method either way."""
    blob_root: Path = Path("var/blobs")
    """The folder of the file blob store."""
    trusted_proxies: tuple[IPNetwork, ...] = ()
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed; nothing else decides the client's address
    or the scheme."""


class OptionsReader(Generic[T]):
    """Reads one section of the setting into its class; calling it gives the options, parsed once.

    ``schema`` is a frozen dataclass with a default for every field, ``section`` the key of a dictionary inside the
    setting, or None for the setting itself.
    """

    readers: list["OptionsReader[Any]"] = []

    def __init__(self, schema: type[T], section: str | None = None) -> None:
        if any(item.default is MISSING and item.default_factory is MISSING for item in fields(schema)):  # type: ignore[arg-type]
            raise TypeError(f"Every option of {schema.__name__} needs a default.")
        self.schema = schema
        self.section = section
        self._options: T | None = None
        OptionsReader.readers.append(self)

    def __call__(self) -> T:
        """The options in force. Raises ImproperlyConfigured where a value does not fit its option."""
        if self._options is None:
            values, problems = self.parse()
            if problems:
                raise ImproperlyConfigured(" ".join(problems))
            self._options = self.schema(**values)
        return self._options

    def forget(self) -> None:
        """Read the setting again at the next call."""
        self._options = None

    @property
    def label(self) -> str:
        """How messages name the section: ``JMAP`` or ``JMAP["MAIL"]``."""
        return SETTING if self.section is None else f'{SETTING}["{self.section}"]'

    def given(self) -> Any:
        """The section as the settings have it, empty where they do not."""
        whole = getattr(settings, SETTING, {})
        if self.section is None or not isinstance(whole, Mapping):
            return whole
        return whole.get(self.section, {})

    def parse(self) -> tuple[dict[str, Any], list[str]]:
        """The values by field name, and what is wrong with the setting in words."""
        given = self.given()
        if not isinstance(given, Mapping):
            return {}, [f"{self.label} must be a dictionary."]
        types = get_type_hints(self.schema)
        by_key = {item.name.upper(): item for item in fields(self.schema)}  # type: ignore[arg-type]
        sections = {reader.section for reader in OptionsReader.readers} if self.section is None else set()
        values: dict[str, Any] = {}
        problems: list[str] = []
        for key, value in given.items():
            if key in sections:
                continue
            if key not in by_key:
                problems.append(f'{self.label} has no option "{key}"; there are {", ".join(sorted(by_key))}.')
                continue
            item = by_key[key]
            try:
                values[item.name] = convert(value, types[item.name], item.metadata)
            except ValueError as error:
                problems.append(f'{self.label}["{key}"] {error}.')
        return values, problems


def convert(value: Any, kind: Any, bounds: Mapping[str, Any]) -> Any:
    """The value as the type that its option declares. Raises ValueError with what it must be."""
    if get_origin(kind) is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError("must be a list")
        return tuple(convert(entry, get_args(kind)[0], {}) for entry in value)
    if kind is Path:
        if not isinstance(value, str | Path):
            raise ValueError("must be a path")
        return Path(value)
    if kind == IPNetwork:
        try:
            return ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(f"holds {value!r}, which is no IP address or network") from None
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError("must be True or False")
        return value
    if kind is int:
        return whole_number(value, bounds.get("minimum"), bounds.get("maximum"))
    if not isinstance(value, kind):
        raise ValueError(f"must be of type {kind.__name__}")
    return value


def whole_number(value: Any, minimum: int | None, maximum: int | None) -> int:
    """The value as an int within bounds. Raises ValueError with what it must be."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")
    if minimum is not None and value < minimum:
        raise ValueError(f"must be at least {minimum}")
    if maximum is not None and value > maximum:
        raise ValueError(f"must be at most {maximum}")
    return value


jmap_options = OptionsReader(JmapOptions)


def problems_of_all_readers() -> Iterator[str]:
    """What is wrong with the whole setting, section by section."""
    for reader in OptionsReader.readers:
        yield from reader.parse()[1]


@register
def check_options(**kwargs: Any) -> list[CheckMessage]:
    """System check: every key of the setting is known and holds a value that fits."""
    return [Error(problem, id="jmap_core.E001") for problem in problems_of_all_readers()]


def forget_changed_setting(*, setting: str, **kwargs: Any) -> None:
    """Let override_settings in tests reach the options."""
    if setting == SETTING:
        for reader in OptionsReader.readers:
            reader.forget()


setting_changed.connect(forget_changed_setting, dispatch_uid="jmap.conf")
