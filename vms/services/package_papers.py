"""The papers of a package: what goes along with the recordings for people, each made from the same facts and always alike.

Those that are of stills alone: `still_papers`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from vms.domain.ids import CameraId
from vms.domain.package import CameraScope, ClockRecord, CopyKind, PictureCopy, canonical
from vms.domain.timespan import TICKS_PER_MS, datetime_of, local_time
from vms.services.package_contents import Contents, spaced, utc
from vms.services.paper import Flowable, new_page, pdf, table, text
from vms.services.still_papers import still_readme, stills_page

FILES = Path(__file__).parent / "package_files"
"""What is copied as it stands: the verifiers, and the player without its recordings."""
CUSTODY_FORMAT = "custodian custody 1"
_READ_ALOUD = 16
"""Digits of a digest that two people compare on the telephone."""
_WORDS = """\
{district} made this package on {made_at} in answer to its request {request}. It holds {files} {kind} of {cameras} cameras, a list
of every recorded piece, and programs that check both.

{what}

Pictures stand at the time of the recording server's clock, which is kept in UTC; local times are worked out from that.

A file may begin some seconds before what was asked for, since a picture can only be shown from the complete picture before it. Players
begin at the moment that was asked for.

{gaps}

Every file has a digest, a number that changes with any change of the file. The list of digests is signed with the district's key, and
the signed list is named in the district's access log, which can't be changed afterwards without that being seen.

