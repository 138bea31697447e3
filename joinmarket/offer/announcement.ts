/** What makers say of their offers: all of them with a bond to one taker, one at a time to all, and that one is gone. */
import { badMessage } from "../messages/bad-message.ts";
import {
  argumentsOf,
  type Command,
  readCommands,
  TEXT_LENGTH_MAX,
  writeCommand,
} from "../messages/command.ts";
import { parseOfferId } from "../messages/numbers.ts";
import { isOfferType, type Offer, type OfferReading, readOffer, writeOffer } from "./offer.ts";

/** What one taker is told in private. */
export interface MakerAnswer {
  readonly offers: readonly OfferReading[];
  /** In base64, for this taker's nick alone. */
  readonly bondProof: string | undefined;
}

/** One message with all offers and the bond, as the first offers' command and the others after a "!". */
export function writeAnswer(offers: readonly Offer[], bondProof: string | undefined): string {
  const bond = bondProof === undefined ? [] : [writeCommand("tbond", bondProof)];
  const text = [...offers.map(writeOffer), ...bond].join("!");
  if (text.length > TEXT_LENGTH_MAX)
    throw badMessage("offer", "there are more offers than one message holds");
  return text;
}

/** Reads all that a message says of offers; commands of other kinds are passed over. */
export function readAnswer(text: string): MakerAnswer {
  const commands = readCommands(text);
  const offers = commands.flatMap((command) => {
    const { name } = command;
    return isOfferType(name) ? [readOffer({ ...command, name })] : [];
  });
  return { offers, bondProof: commands.find(({ name }) => name === "tbond")?.args[0] };
}

export function writeCancel(offerId: string): string {
  return writeCommand("cancel", offerId);
}

export function parseCancel(command: Command): string {
  const [id = ""] = argumentsOf(command, 1);
  const offerId = parseOfferId(id);
  if (offerId === undefined) throw badMessage(command.name, "the offer's id is no number");
  return offerId;
}
