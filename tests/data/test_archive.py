"""Unpacking of archives: the published layouts, and malicious archives."""

import errno
import io
import os
import random
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from layouts import hmdb51

from pipeline.data import archive
from pipeline.data.archive import safe_path, unpack_archive
from pipeline.data.members import ArchiveError, is_archive

LINK, FOLDER = 0o120777, 0o040755


def write_zip(path: Path, members: dict[str, bytes], mode: int = 0o100644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # the constructor would normalise the name
            info.external_attr = mode << 16
            file.writestr(info, data)
    return path


def write_tar(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            file.addfile(info, io.BytesIO(data))
    return path


def write_rar(path: Path, members: dict[str, bytes], mode: int = 0o100644, method: int = 0x30) -> Path:
    """A RAR 3 archive of files that are stored, or said to be compressed, from the published description.

    Blocks: CRC-16 of the header, type, flags, size of the header; a file's header goes on with both sizes,
    system (3: Unix), CRC-32 of the data, time, version (20), method (0x30: stored, 0x33: compressed), name,
    mode.
    """

    def block(kind: int, flags: int, rest: bytes) -> bytes:
        body = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
        return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body

    content = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, data in members.items():
        encoded = name.encode()
        fields = struct.pack(
            *["<IIBIIBBHI", len(data), len(data), 3, zlib.crc32(data), 0x5A21_0000, 20, method],
            *[len(encoded), mode],
        )
        content += block(0x74, 0x8000, fields + encoded) + data
    path.write_bytes(content + block(0x7B, 0x4000, b""))
    return path


WRITERS = [
    pytest.param(write_zip, ".zip", id="zip"),
    pytest.param(write_tar, ".tar", id="tar"),
    pytest.param(write_rar, ".rar", id="rar"),
]


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "out" / "videos"


def refused(path: Path, target: Path, words: str) -> None:
    """The archive is refused with a message, and leaves no files."""
    before = {p for p in target.parent.parent.rglob("*") if target.parent not in p.parents}
    with pytest.raises(ArchiveError, match=words) as caught:
        unpack_archive(path, target)
    assert path.name in str(caught.value)
    assert not list(target.parent.iterdir())
    assert {p for p in target.parent.parent.rglob("*")} == before | {target.parent}


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
def test_the_folder_around_everything_is_left_out(write, suffix, tmp_path, target):
    clip = "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"
    path = write(tmp_path / f"UCF101{suffix}", {f"UCF-101/{clip}": b"one", "UCF-101/YoYo/v_YoYo.avi": b""})
    unpack_archive(path, target)
    assert files(target) == {clip: b"one", "YoYo/v_YoYo.avi": b""}
    assert [p.name for p in target.parent.iterdir()] == ["videos"]


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
def test_an_archive_of_archives_gives_class_folders(write, suffix, tmp_path, target):
    """Like hmdb51_org.rar: one rar per class, each with the class folder inside; unusual names are kept."""
    odd = "#2_(Gum)_[x]!;&_a b_jump_f_cm_np1_fr_med_0"
    for name, clip in (("jump", odd), ("clap", "e")):
        write(tmp_path / f"{name}{suffix}", {f"{name}/{clip}.avi": name.encode()})
    inner = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    unpack_archive(write(tmp_path / f"hmdb51_org{suffix}", inner), target)
    assert files(target) == {f"jump/jump/{odd}.avi": b"jump", "clap/clap/e.avi": b"clap"}

    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "jump_test_split1.txt").write_text(f"{odd}.avi 1\n")
    (splits / "clap_test_split1.txt").write_text("e.avi 2\n")
    listing = hmdb51.find_clips(target, splits, 1, None)
    assert [c.entry.split for c in listing.candidates] == ["test", "train"]


def test_split_lists_come_out_of_their_folder(tmp_path, target):
    lists = {"ucfTrainTestlist/classInd.txt": b"1 A", "ucfTrainTestlist/trainlist01.txt": b"A/a.avi 1"}
    unpack_archive(write_zip(tmp_path / "UCF101TrainTestSplits-RecognitionTask.zip", lists), target)
    assert sorted(files(target)) == ["classInd.txt", "trainlist01.txt"]


def test_a_single_class_folder_is_kept(tmp_path, target):
    unpack_archive(write_zip(tmp_path / "a.zip", {"hmdb51_org/golf/a.avi": b""}), target)
    assert sorted(files(target)) == ["golf/a.avi"]


BAD_NAMES = ["../evil", "a/../../evil", "/evil", "\\evil", "..\\evil", "C:\\evil", "C:evil", "a\0b/../.."]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_paths_that_leave_are_refused(name):
    with pytest.raises(ArchiveError, match="leave the folder"):
        safe_path(name)


@pytest.mark.parametrize("name", ["a/b.avi", "./a/b.avi", "a\\b.avi", "a//b.avi"])
def test_paths_that_stay_are_kept(name):
    assert safe_path(name).as_posix() == "a/b.avi"


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "..\\evil"])
def test_an_archive_with_such_a_path_is_refused_whole(write, suffix, name, tmp_path, target):
    refused(write(tmp_path / f"a{suffix}", {"good.avi": b"x", name: b"x"}), target, "evil|leave")


