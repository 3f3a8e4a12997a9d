"""Pages made from templates; parts that several pages have are in this folder."""

from collections.abc import Callable
from pathlib import Path

import jinja2


def page_template(template: Path, **filters: Callable[..., str]) -> jinja2.Template:
    """Return a template. It may include this folder's parts; a name that it lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template.name)
