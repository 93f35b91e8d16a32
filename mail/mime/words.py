"""Encoded-words: text of other charsets inside header fields (RFC 2047, with the language of RFC 2231 §5).

Rules kept:
- An encoded-word is decoded only where white space (or the end of the value, or the parenthesis of a comment) stands on
  both sides of it; anything else that looks like one stays as it is (RFC 8621 §4.1.2.2).
- White space between two adjacent encoded-words is dropped (RFC 2047 §6.2), and the octets of neighbours in the same
  charset are joined before decoding, for the many senders that split a character between two words.
- A word in an unknown charset stays as it is. Malformed octets become U+FFFD.
- NUL and control characters that were hidden in an encoded-word are dropped from the result.
"""

import binascii
import re
import unicodedata

from mail.mime.charset import STATEFUL, codec_for, decode_as

WORD = r"=\?[!-<>@-~]+\?[BbQq]\?[!->@-~]*\?="
"""The pattern of one encoded-word, without groups."""

_PARTS = re.compile(r"=\?([!-<>@-~]+)\?([BbQq])\?([!->@-~]*)\?=")
_RUN = re.compile(rf"(?<!\S){WORD}(?:[ \t\r\n]+{WORD})*(?!\S)")
_RUN_IN_COMMENT = re.compile(rf"(?<![^\s(]){WORD}(?:[ \t\r\n]+{WORD})*(?![^\s)])")
_RUN_ANYWHERE = re.compile(rf"{WORD}(?:[ \t\r\n]*{WORD})*")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")
_NOT_BASE64 = bytes(sorted(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")))
_NORMALIZE_SLICE = 1024


def _octets(encoding: str, text: str) -> bytes:
    raw = text.encode("ascii")
    if encoding in "Qq":
        return binascii.a2b_qp(raw, header=True)
    raw = raw.translate(None, _NOT_BASE64)
    raw = raw[: len(raw) - 1] if len(raw) % 4 == 1 else raw
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))


def _flush(out: list[str], octets: bytes, codec: str) -> None:
    if octets:
        out.append(_CONTROL.sub("", decode_as(octets, codec)[0]))


def _decode_run(match: re.Match[str]) -> str:
    """Decode adjacent encoded-words; white space stays only beside a word that could not be decoded."""
    run = match[0]
    out: list[str] = []
    octets, codec, end, literal = b"", "", 0, True
    for word in _PARTS.finditer(run):
        word_codec = codec_for(word[1])
        if literal or word_codec is None:
            _flush(out, octets, codec)
            octets = b""
            out.append(run[end : word.start()])
        if word_codec is None:
            out.append(word[0])
        else:
            if word_codec != codec or codec in STATEFUL:
                _flush(out, octets, codec)
                octets, codec = b"", word_codec
            octets += _octets(word[2], word[3])
        literal, end = word_codec is None, word.end()
    _flush(out, octets, codec)
    return "".join(out)


def decode_words(text: str) -> str:
    """Decode the encoded-words of unstructured text (RFC 2047 §5 (1)), already unfolded."""
    return _RUN.sub(_decode_run, text) if "=?" in text else text


def decode_comment_words(text: str) -> str:
    """Decode the encoded-words of a comment (RFC 2047 §5 (2))."""
    return _RUN_IN_COMMENT.sub(_decode_run, text) if "=?" in text else text


def decode_words_anywhere(text: str) -> str:
    """Decode every encoded-word wherever it stands, as filenames in quotes need (RFC 8621 §4.1.4, name)."""
    return _RUN_ANYWHERE.sub(_decode_run, text) if "=?" in text else text


def normalize(text: str) -> str:
    """The text in Normalization Form C.

    Long values are normalised in slices: the canonical ordering of a long run of combining marks takes quadratic time.
    """
    if text.isascii():
        return text
    if len(text) <= _NORMALIZE_SLICE:
        return unicodedata.normalize("NFC", text)
    pieces = re.findall(rf"(?s).{{1,{_NORMALIZE_SLICE}}}(?=\s|\Z)|.{{1,{_NORMALIZE_SLICE}}}", text)
    return "".join(unicodedata.normalize("NFC", piece) for piece in pieces)
