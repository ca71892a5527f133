"""API keys: minted, found, revoked. `arguments` → `service` → `actions`.

A stored key is `{_id, description, expiresAt, fingerprint, ttl, userId, _kuzzle_info}`; the token leaves in one answer
and is nowhere else.
"""

from gateway.security.api_keys.actions import ApiKeysController, OwnApiKeysController
from gateway.security.api_keys.service import API_KEY_MARKS, ApiKeys, KeyPolicy

__all__ = ["API_KEY_MARKS", "ApiKeys", "ApiKeysController", "KeyPolicy", "OwnApiKeysController"]