def test_an_inner_archive_is_checked_as_well(tmp_path, target):
    inner = write_zip(tmp_path / "x" / "jump.zip", {"../../evil": b"x"}).read_bytes()
    refused(write_zip(tmp_path / "a.zip", {"jump.zip": inner}), target, "leave")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_of_a_tar_are_refused(kind, tmp_path, target):
    refused(write_tar(tmp_path / "a.tar", {"a": b""}, kind), target, "link or a device")


def test_links_of_a_zip_are_refused(tmp_path, target):
    refused(write_zip(tmp_path / "a.zip", {"a": b"/etc"}, LINK), target, "link or a device")


def test_links_of_a_rar_are_refused(tmp_path, target):
    refused(write_rar(tmp_path / "a.rar", {"a": b"/etc"}, LINK), target, "link or a device")


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b", "a/./b"]])
def test_two_members_of_one_path_are_refused(names, tmp_path, target):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        for name in names:
            file.addfile(tarfile.TarInfo(name), io.BytesIO())
    refused(path, target, "two members")


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".rar"])
def test_broken_archives_are_named(suffix, tmp_path, target):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"no archive at all" * 100)
    refused(path, target, "download it again|cannot read")


def test_a_damaged_rar_is_noticed(tmp_path, target):
    path = write_rar(tmp_path / "a.rar", {"a.avi": b"x" * 5000})
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    refused(path, target, "download it again|cannot read")


def test_what_to_install_is_said_where_nothing_reads_rar(tmp_path, target, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write_rar(tmp_path / "a.rar", {"a": b"x"}, method=0x33)
    refused(path, target, "nothing here reads rar: .*unar.*bsdtar")


GB = 1_000_000_000


@pytest.fixture
def disk(monkeypatch):
    """A disk of some free bytes, from which every written byte of this test's archives is taken."""

    def set_free(free: int) -> None:
        def usage(path):
            used = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
            return SimpleNamespace(total=20 * GB, free=free - used)

        monkeypatch.setattr(archive.shutil, "disk_usage", usage)

    return set_free


ZEROS = {f"Archery/v_{number}.avi": bytes(2_500_000) for number in range(4)}


def write_compressed_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def write_compressed_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("write", "suffix", "needed", "written"),
    [(write_compressed_zip, ".zip", "10.00 MB", 0), (write_compressed_tar, ".tar.gz", r"[67]\.\d\d MB", 1)],
)
def test_a_bomb_stops_before_the_disk_is_full(write, suffix, needed, written, tmp_path, target, disk):
    path = write(tmp_path / f"bomb{suffix}", ZEROS)
    assert path.stat().st_size < 1_000_000
    reserve = 20 * GB // 50
    disk(reserve + 6_000_000)
    words = rf"bomb{suffix}: at least {needed} are needed in {target}.*, but 40\d\.\d\d MB are free, "
    refused(path, target, words + r"400\.00 MB of which stay free; make room; nothing of it was kept")
    with pytest.raises(ArchiveError) as caught:
        unpack_archive(path, target)
    assert ("of them written" in str(caught.value)) == bool(written)
    disk(reserve + 12_000_000)
    unpack_archive(path, target)
    assert len(files(target)) == 4


