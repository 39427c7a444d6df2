"""What the cameras see in a folder: a picture of each view, and a page that shows them."""

from __future__ import annotations

import json
import time
from html import escape
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.files import make_folder, replacing
from lineside.outputs.keeping import file_word
from lineside.outputs.view.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.core.inspection import Inspection
    from lineside.outputs.view.scene import Scene
    from lineside.outputs.view.settings import ViewSettings
    from lineside.outputs.view.studio import Picture

# The page is opened as a file, where scripts may read no other: what tells that somebody still writes is a script itself.
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{margin:0;background:#16181c;color:#eee;font:16px system-ui,sans-serif;display:flex;flex-wrap:wrap;gap:4px}}
img{{max-width:49vw;max-height:98vh}} p{{width:100%;margin:0;padding:8px;background:#f0e442;color:#000;font-weight:700}}
.dead img{{filter:grayscale(1) brightness(.5)}} body:not(.dead) p{{display:none}}</style>
<p>NOT LIVE: nothing was written here for some seconds. These pictures are old.</p>
{pictures}
<script>
let last = null, changed = Date.now();
function seen(at) {{ if (at !== last) {{ last = at; changed = Date.now(); }} }}
setInterval(() => {{
  for (const picture of document.images) picture.src = picture.dataset.src + "?" + Date.now();
  const script = document.createElement("script");
  script.src = "seen.js?" + Date.now();
  script.onload = script.onerror = () => script.remove();
  document.body.append(script);
  document.body.classList.toggle("dead", last === null || Date.now() - changed > 4000);
}}, 250);
</script>
"""


class FolderView:
    """Writes `VIEW.jpg` for each view, replaced whole, and `index.html`, which shows them all and tells when nobody writes any more.

    Args:
        folder: Where; made when it is missing.
        scene: What there is to see.
        settings: How large and how often.
        note: Takes a code and a sentence: the first picture that cannot be written, and the first that can again.
        clock: Monotonic seconds.

    Attributes:
        place: Where it is written.

    Raises:
        OutputError: The folder cannot be made or is not writable.
    """

    def __init__(
        self,
        folder: Path,
        scene: Scene,
        settings: ViewSettings,
        *,
        note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        make_folder(folder)
        self.place = str(folder)
        self._folder = folder
        self._note = note
        self._is_failing = False
        self._files = {name: f"{file_word(name)}.jpg" for name in scene.watched.views}
        self._title = scene.watched.name
        self._has_page = False
        self._studio = Studio(
            scene, settings, wanted=lambda: tuple(self._files), publish=self._take, clock=clock
        )

    def show(self, inspection: Inspection) -> None:
        """This part is the newest."""
        self._studio.show(inspection)

    def close(self) -> None:
        """The newest part is there; may be called twice."""
        self._studio.close()

    def _take(self, picture: Picture) -> None:
        try:
            with replacing(self._folder / self._files[picture.name]) as temporary:
                temporary.write_bytes(picture.data)
            with replacing(self._folder / "seen.js") as temporary:
                temporary.write_text(f"seen({json.dumps(round(picture.at_s, 3))});\n", encoding="utf-8")
            if not self._has_page:
                self._write_page()
        except OutputError as fault:
            if not self._is_failing:
                self._note("view.unwritten", f"the live view is not written: {fault}")
            self._is_failing = True
            self._has_page = False  # a folder that comes back may be a new one
        else:
            if self._is_failing:
                self._note("view.written", "the live view is written again")
            self._is_failing = False

    def _write_page(self) -> None:
        pictures = "\n".join(
            f'<img src="{escape(file)}" data-src="{escape(file)}" alt="{escape(name)}">'
            for name, file in self._files.items()
        )
        with replacing(self._folder / "index.html") as temporary:
            temporary.write_text(_PAGE.format(pictures=pictures, title=escape(self._title)), encoding="utf-8")
        self._has_page = True
