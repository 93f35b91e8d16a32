"""Sizes as people type them: ``500 MB``, ``5 GB``, or a number of octets."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.translation import gettext as _

_SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([KMGT]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
MOST = 10**18


class SizeField(forms.Field):
    """A number of octets, or None; units are powers of 1,000, as those of disks are."""

    widget = AdminTextInputWidget

    def __init__(self, *, min_value: Any = None, max_value: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """The largest unit that says it without a fraction."""
        if not isinstance(value, int) or not value:
            return value
        unit = next(unit for unit in ("T", "G", "M", "K", "") if value % _UNITS[unit] == 0)
        return f"{value // _UNITS[unit]} {unit}B" if unit else str(value)

    def to_python(self, value: Any) -> int | None:
        """Octets. Raises ValidationError."""
        if value in self.empty_values:
            return None
        found = _SIZE.fullmatch(str(value).strip())
        octets = int(float(found[1].replace(",", ".")) * _UNITS[found[2].upper()]) if found else MOST + 1
        if octets > MOST:
            raise forms.ValidationError(_("Write a size such as 500 MB or 5 GB."))
        return octets
