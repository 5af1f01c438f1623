"""Pickles of torch, read without running anything that they name.

A pickle is a program: it imports what it names and calls it. ``torch.save(model)`` needs that, so such
files cannot be read by ``torch.load(weights_only=True)``. Here an import gives one of a few harmless things
(an ordered dictionary, a set, what shapes a tensor) or, whatever was named, a new class that does nothing
but keep what the file says of its objects. No module is imported and no function of the file's choice is
called. Tensors are left as references into the file, so nothing here needs torch.

Both containers are understood: the zip archive of torch 1.6 and later, and the older sequence of pickles.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline.weights import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
"""First number of the older container."""

ITEM_BYTES = {
    "Float": 4, "Double": 8, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1,
    "Bool": 1,
}  # fmt: skip
"""Kinds of storages and the bytes of an element."""


class Storage(NamedTuple):
    """A run of numbers in the file: kind (a key of ITEM_BYTES), the file's name of it, elements."""

    kind: str
    key: str
    count: int


class StoredTensor(NamedTuple):
    """A tensor as its file describes it; offset and stride in elements of the storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class StandIn:
    """Stands for an object of a class that is not loaded: it keeps its arguments and state, and is inert."""

    def __new__(cls, *args: Any, **_: Any) -> StandIn:
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Take an item, as lists do, and forget it."""

    def extend(self, _: Any) -> None:
        """Take items, as lists do, and forget them."""


class _Rebuild:
    """What torch calls to shape a tensor; without attributes, so that no file can change it."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> StoredTensor:
        numbers = (offset, *size, *stride)
        if not isinstance(storage, Storage) or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise pickle.UnpicklingError("a tensor is described in another way than torch's")
        return StoredTensor(storage, offset, tuple(size), tuple(stride))


class _First:
    """What torch calls to make a parameter of a tensor: its first argument."""

    __slots__ = ()

    def __call__(self, value: Any, *_: Any) -> Any:
        return value


HARMLESS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _Rebuild(),
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    ("torch._utils", "_rebuild_parameter"): _First(),
    ("torch._utils", "_rebuild_parameter_with_state"): _First(),
}
"""All that a file can call, but for the making of stand-ins."""


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler whose imports give members of HARMLESS or fresh stand-in classes.

    Args:
        file: at the start of a pickle.
        storages: filled with the storages that the pickle names.
    """

    def __init__(self, file: BinaryIO, storages: dict[str, Storage]) -> None:
        # Python 2's text is bytes: latin1 reads any, and keys are ASCII.
        super().__init__(file, encoding="latin1")
        self.storages = storages
        self.classes: dict[tuple[str, str], type] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What the file gets for ``module.name``."""
        if (module, name) in HARMLESS:
            return HARMLESS[module, name]
        kind = name.removesuffix("Storage")
        if module.split(".")[0] == "torch" and kind in ITEM_BYTES:
            return kind
        if (module, name) not in self.classes:
            self.classes[module, name] = type(str(name), (StandIn,), {})
        return self.classes[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """A storage, or the class of a module that was saved with its source."""
        what, *rest = pid
        if what == "module":  # class, file, source
            return rest[0]
        if what != "storage" or rest[0] not in ITEM_BYTES or not isinstance(rest[3], int) or rest[3] < 0:
            raise pickle.UnpicklingError(f"a reference to {what!r} instead of a storage")
        if len(rest) > 4 and rest[4] is not None:
            raise pickle.UnpicklingError("views of storages (torch before 0.2)")
        storage = Storage(rest[0], str(rest[1]), rest[3])
        self.storages[storage.key] = storage
        return storage


def read_pickle(path: Path) -> tuple[Any, Callable[[Storage], bytes]]:
    """Content of a torch file with ``StoredTensor`` and ``StandIn``, and a function that reads a storage.

    Raises:
        WeightsError: neither container, a damaged file, or one that calls or refers to something else.
    """
    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_sequence(path)
    except Exception as error:  # a hostile file can raise whatever it likes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"cannot read {path} as tensors ({reason}); expected a .pth or .pt file of torch: a state dict "
            "or a whole module"
        ) from error


def _read_zip(path: Path) -> tuple[Any, Callable[[Storage], bytes]]:
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.split("/")[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise pickle.UnpicklingError(f"{len(pickles)} files data.pkl in the archive")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise pickle.UnpicklingError("saved on a big-endian machine")
        with archive.open(pickles[0]) as file:
            content = RestrictedUnpickler(file, {}).load()

    def raw(storage: Storage) -> bytes:
        with zipfile.ZipFile(path) as archive, archive.open(f"{folder}data/{storage.key}") as file:
            return file.read(storage.count * ITEM_BYTES[storage.kind])

    return content, raw


def _read_sequence(path: Path) -> tuple[Any, Callable[[Storage], bytes]]:
    storages: dict[str, Storage] = {}
    places: dict[str, int] = {}
    with path.open("rb") as file:
        if RestrictedUnpickler(file, {}).load() != MAGIC:
            raise pickle.UnpicklingError("not torch's magic number")
        _, system, content = (RestrictedUnpickler(file, storages).load() for _ in range(3))
        if not system.get("little_endian", True):
            raise pickle.UnpicklingError("saved on a big-endian machine")
        for key in RestrictedUnpickler(file, {}).load():
            storage = storages[str(key)]
            (count,) = struct.unpack("<q", file.read(8))
            if count != storage.count:
                raise pickle.UnpicklingError(f"storage {key} has {count} numbers, expected {storage.count}")
            places[storage.key] = file.tell()
            file.seek(count * ITEM_BYTES[storage.kind], 1)

    def raw(storage: Storage) -> bytes:
        with path.open("rb") as file:
            file.seek(places[storage.key])
            return file.read(storage.count * ITEM_BYTES[storage.kind])

    return content, raw
