/** What `supervisor wallet …` shows and sets: state, balances, addresses, coins, bonds, labels, settings. */
import { misuse } from "../errors.ts";
import { readNamed } from "../named-file.ts";
import { lineWidth, pageOf, paintOf, type Terminal, widthOf } from "../terminal-io.ts";
import { wholeNumber } from "../whole-number.ts";
import { coinCount, parseLabel, parseMixdepth, parseOutpoint } from "./amounts.ts";
import { settableName, settingName, settingRows } from "./setting-names.ts";
import { atDesk, type WalletOptions } from "./wallet-desk.ts";
import {
  addressLines,
  bondLines,
  coinLines,
  dayOf,
  displayLines,
  settingLines,
  statusLines,
} from "./wallet-view.ts";

const LABELS_BYTES_MAX = 500_000;
const RESCAN_LOOK_MS = 200;

export function status(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => ({ ...(await walletd.status(owned)), wallet: owned.wallet })),
    (answer) => statusLines(answer, paintOf(terminal)),
  );
}

export function show(
  options: WalletOptions & { readonly addresses?: boolean },
  terminal: Terminal,
): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => ({
        wallet: owned.wallet,
        ...(await walletd.balances(owned)),
        accounts: options.addresses || options.json ? (await walletd.display(owned)).accounts : [],
      })),
    (answer) => displayLines(answer, paintOf(terminal), lineWidth(terminal)),
  );
}

export function address(
  options: WalletOptions & {
    readonly mixdepth: string;
    readonly label?: string;
    readonly change?: boolean;
    readonly qr: boolean;
  },
  terminal: Terminal,
): Promise<number> {
  const mixdepth = parseMixdepth(options.mixdepth);
  const { change = false } = options;
  const label = parseLabel(options.label ?? "");
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner((owned, walletd) =>
        walletd.newAddress({ ...owned, mixdepth, chain: change ? 1 : 0, label }),
      ),
    (answer) => addressLines(answer, hasRoomForQr(options.qr, terminal)),
  );
}

export function needLockDate(text: string): string {
  if (/^20[2-9][0-9]-(?:0?[1-9]|1[0-2])$/.test(text)) return text;
  throw misuse(`A bond is locked until the first day of a month from 2020-01 to 2099-12, not "${text}".`);
}

export function bondAddress(
  month: string,
  options: WalletOptions & { readonly qr: boolean },
  terminal: Terminal,
): Promise<number> {
  const lockDate = needLockDate(month);
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.bondAddress({ ...owned, lockDate })),
    (answer) => [
      ...addressLines(answer, hasRoomForQr(options.qr, terminal)),
      `Coins that come here cannot be spent by anybody before ${dayOf(answer.locktimeS)}.`,
    ],
  );
}

export function bonds(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.bonds(owned)),
    (answer) => bondLines(answer.bonds, pageOf(terminal, options)),
  );
}

export function coins(
  options: WalletOptions & { readonly mixdepth?: string },
  terminal: Terminal,
): Promise<number> {
  const only = options.mixdepth === undefined ? {} : { mixdepth: parseMixdepth(options.mixdepth) };
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.coins({ ...owned, ...only })),
    (answer) => coinLines(answer.coins, paintOf(terminal), lineWidth(terminal)),
  );
}

export function freeze(
  names: readonly string[],
  isFrozen: boolean,
  options: WalletOptions,
  terminal: Terminal,
): Promise<number> {
  const outpoints = names.map(parseOutpoint);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        // walletd takes any; a person whose coin is mistyped would think it safe.
        const { coins } = await walletd.coins(owned);
        const other = outpoints.findIndex(
          ({ txid, index }) => !coins.some((coin) => coin.txid === txid && coin.index === index),
        );
        if (other !== -1) throw misuse(`${names[other]} is no coin of the wallet ${owned.wallet}.`);
        return walletd.freeze({ ...owned, outpoints, isFrozen });
      }),
    () => [
      isFrozen
        ? `${coinCount(outpoints.length)} frozen: never spent until they are unfrozen (\`wallet unfreeze\`).`
        : `${coinCount(outpoints.length)} may be spent again.`,
    ],
  );
}

export function label(
  ref: string,
  text: string,
  options: WalletOptions,
  terminal: Terminal,
): Promise<number> {
  const label = parseLabel(text);
  const type = /^[0-9a-f]{64}$/.test(ref) ? "tx" : /^[0-9a-f]{64}:\d+$/.test(ref) ? "output" : "addr";
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.setLabel({ ...owned, type, ref, label })),
    () => [text === "" ? `${ref} has no label any more.` : `${ref} is labelled.`],
  );
}

/** The labels as a BIP329 file on stdout, or taken from one. */
export function labels(
  options: WalletOptions & { readonly take?: string },
  terminal: Terminal,
): Promise<number> {
  const { take } = options;
  if (take === undefined) {
    return atDesk(
      options,
      terminal,
      (desk) => desk.asOwner((owned, walletd) => walletd.labels(owned)),
      ({ text }) => text.split("\n").filter((line) => line !== ""),
    );
  }
  const text = readNamed(take, LABELS_BYTES_MAX).toString("utf8");
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.importLabels({ ...owned, text })),
    ({ taken, ignored }) => [`${taken} labels taken; ${ignored} lines are of no use to this wallet.`],
  );
}

export function settings(
  key: string | undefined,
  value: string | undefined,
  options: WalletOptions & { readonly unset?: boolean },
  terminal: Terminal,
): Promise<number> {
  if (key !== undefined && (value !== undefined || options.unset)) {
    // What another program has set may be taken away by its whole name.
    const name = options.unset && key.includes(".") ? (settingName(key) ?? key) : settableName(key);
    return atDesk(
      options,
      terminal,
      (desk) =>
        desk.asOwner((owned, walletd) =>
          walletd.setSetting({ ...owned, key: name, value: options.unset ? null : (value as string) }),
        ),
      () => [options.unset ? `${name} is as usual again.` : `${name} = ${value}`],
    );
  }
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        const answer = await walletd.settings(owned);
        return { ...answer, rows: settingRows(answer, key) };
      }),
    ({ rows }) => settingLines(rows, paintOf(terminal), lineWidth(terminal)),
  );
}

export function rescan(
  options: WalletOptions & { readonly gap?: string },
  terminal: Terminal,
): Promise<number> {
  const gap = options.gap === undefined ? {} : { gap: wholeNumber("--gap", options.gap, 1, 10_000) };
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        await walletd.rescan({ ...owned, ...gap });
        for (;;) {
          const state = await walletd.status(owned);
          if (!state.sync.isScanning) return state;
          await new Promise((resolve) => setTimeout(resolve, RESCAN_LOOK_MS));
        }
      }),
    (answer) => statusLines(answer, paintOf(terminal)),
  );
}

function hasRoomForQr(isWanted: boolean, terminal: Terminal): boolean {
  return isWanted && terminal.stdout.isTTY === true && widthOf(terminal) >= 45;
}
