"""A file called a video that names others: ffmpeg opens none of them."""

import numpy as np
import pytest

from pipeline.video.frames import VideoError, read_frames, write_video

CUE = '<?xml version="1.0"?>\n'
INDIRECT = {
    "concat.avi": "ffconcat version 1.0\nfile {name}\n",
    "concat_file.avi": "ffconcat version 1.0\nfile 'file:{path}'\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.0,\n{name}\n#EXT-X-ENDLIST\n",
    "list.avi": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.0,\n{path}\n#EXT-X-ENDLIST\n",
    "dash.avi": CUE + '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles='
    '"urn:mpeg:dash:profile:full:2011" mediaPresentationDuration="PT1S"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="9" width="96" height="72">'
    "<BaseURL>{name}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "imf.avi": CUE + '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Id>{path}</Id></CompositionPlaylist>",
    "stream.avi": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "smil.avi": '<smil><body><video src="{path}"/></body></smil>',
    "index.avi": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 0\n",
    "script.avs": 'FFmpegSource2("{path}")\n',
    "list.pls": "[playlist]\nFile1={path}\n",
}


@pytest.mark.parametrize("name", INDIRECT)
def test_other_files_are_not_read(tmp_path, film, name):
    (tmp_path / name).write_text(INDIRECT[name].format(name=film.name, path=film))
    with pytest.raises(VideoError, match=r"playlist|Invalid data|m3u8") as caught:
        list(read_frames(tmp_path / name))
    assert caught.value.frames == 0


@pytest.mark.parametrize("kind", ["concat", "dash"])
def test_the_reason_says_what_the_file_is(tmp_path, film, kind):
    (tmp_path / "x.avi").write_text(INDIRECT[f"{kind}.avi"].format(name=film.name, path=film))
    with pytest.raises(VideoError, match="not a video but a playlist, manifest, picture or sound"):
        list(read_frames(tmp_path / "x.avi"))


def test_a_pattern_in_a_name_is_a_name(tmp_path, call_ffmpeg):
    call_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "3", tmp_path / "%d.png")
    (tmp_path / "%d.avi").write_bytes((tmp_path / "1.png").read_bytes())
    for name in ("%d.png", "%d.avi", "?.png", "*.png"):
        with pytest.raises(VideoError):
            list(read_frames(tmp_path / name))


def test_a_protocol_in_a_name_is_a_name(tmp_path, film, moving, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video("concat:film.mp4|film.mp4.mkv", moving[:3], 25, vcodec="ffv1", pix_fmt="gbrp")
    np.testing.assert_array_equal(list(read_frames("concat:film.mp4|film.mp4.mkv")), moving[:3])
    with pytest.raises(VideoError, match="no such video"):
        list(read_frames("concat:film.mp4"))
