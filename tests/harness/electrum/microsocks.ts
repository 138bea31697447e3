/** A real SOCKS5 proxy that lets in one user: its own process on a free port, ended by its pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { freePort } from "../../../runtime/free-port.ts";
import { waitFor } from "../wait-for.ts";

export interface ProxyUser {
  readonly name: string;
  readonly password: string;
}

export class Microsocks {
  readonly address: HostPort;
  readonly #process: ChildProcess;

  private constructor(address: HostPort, process: ChildProcess) {
    this.address = address;
    this.#process = process;
  }

  static async start(program: string, user: ProxyUser): Promise<Microsocks> {
    const address = { host: "127.0.0.1", port: await freePort() };
    const words = ["-i", address.host, "-p", String(address.port), "-u", user.name, "-P", user.password];
    const child = spawn(program, words, { stdio: "ignore" });
    await waitFor("the proxy to listen", async () => {
      if (child.exitCode !== null) throw new Error("microsocks has ended");
      return await listens(address);
    });
    return new Microsocks(address, child);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

/** Whether somebody takes connections there. */
export function listens(where: HostPort): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
