/** Pictures by link, for clients that show no others: put where the XMPP server lets us (XEP-0363). */
import { isLoopback } from "../../../../runtime/config/config-values.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { Picture } from "../disco/pictures.ts";
import { RecentMap } from "../guard/recent-map.ts";
import { childOf, childrenOf, type Element, element, elementsOf, textOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const PUT_WITHIN_MS = 10_000;
const SERVICES_MAX = 20;
const LINKS_KEPT_MAX = 1_000;
const LINK_CHARACTERS_MAX = 2_000;
/** What a server may want us to say to its store, by the XEP, and nothing else. */
const HEADERS = new Set(["authorization", "cookie", "expires"]);

export interface UploadsOptions {
  readonly self: string;
  readonly serverDomain: string;
  readonly request: (iq: Element) => Promise<Element>;
  readonly log: Log;
}

export class Uploads {
  readonly #options: UploadsOptions;
  /** By the names of the pictures. */
  readonly #links = new RecentMap<string, string>(LINKS_KEPT_MAX);
  #service: Promise<string | undefined> | undefined;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Another link may be to a server that has changed. */
  reset(): void {
    this.#service = undefined;
    this.#links.clear();
  }

  /** Where anybody can get it now; undefined where there is no such place. Never rejects. */
  async linkOf(picture: Picture): Promise<string | undefined> {
    const known = this.#links.get(picture.cid);
    if (known !== undefined) return known;
    try {
      this.#service ??= this.#find();
      const service = await this.#service;
      const link = service === undefined ? undefined : await this.#put(service, picture);
      if (link !== undefined) this.#links.set(picture.cid, link);
      return link;
    } catch (error) {
      // Whoever wants to be paid has the address in words too.
      this.#service = undefined;
      this.#options.log.debug("a picture could not be put where clients find it", { error });
      return undefined;
    }
  }

  /** The server itself, or the first of its services that takes files. */
  async #find(): Promise<string | undefined> {
    const { serverDomain } = this.#options;
    const listed = await this.#ask(serverDomain, element("query", NS.discoItems));
    const items = elementsOf(listed).flatMap((query) => childrenOf(query, "item", NS.discoItems));
    const jids = items.flatMap(({ attrs: { jid, node } }) => (jid && node === undefined ? [jid] : []));
    for (const jid of [serverDomain, ...jids.slice(0, SERVICES_MAX)]) {
      if (jid !== this.#options.self && (await this.#takesFiles(jid))) return jid;
    }
    return undefined;
  }

  async #takesFiles(jid: string): Promise<boolean> {
    try {
      const info = childOf(await this.#ask(jid, element("query", NS.discoInfo)), "query", NS.discoInfo);
      const features = info === undefined ? [] : childrenOf(info, "feature", NS.discoInfo);
      return features.some(({ attrs }) => attrs["var"] === NS.upload);
    } catch {
      // A service that does not answer is none that we could use.
      return false;
    }
  }

  async #put(service: string, { png, hash }: Picture): Promise<string | undefined> {
    const wish = { filename: `${hash}.png`, size: String(png.length), "content-type": "image/png" };
    const answer = await this.#ask(service, element("request", NS.upload, wish));
    const slot = childOf(answer, "slot", NS.upload);
    const put = slot === undefined ? undefined : childOf(slot, "put", NS.upload);
    const to = safeUrl(put?.attrs["url"]);
    const from = safeUrl(slot === undefined ? undefined : childOf(slot, "get", NS.upload)?.attrs["url"]);
    if (put === undefined || to === undefined || from === undefined) return undefined;
    const response = await fetch(to, {
      method: "PUT",
      body: new Uint8Array(png),
      headers: { "content-type": "image/png", ...headersOf(put) },
      redirect: "error",
      signal: AbortSignal.timeout(PUT_WITHIN_MS),
    });
    await response.body?.cancel();
    return response.status === 201 || response.status === 200 ? from : undefined;
  }

  #ask(to: string, content: Element): Promise<Element> {
    return this.#options.request(element("iq", "", { type: "get", from: this.#options.self, to }, content));
  }
}

function headersOf(put: Element): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const header of childrenOf(put, "header", NS.upload)) {
    const name = header.attrs["name"]?.toLowerCase() ?? "";
    if (HEADERS.has(name)) headers[name] = textOf(header).replace(/[\r\n]/g, "");
  }
  return headers;
}

/** Whoever listens on the way would learn who is paid where: encrypted, or on this machine. */
function safeUrl(text: string | undefined): string | undefined {
  if (text === undefined || text.length > LINK_CHARACTERS_MAX || !URL.canParse(text)) return undefined;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname)) ? text : undefined;
}
