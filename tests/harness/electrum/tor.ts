/** A real Tor without a network: its control port and its SOCKS port, on ports that it keeps when it is started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { freePorts } from "../../../runtime/free-port.ts";
import { waitFor } from "../wait-for.ts";
import { listens } from "./microsocks.ts";

const LOG_CHARS_MAX = 64 * 1024;

export class RealTor {
  readonly control: HostPort;
  readonly socks: HostPort;
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "troupe-tor-"));
  #process: ChildProcess | undefined;
  #log = "";

  private constructor(program: string, [control = 0, socks = 0]: readonly number[]) {
    this.#program = program;
    this.control = { host: "127.0.0.1", port: control };
    this.socks = { host: "127.0.0.1", port: socks };
  }

  static async start(program: string): Promise<RealTor> {
    const tor = new RealTor(program, await freePorts(2));
    await tor.restart();
    return tor;
  }

  /** Also after `kill`: on the same ports, with another cookie. */
  async restart(): Promise<void> {
    await this.kill();
    const config = join(this.#folder, "torrc");
    const lines = [
      `DataDirectory ${join(this.#folder, "data")}`,
      `ControlPort 127.0.0.1:${this.control.port}`,
      `SocksPort 127.0.0.1:${this.socks.port}`,
      "CookieAuthentication 1",
      "DisableNetwork 1",
      "Log notice stdout",
      // It ends when we do, however we end.
      `__OwningControllerProcess ${process.pid}`,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    const child = spawn(this.#program, ["--defaults-torrc", "/dev/null", "-f", config], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#log = (this.#log + text).slice(-LOG_CHARS_MAX);
      });
    }
    await waitFor("Tor to open its control port", async () => {
      if (child.exitCode !== null) throw new Error(`tor has ended:\n${this.#log}`);
      return await listens(this.control);
    });
  }

  /** Without a farewell. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
