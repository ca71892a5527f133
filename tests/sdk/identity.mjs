/* Every method of the official SDK's `security` and `auth` controllers, once as it works and once as it is refused.

   It needs a gateway without an administrator at LATCHGATE_HOST and LATCHGATE_PORT. The methods are listed by
   reflection; one that has no case here ends the program with status 1, and so does the first answer that differs. It
   ends by itself: an open connection or timer that is left behind keeps it running, which the caller takes for a
   failure. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import sdk from "kuzzle-sdk";

const HOST = process.env.LATCHGATE_HOST ?? "127.0.0.1";
const PORT = Number(process.env.LATCHGATE_PORT);
const PATIENCE = 10_000;
const HOUR = 3_600_000;
const RIGHT_KEYS = ["action", "collection", "controller", "index", "value"];
const NO_ID = undefined; // refusals of the strategy `local` have a status and a sentence only

// Not a call: it puts the token into the requests of others.
const NO_ACTIONS = ["constructor", "authenticateRequest"];

function fail(what, detail) {
  console.error(what, detail);
  process.exit(1);
}

async function connect() {
  const protocol = new sdk.WebSocket(HOST, { autoReconnect: false, port: PORT });
  const kuzzle = new sdk.Kuzzle(protocol, { eventTimeout: 0 });
  kuzzle.on("networkError", (error) => fail("network error", error));
  kuzzle.on("discarded", (message) => fail("discarded", message));
  await kuzzle.connect();
  return kuzzle;
}

function actionsOf(kuzzle, name) {
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(kuzzle[name]));
  return Object.entries(members)
    .filter(([member, { value }]) => typeof value === "function" && !NO_ACTIONS.includes(member))
    .map(([member]) => `${name}.${member}`);
}

const cases = [];

/** One method: `works` checks what its calls resolve with; `refusal` is a call and the error that it must meet. */
async function method(name, works, [kuzzle, given, status, id, look = () => {}]) {
  const timer = setTimeout(() => fail("not done in time:", name), PATIENCE);
  const [controller, action] = name.split(".");
  let answers = 0;
  await works(async (by, ...args) => {
    const answer = await by[controller][action](...args);
    answers += 1;
    return answer;
  });
  assert.ok(answers > 0, `${name} was not called`);
  await assert.rejects(kuzzle[controller][action](...given), (error) => {
    assert.equal(error.constructor.name, "KuzzleError", String(error.stack));
    assert.deepEqual({ id: error.id, name, status: error.status }, { id, name, status });
    assert.deepEqual([Number.isInteger(error.code), Array.isArray(error.props)], id ? [true, true] : [false, false]);
    assert.ok(error.message.length > 0, "message");
    look(error);
    return true;
  });
  clearTimeout(timer);
  cases.push(name);
  console.log(`ok - ${name}`);
}

function isUser(user, id, content) {
  assert.ok(user instanceof sdk.User);
  assert.equal(user._id, id);
  const { _kuzzle_info, ...rest } = user._source;
  assert.deepEqual(rest, content);
  assert.deepEqual(user.profileIds, content.profileIds);
  assert.deepEqual(Object.keys(_kuzzle_info).sort(), ["author", "createdAt", "updatedAt", "updater"]);
}

function isProfile(profile, serialized) {
  assert.ok(profile instanceof sdk.Profile);
  assert.deepEqual(profile.serialize(), serialized);
}

function isRole(role, id, controllers) {
  assert.ok(role instanceof sdk.Role);
  assert.deepEqual(role.serialize(), { _id: id, controllers });
}

function areRights(rights, expected) {
  for (const right of rights) {
    assert.deepEqual(Object.keys(right).sort(), RIGHT_KEYS);
  }
  const told = rights.map((right) => RIGHT_KEYS.map((key) => right[key]).join(" "));
  assert.deepEqual(told.sort(), [...expected].sort());
}

function ids(documents) {
  return documents.map(({ _id }) => _id);
}

/** The ids on every page of a search, as the SDK turns them. */
async function pages(first) {
  const seen = [];
  for (let page = first; page !== null; page = await page.next()) {
    assert.equal(page.total, first.total);
    assert.ok(page.hits.length > 0, "an empty page");
    seen.push(ids(page.hits));
  }
  return seen;
}

