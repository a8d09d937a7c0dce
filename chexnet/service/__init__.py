"""REST and the web page. Doors without logic: the body is capped, the classifier reads, JSON goes out."""

from chexnet.service.app import create_app
from chexnet.service.config import Limits, ServiceConfig
from chexnet.service.server import http_server

__all__ = ["Limits", "ServiceConfig", "create_app", "http_server"]
