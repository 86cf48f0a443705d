# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Hook of MkDocs: what lies outside of docs/ has no page, so links to it become its name in the repository."""

import re
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+([^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with each page's text.

    Args:
        markdown: Text of the page.
    """
    return _OUTSIDE.sub(lambda match: match[1] if match[1] in match[2] else f"{match[1]} (`{match[2]}`)", markdown)
