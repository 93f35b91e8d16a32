"""Octets to text: which charset a label means, and what to do when the label lies.

The order is UTF-8 where the octets are valid UTF-8, then the declared charset, then detection. Labels go through the
aliases that browsers use (the WHATWG encoding labels: "iso-8859-1" is windows-1252, "gb2312" is gb18030), plus the
charsets only mail knows, such as utf-7. Only charsets of this table are ever given to Python's codecs, so that no label
reaches "idna", "rot13" or another codec that is no charset.

The text that leaves never holds NUL (removed) or a lone surrogate (replaced by U+FFFD).
"""

import codecs
import re
from functools import lru_cache

import cchardet

SAMPLE = 65536
"""How many octets the detector looks at."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_LABELS: dict[str, str] = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8 utf-8-sig cp65001 utf_8 al32utf8",
    "utf-7": "utf7 unicode-1-1-utf-7 unicode-2-0-utf-7 x-unicode-2-0-utf-7 csunicode11utf7",
    "utf-16": "utf16 unicode ucs-2 iso-10646-ucs-2 csunicode unicodefeff",
    "utf-16-le": "utf-16le unicodefffe",
    "utf-16-be": "utf-16be",
    "utf-32": "utf32 ucs-4 iso-10646-ucs-4",
    "utf-32-le": "utf-32le",
    "utf-32-be": "utf-32be",
    "cp1252": "ascii us-ascii us ansi_x3.4-1968 iso646-us iso_646.irv:1991 iso-ir-6 csascii ibm367 cp367 iso-8859-1 "
    "iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 csisolatin1 latin1 latin-1 l1 cp819 ibm819 windows-1252 "
    "x-cp1252 win-1252 ansi x-ansi 646 iso-8859-1-windows-3.1-latin-1 iso-8859-1-windows-3.0-latin-1",
    "iso8859_2": "iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 iso-ir-101 csisolatin2 latin2 l2",
    "iso8859_3": "iso-8859-3 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 iso-ir-109 csisolatin3 latin3 l3",
    "iso8859_4": "iso-8859-4 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 iso-ir-110 csisolatin4 latin4 l4",
    "iso8859_5": "iso-8859-5 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988 iso-ir-144 csisolatincyrillic cyrillic",
    "iso8859_6": "iso-8859-6 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 iso-ir-127 csisolatinarabic arabic asmo-708 "
    "ecma-114 iso-8859-6-e iso-8859-6-i csiso88596e csiso88596i",
    "iso8859_7": "iso-8859-7 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 iso-ir-126 csisolatingreek greek greek8 "
    "ecma-118 elot_928 sun_eu_greek",
    "iso8859_8": "iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 iso-ir-138 csisolatinhebrew hebrew visual "
    "iso-8859-8-e iso-8859-8-i logical csiso88598e csiso88598i",
    "cp1254": "iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 iso-ir-148 csisolatin5 latin5 l5 windows-1254 "
    "x-cp1254",
    "iso8859_10": "iso-8859-10 iso8859-10 iso885910 iso-ir-157 csisolatin6 latin6 l6",
    "iso8859_13": "iso-8859-13 iso8859-13 iso885913 latin7",
    "iso8859_14": "iso-8859-14 iso8859-14 iso885914 latin8",
    "iso8859_15": "iso-8859-15 iso8859-15 iso885915 iso_8859-15 csisolatin9 l9 latin9 latin-9",
    "iso8859_16": "iso-8859-16 iso8859-16 iso885916 latin10",
    "cp874": "iso-8859-11 iso8859-11 iso885911 tis-620 tis620 dos-874 windows-874 x-windows-874",
    "cp1250": "windows-1250 x-cp1250 win-1250",
    "cp1251": "windows-1251 x-cp1251 win-1251 windows1251",
    "cp1253": "windows-1253 x-cp1253",
    "cp1255": "windows-1255 x-cp1255",
    "cp1256": "windows-1256 x-cp1256",
    "cp1257": "windows-1257 x-cp1257",
    "cp1258": "windows-1258 x-cp1258",
    "koi8_r": "koi8-r koi koi8 koi8r cskoi8r",
    "koi8_u": "koi8-u koi8-ru koi8u",
    "mac_roman": "macintosh mac x-mac-roman csmacintosh macroman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian maccyrillic",
    "mac_greek": "x-mac-greek macgreek",
    "mac_latin2": "x-mac-ce x-mac-centraleurroman maccentraleurope",
    "mac_turkish": "x-mac-turkish macturkish",
    "gb18030": "gb2312 gb_2312 gb_2312-80 gbk x-gbk cp936 ms936 windows-936 chinese csgb2312 csiso58gb231280 iso-ir-58 "
    "euc-cn x-euc-cn gb-18030",
    "hz": "hz-gb-2312 hz-gb2312",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5 big-5",
    "cp950": "windows-950 ms950",
    "euc_jp": "euc-jp x-euc-jp x-euc cseucpkdfmtjapanese eucjp ujis",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji ms932 windows-31j csshiftjis shiftjis windows-932 cswindows31j",
    "iso2022_jp_2": "iso-2022-jp csiso2022jp iso-2022-jp-2 iso2022jp cp50220 cp50221 cp50222 iso-2022-jp-ms",
    "iso2022_jp_3": "iso-2022-jp-3",
    "iso2022_kr": "iso-2022-kr csiso2022kr",
    "cp949": "euc-kr euckr ks_c_5601 ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean cseuckr csksc56011987 "
    "iso-ir-149 windows-949 ms949 uhc",
    "johab": "cp1361 ms1361",
    "cp437": "ibm437 437 cspc8codepage437",
    "cp850": "ibm850 850 cspc850multilingual",
    "cp852": "ibm852 852 cspcp852",
    "cp855": "ibm855 855",
    "cp857": "ibm857 857",
    "cp858": "ibm858 858 ibm00858",
    "cp860": "ibm860 860",
    "cp861": "ibm861 861",
    "cp862": "ibm862 862 dos-862",
    "cp863": "ibm863 863",
    "cp864": "ibm864 864",
    "cp865": "ibm865 865",
    "cp866": "ibm866 866 csibm866",
    "cp869": "ibm869 869",
    "cp775": "ibm775 775",
    "kz1048": "strk1048_2002 rk1048 kz-1048",
    "ptcp154": "pt154 cyrillic-asian",
}
_CODECS: dict[str, str] = {
    label: codec for codec, labels in _LABELS.items() for label in (codec, codec.replace("_", "-"), *labels.split())
}
_ASCII_LABELS = frozenset(label for label in _LABELS["cp1252"].split() if "ascii" in label or label in ("us", "646"))
_WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
_SHIFTING = frozenset({"utf-7", "hz", "iso2022_jp_2", "iso2022_jp_3", "iso2022_kr"})
_DOUBLE_BYTE = frozenset({"gb18030", "big5hkscs", "cp950", "euc_jp", "cp932", "cp949", "johab"})

STATEFUL = _WIDE | _SHIFTING
"""Codecs whose octets below 0x80 are not simply ASCII."""


@lru_cache(maxsize=512)
def codec_for(label: str | None) -> str | None:
    """The Python codec that a charset label means, or None when the label is unknown.

    An RFC 2231 language ("utf-8*en"), quotes, case and surrounding white space do not matter.
    """
    if not label:
        return None
    name = label.strip().strip("\"'").split("*", 1)[0].strip().lower()
    if codec := _CODECS.get(name):
        return codec
    name = name.replace("_", "-").replace(" ", "-")
    name = re.sub(r"^(?:charset=|x-|cs)(?=.)", "", name)
    return _CODECS.get(name) or _CODECS.get(re.sub(r"^(?:windows|win|cp|ibm)-?(?=\d)", "windows-", name))


def clean(text: str) -> str:
    """The text without NUL, and with U+FFFD for every lone surrogate."""
    if "\0" in text:
        text = text.replace("\0", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def _decode(raw: bytes, codec: str, errors: str, partial: bool) -> str:
    if partial:
        return codecs.getincrementaldecoder(codec)(errors).decode(raw)
    return raw.decode(codec, errors)


def decode_as(raw: bytes, codec: str, partial: bool = False) -> tuple[str, bool]:
    """Decode with one known codec; malformed octets become U+FFFD, a character cut at the end of `partial` is left out.

    Returns the clean text and whether something was malformed.
    """
    try:
        return clean(_decode(raw, codec, "strict", partial)), False
    except ValueError:
        pass
    try:
        return clean(_decode(raw, codec, "replace", partial)), True
    except ValueError:
        return clean(raw.decode("utf-8", "replace")), True


def _utf8(raw: bytes, partial: bool) -> str | None:
    try:
        return _decode(raw, "utf-8", "strict", partial)
    except UnicodeDecodeError:
        return None


def _is_surely_utf8(raw: bytes) -> bool:
    # A few characters of a double-byte charset can be valid UTF-8 by chance; a dozen octets above 0x7f cannot.
    return sum(octet > 127 for octet in raw[:4096]) >= 12


def _detected(raw: bytes, partial: bool) -> str:
    guess = codec_for(cchardet.detect(raw[:SAMPLE])["encoding"])
    text, malformed = decode_as(raw, guess or "cp1252", partial)
    return decode_as(raw, "cp1252")[0] if malformed and guess not in ("utf-8", None) else text


def _shifted(raw: bytes) -> str | None:
    """The text of undeclared ISO-2022-JP, which is ASCII to the eye; None when it is not that."""
    if b"\x1b$" not in raw and b"\x1b(" not in raw:
        return None
    text, malformed = decode_as(raw, "iso2022_jp_2")
    return None if malformed else text


def decode_text(raw: bytes, declared: str | None, partial: bool = False) -> tuple[str, bool]:
    """Decode a text of a declared charset as well as can be.

    With `partial` the octets are the beginning of a longer text, and a character cut at their end is left out.
    Returns the text and whether there was an encoding problem: the charset is unknown, or malformed octets were found
    while decoding it (RFC 8621 §4.1.4, isEncodingProblem). Octets that are valid UTF-8 under a label that says nothing
    better (none, us-ascii, a single-byte charset) are no problem.
    """
    codec = codec_for(declared)
    unknown = codec is None and bool(declared)
    if codec in (None, "cp1252") and (shifted := _shifted(raw)) is not None:
        return shifted, unknown
    if codec not in STATEFUL:
        if raw.isascii():
            return clean(raw.decode("ascii")), unknown
        text = _utf8(raw, partial)
        if text is not None and (codec not in _DOUBLE_BYTE or _is_surely_utf8(raw)):
            return clean(text.removeprefix("\ufeff")), unknown
    if codec is None or (declared or "").strip().lower() in _ASCII_LABELS:
        return _detected(raw, partial), True
    text, malformed = decode_as(raw, codec, partial)
    if malformed and (utf8 := _utf8(raw, partial)) is not None:
        return clean(utf8.removeprefix("\ufeff")), not raw.isascii()
    if malformed and codec == "utf-8" and text.count("\ufffd") * 2 > sum(octet > 127 for octet in raw[:SAMPLE]):
        return _detected(raw, partial), True
    return text.removeprefix("\ufeff"), malformed
