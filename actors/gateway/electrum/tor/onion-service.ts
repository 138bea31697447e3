/** The door's onion service: asked of Tor at the start, asked again whenever Tor has gone, with the same address each time. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import type { HostPort } from "../../../../runtime/config/config-values.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { readSecretFile } from "../../../../runtime/secret.ts";
import { writeWhole } from "../../../../runtime/whole-file.ts";
import { TorControl } from "./tor-control.ts";

export interface OnionServiceOptions {
  readonly control: HostPort;
  /** Where Tor's clients are handed on to. */
  readonly target: HostPort;
  /** Where the address' key is kept. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with `….onion` when it can be reached, and with undefined when not. */
  readonly changed: (address: string | undefined) => void;
}

/** What wallets expect behind an onion address. */
export const ONION_PORT = 50_001;
const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;

export class OnionService {
  readonly #options: OnionServiceOptions;
  readonly #keyFile: string;
  #control: TorControl | undefined;
  #retry: Timer | undefined;
  #retryMs = RETRY_FIRST_MS;
  #isStopped = false;

  constructor(options: OnionServiceOptions) {
    this.#options = options;
    this.#keyFile = join(options.directory, "electrum-onion.key");
  }

  /** Tor may come later: that it is away is logged and tried again, and no reason not to open the other doors. */
  async start(): Promise<void> {
    const { control: address, clock, target, log, changed } = this.#options;
    try {
      const control = await TorControl.open(address, clock);
      if (this.#isStopped) return control.close();
      this.#control = control;
      const key = existsSync(this.#keyFile) ? readSecretFile(this.#keyFile).reveal() : undefined;
      const { serviceId, privateKey } = await control.addOnion(key, ONION_PORT, target);
      if (key === undefined) writeWhole(this.#keyFile, `${privateKey}\n`);
      this.#retryMs = RETRY_FIRST_MS;
      changed(`${serviceId}.onion`);
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

  #lost(why: string): void {
    if (this.#isStopped) return;
    this.#options.log.warn("the onion service is away", { why });
    this.#options.changed(undefined);
    this.#again();
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#control = undefined;
    this.#retry = this.#options.clock.after(this.#retryMs, () => void this.start(), { background: true });
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
  }
}
