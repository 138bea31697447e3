/** Answers about what is in a wallet: balances, coins, addresses, bonds, labels, settings. */
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { isAddress } from "../../../bitcoin/script/address.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { locktimeOfTimenumber, parseLockdate } from "../../../joinmarket/bond/timenumber.ts";
import { bondValue } from "../../../joinmarket/bond/value.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { balancesOf } from "../accounts/balances.ts";
import { bondsOf } from "../accounts/bonds.ts";
import { coinList } from "../accounts/coin-list.ts";
import { displayOf } from "../accounts/display.ts";
import { BOND_BRANCH } from "../accounts/script-book.ts";
import { denials } from "../denials.ts";
import { writeLabels } from "../files/labels.ts";
import { changesOfSideFiles, LABELS_MAX } from "../files/side-files.ts";
import { checkSetting, textsOf } from "../wallets/wallet-settings.ts";
import { statusOf } from "../wallets/wallet-status.ts";
import { type Desk, ownedBy } from "./owner-desk.ts";

type AccountMethods =
  | "status"
  | "display"
  | "balances"
  | "coins"
  | "newAddress"
  | "bondAddress"
  | "bondValue"
  | "bonds"
  | "freeze"
  | "setLabel"
  | "labels"
  | "importLabels"
  | "settings"
  | "setSetting"
  | "rescan";

const SETTINGS_MAX = 500;

export function accountAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, AccountMethods> {
  return {
    // The wallet door asks this for whoever comes, with a token or without, and open pages of wallets ask all the time.
    status: (owned, call) => statusOf(desk.rack.look(owned, call.caller), desk.grants),
    async display(owned, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKnown();
      await wallet.transactions.load();
      const { tip, totalSat, availableSat } = balancesOf(wallet);
      const accounts = displayOf(wallet);
      return { tip, totalSat, availableSat, accounts };
    },
    async balances(owned, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKnown();
      await wallet.transactions.loadYoung();
      return balancesOf(wallet);
    },
    async coins({ mixdepth, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKnown();
      await wallet.transactions.load();
      const coins = coinList(wallet, wallet.coins(mixdepth));
      return { tip: wallet.view.tip ?? null, coins };
    },
    async newAddress({ mixdepth, chain, label, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      if (call.caller === "gateway") wallet.keepPace();
      const key = await wallet.issue({ mixdepth, chain }, ({ address }) =>
        label === "" ? [] : [{ kind: "label", type: "addr", ref: address, label }],
      );
      return { address: key.address, path: key.pathText };
    },
    bondValue({ lockDate, amountSat }) {
      const locktimeS = locktimeOfTimenumber(timenumberOf(lockDate));
      // Before the first block is known the host's clock has to do.
      const nowS = desk.medianTime.timeS || Math.floor(desk.clock.now() / 1_000);
      return {
        locktimeS,
        value: bondValue({ valueSat: amountSat, confirmedS: nowS, locktime: locktimeS }, nowS),
      };
    },
    async bondAddress({ lockDate, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      if (!wallet.state.hasBonds) throw denials.noSuchPlace("fidelity bonds");
      const index = timenumberOf(lockDate);
      const key = wallet.book.at({ ...BOND_BRANCH, index });
      if (key.spending.kind !== "bond") throw denials.noSuchPlace("such a bond");
      const { locktime, witnessScript } = key.spending;
      // On the real chain a bond that has ended already is a mistake; where people only try, it is how they try.
      if (desk.network.name === "mainnet" && locktime * 1_000 <= desk.clock.now()) {
        throw denials.noSuchPlace(`bond that ends in the past (${lockDate})`);
      }
      await wallet.store.append({
        kind: "bond",
        address: key.address,
        bond: { path: key.pathText, locktime },
      });
      return {
        address: key.address,
        path: key.pathText,
        locktimeS: locktime,
        script: bytesToHex(witnessScript),
      };
    },
    async bonds(owned, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKnown();
      const values = await desk.bonds.values(wallet);
      return { bonds: bondsOf(wallet, desk.medianTime.timeS, values) };
    },
    async freeze({ outpoints, isFrozen, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      await wallet.store.append(
        ...outpoints.map(({ txid, index }) => ({
          kind: "coin.frozen" as const,
          outpoint: `${txid}:${index}`,
          frozen: { isFrozen, why: "owner" as const },
        })),
      );
      wallet.touched();
      return {};
    },
    async setLabel({ type, ref, label, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      // One that an earlier life took may still be taken away.
      if (type === "addr" && label !== "" && !isAddress(ref, desk.network)) throw denials.address(ref);
      await wallet.store.transact((state) => {
        if (label !== "" && Object.keys(state.labels).length >= LABELS_MAX) {
          throw denials.tooMany("labels", LABELS_MAX);
        }
        return { changes: [{ kind: "label", type, ref, label }], result: undefined };
      });
      wallet.touched();
      return {};
    },
    labels: (owned, call) => ({ text: writeLabels(ownedBy(desk, owned, call).state) }),
    async importLabels({ text, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      const counts = await wallet.store.transact((state) => {
        const { changes, ...found } = changesOfSideFiles({ labels: text, history: "" }, wallet.keys, state);
        return { changes, result: found };
      });
      // Addresses that another program has handed out lie behind ours: they are watched from now on.
      wallet.sync.issued();
      wallet.touched();
      return counts;
    },
    settings(owned, call) {
      const wallet = ownedBy(desk, owned, call);
      return { settings: { ...wallet.state.settings }, inForce: textsOf(wallet.settings) };
    },
    async setSetting({ key, value, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      if (value !== null) checkSetting(key, value);
      await wallet.store.transact((state) => {
        if (
          value !== null &&
          !(key in state.settings) &&
          Object.keys(state.settings).length >= SETTINGS_MAX
        ) {
          throw denials.tooMany("settings", SETTINGS_MAX);
        }
        return { changes: [{ kind: "setting", key, value }], result: undefined };
      });
      // A larger gap is searched at once.
      wallet.sync.issued();
      return {};
    },
    rescan({ gap, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.sync.rescan(gap ?? 0);
      return {};
    },
  };
}

function timenumberOf(lockDate: string): number {
  try {
    return parseLockdate(lockDate);
  } catch (error) {
    if (!hasCode(error, "JOINMARKET_BAD_LOCKDATE")) throw error;
    throw denials.noSuchPlace(`bond that ends in ${lockDate}`);
  }
}