To check the package, open verify.html, or run verify.py. Compare the key's fingerprint with the one that the district itself publishes,
not with this page: {key}"""
_RECORDED = """\
The files in the folder video are what the cameras sent, octet for octet: nothing was cut out of a picture, re-encoded, sharpened or made
brighter."""
_VIEWING = """\
Of {viewing} of them the folder viewing has a copy that was encoded anew in H.264, for where the recording can't be played. A copy is for
watching: what was recorded is the file in the folder video."""
_REDACTED = """\
The {redacted} files in the folder redacted are copies in which parts of the picture were covered, as somebody drew them, and which were
encoded anew. What was recorded is not in this package; it is named by its digest."""
_STILL = """\
The {still} files in the folder still are single pictures of recordings, encoded anew with a mark over each that says for whom it is and
until when. What was recorded is not in this package; each piece of it is named by the digest of the day when it was recorded."""
_REMAIN = """\
files in the folder redacted are copies in which parts of the picture are covered. The recordings that they were made of are
    not in the package and remain with the district as long as it keeps them."""
_FORMULA = frozenset("=+-@\t\r")
"""What a spreadsheet takes for the beginning of a formula."""


def papers(contents: Contents) -> dict[str, bytes]:
    """Return everything but the recordings, the manifest and what signs it, by path."""
    custody = custody_json(contents)
    if contents.order.mark:
        return _both(contents, custody) | {
            "README.txt": still_readme(contents).replace("\n", "\r\n").encode(),
            "START.html": stills_page(contents),
        }
    return _both(contents, custody) | {
        "README.txt": _readme(contents).replace("\n", "\r\n").encode(),
        "START.html": start_page(contents),
        "declaration-draft.txt": _declaration(contents).replace("\n", "\r\n").encode(),
    }


def _both(contents: Contents, custody: bytes) -> dict[str, bytes]:
    """Return what is alike in a package of recordings and one of stills."""
    return {
        "verify.py": (FILES / "verify.py").read_bytes(),
        "verify.html": (FILES / "verify.html").read_bytes(),
        "segments.csv": segments_csv(contents),
        "custody.json": custody,
        "custody.pdf": custody_pdf(custody),
        "keys/district.vkey": f"{contents.key}\n".encode(),
    }


def segments_csv(contents: Contents) -> bytes:
    """Return a line for each recorded segment and each missing time, by camera and time."""
    names = {scope.camera_id: (scope.camera, scope.branch) for scope in contents.order.cameras}
    rows: list[tuple[CameraId, int, list[str]]] = []
    for video in contents.videos:
        for cut, digest in zip(video.part.cuts, video.cut_sha256, strict=True):
            here = [video.path, cut.segment, str(cut.samples), str(cut.size_bytes), digest.hex(), cut.recorded_sha256.hex()]
            line = [
                "recorded",
                *_cells(names[video.camera_id]),
                *_times(cut.start_ticks, cut.end_ticks),
                *here,
                "" if cut.whole else "part",
            ]
            rows.append((video.camera_id, cut.start_ticks, line))
    for copy in contents.copies:
        of = [copy.path, "", str(copy.pictures), str(copy.size_bytes), copy.sha256.hex(), "", f"copy of {copy.of.sha256.hex()}"]
        line = [copy.kind.value, *_cells(names[copy.camera_id]), *_times(copy.start_ticks, copy.end_ticks), *of]
        rows.append((copy.camera_id, copy.start_ticks, line))
    for gap in contents.missing:
        line = ["missing", *_cells(names[gap.camera_id]), *_times(gap.start_ticks, gap.end_ticks), *[""] * 6, gap.reason]
        rows.append((gap.camera_id, gap.start_ticks, line))
    made = io.StringIO(newline="")
    heads = "kind,camera,branch,start_utc,end_utc,milliseconds,file,segment,pictures,bytes,sha256,recorded_sha256,remark"
    csv.writer(made).writerows([heads.split(","), *(line for _, _, line in sorted(rows, key=lambda row: row[:2]))])
    return made.getvalue().encode()


def start_page(contents: Contents) -> bytes:
    """Return the player with what it plays written into it: nothing is loaded but the recordings beside it."""
    told = {
        "district": contents.order.district,
        "request": contents.order.request,
        "cameras": [_playable(scope, contents) for scope in contents.order.cameras],
    }
    page = (FILES / "START.html").read_text(encoding="utf-8")
    return page.replace("{}", json.dumps(told, ensure_ascii=False).replace("<", "\\u003c"), 1).encode()


def custody_json(contents: Contents) -> bytes:
    """Return the custody report; the PDF is drawn from these octets alone."""
    order = contents.order
    return canonical(
        {
            "format": CUSTODY_FORMAT,
            "district": order.district,
            "request": order.request,
            "software": contents.software,
            "made_at": utc(contents.made_at),
            "key_fingerprint": contents.fingerprint,
            "facts": [list(fact) for fact in order.facts],
            "cameras": [_custody_camera(scope, contents) for scope in order.cameras],
            "events": [{"at": utc(one.at), "who": one.who, "what": one.what, "log_entry": one.log_entry} for one in order.events],
        }
    )


def custody_pdf(custody: bytes) -> bytes:
    told = json.loads(custody)
    return pdf(
        f"Chain of custody, request {told['request']}",
        told["district"],
        [*_in_words(told), new_page(), *_facts(told), *_events(told), *_files(told)],
    )


def _in_words(told: Mapping[str, object]) -> list[Flowable]:
    cameras = _listed(told["cameras"])
    files = sum(len(_listed(one["videos"])) for one in cameras)
    kinds = [copy["kind"] for one in cameras for copy in _listed(one["copies"])]
    viewing, redacted, still = (kinds.count(kind.value) for kind in (CopyKind.VIEWING, CopyKind.REDACTED, CopyKind.STILL))
    what = [(files, _RECORDED), (viewing, _VIEWING), (redacted, _REDACTED), (still, _STILL)]
    words = " ".join(sentence.format(viewing=viewing, redacted=redacted, still=still) for count, sentence in what if count)
    missing = sum(len(_listed(one["missing"])) for one in cameras)
    gaps = "Nothing of the time that was asked for is missing."
    if missing:
        gaps = (
            f"{missing} stretches of time that were asked for were not recorded or are not there any more. Each is listed with its reason."
        )
    said = _WORDS.format(
        **{
            **told,
            "files": files + redacted + still,
            "kind": "pictures" if still else "video files",
            "cameras": len(cameras),
            "what": words,
            "gaps": gaps,
            "key": spaced(str(told["key_fingerprint"])),
        }
    )
    title = f"Chain of custody, request {told['request']}"
    return [text(str(told["district"]), "Heading3"), text(title, "Title"), *map(text, said.split("\n\n"))]


def _facts(told: Mapping[str, object]) -> list[Flowable]:
    rows = [[str(cell) for cell in fact] for fact in _pairs(told["facts"])]
    rows.append(["Made by", str(told["software"])])
    rows += [[f"Received ({what})", "_" * 44] for what in ("name", "date and time", "signature")]
    return [text("The request and its approval", "Heading2"), table(("", ""), rows, (45, 125))]


def _events(told: Mapping[str, object]) -> list[Flowable]:
    rows = [[str(one["at"]), str(one["who"]), str(one["what"]), str(one["log_entry"] or "")] for one in _listed(told["events"])]
    heads = ("When (UTC)", "Who", "What", "Log entry")
    return [text("What was done, by whom", "Heading2"), table(heads, rows, (38, 35, 80, 20))] if rows else []


def _files(told: Mapping[str, object]) -> list[Flowable]:
    content: list[Flowable] = []
    for camera in _listed(told["cameras"]):
        content += [text(f"{camera['branch']}, {camera['name']}", "Heading2"), text(f"{camera['device']} {camera['clock']}".strip())]
        for one in _listed(camera["videos"]):
            digest = str(one["sha256"])
            when = f"{one['start']} to {one['end']} ({one['local']})"
            said = f"{one['path']}: {when}, {one['size']} bytes. Its SHA-256 begins with {digest[:_READ_ALOUD]}."
            content += [text(said), text(f"{digest[:32]} {digest[32:]}", "Code")]
        for one in _listed(camera["copies"]):
            of = one["of"] or f"a recording of {one['of_size']} bytes that is not in this package"
            said = f"{one['path']}: {one['kind']} copy of {of}, encoded anew, {one['size']} bytes. The SHA-256 of copy and recording:"
            digests = [str(one[name]) for name in ("sha256", "of_sha256")]
            content += [text(said), *(text(f"{digest[:32]} {digest[32:]}", "Code") for digest in digests)]
        rows = [[str(one["start"]), str(one["end"]), str(one["reason"])] for one in _listed(camera["missing"])]
        content += [table(("Missing from (UTC)", "to", "Reason"), rows, (60, 60, 50))] if rows else [text("Nothing is missing.")]
    return content


def _custody_camera(scope: CameraScope, contents: Contents) -> dict[str, object]:
    mine = [video for video in contents.videos if video.camera_id == scope.camera_id]
    gaps = [gap for gap in contents.missing if gap.camera_id == scope.camera_id]
    return {
        "id": str(scope.camera_id),
        "name": scope.camera,
        "branch": scope.branch,
        "zone": scope.zone,
        "device": scope.device,
        "clock": _clock_sentence(contents.clocks[scope.camera_id]),
        "spans": [[utc(span.start), utc(span.end)] for span in scope.spans],
        "videos": [
            {
                "path": video.path,
                "start": utc(datetime_of(video.part.shown_from_ticks)),
                "end": utc(datetime_of(video.part.end_ticks)),
                "local": local_time(datetime_of(video.part.shown_from_ticks), scope.zone),
                "size": video.size_bytes,
                "sha256": video.sha256.hex(),
            }
            for video in mine
        ],
        "copies": [_custody_copy(one) for one in contents.copies if one.camera_id == scope.camera_id],
        "missing": [
            {"start": utc(datetime_of(gap.start_ticks)), "end": utc(datetime_of(gap.end_ticks)), "reason": gap.reason} for gap in gaps
        ],
    }


def _custody_copy(copy: PictureCopy) -> dict[str, object]:
    return {
        "path": copy.path,
        "kind": copy.kind.value,
        "start": utc(datetime_of(copy.start_ticks)),
        "end": utc(datetime_of(copy.end_ticks)),
        "size": copy.size_bytes,
        "sha256": copy.sha256.hex(),
        "of": copy.of.path if copy.kind is CopyKind.VIEWING else None,
        "of_size": copy.of.size_bytes,
        "of_sha256": copy.of.sha256.hex(),
    }


def _clock_sentence(clock: ClockRecord) -> str:
    if clock.least_ms is None or clock.most_ms is None:
        return "The camera said nothing of its own clock while it recorded."
    silent = f" For {clock.silent_segments} segments it said nothing." if clock.silent_segments else ""
    return f"The camera's own clock was {clock.least_ms / 1000:+.3f} to {clock.most_ms / 1000:+.3f} s from the server's.{silent}"


def _playable(scope: CameraScope, contents: Contents) -> dict[str, object]:
    return {
        "name": scope.camera,
        "branch": scope.branch,
        "zone": scope.zone,
        "clips": _clips(scope, contents),
        "missing": [
            {"start": one.start_ticks // TICKS_PER_MS, "end": one.end_ticks // TICKS_PER_MS, "reason": one.reason}
            for one in contents.missing
            if one.camera_id == scope.camera_id
        ],
    }


def _clips(scope: CameraScope, contents: Contents) -> list[dict[str, object]]:
    """Return what is played: of two files of one time the one that plays everywhere."""
    copies = {one.of.path: one for one in contents.copies if one.camera_id == scope.camera_id}
    videos = {one.path: one for one in contents.videos if one.camera_id == scope.camera_id}
    found: list[dict[str, object]] = []
    for path, video in sorted((videos | {path: one.of for path, one in copies.items()}).items(), key=lambda one: one[1].part.start_ticks):
        played: dict[str, object] = {"path": path}
        if copy := copies.get(path):
            played = {"path": copy.path, "copy": copy.kind.value, "of": path if path in videos else ""}
        times = {"start": video.part.shown_from_ticks // TICKS_PER_MS, "end": video.part.end_ticks // TICKS_PER_MS}
        found.append({**played, **times})
    return found


def _readme(contents: Contents) -> str:
    order = contents.order
    return f"""{order.district}
