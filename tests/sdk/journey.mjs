/* The official JavaScript SDK, unmodified, from the first administrator to a key that opens nothing any more.

   It needs a gateway without an administrator at LATCHGATE_HOST and LATCHGATE_PORT. Every step asserts the shape that
   the SDK resolved or rejected with; the first that differs ends the program with status 1. It ends by itself: an open
   connection or timer that is left behind keeps it running, which the caller takes for a failure. */

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import sdk from "kuzzle-sdk";

const HOST = process.env.LATCHGATE_HOST ?? "127.0.0.1";
const PORT = Number(process.env.LATCHGATE_PORT);
const PASSWORD = randomUUID();
const PATIENCE = 10_000;
const DAY = 86_400_000;
const KEY = /^kapikey-[\w-]+\.[\w-]+\.[\w-]+$/;
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const ROLE = {
  controllers: {
    auth: {
      actions: {
        createApiKey: true,
        deleteApiKey: true,
        getCurrentUser: true,
        getMyRights: true,
        logout: true,
        searchApiKeys: true,
      },
    },
    server: { actions: { now: true } },
  },
};

async function connect() {
  // Short enough for several beats within the journey; a missed answer to one would end the connection.
  const protocol = new sdk.WebSocket(HOST, { autoReconnect: false, pingInterval: 500, port: PORT });
  // By default an event that comes twice within 200 ms is told of once.
  const kuzzle = new sdk.Kuzzle(protocol, { eventTimeout: 0 });
  kuzzle.on("networkError", (error) => fail("network error", error));
  kuzzle.on("discarded", (message) => fail("discarded", message));
  await kuzzle.connect();
  assert.equal(kuzzle.connected, true);
  return kuzzle;
}

function fail(what, detail) {
  console.error(what, detail);
  process.exit(1);
}

function event(kuzzle, name) {
  return new Promise((resolve) => {
    kuzzle.once(name, resolve);
  });
}

/** Calls of the SDK wait for ever where no answer comes, so each step has a time limit. */
async function step(name, run) {
  const timer = setTimeout(() => fail("not done in time:", name), PATIENCE);
  await run();
  clearTimeout(timer);
  console.log(`ok - ${name}`);
}

function refused(call, status, id) {
  return assert.rejects(call, (error) => {
    assert.equal(error.constructor.name, "KuzzleError");
    assert.deepEqual({ id: error.id, status: error.status }, { id, status });
    assert.ok(Number.isInteger(error.code), "code");
    assert.ok(Array.isArray(error.props), "props");
    assert.ok(error.message.length > 0, "message");
    return true;
  });
}

function isHistory(info, author) {
  assert.deepEqual(Object.keys(info).sort(), ["author", "createdAt", "updatedAt", "updater"]);
  assert.equal(info.author, author);
  assert.ok(Math.abs(Date.now() - info.createdAt) < DAY, "createdAt is in milliseconds");
}

function payload(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64").toString());
}

function isKey(key, { author, description, id, lasts, owner }) {
  assert.deepEqual(Object.keys(key).sort(), ["_id", "_source"]);
  assert.match(key._id, id);
  const { _kuzzle_info, expiresAt, fingerprint, token, ...rest } = key._source;
  assert.deepEqual(rest, { description, ttl: lasts, userId: owner });
  isHistory(_kuzzle_info, author);
  assert.match(token, KEY);
  assert.equal(fingerprint, createHash("sha256").update(token).digest("hex"));
  assert.equal(payload(token)._id, owner);
  if (lasts === -1) {
    assert.equal(expiresAt, -1);
    assert.equal("exp" in payload(token), false);
  } else {
    assert.equal(expiresAt, _kuzzle_info.createdAt + lasts);
    assert.equal(payload(token).exp, Math.ceil(expiresAt / 1000));
  }
}

/** What a search shows of a key: neither the token nor the history. */
function found({ _id, _source: { description, expiresAt, fingerprint, ttl, userId } }) {
  return { _id, _source: { description, expiresAt, fingerprint, ttl, userId } };
}

const admin = await connect();

await step("nobody is there yet", async () => {
  assert.equal(await admin.server.adminExists(), false);
  assert.equal((await admin.auth.getCurrentUser())._id, "-1");
  assert.deepEqual(await admin.auth.checkToken(), { expiresAt: null, kuid: "-1", valid: true });
});

await step("createFirstAdmin, once", async () => {
  const credentials = { local: { password: PASSWORD, username: "root" } };
  const user = await admin.security.createFirstAdmin("root", { content: { name: "Root" }, credentials });

  assert.ok(user instanceof sdk.User);
  assert.equal(user._id, "root");
  assert.deepEqual(user.profileIds, ["admin"]);
  assert.deepEqual(Object.keys(user.content).sort(), ["_kuzzle_info", "name", "profileIds"]);
  isHistory(user.content._kuzzle_info, "-1");

  await refused(
    admin.security.createFirstAdmin("root2", { credentials: { local: { password: PASSWORD, username: "root2" } } }),
    401,
    "security.rights.unauthorized",
  );
});

