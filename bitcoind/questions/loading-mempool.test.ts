/** A node that was started a moment ago answers while it still reads the mempool that it had: its list says nothing yet. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { regtest } from "../../bitcoin/network.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { NodeClient } from "../client.ts";
import { nodeSection } from "../config.ts";
import { SandboxNode } from "../sandbox/node.ts";
import { NodeMempool } from "./mempool.ts";

let directory: string;
let node: SandboxNode;
let front: Server;
let isLoading: boolean;
const clients: NodeClient[] = [];

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "troupe-loading-"));
  node = await SandboxNode.start({ dataDirectory: directory });
  front = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const answer = await fetch(`${node.rpcUrl}${request.url}`, {
      method: request.method ?? "GET",
      headers: { authorization: request.headers.authorization ?? "" },
      ...(body === "" ? {} : { body }),
    });
    const text = await answer.text();
    response.writeHead(answer.status);
    response.end(isLoading ? text.replaceAll('"loaded":true', '"loaded":false') : text);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await new Promise((resolve) => front.close(resolve));
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

function mempoolOf(...rpc: string[]): NodeMempool {
  const config = nodeSection.schema.parse({ rpc, cookie_file: node.cookiePath });
  const client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
  clients.push(client);
  return new NodeMempool(client);
}

const frontUrl = () => `http://127.0.0.1:${(front.address() as AddressInfo).port}`;

it("is not believed to have lost what it has not read yet, and is asked again", async () => {
  const mempool = mempoolOf(frontUrl());
  isLoading = true;
  await expect(mempool.moment()).rejects.toMatchObject({
    code: "NODE_WARMING_UP",
    data: { method: "getrawmempool" },
  });

  isLoading = false;
  expect((await mempool.moment()).txids).toEqual([]);
});

it("is passed over while another node has all of its own", async () => {
  isLoading = true;
  expect((await mempoolOf(frontUrl(), node.rpcUrl).moment()).txids).toEqual([]);
});
