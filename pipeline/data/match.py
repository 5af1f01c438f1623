"""Matches listed clips with files on disk: one file for each entry, one entry for each file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.data.entries import NAMED, Candidate, Entry, Listing, Lists, class_finder, conflict
from pipeline.data.fitting import Fitting, Key, fit_classes, fit_paths
from pipeline.data.manifest import DataError
from pipeline.data.names import NOT_UTF8, bare, composed, folded, is_utf8, is_video, shown, stem
from pipeline.data.walk import walk, without_links

NO_FILE = "listed, but no such file"
"""Reason for a clip whose file is missing."""

LOOSER: tuple[Callable[[str], str], ...] = (str, bare, folded, lambda name: folded(bare(name)))
"""Comparisons of names without their suffix, from strict to loose: as they are, without further suffixes,
ignoring case, and both."""


@dataclass(frozen=True)
class _File:
    """A video file or a folder of pictures; why it cannot be used.

    ``group`` is its class, "" if no folder names one; of files that are found by path, their folder.
    """

    relative: str
    path: Path
    group: str
    problem: str | None

    @property
    def key(self) -> Key:
        return self.group, composed(stem(self.path.name))


def match_files(root: Path, lists: Lists, unlisted: str) -> Listing:
    """Find the file of each listed clip.

    Files are in class folders, at any depth below the root, or all without class folders. Names match
    whatever their suffixes and the encoding of accents. If no file has an entry's name, a file whose name
    differs in case or by an additional suffix is used, provided that it is the only one.

    Lists may name clips by path instead. Then a file fits if its path below the root and the listed one end
    in the same folders, up to where the shorter one begins; of several, the one with most folders in common.

    Args:
        root: folder of the class folders; by path, of any folders.
        lists: content of the official lists.
        unlisted: reason given for unlisted files.

    Raises:
        DataError: the root is not a folder, has the class folders several times or no listed clip at all,
            or two clips of different splits share a file.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "no such folder"
        raise DataError(f"{root}: {found}; expected the class folders of the data set in it")
    files, folders = _find_files(root, lists)
    clips: dict[Key, list[_File]] = {}
    for file in files:
        clips.setdefault(file.key, []).append(file)
    flat = all(file.group == "" for file in files)
    fitting = fit_paths(list(clips)) if lists.by_path else fit_classes(list(clips), flat)
    taken, problems = _pair(root, [*lists.entries, *lists.others], fitting)
    _check_root(root, lists, files, taken)

    listing = Listing(lists.classes, left_out=[*lists.repeated, *folders], files=len(files))
    owners = {entry: key for key, entry in taken.items()}
    for entry in lists.entries:
        if entry not in owners:
            if entry.split is not None:
                listed = f"{shown(entry.id)} ({entry.place})" if lists.by_path else shown(entry.id)
                listing.left_out.append((listed, problems.get(entry, NO_FILE)))
            continue
        if entry.split is None:
            listing.left_out.append((shown(entry.id), "listed as unused in this split"))
            continue
        file, *others = sorted(clips[owners[entry]], key=lambda file: _distance(file, entry))
        if file.problem:
            listing.left_out.append((shown(entry.id), file.problem))
        else:
            listing.candidates.append(Candidate(entry, file.path))
        listing.left_out += [
            (shown(other.relative), f"second file of clip {shown(entry.id)}") for other in others
        ]
    for key in sorted(clips.keys() - taken.keys(), key=lambda key: (folded(key[0]), folded(key[1]))):
        listing.left_out += [(shown(file.relative), file.problem or unlisted) for file in clips[key]]
    _leave_out_links(root, listing)
    return listing


def _find_files(root: Path, lists: Lists) -> tuple[list[_File], list[tuple[str, str]]]:
    """Clips of the chosen classes, and folders that cannot be read."""
    found = walk(root, pictures=True)
    entries: list[tuple[str, Path, str | None]] = [
        (relative, path, None) for relative, path in found.files if is_video(path.name)
    ]
    entries += [(relative, path, None) for relative, path in found.pictures]
    entries += [(relative, root / relative, why) for relative, why in found.left_out if is_video(relative)]
    entries.sort(key=lambda entry: entry[0].split("/"))
    find_class = class_finder(lists.known)
    placed: dict[str, list[_File]] = {}
    stray: list[_File] = []
    for relative, path, problem in entries:
        problem = problem or (None if is_utf8(str(path)) else NOT_UTF8)
        *folders, _ = relative.split("/")
        if lists.by_path:
            stray.append(_File(relative, path, "/".join(folders), problem))
            continue
        number = next((number for number, name in enumerate(folders) if find_class(name)), None)
        above = None if number is None else "/".join(folders[:number])
        class_name = "" if number is None else find_class(folders[number]) or ""
        beside = stray if above is None else placed.setdefault(above, [])
        beside.append(_File(relative, path, class_name, problem))
    places = [""] if "" in placed else without_links(root, placed)
    placed = {above: placed[above] for above in places}
    _check_places(root, placed)
    files = [file for files in placed.values() for file in files] or stray
    others = [(shown(relative), why) for relative, why in found.left_out if not is_video(relative)]
    if lists.by_path:
        return stray, others
    return [file for file in files if file.group in {"", *lists.classes}], others


