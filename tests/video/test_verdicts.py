"""Which files are left out, and which complaints of ffmpeg are harmless."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.names import VIDEO_SUFFIXES
from pipeline.video.frames import VideoError, read_frames, write_video
from pipeline.video.messages import Messages

LOSSLESS = {"vcodec": "ffv1", "pix_fmt": "gbrp"}
FORMATS = {
    "mpeg4.avi": {"vcodec": "mpeg4", "q:v": 3},
    "h264.mp4": {"vcodec": "libx264"},
    "index_first.mp4": {"vcodec": "libx264", "movflags": "+faststart"},
    "h264.mkv": {"vcodec": "libx264"},
    "vp8.webm": {"vcodec": "libvpx", "b:v": "1M"},
    "bare.h264": {"vcodec": "libx264", "qp": 10, "bf": 0},
    "flv1.flv": {"vcodec": "flv1", "q:v": 3},
    "mpeg2.mpg": {"vcodec": "mpeg2video", "q:v": 3},
    "mjpeg.avi": {"vcodec": "mjpeg", "q:v": 3},
}


def decode(path: Path) -> tuple[list[np.ndarray], list[str]]:
    notes: list[str] = []
    return list(read_frames(path, notes=notes)), notes


def refusal(path: Path) -> str:
    with pytest.raises(VideoError) as caught:
        list(read_frames(path))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES))
def test_videos_of_every_suffix_are_read(tmp_path, moving, suffix):
    codecs = {".webm": "libvpx", ".ogv": "libtheora", ".wmv": "wmv2", ".flv": "flv1", ".y4m": "rawvideo"}
    codecs |= dict.fromkeys([".m2v", ".mpg", ".mpeg", ".mxf"], "mpeg2video")
    options = {"vcodec": codecs.get(suffix, "mpeg4"), "pix_fmt": "yuv420p"}
    write_video(tmp_path / f"a{suffix}", moving[:5], 25, **options)
    assert len(decode(tmp_path / f"a{suffix}")[0]) == 5


@pytest.mark.parametrize("name", FORMATS)
def test_cut_and_damaged_files_are_caught(tmp_path, moving, name):
    path = tmp_path / name
    write_video(path, moving, 25, **FORMATS[name])
    whole = path.read_bytes()
    assert len(decode(path)[0]) == len(moving)
    for share in (0.02, 0.45, 0.83):
        path.write_bytes(whole[: int(len(whole) * share)])
        refusal(path)
    if name == "vp8.webm":
        return  # its decoder takes any bytes for a picture
    noise = np.random.default_rng(0).integers(0, 256, 150, np.uint8).tobytes()
    for start in (len(whole) // 3, len(whole) // 2):
        path.write_bytes(whole[:start] + noise + whole[start + len(noise) :])
        refusal(path)


def test_files_that_are_no_videos_are_named_for_what_they_are(tmp_path, film):
    damaged = {
        "empty.avi": (b"", "the file is empty"),
        "no_index.mp4": (film.read_bytes()[:1500], "moov atom not found"),
        "random.mkv": (np.random.default_rng(1).bytes(5000), "Invalid data found"),
        "text.avi": (b"404 not found\n", "Invalid data found"),
    }
    for name, (content, reason) in damaged.items():
        (tmp_path / name).write_bytes(content)
        assert reason in refusal(tmp_path / name)


def test_notes_of_a_cut_stream_leave_nothing_out(tmp_path, moving, call_ffmpeg):
    """Without key frames, H.264 that is cut names references that are not there, and all frames are right."""
    refresh = {"vcodec": "libx264", "x264-params": "intra-refresh=1:keyint=12"}
    write_video(tmp_path / "a.mp4", np.concatenate([moving, moving[::-1]]), 25, **refresh)
    call_ffmpeg("-ss", "1", "-i", tmp_path / "a.mp4", "-c", "copy", tmp_path / "cut.mp4")
    whole, _ = decode(tmp_path / "a.mp4")
    frames, notes = decode(tmp_path / "cut.mp4")
    assert any("mmco: unref short failure" in note for note in notes)
    assert len(frames) > 5
    np.testing.assert_array_equal(frames, whole[-len(frames) :])


@pytest.mark.parametrize(
    "stamps", ["floor(N/3)*3/25/TB", "0", "N*N*0.01/TB", "N*0.003/TB", "if(lt(N,20),N,N+900)/25/TB"]
)
def test_every_frame_comes_once_whatever_its_time_stamp(tmp_path, moving, call_ffmpeg, stamps):
    write_video(tmp_path / "a.mkv", moving, 25, vcodec="libx264rgb", qp=0)
    options = ["-fps_mode", "passthrough", "-c:v", "libx264rgb", "-qp", "0", "-bf", "0"]
    call_ffmpeg("-i", tmp_path / "a.mkv", "-vf", f"setpts='{stamps}'", *options, tmp_path / "b.mkv")
    frames, notes = decode(tmp_path / "b.mkv")
    np.testing.assert_array_equal(frames, moving)
    assert notes == []


def test_the_loaders_warnings_are_notes(tmp_path, film, fake_ffmpeg):
    line = "ERROR: ld.so: object '/none.so' from LD_PRELOAD cannot be preloaded: ignored."
    fake_ffmpeg(f'echo "{line}" >&2', "REAL")
    frames, notes = decode(film)
    assert len(frames) == 40
    assert notes == [line]


def test_damaged_sound_is_a_note(tmp_path, film, call_ffmpeg):
    path = tmp_path / "a.mkv"
    sound = ["-f", "lavfi", "-i", "sine=duration=1", "-c:v", "copy", "-c:a", "libvorbis"]
    call_ffmpeg("-i", film, *sound, path)
    content = bytearray(path.read_bytes())
    setup = content.index(b"\x05vorbis") + 7
    content[setup : setup + 40] = bytes(40)
    path.write_bytes(content)
    frames, notes = decode(path)
    assert len(frames) == 40
    assert any("vorbis" in note for note in notes)


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_change_of_resolution_is_the_reason(tmp_path, moving, codec):
    suffix = {"libx264": "h264", "mjpeg": "mjpeg"}[codec]
    parts = {"a": moving[:12], "b": moving[:12, :48, :64]}
    for name, frames in parts.items():
        write_video(tmp_path / f"{name}.{suffix}", frames, 25, vcodec=codec, pix_fmt="yuvj420p")
    content = {name: (tmp_path / f"{name}.{suffix}").read_bytes() for name in parts}
    path = tmp_path / f"both.{suffix}"
    path.write_bytes(content["a"] + content["b"])
    assert "its resolution changes on the way, from 96x72 to 64x48" in refusal(path)
    path.write_bytes(content["b"] + content["a"])
    assert "its resolution changes on the way, from 64x48 to 96x72" in refusal(path)


def test_covers_are_no_videos(tmp_path, film, call_ffmpeg):
    cover = tmp_path / "cover.jpg"
    call_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1", cover)
    sound = ["-f", "lavfi", "-i", "sine=duration=1"]
    both = ["-map", "0", "-map", "1", "-c:v", "copy"]
    call_ffmpeg("-i", film, "-i", cover, *both, "-disposition:v:1", "attached_pic", tmp_path / "last.mp4")
    # Matroska's muxer forgets which stream is the cover.
    call_ffmpeg("-i", cover, "-i", film, *both, "-disposition:v:0", "attached_pic", tmp_path / "first.mkv")
    call_ffmpeg(
        *sound, "-i", cover, *both, "-c:a", "aac", "-disposition:v:0", "attached_pic", tmp_path / "song.mp4"
    )
    call_ffmpeg(*sound, "-c:a", "aac", tmp_path / "sound.mp4")
    expected = decode(film)[0]
    for name in ("last.mp4", "first.mkv"):
        np.testing.assert_array_equal(decode(tmp_path / name)[0], expected)
    assert "no video stream, only audio (aac) and attached picture (mjpeg)" in refusal(tmp_path / "song.mp4")
    assert "no video stream, only audio (aac)" in refusal(tmp_path / "sound.mp4")


def test_a_video_of_one_frame_is_a_video(tmp_path, moving):
    write_video(tmp_path / "a.mkv", moving[:1], 25, **LOSSLESS)
    np.testing.assert_array_equal(decode(tmp_path / "a.mkv")[0], moving[:1])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[h264 @ 0x1] [error] error while decoding MB 3 4, bytestream -7", "h264: error while decoding MB"),
        ("[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] [warning] corrupt decoded frame", "h264: corrupt decoded"),
        ("[matroska,webm @ 0x1] [error] File ended prematurely at pos. 5", "matroska,webm: File ended"),
        ("[mov,mp4,m4a,3gp,3g2,mj2 @ 0x1] [error] stream 0, offset 0x3: partial file", "partial file"),
        ("[ogg @ 0x1] [error] CRC mismatch!", "ogg: CRC mismatch!"),
        ("[error] Error while decoding stream #0:0: Invalid data found when processing input", "Error while"),
        ("[h264 @ 0x1] [error] mmco: unref short failure", None),
        (
            "[h264 @ 0x1] [error] number of reference frames (0+5) exceeds max (4; probably corrupt input)",
            None,
        ),
        ("[hevc @ 0x1] [error] Overread VUI by 8 bits", None),
        ("[mjpeg @ 0x1] [error] unable to decode APP fields: Invalid data found when processing input", None),
        ("[h264 @ 0x1] [error] SEI type 5 size 2208 truncated at 1944", None),
        ("[mp3float @ 0x1] [error] Header missing", None),
        ("[image2pipe @ 0x1] [error] Application provided invalid, non monotonically increasing dts", None),
        ("[avi @ 0x1] [error] Something that nobody has seen before", None),
        ("[swscaler @ 0x1] [warning] deprecated pixel format used", None),
    ],
)
def test_lines_that_mean_damage(line, reason):
    messages = Messages()
    dump = ["[info]   Stream #0:0: Video: h264 (High), yuv420p", "[info]   Stream #0:1: Audio: mp3, 44100 Hz"]
    messages.read(f"{text}\n".encode() for text in [*dump, line])
    if reason is None:
        assert messages.damage() is None
        assert len(messages.notes()) == ("[error]" in line)
    else:
        assert reason in messages.damage()


def test_a_flood_of_messages_is_kept_once():
    messages = Messages()
    messages.read(f"[h264 @ 0x{n:x}] [error] error while decoding MB {n} 4\n".encode() for n in range(9999))
    assert messages.notes() == ["h264: error while decoding MB 0 4"]
