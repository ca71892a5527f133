/* What a page does with the official SDK, unmodified, in a browser; each function is one journey or one leg of it.

   A journey ends with what it returns, or with the first thing that was not as it should be: `expect` throws. The page
   is somebody's own: it comes from another origin than the gateway. */

const { Http, Kuzzle, WebSocket: Socket } = globalThis.KuzzleSDK;

const DAY = 86_400_000;
const KEY = /^kapikey-[\w-]+\.[\w-]+\.[\w-]+$/;

/** The SDK that a leg left behind for the next one, as a page keeps it. */
let kept;

function expect(is, what) {
  if (!is) {
    throw new Error(what);
  }
}

function same(expected, found) {
  const [one, other] = [expected, found].map((value) => JSON.stringify(value, (_, part) => sorted(part)));
  expect(one === other, `expected ${one}, found ${other}`);
}

/** Objects with their keys in one order. */
function sorted(value) {
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  return isObject ? Object.fromEntries(Object.entries(value).sort()) : value;
}

async function refused(call, status, id) {
  const error = await call.then(
    (result) => expect(false, `not refused: ${JSON.stringify(result)}`),
    (reason) => reason,
  );
  same({ id, status }, { id: error.id, status: error.status });
  expect(error.message.length > 0, "a refusal has a sentence");
}

function event(kuzzle, name) {
  return new Promise((resolve) => {
    kuzzle.once(name, resolve);
  });
}

/** The address is `{host, port}` of the gateway; the protocol is `ws` or `http`. */
async function connected({ host, port }, protocol, options = {}) {
  const way = protocol === "http" ? new Http(host, { port }) : new Socket(host, { autoReconnect: false, port });
  const kuzzle = new Kuzzle(way, { eventTimeout: 0, ...options });
  await kuzzle.connect();
  return kuzzle;
}

/** Log in, out or anew in cookie mode, in which the SDK goes the way of HTTP and then opens its socket again.

    SDK 7.17.1 takes the socket that it closes itself for a lost one, and gives up the very call that it is about to
    make. The call is made all the same; the protocol tells when it is done and the new socket is open. Over HTTP alone
    there is no such fault. */
async function renewed(kuzzle, call) {
  if (kuzzle.protocol instanceof Http) {
    return (await call()) ?? null;
  }
  const done = event(kuzzle.protocol, "websocketRenewalDone");
  const error = await call().catch((reason) => reason);
  expect(/request was sent but no response/.test(error?.message), "the SDK is mended: await the call itself");
  await done;
  expect(kuzzle.connected, "the socket is open again");
  return null;
}

/** Everything that a script of the page may read of what the browser keeps. */
async function stored() {
  const databases = await indexedDB.databases();
  return JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, databases]);
}