function allow(actions) {
  return { actions: Object.fromEntries(actions.map((name) => [name, true])) };
}

const admin = await connect();
const ada = await connect();
const device = await connect();
const stranger = await connect();

const ROOT = { password: randomUUID(), username: "root" };
const ADA = { password: randomUUID(), username: "ada" };
const SELF = { auth: allow(["*"]) };
const CLOCK = { server: allow(["now"]) };
const CUSTOM = { "nfc-reader": allow(["scan"]), server: allow(["now"]) };
const ADAS = { name: "Ada", profileIds: ["persons"], seat: { floor: 1 } };

// The first administrator

await method(
  "security.createFirstAdmin",
  async (call) => {
    const user = await call(stranger, "root", { content: { name: "Root" }, credentials: { local: ROOT } }, { reset: true });
    isUser(user, "root", { name: "Root", profileIds: ["admin"] });
  },
  [stranger, ["root2", { credentials: { local: ADA } }], 401, "security.rights.unauthorized"],
);

await method(
  "auth.login",
  async (call) => {
    const token = await call(admin, "local", ROOT, "1h");
    assert.match(token, /^kauth-/);
    assert.equal(admin.jwt, token);
    assert.equal(await admin.isAuthenticated(), true);
  },
  [stranger, ["local", { ...ROOT, password: "wrong" }], 401, "plugin.strategy.missing_user"],
);

// Roles

await method(
  "security.createRole",
  async (call) => {
    isRole(await call(admin, "self", { controllers: SELF }), "self", SELF);
    isRole(await call(admin, "clock", { controllers: CLOCK }), "clock", CLOCK);
  },
  [admin, ["self", { controllers: SELF }], 400, "services.storage.document_already_exists"],
);

await method(
  "security.createOrReplaceRole",
  async (call) => {
    isRole(await call(admin, "spare", { controllers: CLOCK }), "spare", CLOCK);
    isRole(await call(admin, "spare", { controllers: CUSTOM }, { force: true }), "spare", CUSTOM);
  },
  [admin, ["spare", { controllers: CUSTOM }], 400, "security.role.unknown_controller"],
);

await method(
  "security.updateRole",
  async (call) => isRole(await call(admin, "spare", { controllers: CLOCK }), "spare", CLOCK),
  [admin, ["nothing", { controllers: CLOCK }], 404, "services.storage.not_found"],
);

await method(
  "security.getRole",
  async (call) => isRole(await call(admin, "spare"), "spare", CLOCK),
  [admin, ["nothing"], 404, "security.role.not_found"],
);

await method(
  "security.mGetRoles",
  async (call) => {
    const [first, second, ...none] = await call(admin, ["spare", "self"]);
    isRole(first, "spare", CLOCK);
    isRole(second, "self", SELF);
    assert.deepEqual(none, []);
  },
  [admin, [["spare", "nothing"]], 404, "security.role.not_found"],
);

await method(
  "security.searchRoles",
  async (call) => {
    const byController = await call(admin, { controllers: ["server"] });
    assert.deepEqual(ids(byController.hits).sort(), ["admin", "anonymous", "clock", "default", "spare"]);
    assert.equal(byController.total, 5);
    isRole(byController.hits.find(({ _id }) => _id === "clock"), "clock", CLOCK);
    const byPages = await call(admin, {}, { from: 0, size: 4 });
    assert.deepEqual(await pages(byPages), [["admin", "anonymous", "clock", "default"], ["self", "spare"]]);
  },
  [admin, [{ controllers: ["server"], query: {} }], 400, NO_ID],
);

// Profiles

await method(
  "security.createProfile",
  async (call) => {
    const policies = [{ roleId: "self" }];
    isProfile(await call(admin, "persons", { policies, rateLimit: 500 }), { _id: "persons", policies, rateLimit: 500 });
    const restricted = [{ restrictedTo: [{ collections: ["doors"], index: "house" }], roleId: "clock" }];
    isProfile(await call(admin, "clocks", { policies: restricted }), { _id: "clocks", policies: restricted, rateLimit: 0 });
  },
  [admin, ["more", { policies: [{ roleId: "nothing" }] }], 404, "security.role.not_found"],
);

