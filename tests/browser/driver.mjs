/* One Chromium, driven by whoever started this: a line of JSON in, a line of JSON out.

   A line is {"do": a verb below, …}; its answer is {"value": …} or {"error": text}, in the order of the questions. The
   end of the input ends the browser. Each page notes what it says (console, faults of its own) and what it could see of
   the wire (frames of sockets, bodies of responses): that is what `seen` tells. */

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath] = process.argv.slice(2);
const PATIENCE = 60_000;
// A fresh folder for the user's data is the driver's own affair: it makes one for each browser and removes it.
const FLAGS = [
  "--no-sandbox", // it needs rights that a container does not give, and only pages of the tests are opened
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const browser = await chromium.launch({ args: FLAGS, executablePath, timeout: PATIENCE });
const pages = [];

function watch(page) {
  const notes = { messages: [], pending: [], sockets: [], texts: [] };
  page.on("console", (message) => notes.messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => notes.messages.push(`fault: ${error.stack}`));
  page.on("websocket", (socket) => {
    notes.sockets.push(socket.url());
    for (const way of ["framereceived", "framesent"]) {
      socket.on(way, ({ payload }) => notes.texts.push(String(payload)));
    }
  });
  page.on("response", (response) => {
    // A preflight, a redirection and a page that has gone have no body to show.
    notes.pending.push(response.text().then((text) => notes.texts.push(text), () => {}));
  });
  return notes;
}

const verbs = {
  /** Open an address, in a browser window of its own or with what `beside` has kept; tell the number of the page. */
  async open({ beside, options, url }) {
    const context = beside === undefined ? await browser.newContext(options) : pages[beside].page.context();
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    pages.push({ notes: watch(page), page });
    const response = await page.goto(url);
    return { number: pages.length - 1, status: response.status() };
  },

  /** Run one of the page's journeys; tell what it returned. */
  async call({ given, name, number }) {
    return pages[number].page.evaluate(([called, argument]) => globalThis.journeys[called](argument), [name, given]);
  },

  /** Tell what a person finds on the page. */
  async look({ number }) {
    return pages[number].page.evaluate(() => ({
      background: getComputedStyle(document.body).backgroundColor,
      focus: document.activeElement === document.body ? null : document.activeElement.textContent,
      links: [...document.links].map((link) => link.getAttribute("href")),
      overflows: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      code: [...document.querySelectorAll("pre")].map((block) => block.textContent),
      text: document.body.innerText,
      title: document.title,
    }));
  },

  async press({ key, number }) {
    await pages[number].page.keyboard.press(key);
  },

  async click({ link, number }) {
    await pages[number].page.getByRole("link", { exact: true, name: link }).click();
    await pages[number].page.waitForLoadState();
  },

  async reload({ number }) {
    await pages[number].page.reload();
  },

  async resize({ height, number, width }) {
    await pages[number].page.setViewportSize({ height, width });
  },

  async tint({ number, scheme }) {
    await pages[number].page.emulateMedia({ colorScheme: scheme });
  },

  /** Tell every cookie that the window keeps, those included that no page may read. */
  async cookies({ number }) {
    return pages[number].page.context().cookies();
  },

  async seen({ number }) {
    const { messages, pending, sockets, texts } = pages[number].notes;
    await Promise.all(pending);
    return { messages, sockets, texts };
  },

  /** Close the window of a page, and all that it has kept. */
  async close({ number }) {
    await pages[number].page.context().close();
  },
};

function inTime(work, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in time: ${what}`)), PATIENCE);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await inTime(verbs[order.do](order), line)) ?? null };
  } catch (error) {
    answer = { error: error.stack };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
