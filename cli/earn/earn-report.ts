/** What a wallet earned as a maker, added up from its history. Pure. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import { servedInVain } from "../../bus/contracts/maker/served-in-vain.ts";
import type { FailedJoin } from "../../bus/contracts/maker.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { earnedSatOf } from "./earned.ts";

type Entry = RpcOutput<typeof walletdContract, "history">["entries"][number];

interface Earned {
  readonly joins: number;
  readonly mixedSat: number;
  readonly earnedSat: number;
}

type Step = FailedJoin["step"];

export interface EarnReport extends Earned {
  readonly wallet: string;
  /** Coinjoins that no block has yet; they are not in the sums. */
  readonly unconfirmed: number;
  /** Takers of late that came to nothing, by how far they came. */
  readonly inVain: Readonly<Record<Step, number>>;
  /** The newest first. */
  readonly months: readonly (Earned & { readonly month: string })[];
}

const NOTHING: Earned = { joins: 0, mixedSat: 0, earnedSat: 0 };

export function earnReportOf(
  wallet: string,
  entries: readonly Entry[],
  failed: readonly FailedJoin[],
): EarnReport {
  const served = entries.filter(({ role, isCoinjoin }) => role === "maker" && isCoinjoin);
  const confirmed = served.filter(({ height }) => height !== null);
  const months = new Map<string, Earned>();
  for (const entry of confirmed) {
    const month = new Date(entry.timeS * 1_000).toISOString().slice(0, 7);
    months.set(month, plus(months.get(month) ?? NOTHING, entry));
  }
  const inVain = servedInVain(
    entries,
    failed.filter((one) => one.wallet === wallet),
  );
  const at = (step: Step) => inVain.filter((one) => one.step === step).length;
  return {
    wallet,
    ...confirmed.reduce(plus, NOTHING),
    unconfirmed: served.length - confirmed.length,
    inVain: { fill: at("fill"), promised: at("promised"), signed: at("signed") },
    months: [...months]
      .map(([month, earned]) => ({ month, ...earned }))
      .toSorted((a, b) => (a.month < b.month ? 1 : -1)),
  };
}

function plus({ joins, mixedSat, earnedSat }: Earned, entry: Entry): Earned {
  return {
    joins: joins + 1,
    mixedSat: mixedSat + (entry.coinjoinSat ?? 0),
    earnedSat: earnedSat + earnedSatOf(entry),
  };
}
