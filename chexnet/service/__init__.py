"""REST and the web page. Doors without logic: the body is capped, the classifier reads, JSON goes out."""

from chexnet.service.app import create_app
from chexnet.service.config import Limits, ServiceConfig

__all__ = ["Limits", "ServiceConfig", "create_app"]
