import { afterEach, beforeEach, expect, it } from "vitest";
import { MAKER_TERMS } from "../../../tests/harness/walletd/coinjoin-sides.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  knownWallet,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(41);
/** What a request may come to that meets a wallet being locked, besides being done. */
const FAIR = ["WALLETD_NO_SESSION", "WALLETD_NO_GRANT", "WALLETD_STORE_CLOSED", "WALLETD_NOT_SYNCED"];
const ROUNDS = 6;

let under: WalletdUnderTest;
beforeEach(async () => {
  under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 2, gap: 4 } });
  await under.fund(WALLET, [0, 0, 500_000]);
});
afterEach(() => under.stop());

it("does or refuses in plain words whatever meets a wallet that is being locked, and blames no right password", async () => {
  const operator = under.as("operator");
  const maker = under.as("maker");
  let owned = await under.recovered("racing", WALLET.words, { hasBonds: false });
  const given = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const { grant } = await operator.grant({ ...owned, caller: "maker", limits: {} });
    const asked = [
      operator.newAddress({ ...owned, mixdepth: 0 }).then(({ address }) => void given.add(address)),
      operator.revealSeed({ ...owned, password: PASSWORD }),
      operator.changePassword({ ...owned, password: PASSWORD, newPassword: PASSWORD }),
      operator.setLabel({ ...owned, type: "tx", ref: "ab".repeat(32), label: `${round}` }),
      operator.rescan(owned),
      operator.coins(owned),
      maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS }),
      maker.bondProof({ grant, makerNick: "J5a", takerNick: "J5b" }),
      operator.lock(owned),
      operator.newAddress({ ...owned, mixdepth: 1 }).then(({ address }) => void given.add(address)),
    ];
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === "rejected") expect(FAIR).toContain(answer.reason.code);
    }
    const { session } = await operator.unlock({ wallet: "racing", password: PASSWORD });
    owned = { wallet: "racing", session };
    await under.level(owned);
    for (const mixdepth of [0, 1]) {
      const { address } = await operator.newAddress({ ...owned, mixdepth });
      expect(given).not.toContain(address);
      given.add(address);
    }
  }
});
