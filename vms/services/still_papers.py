"""The papers of a package of stills: its readme, and the page that shows the stills and prints them, one on each sheet.

The page has no script, and loads nothing but the pictures beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from vms.domain.package import CameraScope, CopyKind, PictureCopy
from vms.domain.timespan import datetime_of, local_time
from vms.services.package_contents import Contents, spaced, utc

_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:">
<meta name="viewport" content="width=device-width">
<title>Stills</title>
<style>
  :root { color-scheme: light; }
  body { margin: 0 auto; padding: 16px 24px; max-width: 1100px; background: #fff; color: #1c1a16;
    font: 16px/1.45 "Segoe UI", Roboto, "Noto Sans", system-ui, sans-serif; }
  h1 { margin: 0; font: 600 24px/1.2 "Palatino Linotype", Palatino, P052, "Noto Serif", Georgia, serif; }
  figure { margin: 24px 0; }
  img { display: block; max-width: 100%; max-height: 80vh; background: #080706; }
  figcaption { margin-top: 8px; }
  .remove { padding: 8px 12px; border: 2px solid #8a2f1d; font-weight: 600; }
  @media print {
    .screen { display: none; }
    figure { break-inside: avoid; break-after: page; margin: 0; }
    figure:last-of-type { break-after: auto; }
    img { max-height: 70vh; }
  }
</style>
</head>
<body>
"""


def stills_page(contents: Contents) -> bytes:
    order = contents.order
    return (_HEAD + "\n".join(_body(contents)) + f"\n</body>\n</html>\n<!-- {escape(order.request)} -->\n").encode()


def still_readme(contents: Contents) -> str:
    order = contents.order
    return f"""{order.district}
Stills for use within the district, request {order.request}, made on {utc(contents.made_at)}

{order.mark}

TO SEE AND PRINT THEM
  Open START.html and print it: one still on each sheet, with what it shows under it. No network is needed, nothing is installed.
  Each still says over the picture for whom it is, and by when every copy of it is removed: from the wall, from desks, from this medium.
  Once that is done, say so on the page of the request: who took the copies away, and when.

TO CHECK THAT NOTHING WAS CHANGED
  1. Open verify.html, choose this folder, and wait for the last line. Or, where Python 3.9 or newer is: python3 verify.py
  2. Give it the fingerprint of the district's key. According to this package it is
     {spaced(contents.fingerprint)}

WHAT IS HERE
  still                  single pictures with a mark over them. The recordings are not in this package.
  custody.pdf, .json     chain of custody
  segments.csv           every still and every gap
  manifest.json          what is listed above with digests; manifest.note is the signature over it
  log                    the proof that the access log of the district has it
"""


def _body(contents: Contents) -> Iterator[str]:
    order = contents.order
    yield f'<h1 class="screen">{escape(order.district)}: stills, request {escape(order.request)}</h1>'
    yield f'<p class="screen remove">{escape(order.mark)}</p>'
    for scope in order.cameras:
        yield from (_figure(scope, one, order.mark) for one in contents.copied(CopyKind.STILL) if one.camera_id == scope.camera_id)
        gaps = [one for one in contents.missing if one.camera_id == scope.camera_id]
        yield from (
            f'<p class="screen">{escape(scope.branch)}, {escape(scope.camera)}: nothing of {utc(datetime_of(gap.start_ticks))} to '
            f"{utc(datetime_of(gap.end_ticks))} is there ({escape(gap.reason)}).</p>"
            for gap in gaps
        )


def _figure(scope: CameraScope, still: PictureCopy, mark: str) -> str:
    at, where = datetime_of(still.start_ticks), f"{scope.branch}, {scope.camera}"
    told = f"{where}, {local_time(at, scope.zone)} ({utc(at)})"
    return (
        f'<figure><img src="{escape(still.path)}" alt="{escape(told)}">'
        f'<figcaption>{escape(told)}</figcaption><p class="remove">{escape(mark)}</p></figure>'
    )
