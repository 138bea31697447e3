/** What a wallet is called: as its file, without the ending. */

const ENDING = /\.jmdat$/;

/** People and most programs leave the ending out; walletd takes both. */
export function stemOf(wallet: string): string {
  return wallet.replace(ENDING, "");
}
