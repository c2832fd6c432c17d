"""Recognises the kind of a downloaded file: by its first bytes, then by the type it was served with, then by the API's
record."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from model.job import Media

HEAD_BYTES = 512
"""How many bytes of a file are needed to judge it, unless it is shorter."""

BOX_TYPES = frozenset(
    (
        b"ftyp styp moov moof mdat free skip wide pnot meta uuid sidx ssix mfra pdin prft emsg"
        b" mvex PICT pict idat udta junk bloc"
    ).split()
)
"""Top-level boxes of MP4 and QuickTime (ISO/IEC 14496-12; Apple, QuickTime File Format)."""

_BRANDS = {
    b"qt  ": ".mov",
    b"avif": ".avif",
    b"avis": ".avif",
    b"M4A ": ".m4a",
    b"M4B ": ".m4a",
    b"M4P ": ".m4a",
    b"M4V ": ".m4v",
    b"M4VH": ".m4v",
    b"M4VP": ".m4v",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), ".heic"),
}
_ANY_IMAGE_BRANDS = frozenset({b"mif1", b"msf1", b"mif2", b"miaf"})
"""General HEIF brands; the compatible brands tell the exact kind."""
_SIGNATURES = (
    (b"GIF87a", ".gif"),
    (b"GIF89a", ".gif"),
    (b"FLV\x01", ".flv"),
    (b"OggS", ".ogv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
    (b"\x00\x00\x01\xba", ".mpg"),
    (b"\x00\x00\x01\xb3", ".mpg"),
)
_IMAGE_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"))
_NEITHER = (b"%PDF-", b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF", b"MZ\x90", b"Rar!", b"7z\xbc\xaf", b"%!PS", b"wOF2")
_OF_VIDEOS = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/matroska": ".mkv",
    "video/x-m4v": ".m4v",
    "video/3gpp": ".3gp",
    "video/3gpp2": ".3g2",
    "video/x-msvideo": ".avi",
    "video/mpeg": ".mpg",
    "image/gif": ".gif",
}
_OF_IMAGES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/heif": ".heic",
}
_WRONG_TYPES = re.compile(r"(?:text/|image/|audio/|font/|multipart/)|application/(?:json|xml|pdf|.*\+(?:json|xml)$)")
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def ending_of(head: bytes, served_type: str, media: Media) -> str | None:
    """The extension for the file's name, by which Discord's clients choose the player; None if the file is not a video
    (or, for a job that makes images, an image).

    `head` is the file's first `HEAD_BYTES`, or all of it; `served_type` is the `Content-Type` of the response.
    """
    image = _image_by_signature(head)
    if (image is not None and not media.image) or head.startswith(_NEITHER):
        return None
    known = image or _by_signature(head)
    if known is not None:
        return known
    if is_boxes(head):
        return _announced_video(served_type, media) or ".mp4"
    return None if is_text(head) else _announced(served_type, media)


def _announced_video(served_type: str, media: Media) -> str | None:
    """The extension for the first named type that is a video type; used for a file that is certainly a video."""
    kinds = _kinds(served_type, media)
    return next((_OF_VIDEOS[kind] for kind in kinds if kind in _OF_VIDEOS and kind.startswith("video/")), None)


def _announced(served_type: str, media: Media) -> str | None:
    """The extension for the first named type; used for a file whose bytes tell nothing."""
    for kind in _kinds(served_type, media):
        if kind in _OF_VIDEOS or kind.startswith("video/"):
            return _OF_VIDEOS.get(kind, ".mp4")
        if media.image and kind in _OF_IMAGES:
            return _OF_IMAGES[kind]
        if _WRONG_TYPES.match(kind):
            return None
    return None


def _kinds(served_type: str, media: Media) -> list[str]:
    """The types that the response, the record and the file's name give, the most reliable first."""
    named = (served_type, media.content_type or "", _type_of_name(media))
    return [kind.split(";", 1)[0].strip().lower() for kind in named]


def is_text(head: bytes) -> bool:
    """Whether these bytes are text in any encoding, such as JSON, XML, HTML or a plain message."""
    return head.startswith(_BYTE_ORDER_MARKS) or head.lstrip()[:1] == b"<" or not _CONTROLS.search(head)


def _by_signature(head: bytes) -> str | None:
    if is_boxes(head):
        return _by_brand(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        # The EBML header names the document type (RFC 8794, 11.2.6).
        if b"webm" in head[:64]:
            return ".webm"
        return ".mkv" if b"matroska" in head[:64] else None
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    if head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return ".ts"
    return next((ending for start, ending in _SIGNATURES if head.startswith(start)), None)


def is_boxes(head: bytes) -> bool:
    """Whether a file begins with an MP4 or QuickTime box."""
    size = int.from_bytes(head[:4], "big")
    return head[4:8] in BOX_TYPES and (size >= 8 or size in (0, 1))


def _by_brand(head: bytes) -> str | None:
    """The extension for an MP4 or QuickTime file by its `ftyp` box; None without one. Old QuickTime files have none;
    their served type decides."""
    start = 0
    while head[start + 4 : start + 8] in BOX_TYPES:
        size = int.from_bytes(head[start : start + 4], "big")
        if head[start + 4 : start + 8] == b"ftyp":
            return _of_brands(head[start + 8 : start + size])
        if size < 8:
            break
        start += size
    return None


def _of_brands(content: bytes) -> str:
    major = content[:4]
    if major in _ANY_IMAGE_BRANDS:
        others = [content[at : at + 4] for at in range(8, len(content), 4)]
        return next((_BRANDS[brand] for brand in others if _BRANDS.get(brand) in (".avif", ".heic")), ".heif")
    if major[:3] == b"3gp" or major[:3] == b"3g2":
        return f".{major[:3].decode()}"
    return _BRANDS.get(major, ".mp4")


def _image_by_signature(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    return next((ending for start, ending in _IMAGE_SIGNATURES if head.startswith(start)), None)


def _type_of_name(media: Media) -> str:
    """The type for the extension of the file's name or address; empty if it is unknown."""
    for name in (media.filename or "", urlsplit(media.url).path):
        ending = PurePosixPath(name).suffix.lower()
        for kind, usual in (*_OF_VIDEOS.items(), *_OF_IMAGES.items()):
            if ending == usual:
                return kind
    return ""
