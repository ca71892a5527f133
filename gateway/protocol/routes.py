"""The HTTP routes of the actions, in the original's order; three of them are our own.

Rules of the file: data, and the two views of it. Clients choose a route by position and length (sdk.md §2), so the
order of lines matters. A line is: verb, path with `:name` parameters, controller:action, `deprecated` if it is.
"""

from msgspec import Struct

__all__ = ["ROUTES", "Route", "routes_of"]


class Route(Struct, frozen=True):
    """One way to reach an action over HTTP; `path` has `:name` for parameters, `verb` is in capitals."""

    verb: str
    path: str
    controller: str
    action: str
    is_deprecated: bool = False


_TABLE = """
GET /_me auth:getCurrentUser
GET /_me/_rights auth:getMyRights
GET /_me/credentials/:strategy auth:getMyCredentials
GET /_me/credentials/:strategy/_exists auth:credentialsExist
GET /strategies auth:getStrategies
GET /users/_me auth:getCurrentUser deprecated
GET /users/_me/_rights auth:getMyRights deprecated
GET /credentials/:strategy/_me auth:getMyCredentials deprecated
GET /credentials/:strategy/_me/_exists auth:credentialsExist deprecated
GET /_login/:strategy auth:login
GET /:index/:collection/_exists collection:exists
GET /:index/:collection/_mapping collection:getMapping
GET /:index/:collection/_settings collection:getSettings
GET /:index/:collection/_specifications collection:getSpecifications
GET /validations/_scroll/:scrollId collection:scrollSpecifications
GET /:index/_list collection:list
POST /admin/_refreshIndexCache admin:refreshIndexCache
POST /admin/_resetCache admin:resetCache
POST /admin/_resetSecurity admin:resetSecurity
POST /admin/_resetDatabase admin:resetDatabase
POST /admin/_resetKuzzleData admin:resetKuzzleData
POST /admin/_dump admin:dump
POST /admin/_shutdown/ admin:shutdown
POST /admin/_loadFixtures admin:loadFixtures
POST /admin/_loadMappings admin:loadMappings
POST /admin/_loadSecurities admin:loadSecurities
GET /:index/_exists index:exists
GET /:index/_autoRefresh index:getAutoRefresh
GET /_list index:list
GET /_storageStats index:stats
GET /_listSubscriptions realtime:list
GET /profiles/:_id security:getProfile
GET /profiles/:_id/_rights security:getProfileRights
GET /roles/:_id security:getRole
GET /users/:_id security:getUser
GET /users/:_id/_strategies security:getUserStrategies
GET /users/_mGet security:mGetUsers
GET /users/:_id/_rights security:getUserRights
GET /profiles/_mapping security:getProfileMapping
GET /roles/_mapping security:getRoleMapping
GET /users/_mapping security:getUserMapping
GET /users/_scroll/:scrollId security:scrollUsers
GET /credentials/:strategy/:_id security:getCredentials
GET /credentials/:strategy/:_id/_byId security:getCredentialsById
GET /credentials/:strategy/:_id/_exists security:hasCredentials
GET /credentials/:strategy/_fields security:getCredentialFields
GET /credentials/_fields security:getAllCredentialFields
GET /profiles/_scroll/:scrollId security:scrollProfiles
GET /_adminExists server:adminExists
GET /_getAllStats server:getAllStats deprecated
GET /_getConfig server:getConfig
GET /_capabilities server:capabilities
GET /_getLastStats server:getLastStats deprecated
GET /_getStats server:getStats deprecated
GET / server:info
GET /_healthCheck server:healthCheck
GET /_serverInfo server:info
GET /_now server:now
GET /_publicApi server:publicApi deprecated
GET /_openapi server:openapi
GET /_asyncapi server:asyncapi
GET /admin/_connections admin:listConnections
GET /_metrics server:metrics
POST /_login/:strategy auth:login
POST /_logout auth:logout
POST /_checkToken auth:checkToken
POST /_createToken auth:createToken
POST /_refreshToken auth:refreshToken
POST /_me/credentials/:strategy/_create auth:createMyCredentials
POST /_me/credentials/:strategy/_validate auth:validateMyCredentials
POST /credentials/:strategy/_me/_create auth:createMyCredentials deprecated
POST /credentials/:strategy/_me/_validate auth:validateMyCredentials deprecated
POST /:index/:collection/_validateSpecifications collection:validateSpecifications
POST /validations/_search collection:searchSpecifications
POST /:index/:collection/_refresh collection:refresh
POST /_security/:collection/_refresh security:refresh
POST /:index/_create index:create
POST /:index/:collection/_publish realtime:publish
POST /_createFirstAdmin/:_id security:createFirstAdmin
POST /_createFirstAdmin security:createFirstAdmin
POST /_restrictDefaultRights security:restrictDefaultRights
POST /credentials/:strategy/:_id/_create security:createCredentials
POST /profiles/:_id/_create security:createProfile
POST /roles/:_id/_create security:createRole
POST /users/_createRestricted security:createRestrictedUser
POST /users/:_id/_createRestricted security:createRestrictedUser
POST /users/_create security:createUser
POST /users/:_id/_create security:createUser
POST /profiles/_mDelete security:mDeleteProfiles
POST /roles/_mDelete security:mDeleteRoles
POST /users/_mDelete security:mDeleteUsers
POST /profiles/_mGet security:mGetProfiles
POST /users/_mGet security:mGetUsers
POST /roles/_mGet security:mGetRoles
POST /profiles/_search security:searchProfiles
POST /roles/_search security:searchRoles
POST /users/_search security:searchUsers
POST /credentials/:strategy/users/_search security:searchUsersByCredentials
POST /users/:_id/_upsert security:upsertUser
POST /credentials/:strategy/:_id/_validate security:validateCredentials
POST /_checkRights auth:checkRights
POST /_checkRights/:userId security:checkRights
POST /users/:userId/api-keys/_create security:createApiKey
POST /users/:userId/api-keys/_search security:searchApiKeys
POST /api-keys/_create auth:createApiKey
POST /api-keys/_search auth:searchApiKeys
DELETE /admin/_connections/:_id admin:closeConnection
DELETE /_me/credentials/:strategy auth:deleteMyCredentials
DELETE /credentials/:strategy/_me auth:deleteMyCredentials deprecated
DELETE /:index/:collection/_specifications collection:deleteSpecifications
DELETE /:index/:collection/_truncate collection:truncate
DELETE /:index index:delete
DELETE /_mDelete index:mDelete
DELETE /_mdelete index:mDelete deprecated
DELETE /:index/:collection collection:delete
DELETE /profiles/:_id security:deleteProfile
DELETE /roles/:_id security:deleteRole
DELETE /users/:_id security:deleteUser
DELETE /credentials/:strategy/:_id security:deleteCredentials
DELETE /users/:_id/tokens security:revokeTokens
DELETE /users/:userId/api-keys/:_id security:deleteApiKey
DELETE /api-keys/:_id auth:deleteApiKey
PUT /_me auth:updateSelf
PUT /_me/credentials/:strategy/_update auth:updateMyCredentials
PUT /_updateSelf auth:updateSelf deprecated
PUT /credentials/:strategy/_me/_update auth:updateMyCredentials deprecated
PUT /:index/:collection collection:create
POST /:index/:collection collection:update
PUT /:index/:collection/_mapping collection:updateMapping deprecated
PUT /:index/:collection/_specifications collection:updateSpecifications
PUT /profiles/:_id security:createOrReplaceProfile
PUT /roles/:_id security:createOrReplaceRole
PUT /credentials/:strategy/:_id/_update security:updateCredentials
PUT /profiles/:_id/_update security:updateProfile
PUT /roles/:_id/_update security:updateRole
PUT /users/:_id/_update security:updateUser
PUT /users/:_id/_replace security:replaceUser
PUT /profiles/_mapping security:updateProfileMapping
PUT /roles/_mapping security:updateRoleMapping
PUT /users/_mapping security:updateUserMapping
"""


def _routes() -> tuple[Route, ...]:
    routes = []
    for line in _TABLE.strip().splitlines():
        verb, path, name, *marks = line.split()
        controller, action = name.split(":")
        routes.append(Route(verb, path, controller, action, "deprecated" in marks))
    return tuple(routes)


ROUTES: tuple[Route, ...] = _routes()
"""Every route, in order."""


def routes_of(controller: str, action: str) -> list[Route]:
    """The routes of one action, in order; none for an action that exists on the socket only."""
    return [route for route in ROUTES if route.controller == controller and route.action == action]
