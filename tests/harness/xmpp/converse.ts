/** converse.js, a chat client for browsers, on a page of this machine: what a person does and sees there. */
import { createReadStream, existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "playwright-core";
import { cacheOf, fetchInto } from "../programs/fetched.ts";
import { waitFor } from "../wait-for.ts";
import { type Prosody, XMPP_DOMAIN } from "./prosody.ts";

const PAGE = fileURLToPath(new URL("./converse/", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * The folder with its built files, which `scripts/fetch-converse.sh` fetches. Undefined, with a printed reason, where they
 * cannot be had; in CI that is an error.
 */
export function findConverse(): string | undefined {
  const cache = cacheOf("converse");
  const folder = join(cache, "dist");
  const reason = existsSync(folder) ? "" : fetchInto(cache, "fetch-converse.sh");
  if (existsSync(folder)) return folder;
  if (process.env["CI"]) throw new Error(`no converse.js (${reason}), and in CI its tests must run`);
  process.stderr.write(`tests with converse.js are skipped: ${reason}\n`);
  return undefined;
}

/** The page and the built files, at an origin of their own. */
export async function serveConverse(dist: string): Promise<Server> {
  const server = createServer(({ url = "/" }, response) => {
    const path = normalize(new URL(url, "http://page").pathname);
    const file = path.startsWith("/dist/")
      ? join(dist, path.slice("/dist/".length))
      : join(PAGE, path === "/" ? "index.html" : path);
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return server;
}

export type Transport = "websocket" | "bosh";

export class ConverseScreens {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Until the person is online. */
  async logIn(server: Server, prosody: Prosody, name: string, transport: Transport): Promise<void> {
    const host = `127.0.0.1:${prosody.httpPort}`;
    const ways = {
      websocket: { websocket_url: `ws://${host}/xmpp-websocket` },
      bosh: { bosh_service_url: `http://${host}/http-bind` },
    };
    const wanted = { jid: `${name}@${XMPP_DOMAIN}/converse`, password: `pw-${name}`, ...ways[transport] };
    const { port } = server.address() as AddressInfo;
    await this.#page.goto(`http://127.0.0.1:${port}/#${encodeURIComponent(JSON.stringify(wanted))}`);
    await this.#page.waitForFunction("window.converseApi?.connection.connected()");
  }

  async openChat(jid: string): Promise<void> {
    await this.#page.evaluate(`window.converseApi.chats.open(${JSON.stringify(jid)}, {}, true)`);
    await this.#page.locator("converse-chat textarea").waitFor();
  }

  /** Types it, and gives what is said next by whom the chat is with. */
  async say(text: string): Promise<string> {
    const before = await this.#theirs().count();
    const input = this.#page.locator("converse-chat textarea");
    await input.fill(text);
    await input.press("Enter");
    const answer = this.#theirs().nth(before);
    await answer.waitFor();
    return answer.innerText();
  }

  /** Until there is a message of theirs with those words. */
  async isTold(words: string): Promise<void> {
    await this.#theirs().filter({ hasText: words }).first().waitFor();
  }

  /** Until every message of the person's own has the tick of a receipt. */
  async isReceived(name: string): Promise<void> {
    const own = this.#messages(`${name}@`);
    const ticks = own.locator(".chat-msg__receipt");
    await waitFor("the receipts", async () => (await ticks.count()) === (await own.count()));
  }

  /** How many pixels the picture in the chat has that came last. */
  async pictureWidth(): Promise<number> {
    const picture = this.#theirs().locator(".chat-msg__body img").last();
    await picture.waitFor();
    const width = () =>
      picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    await waitFor("the picture", async () => (await width()) > 0);
    return width();
  }

  /** Who is there, in a group of the list of contacts, and how many of the group have a picture. */
  async contacts(group: string): Promise<{ names: string[]; pictures: number }> {
    const items = this.#page.locator(`.roster-group[data-group="${group}"] converse-roster-contact`);
    const pictures = items.locator('svg image[href^="data:image/png"]');
    const names = await items.locator(".contact-name--online").allInnerTexts();
    return { names, pictures: await pictures.count() };
  }

  /** Opens the dialogue of one of the commands there. */
  async openCommand(jid: string, title: string): Promise<void> {
    await this.#page.locator(".show-client-info").click();
    await this.#page.getByRole("tab", { name: "Commands" }).click();
    await this.#dialogue().locator("input[name=jid]").fill(jid);
    await this.#dialogue().locator("input[type=submit]").click();
    await this.#dialogue().getByText(title).click();
  }

  async fill(field: string, value: string): Promise<void> {
    await this.#dialogue().locator(`[name=${field}]`).fill(value);
  }

  async check(field: string): Promise<void> {
    await this.#dialogue().locator(`[name=${field}]`).check();
  }

  async press(action: "next" | "complete"): Promise<void> {
    await this.#dialogue().locator(`[data-action=${action}]`).click();
  }

  /** Until the dialogue says that. */
  async isShown(words: string): Promise<void> {
    await this.#dialogue().getByText(words).first().waitFor();
  }

  #dialogue(): Locator {
    return this.#page.locator("converse-adhoc-commands");
  }

  #theirs(): Locator {
    return this.#messages("wallet@");
  }

  #messages(sender: string): Locator {
    return this.#page.locator(`converse-chat .chat-msg[data-from^="${sender}"]`);
  }
}
