/** The refusal of a counterparty's message: which command, and what is wrong with it in words that quote nothing of it. */
import { JoinmarketError } from "../errors.ts";

export function badMessage(command: string, what: string): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_BAD_MESSAGE", what },
    `a counterparty's ${command} is malformed: ${what}`,
  );
}
