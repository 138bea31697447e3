/** What `supervisor bond …` does: says what a bond weighs, here and on the market, and makes one. */
import { takerContract } from "../../bus/contracts/taker.ts";
import { nicksOf } from "../coinjoin/own-nicks.ts";
import { ASKING_MAKERS, withPatience } from "../patience.ts";
import { lineWidth, type PlaceOptions, pageOf, paintOf, say, type Terminal } from "../terminal-io.ts";
import { wrap } from "../view/terminal.ts";
import { parseAmountSat } from "../wallet/amounts.ts";
import { needLockDate } from "../wallet/coin-commands.ts";
import { type SpendOptions, send } from "../wallet/spend-commands.ts";
import { atDesk, type WalletDesk, type WalletOptions, withDesk } from "../wallet/wallet-desk.ts";
import { bondLines } from "../wallet/wallet-view.ts";
import { type Standing, standingOf } from "./bond-standing.ts";
import { lockLines, standingLine, weightLines } from "./bond-view.ts";

interface MarketOptions {
  readonly market?: boolean;
}

interface MakeOptions extends Omit<SpendOptions, "rbf" | "confirmations"> {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function list(options: WalletOptions & MarketOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const { bonds } = await desk.asOwner((owned, walletd) => walletd.bonds(owned));
      const best = Math.max(0, ...bonds.flatMap(({ coins }) => coins.map(({ value }) => value ?? 0)));
      return {
        bonds,
        best,
        standing: options.market ? await onMarket(desk, terminal, best, await desk.wallet()) : null,
      };
    },
    ({ bonds, standing }) => [
      ...bondLines(bonds, pageOf(terminal, options)),
      ...(standing === null ? [] : wrap(standingLine(standing), lineWidth(terminal))),
    ],
  );
}

export function value(
  month: string,
  amount: string,
  options: PlaceOptions & MarketOptions & { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const lockDate = needLockDate(month);
  const amountSat = parseAmountSat(amount);
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const bond = await desk.walletd.bondValue({ lockDate, amountSat });
      return {
        amountSat,
        ...bond,
        standing: options.market ? await onMarket(desk, terminal, bond.value) : null,
      };
    },
    ({ standing, ...bond }) =>
      [...weightLines(bond), ...(standing === null ? [] : [standingLine(standing)])].flatMap((line) =>
        wrap(line, lineWidth(terminal)),
      ),
  );
}

export async function make(
  month: string,
  amount: string,
  options: MakeOptions,
  terminal: Terminal,
): Promise<number> {
  const lockDate = needLockDate(month);
  const { address, locktimeS } = await withDesk(options, terminal, (desk) =>
    desk.asOwner((owned, walletd) => walletd.bondAddress({ ...owned, lockDate })),
  );
  if (!options.json) {
    if (amount !== "all") {
      const amountSat = parseAmountSat(amount);
      const bond = await withDesk(options, terminal, (desk) =>
        desk.walletd.bondValue({ lockDate, amountSat }),
      );
      for (const line of weightLines({ amountSat, ...bond })) say(terminal, line);
    }
    for (const line of lockLines(locktimeS, paintOf(terminal))) say(terminal, line);
  }
  return send([address, amount], { ...options, label: `fidelity bond ${lockDate}`, rbf: true }, terminal);
}

async function onMarket(
  desk: WalletDesk,
  terminal: Terminal,
  weight: number,
  wallet?: string,
): Promise<Standing> {
  const { offers } = await withPatience(desk.client(takerContract).orderbook({}), ASKING_MAKERS, terminal);
  return standingOf(weight, offers, wallet === undefined ? new Set() : new Set(await nicksOf(desk, wallet)));
}