await method(
  "security.createOrReplaceProfile",
  async (call) => {
    const policies = [{ roleId: "spare" }];
    isProfile(await call(admin, "spares", { policies: [{ roleId: "self" }] }), {
      _id: "spares",
      policies: [{ roleId: "self" }],
      rateLimit: 0,
    });
    isProfile(await call(admin, "spares", { policies }), { _id: "spares", policies, rateLimit: 0 });
  },
  [admin, ["spares", { policies: [{}] }], 400, "api.assert.missing_argument"],
);

await method(
  "security.updateProfile",
  async (call) => {
    const policies = [{ roleId: "spare" }];
    isProfile(await call(admin, "spares", { rateLimit: 7 }), { _id: "spares", policies, rateLimit: 7 });
  },
  [admin, ["nothing", { rateLimit: 7 }], 404, "security.profile.not_found"],
);

await method(
  "security.getProfile",
  async (call) => {
    const profile = await call(admin, "spares");
    isProfile(profile, { _id: "spares", policies: [{ roleId: "spare" }], rateLimit: 7 });
    assert.deepEqual(ids(await profile.getRoles()), ["spare"]);
  },
  [admin, ["nothing"], 404, "security.profile.not_found"],
);

await method(
  "security.mGetProfiles",
  async (call) => {
    const [first, second, ...none] = await call(admin, ["spares", "persons"]);
    isProfile(first, { _id: "spares", policies: [{ roleId: "spare" }], rateLimit: 7 });
    isProfile(second, { _id: "persons", policies: [{ roleId: "self" }], rateLimit: 500 });
    assert.deepEqual(none, []);
  },
  [admin, [["spares", "nothing"]], 404, "security.profile.not_found"],
);

await method(
  "security.searchProfiles",
  async (call) => {
    const byRole = await call(admin, { query: { terms: { "policies.roleId": ["spare"] } } });
    assert.deepEqual([ids(byRole.hits), byRole.total], [["spares"], 1]);
    isProfile(byRole.hits[0], { _id: "spares", policies: [{ roleId: "spare" }], rateLimit: 7 });
    const scrolled = await call(admin, {}, { scroll: "10s", size: 4 });
    assert.deepEqual(await pages(scrolled), [["admin", "anonymous", "clocks", "default"], ["persons", "spares"]]);
  },
  [admin, [{}, { size: 10_001 }], 413, "services.storage.get_limit_exceeded"],
);

await method(
  "security.getProfileRights",
  async (call) => {
    areRights(await call(admin, "persons"), ["* * auth * allowed"]);
    areRights(await call(admin, "clocks"), ["now doors server house allowed"]);
  },
  [admin, ["nothing"], 404, "security.profile.not_found"],
);

// Users

await method(
  "security.createUser",
  async (call) => {
    isUser(await call(admin, "ada", { content: ADAS, credentials: { local: ADA } }), "ada", ADAS);
    isUser(await call(admin, "clock", { content: { profileIds: ["clocks"] } }), "clock", { profileIds: ["clocks"] });
    const generated = await call(admin, undefined, { content: { profileIds: ["spares"] } });
    assert.match(generated._id, /^kuid-/);
    await admin.security.deleteUser(generated._id);
  },
  [admin, ["ada", { content: ADAS }], 412, "security.user.already_exists"],
);

await method(
  "security.createRestrictedUser",
  async (call) => {
    const user = await call(admin, { content: { name: "Guest" } }, "guest");
    isUser(user, "guest", { name: "Guest", profileIds: ["default"] });
    const nameless = await call(admin, {});
    isUser(nameless, nameless._id, { profileIds: ["default"] });
    await admin.security.deleteUser(nameless._id);
  },
  [admin, [{ content: { profileIds: ["admin"] } }], 400, "api.assert.forbidden_argument"],
);

await method(
  "security.getUser",
  async (call) => {
    const user = await call(admin, "ada");
    isUser(user, "ada", ADAS);
    assert.deepEqual(ids(await user.getProfiles()), ["persons"]);
    assert.equal(JSON.stringify(user).includes(ADA.password), false);
  },
  [admin, ["nobody"], 404, "security.user.not_found"],
);

