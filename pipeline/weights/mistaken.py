"""What a file is that was given for weights and holds none that can be read."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-Zip", b"Rar!": "rar"}
TORCH_2016 = {"sys_info", "pickle", "tensors", "storages"}
"""Members of the tar that torch.save wrote before 0.1.10."""


def identify(path: Path) -> str | None:
    """What ``path`` is and what to do, as the end of a sentence; None for what is not known."""
    with path.open("rb") as file:
        head = file.read(1024)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "the file is empty; get it again"
    if text.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS in place of the file; run 'git lfs pull' there, or download the file"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "a web page (an error or a log-in in place of the download); download the file itself"
    if kind := next((name for magic, name in ARCHIVES.items() if head.startswith(magic)), None):
        return f"a {kind} archive; unpack it and give the file in it"
    if head.startswith(b"PK"):
        return _zip(path)
    if tarfile.is_tarfile(path):
        return _tar(path)
    return None


def _zip(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return "the file is cut off: a zip archive, as torch writes, without its end; get it again"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return (
            "a TorchScript program, whose code would run; where you trust it, save its tensors: "
            "torch.save(torch.jit.load(FILE).state_dict(), NEW)"
        )
    if not any(name.split("/")[-1] == "data.pkl" for name in names):
        return f"a zip archive of {', '.join(names[:4]) or 'nothing'}; unpack it and give the file in it"
    return None


def _tar(path: Path) -> str:
    with tarfile.open(path) as archive:
        names = archive.getnames()
    if set(names) >= TORCH_2016:
        return (
            "a tar of torch before 0.1.10 (2016), which cannot be read without running what it names; where "
            "you trust it, save its tensors anew: torch.save(torch.load(FILE, weights_only=False), NEW)"
        )
    return f"a tar archive of {', '.join(names[:4]) or 'nothing'}; unpack it and give the file in it"