Footage for request {order.request}, made on {utc(contents.made_at)}

TO WATCH
  Open START.html. It plays everything in order and shows date and time. No network is needed, nothing is installed.
  The files in the folder video play in any other player, too.

TO CHECK THAT NOTHING WAS CHANGED
  1. Open verify.html, choose this folder, and wait for the last line. Or, where Python 3.9 or newer is: python3 verify.py
  2. Give it the fingerprint of the district's key, as the district itself publishes it. Whoever changes a package can change
     what is written here. According to this package it is
     {spaced(contents.fingerprint)}
  3. Where it matters, take verify.html or verify.py from the district and not from here.

WHAT IS HERE
{_folders(contents)}
  custody.pdf, .json     chain of custody
  segments.csv           every recorded piece and every gap
  declaration-draft.txt  a template for a declaration. Have counsel check it.
  manifest.json          what is listed above with digests; manifest.note is the signature over it
  log                    the proof that the access log of the district has it
"""


def _folders(contents: Contents) -> str:
    lines = ["  video                  the recordings, as the cameras sent them"] if contents.videos else []
    if contents.copied(CopyKind.VIEWING):
        lines.append("  viewing                copies in H.264 of those that not every player takes. The recording is the file in video.")
    if contents.copied(CopyKind.REDACTED):
        lines.append("  redacted               copies in which parts of the picture are covered. The recordings are not in this package.")
    return "\n".join(lines)


def _declaration(contents: Contents) -> str:
    order = contents.order
    return f"""TEMPLATE. NOT A DECLARATION UNTIL A QUALIFIED PERSON HAS FILLED IT IN AND SIGNED IT. HAVE COUNSEL CHECK IT.

