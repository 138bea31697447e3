/** Takers of joinmarket-ng and joinmarket-clientserver say again what they said: our maker answers the same to the byte. */
import { afterEach, expect, it } from "vitest";
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { parseTransaction, txidOf } from "../../bitcoin/transaction.ts";
import { readAnswer } from "../../joinmarket/offer/announcement.ts";
import {
  commandOf,
  drawnAsThen,
  recordedCoinjoins,
} from "../../tests/harness/joinmarket/recorded-coinjoins.ts";
import { MakerWorld } from "../../tests/harness/maker/maker-world.ts";

let world: MakerWorld;
afterEach(() => world.stop());

it.each(recordedCoinjoins("maker").map((recorded) => [recorded.about, recorded] as const))(
  "%s is made again with our maker",
  async (_about, recorded) => {
    const { words = "", funding = [], lines, transaction } = recorded;
    world = await MakerWorld.start({
      recorded: { words, funding: funding.map((hex) => parseTransaction(hexToBytes(hex))) },
      randomBytes: drawnAsThen(recorded),
    });
    const { nick: maker } = await world.status();
    const taker = world.hub.market();
    const heard: string[] = [];
    await taker.start({ onPrivate: ({ text }) => void heard.push(text) });
    taker.announce("orderbook");
    for (const line of lines) {
      if (!line.us) {
        await taker.tell(maker, line.text);
        continue;
      }
      await world.until(`our ${commandOf(line)}`, () => heard.length > 0);
      const said = heard.shift() ?? "";
      if (commandOf(line) !== "sw0absoffer") expect(said).toBe(line.text);
      // The amounts are varied anew, what is asked for is not.
      else expect(feeOf(said)).toEqual(feeOf(line.text));
    }

    await world.until("the taker's transaction to be sent", () => world.money.sent.length > 0);
    expect(world.money.sent.map(txidOf)).toEqual([transaction.txid]);
    await world.money.follow();
    await world.until("the maker to see it", async () => (await world.status()).seen === 1);
    expect(await world.status()).toMatchObject({ asked: 1, signed: 1, seen: 1, earnedSat: 0 });
  },
);

function feeOf(text: string) {
  return readAnswer(text).offers.map(
    (reading) => reading.isGood && [reading.offer.type, reading.offer.feeText],
  );
}
