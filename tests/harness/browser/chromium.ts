/** A real browser without a window: Debian's Chromium, with a note of every call that its pages make at the wallet door. */
import { type Browser, type BrowserContext, chromium, type Page, type Request } from "playwright-core";

/** One call of a page, as the list of what JAM calls has it. */
export interface Call {
  /** `A POST /api/v1/wallet/{wallet}/freeze`; `A` when it brought a token. */
  readonly name: string;
  readonly body: unknown;
  readonly status: number | undefined;
}

const OF_THE_DOOR = /^\/(?:api|obwatch|jam\/api)\//;
/** Two cores may be busy with other tests. */
const PATIENCE_MS = 60_000;

export class WebBrowser {
  readonly #browser: Browser;
  readonly #context: BrowserContext;
  readonly #calls: { request: Request; name: string; status: number | undefined }[] = [];
  /** What came over WebSockets. */
  readonly frames: string[] = [];
  /** What went wrong inside the pages. */
  readonly faults: string[] = [];

  private constructor(browser: Browser, context: BrowserContext) {
    this.#browser = browser;
    this.#context = context;
  }

  static async start(executablePath: string): Promise<WebBrowser> {
    // Root, as in containers, has no sandbox for browsers; no page but ours is opened, one of them as a stranger's.
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP stranger.test 127.0.0.1"],
    });
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB" });
    context.setDefaultTimeout(PATIENCE_MS);
    return new WebBrowser(browser, context);
  }

  async newPage(): Promise<Page> {
    const page = await this.#context.newPage();
    page.on("request", (request) => {
      const name = nameOf(request);
      if (name !== undefined) this.#calls.push({ request, name, status: undefined });
    });
    page.on("response", (response) => {
      const call = this.#calls.find(({ request }) => request === response.request());
      if (call !== undefined) call.status = response.status();
    });
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => void this.frames.push(String(payload)));
    });
    page.on("pageerror", (error) => void this.faults.push(error.message));
    page.on("console", (message) => {
      // What a content security policy forbids is said nowhere else.
      if (/Content Security Policy|CORS policy/.test(message.text())) this.faults.push(message.text());
    });
    return page;
  }

  /** What has been called since the last time that somebody asked. */
  takeCalls(): Call[] {
    return this.#calls.splice(0).map(({ request, name, status }) => ({
      name,
      body: bodyOf(request),
      status,
    }));
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

function nameOf(request: Request): string | undefined {
  const { pathname } = new URL(request.url());
  if (!OF_THE_DOOR.test(pathname)) return undefined;
  const path = pathname
    .replace(/\/wallet\/[^/]+\.jmdat\//, "/wallet/{wallet}/")
    .replace(/\/address\/new\/\d+$/, "/address/new/{mixdepth}")
    .replace(/\/timelock\/new\/[\d-]+$/, "/timelock/new/{lockdate}")
    .replace(/\/rescanblockchain\/\d+$/, "/rescanblockchain/{height}");
  const mark = request.headers()["x-jm-authorization"] === undefined ? "" : "A ";
  return `${mark}${request.method()} ${path}`;
}

function bodyOf(request: Request): unknown {
  const text = request.postData();
  return text === null ? undefined : JSON.parse(text);
}