DECLARATION OF CUSTODIAN OF RECORDS
(for use under rules such as Fed. R. Evid. 902(11), 902(13), 902(14) or their state counterparts)

I, [NAME], declare:

 1. I am [POSITION] of {order.district}. I am qualified to make this declaration by [TRAINING, DUTIES].
 2. {order.district} operates a system that records the video of its security cameras without interruption and without selecting
    what is recorded, as a regularly conducted activity. [DESCRIBE HOW IT IS LOOKED AFTER.]
 3. On {utc(contents.made_at)} the system made the package for request {order.request}. The recordings in it are the octets that the
    cameras sent, stored as they came.
 4. When each piece was recorded the system computed its SHA-256 digest. When the package was made, the digest of each piece that is
    in it whole was computed anew and compared, and they agreed. The digests stand in segments.csv and manifest.json.{_compared(contents)}
 5. The list of digests, manifest.json, is signed. The fingerprint of the key is
    {spaced(contents.fingerprint)}
 6. Times are those of the recording server in UTC. [SAY WHAT IS KNOWN OF ITS CLOCK AND OF THE CAMERAS'; see custody.pdf.]
 7. Times that are missing, with reasons, are listed in custody.pdf.

I declare under penalty of perjury under the laws of [STATE] that the foregoing is true and correct.

Date: ____________________        Signature: ________________________________
"""


def _parts(contents: Contents) -> str:
    """Return what holds of pieces of which the package has a part: the digest of the whole says nothing of it."""
    parts = sum(not cut.whole for video in contents.videos for cut in video.part.cuts)
    if not parts:
        return ""
    return f"""
    In {parts} places only a part of a piece is in it, marked so in segments.csv. Nothing was compared there: the digest is that of the
    part as it was read, after its encryption had shown that nothing of it was changed since it was stored."""


def _compared(contents: Contents) -> str:
    """Return what is neither a whole piece nor a recording."""
    return _parts(contents) + _copies(contents)


def _copies(contents: Contents) -> str:
    """Return what is no recording: nobody declares that the cameras sent it."""
    told = []
    if viewing := len(contents.copied(CopyKind.VIEWING)):
        told.append(f"{viewing} files in the folder viewing are copies of recordings, encoded anew in H.264 for watching.")
    if redacted := len(contents.copied(CopyKind.REDACTED)):
        told.append(f"{redacted} {_REMAIN}")
    return "".join(f"\n    {one} They are not what the cameras sent." for one in told)


def _listed(told: object) -> list[dict[str, object]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _pairs(told: object) -> list[list[object]]:
    return [one for one in told if isinstance(one, list)] if isinstance(told, list) else []


def _cells(words: Sequence[str]) -> list[str]:
    """Return words that no spreadsheet takes for a formula."""
    return [f"'{word}" if word[:1] in _FORMULA else word for word in words]


def _times(start: int, end: int) -> list[str]:
    return [utc(datetime_of(start)), utc(datetime_of(end)), str((end - start) // TICKS_PER_MS)]