globalThis.journeys = {
  /** Make the administrator, once. */
  async createFirstAdmin({ gateway, password, username }) {
    const kuzzle = await connected(gateway, "ws");
    same(false, await kuzzle.server.adminExists());
    const credentials = { local: { password, username } };
    const user = await kuzzle.security.createFirstAdmin(username, { credentials });
    same([username, ["admin"]], [user._id, user.profileIds]);
    await refused(kuzzle.security.createFirstAdmin("other", { credentials }), 401, "security.rights.unauthorized");
    kuzzle.disconnect();
  },

  /** Try to become the administrator of somebody else's gateway. */
  async claimGateway({ gateway }) {
    const kuzzle = await connected(gateway, "ws");
    const credentials = { local: { password: "mine now", username: "thief" } };
    await refused(kuzzle.security.createFirstAdmin("thief", { credentials }), 401, "security.rights.unauthorized");
    kuzzle.disconnect();
  },

  /** From a login to a key that opens nothing any more; needs the administrator, whose id is the user name. */
  async apiKey({ gateway, password, protocol, username }) {
    const admin = await connected(gateway, protocol);
    await refused(
      admin.auth.login("local", { password: `not ${password}`, username }),
      401,
      "plugin.strategy.missing_user",
    );
    const token = await admin.auth.login("local", { password, username });
    expect(token.startsWith("kauth-"), "a login gives a token");
    same([token, true], [admin.jwt, await admin.isAuthenticated()]);

    const key = await admin.security.createApiKey(username, "in a browser", { _id: "tab", expiresIn: "1d" });
    const { description, expiresAt, fingerprint, token: secret, ttl, userId } = key._source;
    same(["tab", "in a browser", DAY, username], [key._id, description, ttl, userId]);
    expect(KEY.test(secret), "a key has its form");
    await refused(
      admin.security.createApiKey(username, "again", { _id: "tab" }),
      400,
      "services.storage.document_already_exists",
    );

    const device = await connected(gateway, protocol);
    same("-1", (await device.auth.getCurrentUser())._id);
    device.setAPIKey(secret);
    same(username, (await device.auth.getCurrentUser())._id);
    expect(Math.abs((await device.server.now()) - Date.now()) < DAY, "the key opens what its owner may open");

    const hit = { _id: "tab", _source: { description, expiresAt, fingerprint, ttl, userId } };
    same({ hits: [hit], total: 1 }, await device.security.searchApiKeys(username, { match: { description: "browser" } }));

    same({ _id: "tab" }, (await admin.security.deleteApiKey(username, "tab")).result);
    same({ hits: [], total: 0 }, await admin.security.searchApiKeys(username));
    device.setAPIKey(secret); // should the gateway have told the device already, it has dropped the key by itself
    const expired = event(device, "tokenExpired");
    await refused(device.auth.getCurrentUser(), 401, "security.token.invalid");
    await expired;
    await refused(admin.security.deleteApiKey(username, "tab"), 404, "services.storage.not_found");

    await admin.auth.logout();
    same([null, "-1"], [admin.jwt, (await admin.auth.getCurrentUser())._id]);
    admin.disconnect();
    device.disconnect();
  },

  /** Log in with the token in a cookie; tell everything that came of it where the page can see. */
  async logInByCookie({ gateway, password, protocol = "ws", username }) {
    kept = await connected(gateway, protocol, { cookieAuth: true });
    const result = await renewed(kept, () => kept.auth.login("local", { password, username }));
    return { jwt: kept.jwt, result, stored: await stored() };
  },

  /** Come back to a page that was left: the browser has the cookie, the page has nothing. */
  async comeBack({ gateway, protocol }) {
    kept = await connected(gateway, protocol, { cookieAuth: true });
  },

  /** Tell as whom the requests count, and as whom the token in the cookie does. */
  async whoAmI() {
    const { _id } = await kept.auth.getCurrentUser();
    const { kuid, valid } = await kept.auth.checkToken();
    return { checked: kuid ?? null, user: _id, valid };
  },

  /** Make, find and delete a key; there is no token to send along. */
  async apiKeyByCookie({ username }) {
    const key = await kept.security.createApiKey(username, "by cookie", { _id: "cookie", expiresIn: "1h" });
    expect(KEY.test(key._source.token), "a key has its form");
    same(1, (await kept.security.searchApiKeys(username)).total);
    await kept.security.deleteApiKey(username, "cookie");
    same(0, (await kept.security.searchApiKeys(username)).total);
  },

  /** Take another token before the old one ends. */
  async refreshByCookie() {
    return renewed(kept, () => kept.auth.refreshToken({ expiresIn: "2h" }));
  },

  async logOutByCookie() {
    await renewed(kept, () => kept.auth.logout());
    return stored();
  },

  /** Ask over HTTP without the SDK; tell what a script may see of the answer. */
  async ask({ gateway: { host, port }, init, path }) {
    try {
      const answer = await fetch(`http://${host}:${port}${path}`, init);
      return { body: answer.type === "opaque" ? null : await answer.json(), status: answer.status, type: answer.type };
    } catch (error) {
      return { failed: String(error) };
    }
  },

  /** Open a socket with nothing but what the browser brings; tell how it went. */
  async openSocket({ gateway: { host, port } }) {
    const socket = new WebSocket(`ws://${host}:${port}`);
    const opened = await new Promise((resolve) => {
      socket.onopen = () => resolve(true);
      socket.onclose = () => resolve(false);
    });
    socket.close();
    return opened;
  },
};
