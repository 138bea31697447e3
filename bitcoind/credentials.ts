/** How we prove to a node who we are: its cookie, which changes at every start of the node, or a password from a file. */
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { expandHome } from "../runtime/config/path.ts";
import { readSecretFile, type Secret } from "../runtime/secret.ts";
import { NETWORK_DIRECTORIES, type NodeConfig } from "./config.ts";
import { nodeError } from "./errors.ts";

/** A cookie has 75 characters. */
const COOKIE_MAX_BYTES = 1024;

export interface Credentials {
  /** The value of the Authorization header, read anew when `isStale`: after the node refused what we had. */
  authorization(isStale: boolean): string;
}

/** What `[node]` says; the cookie of the network's own directory unless a user is named. */
export function credentialsOf(config: NodeConfig, network: string): Credentials {
  if (config.user !== undefined) return passwordCredentials(config.user, config.password_file ?? "");
  const directory = join(expandHome(config.data_directory), NETWORK_DIRECTORIES[network] ?? network);
  return cookieCredentials(
    config.cookie_file === undefined ? join(directory, ".cookie") : expandHome(config.cookie_file),
  );
}

export function cookieCredentials(path: string): Credentials {
  return remembered(() => readCookie(path));
}

/** The password stands in an owner-only file. */
export function passwordCredentials(user: string, passwordFile: string): Credentials {
  return remembered(() => `${user}:${readSecretFile(passwordFile).reveal()}`);
}

/** The password was typed a moment ago and is in no file yet. */
export function typedCredentials(user: string, password: Secret): Credentials {
  return remembered(() => `${user}:${password.reveal()}`);
}

function remembered(read: () => string): Credentials {
  let header: string | undefined;
  return {
    authorization(isStale) {
      if (header === undefined || isStale) header = `Basic ${Buffer.from(read()).toString("base64")}`;
      return header;
    },
  };
}

/** The node owns this file and sets its mode: with -rpccookieperms=group it is rightly readable by others than the owner. */
function readCookie(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const bytes = Buffer.alloc(COOKIE_MAX_BYTES);
    const text = bytes.toString("latin1", 0, readSync(file, bytes, 0, COOKIE_MAX_BYTES, 0)).trim();
    if (!/^[^\s:]+:\S+$/.test(text)) throw new Error("it is not a cookie");
    return text;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw nodeError(
      { code: "NODE_COOKIE_UNREADABLE", node: path },
      `The node's cookie ${path} cannot be read (${reason}): the node is not running, keeps its data elsewhere, or the file is not ours to read.`,
      error,
    );
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
