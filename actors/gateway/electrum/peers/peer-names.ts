/** Where the names of peers lead, asked of the system's name servers with an end to the waiting. */
import { Resolver } from "node:dns/promises";

export interface PeerNames {
  /** IPv4 first. Rejects when there are none. */
  addressesOf(name: string): Promise<readonly string[]>;
  /** Ends what is being asked. */
  cancel(): void;
}

const TRY_MS = 3_000;
const TRIES = 2;

/** Not by `lookup` of Node, which keeps one of the few threads that read files busy for as long as a name server is silent. */
export class SystemNames implements PeerNames {
  readonly #resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });

  async addressesOf(name: string): Promise<readonly string[]> {
    const found = await Promise.allSettled([this.#resolver.resolve4(name), this.#resolver.resolve6(name)]);
    const addresses = found.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    if (addresses.length === 0) throw new Error("its name leads nowhere");
    return addresses;
  }

  cancel(): void {
    this.#resolver.cancel();
  }
}
