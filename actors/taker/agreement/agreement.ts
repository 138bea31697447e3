/** Finds makers that go along with a coinjoin: picks, asks, replaces those that fail, and has all of them sign one transaction. */
import { bytesToHex, hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import { withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import { serializeTransaction } from "../../../bitcoin/transaction.ts";
import type { BoxKeys } from "../../../joinmarket/messages/box.ts";
import type { Candidate } from "../../../joinmarket/orderbook/candidates.ts";
import { formatRevelation } from "../../../joinmarket/podle/revelation.ts";
import { hasCode, type TroupeError } from "../../../runtime/errors.ts";
import type { CoinjoinParts } from "../coinjoin/parts.ts";
import type { RunRecord } from "../coinjoin/record.ts";
import type { RunSpan } from "../coinjoin/span.ts";
import type { WalletShare } from "../coinjoin/wallet-share.ts";
import { denials } from "../denials.ts";
import type { Gathering } from "../market/gathering.ts";
import type { TalkFault } from "./conversation.ts";
import { expectedMinerFeeSat, makerFeesSat } from "./costs.ts";
import { type Draft, drafted } from "./draft.ts";
import type { MarketView } from "./pick.ts";
import { type Commitment, Team } from "./team.ts";

export interface AgreementTask {
  readonly record: RunRecord;
  readonly gathering: Gathering;
  readonly share: WalletShare;
  /** Its coins with other addresses. */
  readdressed(): Promise<WalletShare>;
  readonly keys: BoxKeys;
  readonly signal: AbortSignal;
  readonly span: RunSpan;
  change(change: Partial<RunRecord>): void;
}

/** Each costs one try of a coin. */
const ROUNDS_MAX = 3;
const MS_PER_S = 1_000;

/** Resolves when the record holds the transaction with the signatures of all makers. */
export async function agree(parts: CoinjoinParts, task: AgreementTask): Promise<void> {
  await new Agreement(parts, task).run();
}

class Agreement {
  readonly #parts: CoinjoinParts;
  readonly #task: AgreementTask;
  /** Those that have failed us. */
  readonly #ignored: Set<string>;
  /** Those that have signed what others did not. */
  readonly #preferred = new Set<string>();
  readonly #faults: RunRecord["faults"];
  #share: WalletShare;
  #attempt: number;

  constructor(parts: CoinjoinParts, task: AgreementTask) {
    this.#parts = parts;
    this.#task = task;
    this.#ignored = new Set([...task.record.wish.ignored, task.gathering.nick]);
    this.#faults = [...task.record.faults];
    this.#share = task.share;
    this.#attempt = task.record.attempt;
  }

  async run(): Promise<void> {
    const { config } = this.#parts;
    const { span } = this.#task;
    for (let left = config.attempts_max; left > 0; left--) {
      this.#attempt++;
      const satPerKvb = await this.#parts.feerate.satPerKvb(this.#task.record.wish);
      const count = this.#count();
      const bonds = await this.#parts.bonds.values(
        this.#task.gathering.book.makers(),
        this.#task.gathering.nick,
      );
      const { team, amountSat } = await span.phase("fill", () => this.#team(count, satPerKvb, bonds));
      try {
        const { wish } = this.#task.record;
        const draft = await span.phase("tx", () =>
          drafted(this.#parts, { share: this.#share, wish }, { team, amountSat, satPerKvb }),
        );
        const isSigned = await span.phase(
          "makers-sign",
          () => this.#signatures(team, draft),
          () => ({ responded: team.signed.length, missing: team.asked - team.signed.length }),
        );
        if (isSigned) return;
        for (const { candidate } of team.signed) this.#preferred.add(candidate.nick);
        if (left === 1) throw denials.makersFailed(team.signed.length, wish.makersMin);
        this.#share = await this.#task.readdressed();
      } finally {
        team.end();
      }
    }
  }

  #count(): number {
    const { config, randomBelow } = this.#parts;
    const { wish } = this.#task.record;
    if (wish.makers !== null) return wish.makers;
    const low = Math.max(config.makers_low, wish.makersMin);
    const wanted = low + randomBelow(Math.max(config.makers_high - low, 0) + 1);
    // Nobody asked for a number: what the market has is then enough.
    const there = this.#task.gathering.book.makers().length;
    return Math.max(Math.min(wanted, there), wish.makersMin);
  }

  /** Makers that have named good coins: as many as wanted or, when no more can be asked, as are enough. */
  async #team(count: number, satPerKvb: number, bonds: MarketView["bonds"]) {
    const { wish } = this.#task.record;
    const first = this.#first(count, satPerKvb, bonds);
    const { amountSat } = first;
    const team = new Team({
      clock: this.#parts.clock,
      network: this.#parts.network,
      gathering: this.#task.gathering,
      keys: this.#task.keys,
      coins: this.#parts.coins,
      inputsMax: this.#parts.config.maker_inputs_max,
      amountSat,
      own: {
        coins: this.#share.coins,
        addresses: [this.#share.coinjoinAddress, this.#share.changeAddress],
      },
      signal: this.#task.signal,
      onFault: (nick, phase, fault) => this.#onFault(nick, phase, fault),
      onStep: (number, state) => {
        this.#task.span.maker(number, state);
        this.#tell(team, count);
      },
    });
    try {
      this.#task.change({
        phase: "fill",
        attempt: this.#attempt,
        amountSat,
        makersWanted: count,
        progress: `Asking ${first.makers.length} makers.`,
      });
      let makers = first.makers;
      for (let round = 1; ; round++) {
        const question = await this.#question(team.good.length >= wish.makersMin);
        if (question === undefined) break;
        await team.ask(makers, question, this.#parts.config.maker_timeout_seconds * MS_PER_S);
        const missing = count - team.good.length;
        if (missing === 0 || round === ROUNDS_MAX) break;
        makers = this.#more(team, missing, amountSat, bonds, first.makers);
        if (makers.length === 0) break;
      }
      const good = team.good.length;
      if (good < wish.makersMin) throw denials.makersFailed(good, wish.makersMin);
      return { team, amountSat };
    } catch (error) {
      team.end();
      throw error;
    }
  }

  #first(count: number, satPerKvb: number, bonds: MarketView["bonds"]) {
    const { wish } = this.#task.record;
    const view = this.#view(bonds);
    const pick = { ...this.#wish(wish.makerFeesSatMax), count };
    if (wish.amountSat !== null) {
      const makers = this.#parts.picker.makers(view, wish.amountSat, pick);
      const enough = wish.makers === null ? wish.makersMin : Math.min(count, wish.makers);
      if (makers.length < Math.min(enough, count)) throw denials.fewMakers(makers.length, count);
      return { makers, amountSat: wish.amountSat };
    }
    const { coins } = this.#share;
    for (let makers = count; makers >= wish.makersMin; makers--) {
      const minerFeeSat = expectedMinerFeeSat(coins.length, makers, satPerKvb);
      const choice = this.#parts.picker.forSweep(view, { ...pick, count: makers }, { coins, minerFeeSat });
      if (choice !== undefined) return choice;
      if (wish.makers !== null) break;
    }
    throw denials.fewMakers(view.makers.length, count);
  }

  /** In the places of those that failed: not dearer together than what is left of what may be paid. */
  #more(
    team: Team,
    missing: number,
    amountSat: number,
    bonds: MarketView["bonds"],
    first: readonly Candidate[],
  ): readonly Candidate[] {
    const { wish } = this.#task.record;
    const kept = team.good.map(({ candidate }) => candidate);
    // All of a sweep's coins are shared out already: whoever comes later gets what others would have got.
    const allowedSat = wish.amountSat === null ? makerFeesSat(first) : wish.makerFeesSatMax;
    const pick = this.#wish(allowedSat - makerFeesSat(kept));
    // Also who is excused: asked again at once it would do the same.
    const ignored = new Set([...pick.ignored, ...team.nicks]);
    return this.#parts.picker.makers(this.#view(bonds), amountSat, { ...pick, ignored, count: missing });
  }

  #wish(feesSatMax: number) {
    const { limits } = this.#task.record.wish;
    return { limits, ignored: this.#ignored, preferred: this.#preferred, feesSatMax };
  }

  #view(bonds: MarketView["bonds"]): MarketView {
    return { makers: this.#task.gathering.book.makers(), bonds };
  }

  /** Nothing when no coin can stand for one more, and what there is is enough. */
  async #question(isEnough: boolean): Promise<Commitment | undefined> {
    const { walletd, config } = this.#parts;
    const { grant } = this.#task.record;
    try {
      // Each with a key of its own: what a taker asked for that was then killed has been seen by makers.
      const { commitment, opening } = await walletd.commitment({
        grant: grant ?? "",
        reservation: this.#share.reservation,
        ageMin: config.commitment_age,
        percentMin: config.commitment_percent,
        triesMax: config.commitment_tries,
      });
      const { P, P2, s, e } = opening;
      const shown = {
        txid: parseTxid(opening.txid),
        vout: opening.index,
        P: hexToBytes(P),
        P2: hexToBytes(P2),
        s: hexToBytes(s),
        e: hexToBytes(e),
      };
      return {
        commitment,
        revelation: formatRevelation(shown),
        extended: async () => {
          const [coin] = await this.#parts.coins.look([shown]);
          const { height = null } = coin ?? {};
          return coin === undefined || height === null
            ? undefined
            : formatRevelation(shown, { scriptPubKey: coin.scriptPubKey, height });
        },
      };
    } catch (error) {
      if (!hasCode(error, "WALLETD_NO_COMMITMENT")) throw error;
      if (isEnough) return undefined;
      const { data } = error as unknown as TroupeError<{
        code: string;
        tooYoung: number;
        tooSmall: number;
        usedUp: number;
      }>;
      throw denials.noCommitment(data.tooYoung, data.tooSmall, data.usedUp);
    }
  }

  async #signatures(team: Team, { transaction, makers, ...costs }: Draft): Promise<boolean> {
    // One of them has left meanwhile.
    if (team.good.length < makers) return false;
    const nicks = team.good.map(({ candidate }) => candidate.nick);
    this.#task.change({
      phase: "sign",
      progress: `${nicks.length} makers look at the transaction.`,
      makers: nicks,
      makersGood: nicks.length,
    });
    const timeoutMs = this.#parts.config.sign_timeout_seconds * MS_PER_S;
    if (!(await team.sign(transaction, timeoutMs))) return false;
    // Its owner was told that it is given up.
    this.#task.signal.throwIfAborted();
    const signed = withSignedInputs(transaction, team.signatures);
    // Written down by the next step, before we sign: from here on the coinjoin goes on, even after a kill.
    this.#task.change({
      unsignedTx: bytesToHex(serializeTransaction(signed)),
      makerFeesSat: costs.makerFeesSat,
      miningFeeSat: costs.minerFeeSat,
      progress: "All makers have signed.",
    });
    return true;
  }

  #onFault(nick: string, phase: "fill" | "sign", { why, isExcused }: TalkFault): void {
    if (!isExcused) this.#ignored.add(nick);
    this.#faults.push({ nick, phase, why });
    this.#parts.metrics.fault(phase);
    this.#parts.log.info("a maker failed us", { run: this.#task.record.id, phase, why });
    this.#task.change({ faults: [...this.#faults] });
  }

  #tell(team: Team, count: number): void {
    const good = team.good.length;
    const signed = team.signed.length;
    const progress =
      signed > 0
        ? `${signed} of ${good} makers have signed.`
        : `${good} of ${count} makers have named their coins.`;
    this.#task.change({ makersAsked: team.asked, makersGood: good, makersSigned: signed, progress });
  }
}