await method(
  "security.updateUser",
  async (call) => {
    const user = await call(admin, "ada", { seat: { desk: 2 } });
    isUser(user, "ada", { ...ADAS, seat: { desk: 2, floor: 1 } });
  },
  [admin, ["ada", { profileIds: ["nothing"] }], 404, "security.profile.not_found"],
);

await method(
  "security.replaceUser",
  async (call) => isUser(await call(admin, "ada", ADAS), "ada", ADAS),
  [admin, ["ada", { name: "Ada" }], 400, "api.assert.missing_argument"],
);

await method(
  "security.mGetUsers",
  async (call) => {
    const [user, ...none] = await call(admin, ["ada", "nobody"]);
    isUser(user, "ada", ADAS);
    assert.deepEqual(none, []);
  },
  [admin, [[]], 400, "api.assert.missing_argument"],
);

await method(
  "security.searchUsers",
  async (call) => {
    const found = await call(admin, { query: { term: { profileIds: "persons" } } });
    assert.deepEqual([ids(found.hits), found.total], [["ada"], 1]);
    isUser(found.hits[0], "ada", ADAS);
    const everybody = [["root", "guest", "clock"], ["ada"]];
    assert.deepEqual(await pages(await call(admin, { sort: [{ _id: "desc" }] }, { size: 3 })), everybody);
    const scrolled = await call(admin, { sort: { _id: "desc" } }, { scroll: "10s", size: 3 });
    assert.deepEqual(await pages(scrolled), everybody);
    const plain = await call(admin, {}, { from: 0, size: 3 });
    assert.deepEqual(await pages(plain), [["ada", "clock", "guest"], ["root"]]);
    const koncorde = await call(admin, { query: { equals: { name: "Guest" } } }, { lang: "koncorde" });
    assert.deepEqual(ids(koncorde.hits), ["guest"]);
  },
  [admin, [{ profileIds: "persons" }], 400, "services.storage.invalid_search_query"],
);

await method(
  "security.getUserRights",
  async (call) => areRights(await call(admin, "ada"), ["* * auth * allowed"]),
  [admin, ["nobody"], 404, "security.user.not_found"],
);

await method(
  "security.checkRights",
  async (call) => {
    assert.equal(await call(admin, "ada", { action: "getMyRights", controller: "auth" }), true);
    assert.equal(await call(admin, "ada", { action: "getUser", controller: "security" }), false);
    assert.equal(await call(admin, "-1", { action: "login", controller: "auth" }), true);
  },
  [admin, ["nobody", { action: "login", controller: "auth" }], 404, "security.user.not_found"],
);

// Credentials

const OTHER = { password: randomUUID(), username: "clock-1" };
const shown = ({ username }, kuid) => ({ kuid, username });

await method(
  "security.validateCredentials",
  async (call) => assert.equal(await call(admin, "local", "clock", OTHER), true),
  [admin, ["local", "clock", { username: "clock-1" }], 400, NO_ID],
);

await method(
  "security.createCredentials",
  async (call) => assert.deepEqual(await call(admin, "local", "clock", OTHER), shown(OTHER, "clock")),
  [admin, ["local", "nobody", { ...OTHER, username: "clock-2" }], 404, "security.user.not_found"],
);

await method(
  "security.updateCredentials",
  async (call) => {
    OTHER.username = "clock-9";
    assert.deepEqual(await call(admin, "local", "clock", { username: "clock-9" }), shown(OTHER, "clock"));
  },
  [admin, ["local", "clock", { username: ADA.username }], 412, NO_ID],
);

await method(
  "security.hasCredentials",
  async (call) => {
    assert.equal(await call(admin, "local", "clock"), true);
    assert.equal(await call(admin, "local", "guest"), false);
  },
  [admin, ["carrier-pigeon", "clock"], 400, "security.credentials.unknown_strategy"],
);

await method(
  "security.getCredentials",
  async (call) => assert.deepEqual(await call(admin, "local", "clock"), shown(OTHER, "clock")),
  [admin, ["local", "guest"], 412, NO_ID],
);

await method(
  "security.getCredentialsById",
  async (call) => assert.deepEqual(await call(admin, "local", "clock-9"), shown(OTHER, "clock")),
  [admin, ["local", "clock-1"], 412, NO_ID],
);

