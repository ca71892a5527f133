"""The settings: what can be set (`settings`), where it is read from (`loading`), how it is documented (`page`)."""

from gateway.config.loading import ConfigError, load
from gateway.config.settings import (
    ApiKeysSettings,
    Config,
    HttpSettings,
    LimitsSettings,
    LoggingSettings,
    MongodbSettings,
    SecuritySettings,
    ServerSettings,
    WebsocketSettings,
    masked,
)

__all__ = [
    "ApiKeysSettings",
    "Config",
    "ConfigError",
    "HttpSettings",
    "LimitsSettings",
    "LoggingSettings",
    "MongodbSettings",
    "SecuritySettings",
    "ServerSettings",
    "WebsocketSettings",
    "load",
    "masked",
]