def _check_places(root: Path, placed: dict[str, list[_File]]) -> None:
    """Refuse a clip that is in the class folders of two folders: it is unclear which copy is meant."""
    seen: dict[Key, str] = {}
    for above, files in placed.items() if len(placed) > 1 else ():
        for key in {file.key for file in files}:
            if seen.setdefault(key, above) != above:
                raise DataError(
                    f"{root}: holds {shown('/'.join(key))} in {shown(seen[key])} and in {shown(above)}; "
                    "expected the class folders once: give the folder that is meant"
                )


def _pair(root: Path, entries: list[Entry], fitting: Fitting) -> tuple[dict[Key, Entry], dict[Entry, str]]:
    """The entry of each file's key, and why entries have no file.

    Raises:
        DataError: entries of different splits or classes have only one file.
    """
    taken: dict[Key, Entry] = {}
    problems: dict[Entry, str] = {}
    rivals: dict[Entry, Entry] = {}
    waiting = list(entries)
    for loosen in LOOSER:
        if not waiting:
            break
        unmatched = []
        for entry in waiting:
            fits = fitting(entry, loosen)
            free = [key for key in fits if key not in taken]
            if len(free) == 1:
                taken[free[0]] = entry
                continue
            unmatched.append(entry)
            if free:
                by_path = entry.folders is not None
                names = " and ".join(shown("/".join(key) if by_path else key[1]) for key in free[:NAMED])
                problems.setdefault(entry, f"no file of this very name, but {names}")
            elif fits:
                rivals.setdefault(entry, taken[fits[0]])
        waiting = unmatched
    contradictions = []
    for entry in waiting:
        rival = rivals.get(entry)
        if entry in problems or not rival or not rival.split or not entry.split:
            continue
        if (rival.class_name, rival.split) == (entry.class_name, entry.split):
            problems[entry] = f"no file beside that of {shown(rival.id)}"
        else:
            contradictions.append((rival, entry))
    if contradictions:
        raise DataError(f"{root}: {conflict('with one file for two splits or classes', contradictions)}")
    return taken, problems


def _distance(file: _File, entry: Entry) -> tuple[bool, ...]:
    """Order of the files of one clip: usable ones first, then those with exactly the entry's name."""
    name = file.path.name
    return bool(file.problem), name != entry.name, composed(name) != composed(entry.name)


def _leave_out_links(root: Path, listing: Listing) -> None:
    """Leave out clips that are links to another clip's file.

    Raises:
        DataError: the other clip has another split or class.
    """
    real_folder = cache(os.path.realpath)
    first: dict[str, Entry] = {}
    kept, contradictions = [], []
    for candidate in listing.candidates:
        path, entry = candidate.path, candidate.entry
        real = os.path.realpath(path) if path.is_symlink() else f"{real_folder(path.parent)}/{path.name}"
        other = first.setdefault(real, entry)
        if other is entry:
            kept.append(candidate)
        elif (other.class_name, other.split) == (entry.class_name, entry.split):
            listing.left_out.append((entry.id, f"the file of {other.id}, by a link"))
        else:
            contradictions.append((other, entry))
    if contradictions:
        raise DataError(f"{root}: {conflict('linked to one file for two splits or classes', contradictions)}")
    listing.candidates = kept


def _check_root(root: Path, lists: Lists, files: list[_File], taken: dict[Key, Entry]) -> None:
    """Refuse a folder without any listed clip, and one that is a class folder."""
    used = [entry for entry in lists.entries if entry.split]
    if used and not taken:
        names = [file.relative for file in files] or sorted(path.name for path in root.iterdir())
        some = ", ".join(map(shown, names[:3])) + (", ..." if len(names) > 3 else "")
        none, wanted = "no video file", "these files"
        if lists.known and not lists.by_path:
            none, wanted = f"{none} of these classes", "the class folders"
        what = f"{len(files)} video files" if files else none
        expected = shown(used[0].written) if lists.by_path else f"{shown(used[0].id)}.avi"
        raise DataError(
            f"{root}: no listed clip is there; found {what} ({some or 'the folder is empty'}), expected "
            f"{expected} and {len(used) - 1} more; give the folder that holds {wanted}"
        )
    found = {entry.class_name for entry in taken.values()}
    here = root.resolve()
    flat = not any(file.group for file in files)
    if (
        flat
        and not lists.by_path
        and len(lists.classes) > 1
        and found == {class_finder(lists.known)(here.name)}
    ):
        raise DataError(
            f"{root}: found clips of {found.pop()} alone; expected all classes: give {here.parent}"
        )