await method(
  "security.getCredentialFields",
  async (call) => assert.deepEqual(await call(admin, "local"), ["username", "password"]),
  [admin, ["carrier-pigeon"], 400, "security.credentials.unknown_strategy"],
);

await method(
  "security.getUserStrategies",
  async (call) => {
    assert.deepEqual(await call(admin, "clock"), ["local"]);
    assert.deepEqual(await call(admin, "guest"), []);
  },
  [admin, ["nobody"], 404, "security.user.not_found"],
);

await method(
  "security.deleteCredentials",
  async (call) => {
    assert.deepEqual(await call(admin, "local", "clock"), { acknowledged: true });
    assert.equal(await admin.security.hasCredentials("local", "clock"), false);
  },
  [admin, ["local", "clock"], 412, NO_ID],
);

await ada.auth.login("local", ADA);

await method(
  "security.getAllCredentialFields",
  async (call) => assert.deepEqual(await call(admin), { local: ["username", "password"] }),
  [ada, [], 403, "security.rights.forbidden"],
);

// API keys

let key;

await method(
  "security.createApiKey",
  async (call) => {
    key = await call(admin, "clock", "in the hall", { _id: "hall", expiresIn: "1h" });
    const { _kuzzle_info, expiresAt, fingerprint, token, ...rest } = key._source;
    assert.equal(key._id, "hall");
    assert.deepEqual(rest, { description: "in the hall", ttl: HOUR, userId: "clock" });
    assert.equal(expiresAt, _kuzzle_info.createdAt + HOUR);
    assert.match(fingerprint, /^[\da-f]{64}$/);
    device.setAPIKey(token);
    assert.equal(await device.isAuthenticated(), true);
  },
  [admin, ["nobody", "in the hall"], 404, "security.user.not_found"],
);

await method(
  "security.searchApiKeys",
  async (call) => {
    const { description, expiresAt, fingerprint, ttl, userId } = key._source;
    const _source = { description, expiresAt, fingerprint, ttl, userId };
    const found = { hits: [{ _id: "hall", _source }], total: 1 };
    assert.deepEqual(await call(admin, "clock"), found);
    assert.deepEqual(await call(admin, "clock", { match: { description: "hall" } }, { from: 0, size: 1 }), found);
    assert.deepEqual(await call(admin, "clock", { equals: { fingerprint } }, { lang: "koncorde" }), found);
    assert.deepEqual(await call(admin, "ada", { ids: { values: ["hall"] } }), { hits: [], total: 0 });
  },
  [admin, ["clock", { nearly: { description: "hall" } }], 400, "services.storage.unexpected_bad_request"],
);

await method(
  "auth.getMyRights",
  async (call) => {
    areRights(await call(ada), ["* * auth * allowed"]);
    areRights(await call(stranger), [
      ...["checkToken", "getCurrentUser", "getMyRights", "login"].map((name) => `${name} * auth * allowed`),
      ...["openapi", "publicApi"].map((name) => `${name} * server * allowed`),
    ]);
  },
  [device, [], 403, "security.rights.forbidden"],
);

const expired = new Promise((resolve) => {
  device.once("tokenExpired", resolve);
});

await method(
  "security.deleteApiKey",
  async (call) => {
    const { error, result, status } = await call(admin, "clock", "hall");
    assert.deepEqual({ error, result, status }, { error: null, result: { _id: "hall" }, status: 200 });
  },
  [admin, ["clock", "hall"], 404, "services.storage.not_found"],
);

// Oneself

// The gateway tells the socket of a revoked key, and the SDK drops the key by itself: so it is given to it once more.
await expired;
device.setAPIKey(key._source.token);

await method(
  "auth.getCurrentUser",
  async (call) => {
    isUser(await call(ada), "ada", ADAS);
    const nobody = await call(stranger);
    assert.deepEqual(nobody.serialize(), { _id: "-1", _source: { name: "Anonymous", profileIds: ["anonymous"] } });
  },
  [device, [], 401, "security.token.invalid"],
);

