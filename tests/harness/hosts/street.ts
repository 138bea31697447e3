/** Hosts of a test as network namespaces on one street, each with an address of its own and a cable that can be pulled; root only. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

const BRIDGE = "street";
/** Of nobody's network; the street itself stands for the wallets' side of the world. */
const STREET_ADDRESS = "100.64.0.1";

/** Listens on Unix sockets, which namespaces share, and hands each connection on to an address of its own namespace. */
const FORWARDER = `
const net = require("node:net");
const [, ...wanted] = process.argv;
let left = wanted.length / 3;
for (let at = 0; at < wanted.length; at += 3) {
  const [path, host, port] = wanted.slice(at, at + 3);
  net.createServer((near) => {
    const far = net.connect({ host, port: Number(port) });
    const end = () => { near.destroy(); far.destroy(); };
    for (const socket of [near, far]) socket.on("error", end).on("close", end);
    near.pipe(far).pipe(near);
  }).listen(path, () => { if (--left === 0) console.log("ready"); });
}
process.stdin.resume().on("end", () => process.exit());
`;

export interface Forwarding {
  readonly path: string;
  readonly host: string;
  readonly port: number;
}

/** Why there can be no namespaces here; undefined when there can. That `ip` is missing is an error in CI. */
export function whyNoStreet(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  const name = `trp-${process.pid.toString(36)}-try`;
  try {
    ip("netns", "add", name);
    try {
      ip("-n", name, "link", "add", "try", "type", "bridge");
      ip("netns", "exec", name, "true");
    } finally {
      ip("netns", "delete", name);
    }
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      // A container's root often may not.
      return `no network namespaces with bridges (${(error as Error).message.trim()})`;
    }
    if (process.env["CI"]) throw new Error("ip is not installed, and in CI as root its tests must run");
    return "ip (Debian package iproute2) is not installed";
  }
}

export class Street {
  readonly #made: string[] = [];
  readonly #forwarders: ChildProcess[] = [];
  readonly #hosts: readonly string[];

  /** Hosts by name, each with its IPv4 address; all reach each other, whatever their networks. */
  constructor(addresses: Readonly<Record<string, string>>) {
    this.#hosts = Object.keys(addresses);
    try {
      const street = this.#namespace(BRIDGE);
      ip("-n", street, "link", "add", BRIDGE, "type", "bridge");
      this.#settle(street, BRIDGE, STREET_ADDRESS);
      for (const [name, address] of Object.entries(addresses)) {
        const host = this.#namespace(name);
        const end = this.#endOf(name);
        ip("-n", street, "link", "add", end, "type", "veth", "peer", "name", "cable", "netns", host);
        ip("-n", street, "link", "set", end, "master", BRIDGE, "up");
        this.#settle(host, "cable", address);
      }
    } catch (error) {
      this.#delete();
      throw error;
    }
  }

  /** To be put before a command line that is to run on that host; without a name on the street. */
  prefix(host = BRIDGE): readonly string[] {
    return ["ip", "netns", "exec", this.#nameOf(host)];
  }

  /** Pulls the host's cable: nobody is told. */
  cut(host: string): void {
    ip("-n", this.#nameOf(BRIDGE), "link", "set", this.#endOf(host), "down");
  }

  mend(host: string): void {
    ip("-n", this.#nameOf(BRIDGE), "link", "set", this.#endOf(host), "up");
  }

  /** From then on nothing that the host sends to that address arrives. */
  loseWay(host: string, address: string): void {
    ip("-n", this.#nameOf(host), "route", "add", "blackhole", `${address}/32`);
  }

  findWay(host: string, address: string): void {
    ip("-n", this.#nameOf(host), "route", "delete", "blackhole", `${address}/32`);
  }

  /** Doors of the hosts, as they are found from the street or from a host, as Unix sockets: a test is on no host. */
  async forward(forwardings: readonly Forwarding[], from = BRIDGE): Promise<void> {
    const wanted = forwardings.flatMap(({ path, host, port }) => [path, host, String(port)]);
    const [program = "", ...rest] = [...this.prefix(from), process.execPath, "-e", FORWARDER, ...wanted];
    const forwarder = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
    this.#forwarders.push(forwarder);
    await Promise.race([
      once(forwarder.stdout, "data"),
      once(forwarder, "exit").then(() => Promise.reject(new Error("the forwarder did not start"))),
    ]);
  }

  /** Ends whatever still runs on its hosts. */
  async close(): Promise<void> {
    const ended = this.#forwarders.splice(0).map((forwarder) => once(forwarder, "exit"));
    for (const name of this.#made) {
      const pids = execFileSync("ip", ["netns", "pids", name], { encoding: "utf8" });
      for (const pid of pids.split("\n").filter(Boolean)) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // It went with its parent.
        }
      }
    }
    await Promise.all(ended);
    this.#delete();
  }

  #namespace(host: string): string {
    const name = this.#nameOf(host);
    ip("netns", "add", name);
    this.#made.push(name);
    ip("-n", name, "link", "set", "lo", "up");
    return name;
  }

  #settle(namespace: string, device: string, address: string): void {
    ip("-n", namespace, "address", "add", `${address}/32`, "dev", device);
    ip("-n", namespace, "link", "set", device, "up");
    // Everybody is on the same cable, whatever the address.
    ip("-n", namespace, "route", "add", "default", "dev", device);
  }

  /** Cables and bridge go with their namespaces. */
  #delete(): void {
    for (const name of this.#made.splice(0)) ip("netns", "delete", name);
  }

  #nameOf(host: string): string {
    return `trp-${process.pid.toString(36)}-${host}`;
  }

  #endOf(host: string): string {
    return `to-${this.#hosts.indexOf(host)}`;
  }
}

function ip(...parameters: string[]): void {
  execFileSync("ip", parameters, { stdio: ["ignore", "ignore", "pipe"] });
}