def test_archives_in_an_archive_are_counted_before_they_are_unpacked(tmp_path, target, disk):
    inner = {
        f"{number}.zip": write_compressed_zip(tmp_path / "i.zip", {f"{name}": data}).read_bytes()
        for number, (name, data) in enumerate(ZEROS.items())
    }
    (tmp_path / "i.zip").unlink()
    path = write_zip(tmp_path / "bomb.zip", inner)
    disk(20 * GB // 50 + 6_000_000)
    refused(path, target, r"bomb\.zip: the archives in it: at least (9\.9|10\.0)\d MB are needed")


def test_what_an_archive_declares_is_not_believed(tmp_path, target, disk, monkeypatch):
    path = write_compressed_zip(tmp_path / "bomb.zip", ZEROS)
    monkeypatch.setattr(archive, "unpacked_size", lambda path: 0)
    disk(20 * GB // 50 + 6_000_000)
    refused(path, target, r"[56]\.\d\d MB of them written")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_is_told_with_the_archive(number, tmp_path, target, monkeypatch):
    def fail(disk, source, file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(archive._Disk, "copy", fail)
    message = (
        os.strerror(number)
        if number == errno.EIO
        else f"'x.avi': {os.strerror(number)}: at least .* needed in"
    )
    refused(write_zip(tmp_path / "a.zip", {"x.avi": b"x"}), target, rf"a\.zip: .*{message}")


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_an_archive_that_is_cut_or_damaged_is_named(suffix, tmp_path, target):
    whole = tmp_path / f"whole{suffix}"
    noise = random.Random(0).randbytes(200_000)
    if suffix == ".zip":
        write_compressed_zip(whole, {"a.avi": noise})
    else:
        with tarfile.open(whole, f"w:{suffix[5:]}") as file:
            info = tarfile.TarInfo("a.avi")
            info.size = len(noise)
            file.addfile(info, io.BytesIO(noise))
    data = bytearray(whole.read_bytes())
    (tmp_path / f"cut{suffix}").write_bytes(data[: len(data) // 2])
    data[len(data) // 2] ^= 0xFF
    (tmp_path / f"damaged{suffix}").write_bytes(data)
    for name in ("cut", "damaged"):
        refused(tmp_path / f"{name}{suffix}", target, "download it again")


def test_junk_and_a_readme_do_not_keep_the_folder_around_everything(tmp_path, target):
    members = {
        **{"UCF-101/Archery/v_a.avi": b"a", "UCF-101/YoYo/v_b.avi": b"b", "README.txt": b"", "LICENSE": b""},
        **{"__MACOSX/._UCF-101": b"", "__MACOSX/UCF-101/Archery/._v_a.avi": b"", ".DS_Store": b""},
        **{"UCF-101/.DS_Store": b"", "UCF-101/Archery/._v_a.avi": b"", "UCF-101/YoYo/Thumbs.db": b""},
    }
    unpack_archive(write_zip(tmp_path / "a.zip", members), target)
    assert files(target) == {"Archery/v_a.avi": b"a", "YoYo/v_b.avi": b"b"}


@pytest.mark.parametrize("name", ["__MACOSX/../../evil", ".hidden/../../evil"])
def test_junk_is_checked_as_everything_else(name, tmp_path, target):
    refused(write_zip(tmp_path / "a.zip", {name: b"x"}), target, "leave the folder")


def test_names_of_a_macs_zip_are_utf8_though_it_does_not_say_so(tmp_path, target):
    path = write_zip(tmp_path / "a.zip", {"A/v_Jos\u00e9.avi": b"x"})
    data = path.read_bytes()
    assert data.count((0x800).to_bytes(2, "little")) >= 2
    with zipfile.ZipFile(path) as file:
        offsets = [file.start_dir + 8, file.infolist()[0].header_offset + 6]
    data = bytearray(data)
    for offset in offsets:
        data[offset : offset + 2] = bytes(2)
    path.write_bytes(data)
    unpack_archive(path, target)
    assert list(files(target)) == ["A/v_Jos\u00e9.avi"]


def test_names_that_are_not_utf8_come_out_as_they_are(tmp_path, target):
    name = os.fsdecode("A/v_Andr\u00e9.avi".encode("latin-1"))
    unpack_archive(write_tar(tmp_path / "a.tar", {name: b"x"}), target)
    assert [os.fsencode(found) for found in files(target)] == [b"A/v_Andr\xe9.avi"]


def test_a_folder_in_use_is_not_touched(tmp_path, target):
    target.mkdir(parents=True)
    (target / "mine").touch()
    with pytest.raises(ArchiveError, match="holds files already"):
        unpack_archive(write_zip(tmp_path / "a.zip", {"a": b""}), target)
    assert files(target) == {"mine": b""}


def test_what_is_taken_for_an_archive(tmp_path):
    (tmp_path / "folder.zip").mkdir()
    assert is_archive(Path("UCF101.rar"))
    assert is_archive(Path("a.TAR.GZ"))
    assert not is_archive(Path("UCF-101"))
    assert not is_archive(tmp_path / "folder.zip")
    assert not is_archive(None)