await method(
  "auth.checkToken",
  async (call) => {
    assert.deepEqual(await call(stranger), { expiresAt: null, kuid: "-1", valid: true });
    const { expiresAt, ...rest } = await call(ada);
    assert.deepEqual(rest, { kuid: "ada", valid: true });
    assert.ok(Math.abs(expiresAt - Date.now() - HOUR) < HOUR / 2);
    const { state, ...old } = await call(stranger, key._source.token);
    assert.deepEqual(old, { valid: false });
    assert.equal(typeof state, "string");
  },
  [stranger, [42], 400, "api.assert.invalid_type"],
);

await method(
  "auth.checkRights",
  async (call) => {
    assert.equal(await call(ada, { action: "updateSelf", controller: "auth" }), true);
    assert.equal(await call(ada, { action: "deleteUser", controller: "security" }), false);
  },
  [ada, [{ controller: "auth" }], 400, "api.assert.missing_argument"],
);

await method(
  "auth.updateSelf",
  async (call) => isUser(await call(ada, { seat: { desk: 3 } }), "ada", { ...ADAS, seat: { desk: 3, floor: 1 } }),
  [ada, [{ profileIds: ["admin"] }], 400, "api.assert.forbidden_argument"],
);

await method(
  "auth.getStrategies",
  async (call) => assert.deepEqual(await call(ada), ["local"]),
  [stranger, [], 401, "security.rights.unauthorized"],
);

await method(
  "auth.credentialsExist",
  async (call) => assert.equal(await call(ada, "local"), true),
  [ada, ["carrier-pigeon"], 400, "security.credentials.unknown_strategy"],
);

await method(
  "auth.getMyCredentials",
  async (call) => assert.deepEqual(await call(ada, "local"), shown(ADA, "ada")),
  [stranger, ["local"], 401, "security.rights.unauthorized"],
);

await method(
  "auth.validateMyCredentials",
  async (call) => assert.equal(await call(ada, "local", { ...ADA, password: randomUUID() }), true),
  [ada, ["local", { ...ADA, kuid: "root" }], 400, NO_ID],
);

await method(
  "auth.updateMyCredentials",
  async (call) => {
    ADA.password = randomUUID();
    assert.deepEqual(await call(ada, "local", { password: ADA.password }), shown(ADA, "ada"));
    await ada.auth.login("local", ADA);
  },
  [ada, ["local", {}], 400, NO_ID],
);

await method(
  "auth.deleteMyCredentials",
  async (call) => {
    assert.equal(await call(ada, "local"), true);
    assert.equal(await ada.auth.credentialsExist("local"), false);
  },
  [ada, ["local"], 412, NO_ID],
);

await method(
  "auth.createMyCredentials",
  async (call) => {
    const fresh = { password: randomUUID(), username: "ada-2" };
    assert.deepEqual(await call(ada, "local", fresh), shown(fresh, "ada"));
    ADA.username = "ada-2";
    ADA.password = fresh.password;
    await ada.auth.login("local", ADA);
  },
  [ada, ["local", { password: randomUUID(), username: "ada-3" }], 412, NO_ID],
);

let own;

await method(
  "auth.createApiKey",
  async (call) => {
    own = await call(ada, "my own", { _id: "own", expiresIn: HOUR });
    assert.deepEqual([own._id, own._source.userId, own._source.ttl], ["own", "ada", HOUR]);
    device.setAPIKey(own._source.token);
    assert.equal((await device.auth.getCurrentUser())._id, "ada");
  },
  [ada, ["my own", { expiresIn: "0" }], 400, "api.assert.invalid_argument"],
);

await method(
  "auth.searchApiKeys",
  async (call) => {
    const { hits, total } = await call(ada, { term: { fingerprint: own._source.fingerprint } });
    assert.deepEqual([ids(hits), total], [["own"], 1]);
    assert.deepEqual(await call(admin), { hits: [], total: 0 });
  },
  [ada, [{}, { size: 10_001 }], 413, "services.storage.get_limit_exceeded"],
);

await method(
  "auth.refreshToken",
  async (call) => {
    const old = ada.jwt;
    const { _id, expiresAt, jwt, ttl } = await call(ada, { expiresIn: "2h" });
    assert.deepEqual([_id, ttl, ada.jwt], ["ada", 2 * HOUR, jwt]);
    assert.notEqual(jwt, old);
    assert.equal((await ada.auth.checkToken()).expiresAt, expiresAt);
  },
  [device, [], 401, "security.token.refresh_forbidden"],
);

