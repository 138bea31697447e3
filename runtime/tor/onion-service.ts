/** An onion service of ours: asked of Tor at the start, asked again whenever Tor has gone, with the same address each time. */
import { existsSync } from "node:fs";
import type { Clock, Timer } from "../clock.ts";
import type { HostPort } from "../config/config-values.ts";
import { toWireError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { readSecretFile } from "../secret.ts";
import { writeWhole } from "../whole-file.ts";
import { TorControl } from "./tor-control.ts";

export interface OnionServiceOptions {
  readonly control: HostPort;
  /** What clients find behind the onion address. */
  readonly port: number;
  /** Where Tor's clients are handed on to. */
  readonly target: HostPort;
  /** Where the address' key is kept. Without it the address is a new one in each life of the service. */
  readonly keyFile?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with `….onion` when it can be reached, and with undefined when not. */
  readonly changed: (address: string | undefined) => void;
}

const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;

export class OnionService {
  readonly #options: OnionServiceOptions;
  /** Of a service whose key is in no file. */
  #key: string | undefined;
  #control: TorControl | undefined;
  #retry: Timer | undefined;
  #retryMs = RETRY_FIRST_MS;
  #isMissed = false;
  #isStopped = false;

  constructor(options: OnionServiceOptions) {
    this.#options = options;
  }

  /** Tor may come later: that it is away is logged and tried again, and no reason not to open the other doors. */
  async start(): Promise<void> {
    const { control: address, clock, port, target, log, changed } = this.#options;
    try {
      const control = await TorControl.open(address, clock);
      if (this.#isStopped) return control.close();
      this.#control = control;
      const key = this.#knownKey();
      const { serviceId, privateKey } = await control.addOnion(key, port, target);
      if (key === undefined) this.#keep(privateKey);
      this.#retryMs = RETRY_FIRST_MS;
      changed(`${serviceId}.onion`);
      if (this.#isMissed) log.info("the onion service is there again");
      this.#isMissed = false;
      void control.closed.then(() => this.#lost("Tor has ended the connection"));
    } catch (error) {
      this.#control?.close();
      log.warn("no onion service", { error: toWireError(error), againInMs: this.#retryMs });
      this.#again();
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#control?.close();
  }

  #knownKey(): string | undefined {
    const { keyFile } = this.#options;
    if (keyFile === undefined) return this.#key;
    return existsSync(keyFile) ? readSecretFile(keyFile).reveal() : undefined;
  }

  #keep(privateKey: string): void {
    const { keyFile } = this.#options;
    if (keyFile === undefined) this.#key = privateKey;
    else writeWhole(keyFile, `${privateKey}\n`);
  }

  #lost(why: string): void {
    if (this.#isStopped) return;
    this.#options.log.warn("the onion service is away", { why });
    this.#options.changed(undefined);
    this.#again();
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#isMissed = true;
    this.#control = undefined;
    this.#retry = this.#options.clock.after(this.#retryMs, () => void this.start(), { background: true });
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
  }
}
