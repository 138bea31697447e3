/** How a bot comes in: it introduces itself, proves its nick where both can, and is inside or shown out. */
import type { Socket } from "node:net";
import { Connection } from "../../joinmarket/channel/onion/connection.ts";
import { NICK_AUTH, PEERLIST_FEATURES, PING } from "../../joinmarket/channel/onion/directory-link.ts";
import {
  type BotHandshake,
  parseBotHandshake,
  writeDirectoryHandshake,
} from "../../joinmarket/channel/onion/handshake.ts";
import { type Line, LineType } from "../../joinmarket/channel/onion/line.ts";
import {
  type AuthChallenge,
  type AuthCode,
  checkProof,
  newChallenge,
  writeChallenge,
  writeResult,
} from "../../joinmarket/channel/onion/nick-auth.ts";
import { isNick } from "../../joinmarket/nick/nick.ts";
import type { Clock, Timer } from "../../runtime/clock.ts";
import { TokenBucket } from "../../runtime/limits.ts";
import type { Arrival } from "./metrics.ts";

const HANDSHAKE_MS = 30_000;
const LINES_PER_S = 500;
const LINES_BURST = 1_000;

export interface House {
  readonly nick: string;
  /** The names that bots may have for our network; they are answered with their own. */
  readonly networks: readonly string[];
  readonly motd: string;
  readonly nickAuth: "prefer_verified" | "require_verified" | "disabled";
  /** The address that bots dial. */
  readonly directoryId: string;
  readonly clock: Clock;
  /** Why somebody may not come in; nothing if it may. */
  refusal(who: BotHandshake, publicKeyHex: string | undefined): Arrival | undefined;
  /** It is inside. What it says from now on goes to `onLine` of what this returns, and `onEnd` is its end. */
  enter(who: BotHandshake, publicKeyHex: string | undefined, connection: Connection): Guest;
  onArrival(result: Arrival): void;
}

export interface Guest {
  onLine(line: Line): void;
  onEnd(fault: string | undefined): void;
}

/** Takes a connection through its first words. `onEnd` is called once, whatever becomes of it. */
export class Reception {
  readonly connection: Connection;
  readonly #house: House;
  readonly #deadline: Timer;
  #who: BotHandshake | undefined;
  #words = "";
  #asked: AuthChallenge | undefined;
  #guest: Guest | undefined;
  #isDone = false;

  constructor(house: House, socket: Socket, onEnd: () => void) {
    this.#house = house;
    const { clock } = house;
    this.connection = new Connection(socket, {
      clock,
      pace: new TokenBucket({ clock, burst: LINES_BURST, perSecond: LINES_PER_S }),
      onLine: (line) => this.#onLine(line),
      onEnd: (fault) => {
        this.#deadline.cancel();
        if (this.#guest === undefined) this.#arrived("malformed");
        this.#guest?.onEnd(fault);
        onEnd();
      },
    });
    this.#deadline = clock.after(HANDSHAKE_MS, () => this.#late(), { background: true });
  }

  #onLine(line: Line): void {
    if (this.#guest !== undefined) return this.#guest.onLine(line);
    if (this.#isDone) return;
    if (this.#who === undefined) this.#onHandshake(line);
    else this.#onProof(this.#who, line);
  }

  #onHandshake({ type, line }: Line): void {
    const who = type === LineType.handshake ? parseBotHandshake(line) : undefined;
    if (who === undefined || !isNick(who.nick)) return this.#end("malformed");
    this.#who = who;
    this.#words = line;
    const { nickAuth, networks, directoryId } = this.#house;
    if (!networks.includes(who.network)) return this.#reject("network", "another network");
    const canProve = nickAuth !== "disabled" && who.features.has(NICK_AUTH);
    if (nickAuth === "require_verified" && !canProve) return this.#reject("unproven", "prove your nick");
    if (!canProve) return this.#decide(who, undefined);
    this.#accept(who);
    this.#asked = newChallenge(directoryId);
    this.connection.send(LineType.authChallenge, writeChallenge(this.#asked));
  }

  #onProof(who: BotHandshake, { type, line }: Line): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    if (type !== LineType.authProof) return this.#unproven("malformed");
    const checked = checkProof(line, asked, this.#words, who.nick);
    if (checked.code !== "ok") return this.#unproven(checked.code);
    this.#decide(who, checked.publicKeyHex);
  }

  #decide(who: BotHandshake, publicKeyHex: string | undefined): void {
    const refusal = this.#house.refusal(who, publicKeyHex);
    if (refusal !== undefined) {
      if (publicKeyHex !== undefined) return this.#unproven("policy", refusal);
      return this.#reject(refusal, refusal);
    }
    if (publicKeyHex === undefined) this.#accept(who);
    else this.connection.send(LineType.authResult, writeResult("ok"));
    this.#deadline.cancel();
    this.#arrived("taken");
    this.#guest = this.#house.enter(who, publicKeyHex, this.connection);
  }

  #accept(who: BotHandshake): void {
    this.#answer(who, true, this.#house.motd);
  }

  #reject(result: Arrival, why: string): void {
    if (this.#who !== undefined) this.#answer(this.#who, false, `rejected: ${why}`);
    this.#end(result);
  }

  #unproven(code: AuthCode, result: Arrival = "unproven"): void {
    this.connection.send(LineType.authResult, writeResult(code));
    this.#end(result);
  }

  #answer(who: BotHandshake, isAccepted: boolean, motd: string): void {
    const { nick, nickAuth, networks } = this.#house;
    const features = new Set([PEERLIST_FEATURES, PING, ...(nickAuth === "disabled" ? [] : [NICK_AUTH])]);
    const network = networks.includes(who.network) ? who.network : (networks[0] ?? who.network);
    const words = writeDirectoryHandshake({ nick, network, isAccepted, features, motd });
    this.connection.send(LineType.directoryHandshake, words);
  }

  #late(): void {
    if (this.#asked !== undefined) return this.#unproven("expired");
    this.#end("late");
  }

  #end(result: Arrival): void {
    this.#arrived(result);
    this.connection.finish();
  }

  #arrived(result: Arrival): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#house.onArrival(result);
  }
}
