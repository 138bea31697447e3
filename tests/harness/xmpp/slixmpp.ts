/** A client of others' making (slixmpp, in Python) that does at the door what clients do, and tells what it saw. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { waitFor } from "../wait-for.ts";

const SCRIPT = fileURLToPath(new URL("./slixmpp-session.py", import.meta.url));

export interface SlixmppOptions {
  readonly clientPort: number;
  readonly jid: string;
  readonly password: string;
  readonly gateway: string;
}

export class SlixmppSession {
  readonly #child: ChildProcess;
  #told = "";
  #complained = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on("data", (text: Buffer) => {
      this.#told += text.toString();
    });
    child.stderr?.on("data", (text: Buffer) => {
      this.#complained += text.toString();
    });
  }

  /** Until it has registered. */
  static async start(python: string, options: SlixmppOptions): Promise<SlixmppSession> {
    const { clientPort, jid, password, gateway } = options;
    // Without -B it would leave its bytes beside the script.
    const child = spawn(python, ["-B", SCRIPT, String(clientPort), jid, password, gateway]);
    const session = new SlixmppSession(child);
    await waitFor("its registration", () => {
      session.#assertAlive();
      return session.#told.includes("registered");
    });
    return session;
  }

  #assertAlive(): void {
    if (this.#child.exitCode !== null) throw new Error(`slixmpp has ended:\n${this.#complained}`);
  }

  /** The rest, and what it saw. */
  async finish(): Promise<Readonly<Record<string, unknown>>> {
    const ended = once(this.#child, "close");
    this.#child.stdin?.end("\n");
    const [code] = await ended;
    if (code !== 0) throw new Error(`slixmpp has ended with ${code}:\n${this.#complained}`);
    return JSON.parse(this.#told.trim().split("\n").at(-1) ?? "");
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
