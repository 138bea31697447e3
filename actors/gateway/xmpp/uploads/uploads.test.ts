import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { silentLog } from "../../../../bus/fake.ts";
import { Pictures } from "../disco/pictures.ts";
import { type Element, element, elementsOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { Uploads } from "./uploads.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Where files are put; says what was brought. */
async function store(status = 201, headers: Record<string, string> = {}) {
  const brought: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    brought.push(request);
    request.resume().on("end", () => response.writeHead(status, headers).end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => server.close());
  return { brought, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/f.png` };
}

const feature = (name: string) => element("feature", NS.discoInfo, { var: name });

/** A server whose second service takes files, into that slot. */
function uploadsTo(slot: Element, asked: string[] = []) {
  const content = async (to: string, { ns, name }: Element): Promise<Element> => {
    asked.push(`${to} ${name}`);
    if (ns === NS.upload) return slot;
    const item = (jid: string) => element("item", NS.discoItems, { jid });
    if (ns === NS.discoItems)
      return element("query", ns, {}, item("rooms.test"), item("silent.test"), item("files.test"));
    if (to === "silent.test") throw new Error("no answer");
    return element("query", ns, {}, feature(to === "files.test" ? NS.upload : "urn:x"));
  };
  return new Uploads({
    self: "btc.test",
    serverDomain: "server.test",
    log: silentLog(),
    request: async (iq) =>
      element("iq", "", {}, await content(iq.attrs["to"] ?? "", elementsOf(iq)[0] as Element)),
  });
}

function slotOf(put: string, get = put, ...headers: Element[]): Element {
  return element(
    "slot",
    NS.upload,
    {},
    element("put", NS.upload, { url: put }, ...headers),
    element("get", NS.upload, { url: get }),
  );
}

const header = (name: string, value: string) => element("header", NS.upload, { name }, value);
const picture = new Pictures().codeOf("bitcoin:x");

it("a picture is put once, with the headers that the server may ask for, and no others", async () => {
  const { url, brought } = await store();
  const asked: string[] = [];
  const get = "https://files.test/f.png";
  const slot = slotOf(url, get, header("Authorization", "Basic x\r\ny"), header("X-Evil", "1"));
  const uploads = uploadsTo(slot, asked);
  expect(await uploads.linkOf(picture)).toBe(get);
  expect(await uploads.linkOf(picture)).toBe(get);
  expect(brought).toHaveLength(1);
  expect(brought[0]?.method).toBe("PUT");
  expect(brought[0]?.headers).toMatchObject({
    authorization: "Basic xy",
    "content-type": "image/png",
    "content-length": String(picture.png.length),
  });
  expect(brought[0]?.headers).not.toHaveProperty("x-evil");
  uploads.reset();
  expect(await uploads.linkOf(picture)).toBe(get);
  expect(brought).toHaveLength(2);
  expect(asked.filter((one) => one === "files.test request")).toHaveLength(2);
});

it.each([
  ["in the open elsewhere", slotOf("http://files.test/f.png")],
  ["to be had in the open", slotOf("https://files.test/f.png", "http://files.test/f.png")],
  ["that is none", element("error", "", {})],
  ["of another protocol", slotOf("file:///etc/passwd")],
])("a place %s is not used", async (_, slot) => {
  expect(await uploadsTo(slot).linkOf(picture)).toBeUndefined();
});

it.each([
  ["refuses", 403, {}],
  ["sends us on", 307, { location: "http://127.0.0.1:1/" }],
])("a place that %s gives no link", async (_, status, headers) => {
  const { url } = await store(status, headers);
  expect(await uploadsTo(slotOf(url)).linkOf(picture)).toBeUndefined();
});