await method(
  "auth.deleteApiKey",
  async (call) => {
    device.jwt = null;
    assert.equal(await call(ada, "own"), null);
    assert.equal((await stranger.auth.checkToken(own._source.token)).valid, false);
  },
  [ada, ["own"], 404, "services.storage.not_found"],
);

await method(
  "auth.logout",
  async (call) => {
    const token = ada.jwt;
    assert.equal(await call(ada), undefined);
    assert.equal(ada.jwt, null);
    assert.equal((await stranger.auth.checkToken(token)).valid, false);
  },
  [stranger, [], 401, "security.rights.unauthorized"],
);

// Mappings and refresh

const PROPERTIES = { properties: { colour: { type: "keyword" } } };

for (const kind of ["User", "Profile", "Role"]) {
  await method(
    `security.update${kind}Mapping`,
    async (call) => {
      const mapping = await call(admin, PROPERTIES);
      assert.deepEqual(Object.keys(mapping).sort(), ["_meta", "dynamic", "properties"]);
      assert.deepEqual(mapping.properties.colour, { type: "keyword" });
    },
    [admin, [{}], 400, "api.assert.missing_argument"],
  );

  await method(
    `security.get${kind}Mapping`,
    async (call) => {
      const { mapping, ...none } = await call(admin);
      assert.deepEqual(none, {});
      assert.deepEqual(mapping.colour, { type: "keyword" });
      assert.ok(Object.keys(mapping).length > 1, "the first properties are still there");
    },
    [stranger, [], 401, "security.rights.unauthorized"],
  );
}

await method(
  "security.refresh",
  async (call) => {
    for (const collection of ["users", "profiles", "roles"]) {
      const { error, result, status } = await call(admin, collection);
      assert.deepEqual({ error, result, status }, { error: null, result: null, status: 200 });
    }
  },
  [admin, ["tulips"], 400, "api.assert.unexpected_argument"],
);

// Deletions

/** A deletion of many that failed for one: the SDK rejects, and tells what was wrong. */
function partly(id) {
  return (error) => {
    assert.equal(error.count, 1);
    assert.deepEqual(error.errors.map((one) => one.id), [id]);
  };
}

await method(
  "security.mDeleteUsers",
  async (call) => assert.deepEqual(await call(admin, ["guest", "clock"]), ["guest", "clock"]),
  [admin, [["nobody"]], 206, "services.storage.incomplete_delete", partly("security.user.not_found")],
);

await method(
  "security.deleteUser",
  async (call) => {
    await admin.security.createUser("gone", { content: { profileIds: ["spares"] } });
    assert.deepEqual(await call(admin, "gone"), { _id: "gone" });
  },
  [admin, ["gone"], 404, "security.user.not_found"],
);

await method(
  "security.deleteProfile",
  async (call) => assert.deepEqual(await call(admin, "spares"), { _id: "spares" }),
  [admin, ["persons"], 412, "security.profile.in_use"],
);

await method(
  "security.mDeleteProfiles",
  async (call) => assert.deepEqual(await call(admin, ["clocks"]), ["clocks"]),
  [admin, [["admin"]], 206, "services.storage.incomplete_delete", partly("security.profile.cannot_delete")],
);

await method(
  "security.deleteRole",
  async (call) => assert.deepEqual(await call(admin, "spare"), { _id: "spare" }),
  [admin, ["self"], 412, "security.role.in_use"],
);

await method(
  "security.mDeleteRoles",
  async (call) => assert.deepEqual(await call(admin, ["clock"]), ["clock"]),
  [admin, [Array.from({ length: 201 }, (_, n) => `r${n}`)], 413, "services.storage.write_limit_exceeded"],
);

for (const kuzzle of [admin, ada, device, stranger]) {
  kuzzle.disconnect();
}

const methods = [...actionsOf(admin, "security"), ...actionsOf(admin, "auth")];
assert.ok(methods.length > 60, "reflection finds the methods");
assert.deepEqual([...cases].sort(), methods.sort());

console.log(`done, ${cases.length} methods`);
