"""Content of users' files as text for the params of jobs, so that a changed file reruns its readers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.config import TrainingVideos
from pipeline.content import Contents
from pipeline.data.inventory import clips_inventory, files_inventory, videos_inventory
from pipeline.experiment.files import Files, Given


class GivenContent:
    """Hashes of the files that a configuration names.

    Args:
        files: the configuration's files.
        contents: cached hashes.
        planning: whether missing files are ignored, because nothing runs.
    """

    def __init__(self, files: Files, contents: Contents, planning: bool) -> None:
        self.files, self.contents, self.planning = files, contents, planning

    def of(self, files: Iterable[str]) -> str:
        """Hashes of those files that are ``Given``. Raises ContentError if one cannot be read."""
        given = [Path(file) for file in files if isinstance(file, Given)]
        return json.dumps([self.contents.hash(p) for p in given if p.exists() or not self.planning])

    def imported(self, dataset: str, row: str) -> str:
        """Hash of a data set's clips that another tool super-resolved for a row.

        Raises DataError and ContentError if they cannot be read.
        """
        folder = Path(self.files.imported(dataset, row))
        if self.planning and not folder.is_dir():
            return "missing"
        return files_inventory(folder, self.contents)

    def listing(self, name: str) -> str:
        """Hash of the users' files that the listing of a data set, or of the training videos, reads.

        Raises DataError and ContentError like the listing.
        """
        data = self.files.data(name)
        given = {"videos": data.root, "splits": getattr(data, "splits", None)}
        roots = [root for part, root in given.items() if root and not self.files.made_folder(name, part)]
        if self.planning and not all(root.is_dir() for root in roots):
            return "missing"
        if isinstance(data, TrainingVideos):
            return videos_inventory(roots[0], self.contents, data.listed) if roots else ""
        if len(roots) == 2:
            videos, splits = roots
            return clips_inventory(data, videos, splits, self.contents)
        return " ".join(files_inventory(root, self.contents) for root in roots)
