/** A wallet's name: clients say the file's, which ends in `.jmdat`; inside the troupe it is the part before that. */
import { z } from "zod";
import { WalletName } from "../../../../../bus/contracts/walletd/values.ts";

const SUFFIX = ".jmdat";

/** What a client calls a wallet; becomes the name inside. Never a path. */
export const FileNameSchema = z
  .string()
  .max(500)
  .refine((text) => text.endsWith(SUFFIX) && WalletName.safeParse(text.slice(0, -SUFFIX.length)).success, {
    error: "expected a file name that ends in .jmdat",
  })
  .transform((text) => text.slice(0, -SUFFIX.length));

export function fileNameOf(name: string): string {
  return `${name}${SUFFIX}`;
}

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
