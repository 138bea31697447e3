/** The sessions of wallets that this person has unlocked, so that not every command asks for the password. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Session, WalletName } from "../../bus/contracts/walletd/values.ts";
import { writeWhole } from "../../runtime/whole-file.ts";

const KeptSchema = z.record(WalletName, Session);
const FILE_BYTES_MAX = 64 * 1024;

/**
 * In the run directory, for its owner only: a session is worth something to nobody but a walletd on this bus, and
 * nothing after the wallet is locked or walletd has ended.
 */
export class KeptSessions {
  readonly #path: string;

  /** `directory`: where sockets and locks are. */
  constructor(directory: string) {
    this.#path = join(directory, "wallet-sessions.json");
  }

  of(wallet: string): string | undefined {
    const all = this.#read();
    return Object.hasOwn(all, wallet) ? all[wallet] : undefined;
  }

  keep(wallet: string, session: string): void {
    writeWhole(this.#path, JSON.stringify({ ...this.#read(), [wallet]: session }));
  }

  forget(wallet: string): void {
    const { [wallet]: gone, ...rest } = this.#read();
    if (gone !== undefined) writeWhole(this.#path, JSON.stringify(rest));
  }

  #read(): Readonly<Record<string, string>> {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch {
      // None was kept yet, or it is not ours to read: then the password is asked for.
      return {};
    }
    if (text.length > FILE_BYTES_MAX) return {};
    try {
      const parsed = KeptSchema.safeParse(JSON.parse(text));
      return parsed.success ? parsed.data : {};
    } catch {
      return {};
    }
  }
}