await step("login", async () => {
  await refused(
    admin.auth.login("local", { password: "wrong", username: "root" }),
    401,
    "plugin.strategy.missing_user",
  );
  const attempt = event(admin, "loginAttempt");

  const token = await admin.auth.login("local", { password: PASSWORD, username: "root" }, "1h");

  assert.match(token, /^kauth-/);
  assert.deepEqual(await attempt, { success: true });
  assert.equal(admin.jwt, token);
  assert.equal(admin.authenticated, true);
  const { expiresAt, ...rest } = await admin.auth.checkToken();
  assert.deepEqual(rest, { kuid: "root", valid: true });
  assert.equal(Math.ceil(expiresAt / 1000), payload(token).exp);
});

await step("server.now and adminExists", async () => {
  assert.ok(Math.abs((await admin.server.now()) - Date.now()) < DAY);
  assert.equal(await admin.server.adminExists(), true);
});

await step("createRole and createProfile", async () => {
  const role = await admin.security.createRole("keeper", ROLE);

  assert.ok(role instanceof sdk.Role);
  assert.deepEqual(role.serialize(), { _id: "keeper", controllers: ROLE.controllers });

  const profile = await admin.security.createProfile("keepers", { policies: [{ roleId: "keeper" }], rateLimit: 100 });

  assert.ok(profile instanceof sdk.Profile);
  assert.deepEqual(profile.serialize(), { _id: "keepers", policies: [{ roleId: "keeper" }], rateLimit: 100 });
});

const CREDENTIALS = { password: randomUUID(), username: "sensor-7" };

await step("createUser and getUser", async () => {
  const content = { floor: 3, profileIds: ["keepers"] };
  const made = await admin.security.createUser("sensor", { content, credentials: { local: CREDENTIALS } });
  const read = await admin.security.getUser("sensor");

  for (const user of [made, read]) {
    assert.ok(user instanceof sdk.User);
    assert.equal(user._id, "sensor");
    const { _kuzzle_info, ...rest } = user.content;
    assert.deepEqual(rest, content);
    isHistory(_kuzzle_info, "root");
  }
  assert.equal(JSON.stringify([made, read]).includes(CREDENTIALS.password), false);
  await refused(admin.security.getUser("nobody"), 404, "security.user.not_found");
});

const keys = [];

await step("createApiKey", async () => {
  const about = { author: "root", owner: "sensor" };
  const roof = await admin.security.createApiKey("sensor", "on the roof", { _id: "roof", expiresIn: "1d" });
  isKey(roof, { ...about, description: "on the roof", id: /^roof$/, lasts: DAY });

  const hour = await admin.security.createApiKey("sensor", "for an hour", { expiresIn: 3_600_000, refresh: "wait_for" });
  isKey(hour, { ...about, description: "for an hour", id: UUID, lasts: 3_600_000 });

  const endless = await admin.security.createApiKey("sensor", "for ever", { expiresIn: -1 });
  isKey(endless, { ...about, description: "for ever", id: UUID, lasts: -1 });

  const plain = await admin.security.createApiKey("sensor", "no word of time");
  isKey(plain, { ...about, description: "no word of time", id: UUID, lasts: -1 });

  keys.push(roof, hour, endless, plain);
  assert.equal(new Set(keys.map((key) => key._source.token)).size, 4);
});

await step("createApiKey is refused", async () => {
  const make = (user, options) => admin.security.createApiKey(user, "again", options);

  await refused(make("sensor", { _id: "roof" }), 400, "services.storage.document_already_exists");
  await refused(make("sensor", { expiresIn: "1 fortnight" }), 400, "api.assert.invalid_argument");
  await refused(make("nobody"), 404, "security.user.not_found");
  await refused(admin.security.createApiKey("sensor"), 400, "api.assert.missing_argument");
});

await step("searchApiKeys", async () => {
  assert.deepEqual(await admin.security.searchApiKeys("sensor"), { hits: keys.map(found), total: 4 });
  assert.deepEqual(await admin.security.searchApiKeys("sensor", {}, { from: 1, size: 2 }), {
    hits: keys.slice(1, 3).map(found),
    total: 4,
  });
  assert.deepEqual(await admin.security.searchApiKeys("sensor", { match: { description: "roof" } }), {
    hits: [found(keys[0])],
    total: 1,
  });
  assert.deepEqual(await admin.security.searchApiKeys("root"), { hits: [], total: 0 });
});

const device = await connect();
const { fingerprint, token: secret } = keys[0]._source;

await step("checkToken knows the key", async () => {
  assert.deepEqual(await device.auth.checkToken(secret), {
    expiresAt: keys[0]._source.expiresAt,
    kuid: "sensor",
    valid: true,
  });
  const { state, ...rest } = await device.auth.checkToken(`${secret}x`);
  assert.deepEqual(rest, { valid: false });
  assert.equal(typeof state, "string");
});

