/** The doctor's look at the Bitcoin node: is it there, does it know us, is it on our chain, has it caught up. */
import { networkByName } from "../../bitcoin/network.ts";
import { type NodeConfig, rpcAddresses } from "../../bitcoind/config.ts";
import { type Credentials, credentialsOf, typedCredentials } from "../../bitcoind/credentials.ts";
import type { NodeFailure } from "../../bitcoind/errors.ts";
import { systemClock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Secret } from "../../runtime/secret.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const DEADLINE_MS = 5_000;
const REPLY_BYTES_MAX = 256 * 1024;

/** One finding per configured node. `password`: of the configured user, while it is in no file yet. */
export async function checkNodes(config: NodeConfig, network: string, password?: Secret): Promise<Finding[]> {
  return Promise.all(
    rpcAddresses(config, network).map((address) => checkNode(address, config, network, password)),
  );
}

async function checkNode(
  url: string,
  config: NodeConfig,
  network: string,
  password: Secret | undefined,
): Promise<Finding> {
  const check = `node ${new URL(url).host}`;
  let credentials: Credentials;
  try {
    credentials =
      config.user !== undefined && password !== undefined
        ? typedCredentials(config.user, password)
        : readCredentials(config, network);
  } catch (error) {
    return fail(
      check,
      (error as Error).message,
      "set [node] data_directory or cookie_file to the node's, or [node] user and password_file",
    );
  }
  // Every command loads this file, and only this question needs the HTTP client, which takes a tenth of a second to load.
  const [{ NodeConnection }, { examineNode }] = await Promise.all([
    import("../../bitcoind/connection.ts"),
    import("../../bitcoind/examine.ts"),
  ]);
  const connection = new NodeConnection({
    url,
    credentials,
    clock: systemClock,
    timeoutMs: DEADLINE_MS,
    connections: 1,
  });
  try {
    const options = { replyMaxBytes: REPLY_BYTES_MAX };
    const info = await examineNode(connection, networkByName(network), options);
    const height = info.blocks.toLocaleString("en");
    if (!info.initialblockdownload) return ok(check, `chain ${info.chain}, block ${height}`);
    const percent = (info.verificationprogress * 100).toFixed(1);
    return warn(
      check,
      `it is still catching up: block ${height} of ${info.headers.toLocaleString("en")}, ${percent} %`,
      "wait for it; Troupe follows as it goes",
    );
  } catch (error) {
    if (!(error instanceof TroupeError)) throw error;
    return findingOf(check, error as TroupeError<NodeFailure>, network);
  } finally {
    await connection.close();
  }
}

/** Read before the node is asked: what is missing on our side is our side's fault. */
function readCredentials(config: NodeConfig, network: string): Credentials {
  if (config.user !== undefined && config.password_file === undefined) {
    throw new Error("[node] user is set, but password_file is not");
  }
  const credentials = credentialsOf(config, network);
  credentials.authorization(true);
  return credentials;
}

/** The client's errors in the doctor's words: what was seen in `check`, and what to do about it. */
function findingOf(check: string, error: TroupeError<NodeFailure>, network: string): Finding {
  const { data } = error;
  const isAway = (why: string) =>
    fail(
      check,
      `nothing answers there (${why})`,
      "start bitcoind with server=1, or set [node] rpc to where it listens",
    );
  switch (error.code) {
    case "NODE_UNREACHABLE":
      return isAway((error.cause as NodeJS.ErrnoException).code ?? (error.cause as Error).message);
    case "NODE_TIMEOUT":
      return isAway(`no answer within ${DEADLINE_MS / 1000} s`);
    case "NODE_REPLY_TOO_LARGE":
      return isAway("its answer is too long");
    case "NODE_AUTH_REFUSED":
      return data["status"] === 401
        ? fail(
            check,
            "it refuses our user and password",
            "check [node] user and password_file, or use its cookie",
          )
        : fail(
            check,
            "it does not accept calls from this machine",
            "add rpcallowip= for this machine to bitcoin.conf",
          );
    case "NODE_WARMING_UP":
      return warn(check, `it is starting: ${data["progress"]}`, "wait for it; Troupe does too");
    case "NODE_RPC_ERROR":
      return fail(
        check,
        `it answers with an error: ${data["reason"]} (${data["rpcCode"]})`,
        "see the node's debug.log",
      );
    case "NODE_WRONG_CHAIN":
      return fail(
        check,
        `it is on chain "${data["found"]}", we are on ${network}`,
        "set [troupe] network to the node's chain, or [node] rpc to another node",
      );
    case "NODE_PRUNED":
      return fail(
        check,
        `it is pruned: blocks before ${data["pruneHeight"] || "some height"} are gone`,
        "the index needs every block once: use a node with prune=0",
      );
    case "NODE_BUSY":
      return warn(check, "it has too many requests waiting", "wait, or raise -rpcworkqueue of the node");
    default:
      return fail(check, "what answers there is not a Bitcoin node", "check [node] rpc");
  }
}
