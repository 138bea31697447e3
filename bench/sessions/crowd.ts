/** The clients of a server, which are in another process: what they are told to do, and what they have heard. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What the other process is asked for, one after another. */
export type Order =
  /** Each connection follows the headers. */
  | { readonly kind: "connect"; readonly host: string; readonly port: number; readonly sessions: number }
  | {
      readonly kind: "subscribe";
      /** Scripts of each connection. */
      readonly each: number;
      readonly touched: readonly string[];
      readonly seed: number;
    }
  /** Forgets what was heard so far. */
  | { readonly kind: "begin" }
  | { readonly kind: "hear"; readonly headers: number; readonly statuses: number; readonly waitMs: number }
  | { readonly kind: "leave" };

/** What came since `begin`. Times are of the clock of all processes. */
export interface Heard {
  readonly headersAtMs: readonly number[];
  /** Of each script the last. */
  readonly statusesAtMs: readonly number[];
  /** What hearing it took of the processors. */
  readonly cpuMs: number;
}

export interface Report {
  readonly heard?: Heard | undefined;
  readonly error?: string;
}

export class Crowd {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("./listeners.js", import.meta.url)));
  readonly #gone = once(this.#child, "exit").then((): [Report] => [{ error: "they are gone" }]);

  async connect(server: { readonly host: string; readonly port: number }, sessions: number): Promise<void> {
    const { host, port } = server;
    await this.#do({ kind: "connect", host, port, sessions });
  }

  async subscribe(each: number, touched: readonly string[], seed: number): Promise<void> {
    await this.#do({ kind: "subscribe", each, touched, seed });
  }

  async begin(): Promise<void> {
    await this.#do({ kind: "begin" });
  }

  async hear(headers: number, statuses: number, waitMs: number): Promise<Heard> {
    const { heard } = await this.#do({ kind: "hear", headers, statuses, waitMs });
    if (heard === undefined) throw new Error("the clients heard, and do not say what");
    return heard;
  }

  async leave(): Promise<void> {
    await this.#do({ kind: "leave" });
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  async #do(order: Order): Promise<Report> {
    const answered = once(this.#child, "message");
    this.#child.send(order);
    const [report] = (await Promise.race([answered, this.#gone])) as [Report];
    if (report.error !== undefined) throw new Error(`the clients failed: ${report.error}`);
    return report;
  }
}