await step("setAPIKey lets a second instance in", async () => {
  device.setAPIKey(secret);

  assert.equal(await device.isAuthenticated(), true);
  assert.equal((await device.auth.getCurrentUser())._id, "sensor");
  const rights = await device.auth.getMyRights();
  assert.deepEqual(
    rights.map(({ action, controller }) => `${controller}:${action}`).sort(),
    Object.entries(ROLE.controllers)
      .flatMap(([controller, { actions }]) => Object.keys(actions).map((action) => `${controller}:${action}`))
      .sort(),
  );
  for (const right of rights) {
    assert.deepEqual(Object.keys(right).sort(), ["action", "collection", "controller", "index", "value"]);
    assert.equal(right.value, "allowed");
  }
  await refused(device.security.searchApiKeys("sensor"), 403, "security.rights.forbidden");
});

await step("keys of one's own", async () => {
  const own = await device.auth.createApiKey("my own", { _id: "own", expiresIn: "2h" });
  isKey(own, { author: "sensor", description: "my own", id: /^own$/, lasts: 7_200_000, owner: "sensor" });
  assert.deepEqual(await device.auth.searchApiKeys({ term: { fingerprint: own._source.fingerprint } }), {
    hits: [found(own)],
    total: 1,
  });
  assert.deepEqual(await device.auth.searchApiKeys({}, { size: 1 }), { hits: [found(keys[0])], total: 5 });
  assert.equal(await device.auth.deleteApiKey("own"), null);
  await refused(device.auth.deleteApiKey("own"), 404, "services.storage.not_found");
});

await step("logout leaves a key alone", async () => {
  await device.auth.logout();
  assert.equal(device.jwt, null);
  assert.equal((await device.auth.checkToken(secret)).valid, true);
  device.setAPIKey(secret);
});

await step("deleteApiKey shuts the second instance out", async () => {
  assert.equal((await device.auth.getCurrentUser())._id, "sensor"); // from here on the socket hears of its end
  const expired = event(device, "tokenExpired");
  const { error, requestId, result, room, status } = await admin.security.deleteApiKey("sensor", "roof");
  assert.deepEqual({ error, result, status }, { error: null, result: { _id: "roof" }, status: 200 });
  assert.equal(room, requestId);

  await expired; // the gateway tells the socket, and the SDK drops the key by itself
  device.setAPIKey(secret);
  await refused(device.auth.getCurrentUser(), 401, "security.token.invalid");

  assert.equal((await device.auth.checkToken(secret)).valid, false);
  assert.deepEqual(await admin.security.searchApiKeys("sensor", { term: { fingerprint } }), { hits: [], total: 0 });
  await refused(admin.security.deleteApiKey("sensor", "roof"), 404, "services.storage.not_found");
});

const person = await connect();

await step("deleteUser takes everything of the user's", async () => {
  const token = await person.auth.login("local", CREDENTIALS);
  assert.equal((await person.auth.getCurrentUser())._id, "sensor");
  const expired = event(person, "tokenExpired");

  assert.deepEqual(await admin.security.deleteUser("sensor"), { _id: "sensor" });

  await expired;

  await refused(admin.security.getUser("sensor"), 404, "security.user.not_found");
  assert.deepEqual(await admin.security.searchApiKeys("sensor"), { hits: [], total: 0 });
  for (const stale of [token, ...keys.map((key) => key._source.token)]) {
    assert.equal((await admin.auth.checkToken(stale)).valid, false);
  }
  person.jwt = token;
  await refused(person.auth.getCurrentUser(), 401, "security.token.invalid");
  await refused(person.auth.login("local", CREDENTIALS), 401, "plugin.strategy.missing_user");
});

await step("logout", async () => {
  const token = admin.jwt;
  const attempt = event(admin, "logoutAttempt");

  assert.equal(await admin.auth.logout(), undefined);

  assert.deepEqual(await attempt, { success: true });
  assert.equal(admin.jwt, null);
  assert.equal((await admin.auth.checkToken(token)).valid, false);
  assert.equal((await admin.auth.getCurrentUser())._id, "-1");
});

await step("the heart beats", async () => {
  // The SDK sends the second ping only when the first was answered.
  const { protocol } = admin;
  const ping = protocol.ping.bind(protocol);
  let beats = 0;
  await new Promise((resolve) => {
    protocol.ping = () => {
      ping();
      beats += 1;
      if (beats === 2) {
        resolve();
      }
    };
  });
  assert.equal(admin.connected, true);
});

await step("disconnect", async () => {
  for (const kuzzle of [admin, device, person]) {
    const { client } = kuzzle.protocol; // the SDK itself no longer listens when its connection has closed
    const gone = new Promise((resolve) => client.addEventListener("close", resolve, { once: true }));

    kuzzle.disconnect();

    const { code, wasClean } = await gone;
    assert.deepEqual({ code, wasClean }, { code: 1000, wasClean: true });
    assert.equal(kuzzle.connected, false);
  }
});

console.log(`done, with the ${typeof WebSocket === "undefined" ? "ws package" : "platform's WebSocket"}`);
