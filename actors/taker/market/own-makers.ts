/** Under which names this troupe's own wallets earn: a wallet that is mixed with itself is not mixed. */

import type { Bus, Listener } from "../../../bus/bus.ts";
import { makerContract } from "../../../bus/contracts/maker.ts";
import { stemOf } from "../../../bus/contracts/walletd/stem.ts";

export class OwnMakers {
  readonly #bus: Bus;
  /** Of each maker that runs. */
  readonly #told = new Map<string, readonly { readonly wallet: string; readonly nick: string }[]>();
  #listener: Listener | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** None is known while no maker runs here. */
  async start(): Promise<void> {
    this.#listener = await this.#bus.onState(makerContract, "makers", ({ makers }, { instance }) => {
      this.#told.set(instance, makers);
    });
  }

  async stop(): Promise<void> {
    await this.#listener?.stop();
  }

  nicksOf(wallet: string): string[] {
    const stem = stemOf(wallet);
    const makers = [...this.#told.values()].flat();
    return makers.filter((maker) => maker.wallet === stem).map(({ nick }) => nick);
  }
}
