/* The official JavaScript SDK over its protocol `Http`, unmodified: the life of an API key.

   It needs a gateway without an administrator at LATCHGATE_HOST and LATCHGATE_PORT. Every step asserts the shape that
   the SDK resolved or rejected with; the first that differs ends the program with status 1. It ends by itself: a
   request that is never answered keeps it running, which the caller takes for a failure. */

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import sdk from "kuzzle-sdk";

const HOST = process.env.LATCHGATE_HOST ?? "127.0.0.1";
const PORT = Number(process.env.LATCHGATE_PORT);
const PASSWORD = randomUUID();
const PATIENCE = 10_000;
const DAY = 86_400_000;

function fail(what, detail) {
  console.error(what, detail);
  process.exit(1);
}

/** The SDK asks for the list of actions and their routes when it connects. */
async function connect() {
  const kuzzle = new sdk.Kuzzle(new sdk.Http(HOST, { port: PORT }), { eventTimeout: 0 });
  kuzzle.on("networkError", (error) => fail("network error", error));
  kuzzle.on("discarded", (message) => fail("discarded", message));
  await kuzzle.connect();
  assert.equal(kuzzle.connected, true);
  return kuzzle;
}

async function step(name, run) {
  const timer = setTimeout(() => fail("not done in time:", name), PATIENCE);
  await run();
  clearTimeout(timer);
  console.log(`ok - ${name}`);
}

function refused(call, status, id) {
  return assert.rejects(call, (error) => {
    assert.equal(error.constructor.name, "KuzzleError", String(error.stack));
    assert.deepEqual({ id: error.id, status: error.status }, { id, status });
    assert.ok(error.message.length > 0, "message");
    return true;
  });
}

const admin = await connect();

await step("the first administrator logs in", async () => {
  assert.equal(await admin.server.adminExists(), false);
  const local = { password: PASSWORD, username: "root" };
  const user = await admin.security.createFirstAdmin("root", { credentials: { local } });
  assert.equal(user._id, "root");
  await refused(admin.auth.login("local", { ...local, password: "wrong" }), 401, "plugin.strategy.missing_user");

  const token = await admin.auth.login("local", local, "1h");

  assert.match(token, /^kauth-/);
  assert.equal((await admin.auth.getCurrentUser())._id, "root");
  assert.equal((await admin.auth.checkToken()).kuid, "root");
});

await step("a user who may own keys", async () => {
  await admin.security.createRole("clock", { controllers: { server: { actions: { now: true } } } });
  await admin.security.createProfile("clocks", { policies: [{ roleId: "clock" }] });
  const user = await admin.security.createUser("sensor", { content: { profileIds: ["clocks"] } });
  assert.deepEqual([user._id, user.profileIds], ["sensor", ["clocks"]]);
  assert.deepEqual((await admin.security.mGetUsers(["sensor"])).map(({ _id }) => _id), ["sensor"]);
});

let key;

await step("createApiKey", async () => {
  key = await admin.security.createApiKey("sensor", "on the roof", { _id: "roof", expiresIn: "1d", refresh: "wait_for" });

  const { expiresAt, fingerprint, token, _kuzzle_info, ...rest } = key._source;
  assert.equal(key._id, "roof");
  assert.deepEqual(rest, { description: "on the roof", ttl: DAY, userId: "sensor" });
  assert.equal(expiresAt, _kuzzle_info.createdAt + DAY);
  assert.match(token, /^kapikey-/);
  assert.equal(fingerprint, createHash("sha256").update(token).digest("hex"));

  const endless = await admin.security.createApiKey("sensor", "for ever", { expiresIn: -1 });
  assert.equal(endless._source.expiresAt, -1);
  const hour = await admin.security.createApiKey("sensor", "for an hour", { expiresIn: 3_600_000 });
  assert.equal(hour._source.ttl, 3_600_000);
  await refused(admin.security.createApiKey("sensor", "twice", { _id: "roof" }), 400, "services.storage.document_already_exists");
  await refused(admin.security.createApiKey("nobody", "none"), 404, "security.user.not_found");
  await refused(admin.security.createApiKey("sensor", "bad", { expiresIn: "1 fortnight" }), 400, "api.assert.invalid_argument");
});

await step("searchApiKeys", async () => {
  assert.equal((await admin.security.searchApiKeys("sensor")).total, 3);
  const { hits, total } = await admin.security.searchApiKeys("sensor", { match: { description: "roof" } }, { size: 1 });
  assert.deepEqual([hits.map(({ _id }) => _id), total], [["roof"], 1]);
  assert.equal("token" in hits[0]._source, false);
});

await step("the device uses its key", async () => {
  const device = await connect();
  device.setAPIKey(key._source.token);

  assert.ok(Math.abs((await device.server.now()) - Date.now()) < DAY);
  await refused(device.security.searchApiKeys("sensor"), 403, "security.rights.forbidden");
});

await step("deleteApiKey ends it", async () => {
  const { status } = await admin.security.deleteApiKey("sensor", "roof");
  assert.equal(status, 200);

  const device = await connect();
  device.setAPIKey(key._source.token);
  await refused(device.server.now(), 401, "security.token.invalid");
  await refused(admin.security.deleteApiKey("sensor", "roof"), 404, "services.storage.not_found");
  assert.equal((await admin.auth.checkToken(key._source.token)).valid, false);
});

await step("a partial success is an error with what was done", async () => {
  const request = { action: "mDeleteUsers", body: { ids: ["sensor", "nobody"] }, controller: "security" };
  await refused(admin.query(request), 206, "services.storage.incomplete_delete");
  await refused(admin.security.getUser("sensor"), 404, "security.user.not_found");
});

await step("logout", async () => {
  const token = admin.jwt;
  await admin.auth.logout();
  assert.equal((await admin.auth.checkToken(token)).valid, false);
});

console.log("done, over HTTP");
