"""What the rating page says where its scripts do not run, or do not come.

It is in the page itself, in every language, the browser's own first: of which study the page is,
only its scripts learn.
"""

from __future__ import annotations

import html
from functools import cache

from raters.texts import LANGUAGES, preferred, shipped

SLOW_SECONDS = 20
"""After which a page that shows nothing yet says that it is loading, with a button to try again."""

_STYLE = f"""
.first-words {{ box-sizing: border-box; max-width: 44rem; margin: 6vh auto; padding: 2rem;
  border-radius: 12px; background: #f3f3f3; color: #1c1c1c;
  font: 1.06rem/1.5 system-ui, sans-serif; }}
.first-words a {{ display: inline-block; padding: .75rem 1.6rem; border-radius: 8px;
  background: #222; color: #fff; font-weight: 600; text-decoration: none; }}
#not-loaded {{ position: fixed; inset: 0 1rem auto; z-index: 9; visibility: hidden;
  animation: first-words 0s {SLOW_SECONDS}s forwards; }}
html[data-failed] #not-loaded {{ animation-delay: 0s; }}
html[data-stage] #not-loaded {{ display: none; }}
@keyframes first-words {{ to {{ visibility: visible; }} }}
"""
_WITHOUT_SCRIPTS = "#not-loaded { display: none; } body { background: #6c6c6c; padding: 0 1rem; }"
# Files that do not come, and scripts that fail before the first part of the page is shown.
_WATCH = """
(() => {
  const failed = () => { document.documentElement.dataset.failed = ""; };
  addEventListener("error", failed, true);
  addEventListener("unhandledrejection", failed);
})();
"""


@cache
def _words(first: str) -> bytes:
    languages = [first, *(code for code in LANGUAGES if code != first)]

    def told(key: str) -> str:
        return "".join(
            f'<p lang="{code}">{html.escape(shipped(code).say(key))}</p>' for code in languages
        )

    needed, late = told("page.no_scripts"), told("page.not_loaded")
    again = html.escape(shipped(first).say("page.retry"))
    return (
        f"<style>{_STYLE}</style><script>{_WATCH}</script>"
        f'<noscript><style>{_WITHOUT_SCRIPTS}</style><div class="first-words">'
        f"{needed}</div></noscript>"
        f'<div id="not-loaded" class="first-words" role="alert">{late}'
        f'<p><a href="./">{again}</a></p></div>'
    ).encode()


def first_words(wanted: str) -> bytes:
    """Return HTML for the page's body; ``wanted`` is the browser's ``Accept-Language``."""
    return _words(preferred(wanted, LANGUAGES))
