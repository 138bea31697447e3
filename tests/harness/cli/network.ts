/** Two hosts on one machine: network namespaces joined by a cable where we may make them, else both on loopback. */
import { execFileSync } from "node:child_process";
import { freePort } from "../../../runtime/free-port.ts";

/** Where a program runs and by which address the other host reaches it. */
export interface HostPlace {
  readonly address: string;
  /** Put before a command line. */
  readonly prefix: readonly string[];
}

export interface TestNetwork {
  readonly kind: "namespaces" | "loopback";
  readonly one: HostPlace;
  readonly two: HostPlace;
  /** A port that nobody has, on the first host. */
  freePort(): Promise<number>;
  close(): void;
}

export function makeNetwork(): TestNetwork {
  try {
    return namespaces();
  } catch (error) {
    process.stderr.write(`both hosts are on loopback: no network namespaces (${(error as Error).message})\n`);
    return loopback();
  }
}

export function loopback(): TestNetwork {
  const place = { address: "127.0.0.1", prefix: [] };
  return { kind: "loopback", one: place, two: place, freePort, close() {} };
}

function namespaces(): TestNetwork {
  if (process.getuid?.() !== 0) throw new Error("not root");
  const id = process.pid.toString(36);
  const names = [`trp-${id}-1`, `trp-${id}-2`] as const;
  const ip = (...parameters: string[]) =>
    execFileSync("ip", parameters, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  const made: string[] = [];
  // The cable goes with its ends.
  const close = () => {
    for (const name of made.splice(0)) ip("netns", "delete", name);
  };
  try {
    for (const name of names) {
      ip("netns", "add", name);
      made.push(name);
      ip("-n", name, "link", "set", "lo", "up");
    }
    const [one, two] = names;
    ip("-n", one, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", two);
    names.forEach((name, at) => {
      ip("-n", name, "address", "add", `10.77.0.${at + 1}/24`, "dev", "cable");
      ip("-n", name, "link", "set", "cable", "up");
    });
    const place = (name: string, at: number) => ({
      address: `10.77.0.${at}`,
      prefix: ["ip", "netns", "exec", name],
    });
    // A new namespace has all its ports free.
    return { kind: "namespaces", one: place(one, 1), two: place(two, 2), freePort: async () => 4222, close };
  } catch (error) {
    close();
    throw error;
  }
}
