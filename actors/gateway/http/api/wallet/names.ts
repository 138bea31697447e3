/** A wallet's name: that of its file, which ends in `.jmdat`. */
import { WalletName } from "../../../../../bus/contracts/walletd/values.ts";

const ENDING = ".jmdat";

/** What a client calls a wallet. Never a path. */
export const FileNameSchema = WalletName.refine(
  (text) => text.endsWith(ENDING) && text.length > ENDING.length,
  { error: "expected a file name that ends in .jmdat" },
);

/** Which wallets a name in a path may mean, the likelier first: some clients encode it twice. None, when it is no name. */
export function namesOf(parameter: string): readonly string[] {
  return [parameter, decodedAgain(parameter)].flatMap((text) => {
    const { data } = FileNameSchema.safeParse(text);
    return data === undefined ? [] : [data];
  });
}

function decodedAgain(text: string): string | undefined {
  if (!text.includes("%")) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    // A name may have a percent sign.
    return undefined;
  }
}
