"""Creates resources on the embedded AWS and on the control plane: one method per Terraform resource type."""

from collections.abc import Sequence
from typing import Any

from local.aws import Aws
from local.creators.account import AccountResources
from local.creators.base import Arguments
from local.creators.endpoints import Endpoints
from local.creators.functions import Functions
from local.creators.messaging import Messaging
from local.layers import Layer
from local.template import Template

__all__ = ["ResourceCreator"]


class ResourceCreator:
    """Creates a template's resources and reads its data sources, one at a time."""

    def __init__(self, aws: Aws, template: Template, layers: Sequence[Layer] = ()) -> None:
        """A function gets these layers, whichever it names."""
        self._methods = {
            **AccountResources(aws, template).methods,
            **Messaging(aws, template).methods,
            **Functions(aws, template, layers).methods,
            **Endpoints(aws, template).methods,
        }

    def creates(self, type_: str) -> bool:
        """Return whether there is anything that has resources of this type."""
        return type_ in self._methods

    def create(self, type_: str, arguments: Arguments) -> dict[str, Any]:
        """Create a resource; return the attributes that are known only then. Raises KeyError for a missing argument."""
        return self._methods[type_](arguments)
