/** The doctor's look at the Bitcoin node: is it there, does it know us, is it on our chain, has it caught up. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { NETWORK_DIRECTORIES, type NodeConfig, RPC_PORTS } from "../../bitcoind/config.ts";
import { expandHome } from "../../runtime/config/path.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const DEADLINE_MS = 5_000;
const REPLY_BYTES_MAX = 256 * 1024;
/** Core's name of each network in `getblockchaininfo`. */
const CHAIN_NAMES: Readonly<Record<string, string>> = Object.freeze({
  mainnet: "main",
  testnet3: "test",
  testnet4: "testnet4",
  signet: "signet",
  regtest: "regtest",
});

const ChainInfo = z.object({
  chain: z.string(),
  blocks: z.int(),
  headers: z.int(),
  initialblockdownload: z.boolean(),
  verificationprogress: z.number(),
  pruned: z.boolean(),
  pruneheight: z.int().optional(),
});

const Reply = z.object({
  result: z.unknown(),
  error: z.object({ code: z.int(), message: z.string().max(1000) }).nullish(),
});

/** One finding per configured node. */
export async function checkNodes(config: NodeConfig, network: string): Promise<Finding[]> {
  const addresses = config.rpc.length > 0 ? config.rpc : [`http://127.0.0.1:${RPC_PORTS[network] ?? 8332}`];
  return Promise.all(addresses.map((address) => checkNode(address, config, network)));
}

async function checkNode(address: string, config: NodeConfig, network: string): Promise<Finding> {
  const check = `node ${new URL(address).host}`;
  let authorization: string;
  try {
    authorization = `Basic ${Buffer.from(login(config, network)).toString("base64")}`;
  } catch (error) {
    return fail(
      check,
      (error as Error).message,
      "set [node] data_directory or cookie_file to the node's, or [node] user and password_file",
    );
  }
  let status: number;
  let text: string;
  try {
    const response = await fetch(address, {
      method: "POST",
      redirect: "error",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "1.0", id: "doctor", method: "getblockchaininfo", params: [] }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    status = response.status;
    text = await readBounded(response);
  } catch (error) {
    return fail(
      check,
      `nothing answers there (${reasonOf(error)})`,
      "start bitcoind with server=1, or set [node] rpc to where it listens",
    );
  }
  if (status === 401) {
    return fail(
      check,
      "it refuses our user and password",
      "check [node] user and password_file, or use its cookie",
    );
  }
  if (status === 403) {
    return fail(
      check,
      "it does not accept calls from this machine",
      "add rpcallowip= for this machine to bitcoin.conf",
    );
  }
  return judge(check, text, network);
}

/** Exported for its tests: an answer's text, as found on the wire. */
export function judge(check: string, text: string, network: string): Finding {
  const reply = Reply.safeParse(parseOrUndefined(text));
  if (!reply.success) {
    return fail(check, "what answers there is not a Bitcoin node", "check [node] rpc");
  }
  if (reply.data.error) {
    const { code, message } = reply.data.error;
    return code === -28
      ? warn(check, `it is starting: ${message}`, "wait for it; Troupe does too")
      : fail(check, `it answers with an error: ${message} (${code})`, "see the node's debug.log");
  }
  const info = ChainInfo.safeParse(reply.data.result);
  if (!info.success) return fail(check, "what answers there is not a Bitcoin node", "check [node] rpc");
  const { chain, blocks, headers, initialblockdownload, verificationprogress, pruned } = info.data;
  if (chain !== CHAIN_NAMES[network]) {
    return fail(
      check,
      `it is on chain "${chain}", we are on ${network}`,
      "set [troupe] network to the node's chain, or [node] rpc to another node",
    );
  }
  if (pruned) {
    return fail(
      check,
      `it is pruned: blocks before ${info.data.pruneheight ?? "some height"} are gone`,
      "the index needs every block once: use a node with prune=0",
    );
  }
  if (initialblockdownload) {
    const percent = (verificationprogress * 100).toFixed(1);
    return warn(
      check,
      `it is still catching up: block ${blocks.toLocaleString("en")} of ${headers.toLocaleString("en")}, ${percent} %`,
      "wait for it; Troupe follows as it goes",
    );
  }
  return ok(check, `chain ${chain}, block ${blocks.toLocaleString("en")}`);
}

/** `user:password` by configuration, else the cookie's content, which has the same form. */
function login(config: NodeConfig, network: string): string {
  if (config.user !== undefined) {
    if (config.password_file === undefined) throw new Error("[node] user is set, but password_file is not");
    return `${config.user}:${readSecretFile(config.password_file).reveal()}`;
  }
  const path = expandHome(
    config.cookie_file ?? join(config.data_directory, NETWORK_DIRECTORIES[network] ?? "", ".cookie"),
  );
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new Error(
      `its cookie ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`,
    );
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of response.body ?? []) {
    lengthBytes += (chunk as Uint8Array).length;
    if (lengthBytes > REPLY_BYTES_MAX) throw new Error("its answer is too long");
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever it is, it is not JSON; the schema says so to the person.
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if ((error as Error).name === "TimeoutError") return `no answer within ${DEADLINE_MS / 1000} s`;
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? (error as Error).message;
}
